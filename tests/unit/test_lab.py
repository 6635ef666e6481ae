from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from labkit import lab
from labkit.errors import LabError
from labkit.lab import HOST, LabServer, first_free_port

if TYPE_CHECKING:
    from pathlib import Path


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
server = LabServer(Path(sys.argv[1]), "00_welcome.ipynb", first_free_port(), browser=False)
say = lambda line: print(line, flush=True)
sys.exit(server.run(say, dict(os.environ)))
"""


def test_jupyterlab_answers_at_the_address_it_said_and_ends_when_told(tmp_path: Path) -> None:
    command = [sys.executable, "-c", RUN, str(tmp_path)]
    environment = {**os.environ, "HOME": str(tmp_path / "home")}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            address = next(line.strip() for line in process.stdout if "http" in line)
            token = urlsplit(address).query.removeprefix("token=")
            server = LabServer(tmp_path, "x", urlsplit(address).port or 0, False, token)
            assert server.answers()
        finally:
            process.terminate()
        assert process.wait(30) == 0
        assert not server.answers()


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
