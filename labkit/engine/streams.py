"""What the engine sends for as long as somebody listens: events, statistics, logs.

Any thread may close a stream; the one that reads it then comes to its end.
"""

from __future__ import annotations

import json
import struct
import threading
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from labkit.engine.translate import engine_errors
from labkit.errors import NoSuchContainer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from labkit.engine.engine import Engine

T = TypeVar("T")

CHUNK = 1 << 16
#: Bytes of a line that are kept: some programs never end theirs.
LONGEST_LINE = 10_000
#: In front of each piece of output of a container without a terminal: its stream and its length.
FRAME = struct.Struct(">BxxxL")


class Stream(Generic[T]):
    """An answer of the engine that does not end by itself.

    Args:
        engine: It is asked at once, so what happens from now on is in the stream.
        path: Such as `/events`.
        decode: Makes messages of the pieces that come.
        params: Of the request.
        missing: Raised when the engine answers 404.
    """

    def __init__(
        self,
        engine: Engine,
        path: str,
        decode: Callable[[Iterable[bytes]], Iterator[T]],
        *,
        params: Mapping[str, Any],
        missing: Exception | None = None,
    ) -> None:
        api: Any = engine.client.api
        self._endpoint = engine.endpoint
        self._decode = decode
        self._closed = threading.Event()
        with engine_errors(missing, endpoint=self._endpoint):
            # A stream may be silent for hours, so only connecting has a time limit.
            self._reply = api.get(
                f"{api.base_url}/v{api.api_version}{path}",
                params=dict(params),
                timeout=(api.timeout, None),
                stream=True,
            )
            api._raise_for_status(self._reply)  # noqa: SLF001 - where the engine's words are read

    def __iter__(self) -> Iterator[T]:
        """Yield each message as it comes.

        Raises:
            EngineUnreachable: It broke off, and not because it was closed.
        """
        try:
            with engine_errors(endpoint=self._endpoint):
                yield from self._decode(self._reply.raw.stream(CHUNK, decode_content=True))
        except Exception:
            if not self._closed.is_set():
                raise
        finally:
            self._reply.close()

    def close(self) -> None:
        """End it, also while another thread waits for its next message."""
        self._closed.set()
        # It has ended by itself, or the other side has gone.
        with suppress(RuntimeError, ValueError, OSError):
            self._reply.raw.shutdown()


def events(
    engine: Engine, *, types: Iterable[str] = (), containers: Iterable[str] = ()
) -> Stream[dict[str, Any]]:
    """Follow the engine's events; those of the last second come first.

    Args:
        engine: The engine.
        types: Such as `container`; none is all.
        containers: Only those of these containers; none is all.
    """
    filters = json.dumps({"type": list(types), "container": list(containers)})
    # An engine answers before it listens. From its own time on, nothing in between is lost.
    params = {"since": now(engine), "filters": filters}
    return Stream(engine, "/events", _json_lines, params=params)


def now(engine: Engine) -> int:
    """Read the engine's clock: whole seconds since the epoch."""
    api: Any = engine.client.api
    with engine.errors():
        greeting = api.get(f"{api.base_url}/_ping", timeout=api.timeout)
    return int(parsedate_to_datetime(greeting.headers["Date"]).timestamp())


def logs(engine: Engine, name: str) -> Stream[str]:
    """Follow what a container writes from now on: lines, each with its time before it.

    Raises:
        NoSuchContainer: The engine has none of this name.
    """
    terminal = engine.containers.get(name).tty
    return Stream(
        engine,
        f"/containers/{name}/logs",
        _lines if terminal else lambda chunks: _lines(_frames(chunks)),
        params={"follow": 1, "stdout": 1, "stderr": 1, "tail": 0, "timestamps": 1},
        missing=NoSuchContainer(name),
    )


def lines_of(text: str) -> list[str]:
    """Part a text as the stream of the same text is parted: where a line ends, and nowhere else."""
    return list(_lines([text.encode()]))


def _json_lines(chunks: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    return (json.loads(line) for line in _split(chunks) if line.strip())


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    shown = (line[:LONGEST_LINE] for line in _split(chunks, longest=LONGEST_LINE))
    return (line.rstrip(b"\r").decode(errors="replace") for line in shown)


def _split(chunks: Iterable[bytes], *, longest: int | None = None) -> Iterator[bytes]:
    """Part what comes at its line feeds.

    Args:
        chunks: As they come.
        longest: How much of a line is held, more or less, until it ends; None is all.
    """
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from whole
        rest = rest[:longest]
    if rest:
        yield rest


def _frames(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Take the frames' heads away; a frame may come in several chunks, and several in one."""
    rest = b""
    for chunk in chunks:
        rest += chunk
        while len(rest) >= FRAME.size:
            _stream, length = FRAME.unpack_from(rest)
            end = FRAME.size + length
            if len(rest) < end:
                break
            yield rest[FRAME.size : end]
            rest = rest[end:]
