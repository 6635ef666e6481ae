from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from labkit import commands, lab
from labkit.errors import LabError
from labkit.lab import LabServer, first_free_port
from labkit.ports import HOST
from labkit.running_server import RunningServer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from labkit.course import Course


def server_in(folder: Path, *, port: int = 8888) -> LabServer:
    return LabServer(folder, "00_welcome.ipynb", port, browser=False)


@pytest.fixture
def server(tmp_path: Path) -> LabServer:
    return server_in(tmp_path)


def test_a_taken_port_is_passed_over() -> None:
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        taken = other.getsockname()[1]
        assert first_free_port(taken) > taken


def test_when_all_ports_are_taken_the_range_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lab, "PORTS_TRIED", 1)
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        with pytest.raises(LabError, match="is free for JupyterLab"):
            first_free_port(other.getsockname()[1])


def test_the_token_is_on_no_command_line(server: LabServer) -> None:
    assert server.token in server.address
    assert server.token not in " ".join(server.command())
    assert server.token not in repr(server)
    assert server.environment({})["JUPYTER_TOKEN"] == server.token


def test_each_server_has_a_token_of_its_own(tmp_path: Path) -> None:
    assert server_in(tmp_path).token != server_in(tmp_path).token


def test_root_is_allowed_only_where_it_is_root(
    server: LabServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert "--allow-root" in server.command()
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert "--allow-root" not in server.command()


def test_labkit_is_found_in_terminals_and_the_users_settings_stay(server: LabServer) -> None:
    environment = server.environment({"PATH": "/usr/bin", "JUPYTER_CONFIG_PATH": "/mine"})
    assert environment["PATH"].endswith(":/usr/bin")
    assert environment["JUPYTER_CONFIG_PATH"].endswith(":/mine")


def test_nothing_is_asked_of_the_internet() -> None:
    settings = json.loads((lab.SETTINGS / "labconfig/page_config.json").read_text())
    assert settings["disabledExtensions"]["@jupyterlab/apputils-extension:announcements"]


@pytest.mark.parametrize("display", [{}, {"DISPLAY": ":0"}])
def test_a_browser_needs_a_display(
    display: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("os.environ", display)
    monkeypatch.setattr("webbrowser.get", object)
    assert lab.has_browser() is bool(display)


#: `labkit lab` without an engine: only the server, on a free port.
RUN = """
import os, sys
from pathlib import Path
from labkit.lab import LabServer, first_free_port
from labkit.ports import HOST
server = LabServer(Path(sys.argv[1]), "00_welcome.ipynb", first_free_port(), browser=False)
say = lambda line: print(line, flush=True)
sys.exit(server.run(say, dict(os.environ)))
"""


def test_jupyterlab_answers_at_the_address_it_said_and_ends_when_told(tmp_path: Path) -> None:
    command = [sys.executable, "-c", RUN, str(tmp_path)]
    note = tmp_path / ".labkit" / "server.json"
    environment = {**os.environ, "HOME": str(tmp_path / "home")}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            address = next(line.strip() for line in process.stdout if "http" in line)
            token = urlsplit(address).query.removeprefix("token=")
            port = urlsplit(address).port or 0
            server = LabServer(tmp_path, "x", port, False, token)
            assert server.answers()
            assert not LabServer(tmp_path, "x", port, False, "another token").answers()
            assert lab.running_address(tmp_path) == address
            assert note.stat().st_mode & 0o777 == 0o600
        finally:
            process.terminate()
        assert process.wait(30) == 0
        assert not server.answers()
        assert not note.exists()


class Opened(Exception):
    """The course went on to be opened."""


@pytest.fixture
def open_course(
    course: Course, work: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], list[str]]:
    """Open the course as far as the engine, where `Opened` is raised; returns what was said."""

    def engine(_say: object) -> None:
        raise Opened

    def run() -> list[str]:
        said: list[str] = []
        assert lab.open_course(course, say=said.append, progress=nullcontext, browser=False) == 0
        return said

    work.mkdir()
    monkeypatch.setattr(lab, "reach_engine", engine)
    return run


def test_a_second_course_server_is_not_started_and_the_first_is_named(
    open_course: Callable[[], list[str]], work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    RunningServer(os.getpid(), 8890, "its-token", "00_welcome.ipynb").write(work)
    monkeypatch.setattr(LabServer, "answers", lambda self: self.token.startswith("its"))
    address = "http://127.0.0.1:8890/lab/tree/00_welcome.ipynb?token=its-token"
    assert address in open_course()[0]


#: No process of Linux has this number.
NOBODY = 2**22 + 1


@pytest.mark.parametrize(
    "note",
    [
        "",
        "[]",
        '{"pid": 1}',
        json.dumps({"pid": NOBODY, "port": 8890, "token": "x", "notebook": "y"}),
        json.dumps({"pid": os.getpid(), "port": 1, "token": "x", "notebook": "y"}),
    ],
    ids=["empty", "a list", "half", "ended", "does not answer"],
)
def test_a_note_of_a_server_that_is_gone_keeps_nobody_from_the_course(
    open_course: Callable[[], list[str]], work: Path, note: str
) -> None:
    (work / ".labkit").mkdir()
    (work / ".labkit" / "server.json").write_text(note)
    with pytest.raises(Opened):
        open_course()


def test_a_server_takes_only_its_own_note_away(tmp_path: Path) -> None:
    RunningServer(1, 2, "first", "x").write(tmp_path)
    RunningServer(3, 4, "second", "x").write(tmp_path)
    RunningServer.forget(tmp_path, "first")
    assert RunningServer.read(tmp_path) == RunningServer(3, 4, "second", "x")


def test_a_signal_in_the_first_moment_ends_jupyterlab_too(
    server: LabServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []

    def start(*_arguments: object, **_options: object) -> None:
        order.append("process")
        raise Opened

    monkeypatch.setattr("signal.signal", lambda number, _how: order.append(number.name))
    monkeypatch.setattr("subprocess.Popen", start)
    with pytest.raises(Opened):
        server.run(lambda _line: None, {})
    assert order == ["SIGTERM", "SIGHUP", "process"]


def test_while_it_starts_something_is_said(
    server: LabServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(commands, "FIRST_PAUSE", 0.0)
    monkeypatch.setattr("signal.signal", lambda *_arguments: None)
    monkeypatch.setattr(LabServer, "command", lambda _self: ["sleep", "60"])
    monkeypatch.setattr(LabServer, "answers", lambda _self: len(said) > 1)
    monkeypatch.setattr(commands, "LONGEST_PAUSE", 0.0)

    def say(line: str) -> None:
        said.append(line)
        if "Ctrl-C" in line:
            raise KeyboardInterrupt

    assert server.run(say, {"PATH": os.environ["PATH"]}) == 0
    assert "JupyterLab is starting" in said[0]


def test_a_server_that_cannot_start_says_so_and_does_not_hang(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("signal.signal", lambda *_arguments: None)
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        server = server_in(tmp_path, port=other.getsockname()[1])
        with pytest.raises(LabError, match="before it was ready"):
            server.run(lambda _line: None, {**os.environ, "HOME": str(tmp_path)})
