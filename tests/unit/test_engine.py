"""What the facade reads is never without an end."""

from __future__ import annotations

import socketserver
import threading
from contextlib import suppress
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from labkit.engine.engine import LONGEST_BODY, LONGEST_LOG, Engine, ExecReply
from labkit.errors import WaitTimeout
from tests.unit.recordings import recorded
from tests.unit.tars import tar_of

if TYPE_CHECKING:
    from labkit.engine.engine import HttpReply


class Endless(socketserver.StreamRequestHandler):
    """An HTTP server that never comes to its end."""

    def handle(self) -> None:
        self.rfile.readline()
        with suppress(OSError):
            self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
            while True:
                self.wfile.write(b"x" * 65536)


class BreaksOff(socketserver.StreamRequestHandler):
    """One that ends too early."""

    def handle(self) -> None:
        while self.rfile.readline().strip():
            pass
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx")


def answer_of(handler: type[socketserver.StreamRequestHandler]) -> HttpReply:
    engine = Engine(SimpleNamespace(api=None), "tcp://127.0.0.1:2375")  # type: ignore[arg-type]
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            return engine.http_get(server.server_address[1])
        finally:
            server.shutdown()
            thread.join()


def archives(*answers: bytes) -> Engine:
    """An engine that answers with these archives, and with the last one for ever."""
    left = list(answers)

    def get_archive(_name: str, _path: str) -> tuple[list[bytes], dict[str, str]]:
        return [left.pop(0) if left[1:] else left[0]], {"linkTarget": ""}

    inspected = recorded("container_published")
    api = SimpleNamespace(inspect_container=lambda _name: inspected, get_archive=get_archive)
    return Engine(SimpleNamespace(api=api), "tcp://127.0.0.1:2375")  # type: ignore[arg-type]


@pytest.mark.parametrize("kept", [512, 512 + 100, 1024, 1536])
def test_an_archive_that_ends_too_early_is_read_again(kept: int) -> None:
    whole = tar_of({"folder/first": b"1", "folder/second": b"2"})
    tree = archives(whole[:kept], whole).containers.read_tree("lab-web", "/folder")
    assert {name: entry.content for name, entry in tree.items()} == {"first": b"1", "second": b"2"}


def test_files_that_never_stay_as_they_are_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labkit.engine.engine.STILL_SECONDS", 0.1)
    engine = archives(tar_of({"folder/first": b"1"})[:1024])
    for read in (engine.containers.read_tree, engine.containers.read_file):
        with pytest.raises(WaitTimeout, match="nothing writes to `lab-web:/folder"):
            read("lab-web", "/folder")


def test_a_program_s_exit_code_is_waited_for_when_its_output_has_ended() -> None:
    ends = [{"Running": True, "ExitCode": None}, {"Running": False, "ExitCode": 0}]
    api = SimpleNamespace(
        exec_create=lambda _name, _command: {"Id": "abc"},
        exec_start=lambda _asked: b"1\n",
        exec_inspect=lambda _asked: ends.pop(0),
    )
    engine = Engine(SimpleNamespace(api=api), "tcp://127.0.0.1:2375")  # type: ignore[arg-type]
    assert engine.containers.ask("lab-a", "cat", "/proc/uptime") == ExecReply(0, "1\n")


def test_of_an_answer_without_end_the_beginning_is_read() -> None:
    assert answer_of(Endless).body == "x" * LONGEST_BODY


def test_half_an_answer_is_none() -> None:
    with pytest.raises(ConnectionError, match="IncompleteRead"):
        answer_of(BreaksOff)


def test_of_a_log_the_last_lines_are_read() -> None:
    asked: list[object] = []

    def logs(_name: str, *, tail: object, timestamps: bool) -> bytes:
        assert not timestamps
        asked.append(tail)
        return b"last\n"

    client: Any = SimpleNamespace(api=SimpleNamespace(logs=logs))
    engine = Engine(client, "unix:///x")
    assert engine.containers.logs("lab-web") == "last\n"
    engine.containers.logs("lab-web", tail=3)
    assert asked == [LONGEST_LOG, 3]


@pytest.mark.parametrize(
    ("endpoint", "here"),
    [
        ("unix:///var/run/docker.sock", True),
        ("tcp://127.0.0.1:2375", True),
        ("tcp://localhost:2375", True),
        ("tcp://[::1]:2375", True),
        ("tcp://192.0.2.7:2375", False),
        ("tcp://127.0.0.1.example:2375", False),
    ],
)
def test_an_address_of_this_machine_is_told_from_another_s(endpoint: str, *, here: bool) -> None:
    assert Engine(SimpleNamespace(api=None), endpoint).is_here is here  # type: ignore[arg-type]
