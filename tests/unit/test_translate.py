"""Engines that break off: a little HTTP server on a socket dies in the middle of its answer."""

from __future__ import annotations

import gc
import shutil
import socketserver
import tempfile
import threading
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from labkit.engine import connect, transfer
from labkit.engine.translate import engine_errors, unreachable
from labkit.errors import EngineTooSlow, EngineUnreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from labkit.engine import Engine

PING = b"HTTP/1.1 200 OK\r\nApi-Version: 1.43\r\nContent-Length: 2\r\n\r\nOK"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
EVENT = b'{"status": "start"}\n'
ONE_CHUNK = CHUNKED + f"{len(EVENT):x}\r\n".encode() + EVENT + b"\r\n"

#: What the engine still says before it is gone.
LAST_WORDS = {
    "nothing": b"",
    "no body": CHUNKED,
    "a whole chunk": ONE_CHUNK,
    "half a chunk": ONE_CHUNK[:-10],
    "half an object": CHUNKED + b'a\r\n{"status":\r\n0\r\n\r\n',
    "half of a body that has a length": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
    "a chunk without a length": CHUNKED + b"what?\r\n",
}


class DyingEngine(socketserver.ThreadingUnixStreamServer):
    """Answers a ping in full, and anything else with its last words."""

    block_on_close = False
    last_words = b""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path), Answer)
        self.hangs = False
        self.over = threading.Event()


class Answer(socketserver.StreamRequestHandler):
    server: DyingEngine

    def handle(self) -> None:
        while asked := self.rfile.readline():
            while self.rfile.readline().strip():
                pass  # headers
            if b"/_ping" not in asked:
                break
            self.wfile.write(PING)
        with suppress(OSError):  # who asked is gone already
            self.wfile.write(self.server.last_words)
        if self.server.hangs:
            self.server.over.wait(30)


@contextmanager
def dying(*, timeout: int = 5) -> Iterator[tuple[DyingEngine, Engine]]:
    folder = Path(tempfile.mkdtemp(prefix="labkit-"))  # a socket's path must be short
    path = folder / "docker.sock"
    with DyingEngine(path) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            with closing(connect(f"unix://{path}", timeout=timeout)) as engine:
                yield server, engine
        finally:
            server.over.set()
            server.shutdown()
            thread.join()
            shutil.rmtree(folder)


def build(engine: Engine) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "Dockerfile").write_text("FROM scratch\n")
        transfer.build(engine, Path(folder), "lab/x", args={}, labels={}, report=unheard)


def unheard(_text: str, _done: int | None, _total: int | None) -> None:
    pass


def load(engine: Engine) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "pack.tar").touch()
        transfer.load(engine, Path(folder, "pack.tar"), unheard)


REQUESTS: dict[str, Callable[[Engine], object]] = {
    "list": lambda engine: engine.containers.list(),
    "info": lambda engine: engine.info(),
    "read_file": lambda engine: engine.containers.read_file("lab-web", "/etc/motd"),
    "events": lambda engine: engine.events(since=0, until=1),
    "pull": lambda engine: transfer.pull(engine, "debian:12", unheard),
    "build": build,
    "load": load,
    "reach_registry": lambda engine: transfer.reach_registry(engine, "", timeout=5),
    "save": lambda engine: b"".join(transfer.save(engine, ["lab/x"])),
}


def unreachable_in(request: Callable[[Engine], object], engine: Engine) -> EngineUnreachable:
    try:
        request(engine)
    except EngineUnreachable as error:
        return error.with_traceback(None)
    pytest.fail("the engine was reached")


# docker-py leaves the file that it sends for a build to the garbage collector.
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (request, words)
        for request in REQUESTS
        for words in LAST_WORDS
        # What need not be an object cannot be half of one.
        if (request, words) not in {(r, "half an object") for r in ("save", "reach_registry")}
    ],
)
def test_an_engine_that_dies_in_the_middle_of_an_answer_is_unreachable(
    request_: str, words: str
) -> None:
    with dying() as (server, engine):
        server.last_words = LAST_WORDS[words]
        error = unreachable_in(REQUESTS[request_], engine)
        gc.collect()
    assert not isinstance(error, EngineTooSlow)
    assert error.endpoint == engine.endpoint
    assert "broke off" in error.reason or "onnection" in error.reason


@pytest.mark.parametrize(("request_", "words"), [("list", "nothing"), ("events", "a whole chunk")])
def test_an_engine_that_hangs_is_too_slow(request_: str, words: str) -> None:
    with dying(timeout=1) as (server, engine):
        server.hangs = True
        server.last_words = LAST_WORDS[words]
        with pytest.raises(EngineTooSlow, match="answers too slowly") as caught:
            REQUESTS[request_](engine)
    assert "`docker version`" in caught.value.hint


def test_the_systems_own_words_go_before_a_librarys() -> None:
    def fail() -> None:
        try:
            raise ConnectionResetError(104, "Connection reset by peer")
        except OSError as error:
            raise ValueError("a library's own words") from error

    with pytest.raises(ValueError, match="library") as caught:
        fail()
    assert unreachable("unix:///x", caught.value).reason == "Connection reset by peer"


def test_a_missing_file_of_this_machine_is_not_the_engines_fault(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), engine_errors():
        (tmp_path / "missing").read_bytes()
