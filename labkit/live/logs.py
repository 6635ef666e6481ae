"""What a container writes, line by line; also after it was started again."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from labkit.engine import streams
from labkit.errors import NoSuchContainer
from labkit.live.following import EVENTS, Reopen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from labkit.engine import Engine
    from labkit.engine.streams import Stream

LOG = "log"


class Log:
    """Follow the last lines of a container's log.

    A line begins with its time, by which one that was read and came by the stream, too, is known.

    Args:
        name: The container's.
        most: How many lines are kept.
    """

    def __init__(self, name: str, *, most: int) -> None:
        self._name = name
        self._most = most

    def begin(self, engine: Engine) -> Iterator[tuple[str, Stream[Any]]]:
        """Listen to what it writes, and to its being started again."""
        yield EVENTS, streams.events(engine, types=["container"], containers=[self._name])
        with suppress(NoSuchContainer):  # it is made again, perhaps
            yield LOG, streams.logs(engine, self._name)

    def read(self, engine: Engine, before: tuple[str, ...] | None) -> tuple[str, ...]:
        """Read its last lines.

        Raises:
            NoSuchContainer: It is not there, and never was.
        """
        try:
            text = engine.containers.logs(self._name, tail=self._most, times=True)
        except NoSuchContainer:
            if before is None:
                raise
            return before
        return tuple(text.splitlines())

    def apply(
        self, _engine: Engine, value: tuple[str, ...], said: Sequence[tuple[str, Any]]
    ) -> tuple[str, ...]:
        """Add lines.

        Raises:
            Reopen: It was started again.
        """
        for key, message in said:
            if key == EVENTS and message["Action"] == "start":
                raise Reopen
        lines = (message for key, message in said if key == LOG and message is not None)
        return (*value, *_later(value, lines))[-self._most :]


def _later(known: tuple[str, ...], lines: Iterable[str]) -> Iterator[str]:
    last = time_and_text(known[-1])[0] if known else ""
    return (line for line in lines if time_and_text(line)[0] > last)


def time_and_text(line: str) -> tuple[str, str]:
    """Part a line from its time."""
    time, _space, text = line.partition(" ")
    return time, text
