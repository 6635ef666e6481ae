"""What a container writes, line by line; also after it was started again."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from labkit.engine import streams
from labkit.errors import NoSuchContainer
from labkit.live.following import EVENTS, Reopen
from labkit.live.latest import latest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from labkit.engine import Engine
    from labkit.engine.streams import Stream

LOG = "log"


class Log:
    """Follow the last lines of a container's log.

    A line begins with its time.

    Args:
        name: The container's.
        most: How many lines are kept.
        wanted: Tells of a line's text whether it is; None keeps all.
    """

    def __init__(
        self, name: str, *, most: int, wanted: Callable[[str], bool] | None = None
    ) -> None:
        self._name = name
        self._most = most
        self._wanted = wanted

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
        # What is wanted may be rare, so it is looked for in more than what is kept.
        tail = self._most if self._wanted is None else None
        try:
            text = engine.containers.logs(self._name, tail=tail, times=True)
        except NoSuchContainer:
            if before is None:
                raise
            return before
        return self._joined((), streams.lines_of(text))

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
        return self._joined(value, [line for key, line in said if key == LOG and line is not None])

    def _joined(self, known: tuple[str, ...], lines: Sequence[str]) -> tuple[str, ...]:
        wanted = self._wanted
        kept = [line for line in lines if wanted is None or wanted(time_and_text(line)[1])]
        return latest(known, kept, when=lambda line: time_and_text(line)[0], most=self._most)


def time_and_text(line: str) -> tuple[str, str]:
    """Part a line from its time."""
    time, _space, text = line.partition(" ")
    return time, text
