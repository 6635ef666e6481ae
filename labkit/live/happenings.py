"""The engine's events, as they come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labkit.engine import streams
from labkit.live.following import EVENTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from labkit.engine import Engine
    from labkit.engine.streams import Stream

Event = dict[str, Any]


class Happenings:
    """Follow the last events of an engine.

    Args:
        seconds: How far back they begin.
        most: How many are kept.
    """

    def __init__(self, *, seconds: int, most: int) -> None:
        self._seconds = seconds
        self._most = most

    def begin(self, engine: Engine) -> Iterator[tuple[str, Stream[Any]]]:
        """Listen to all events."""
        yield EVENTS, streams.events(engine)

    def read(self, engine: Engine, before: tuple[Event, ...] | None) -> tuple[Event, ...]:
        """Read those that were; an engine forgets them when it ends, so what is known is kept."""
        now = streams.now(engine)
        known = before or ()
        found = engine.events(since=now - self._seconds, until=now)
        return (*known, *_later(known, found))[-self._most :]

    def apply(
        self, _engine: Engine, value: tuple[Event, ...], said: Sequence[tuple[str, Any]]
    ) -> tuple[Event, ...]:
        """Add what happened."""
        return (*value, *_later(value, [event for _key, event in said]))[-self._most :]


def _later(known: Sequence[Event], events: Sequence[Event]) -> Iterator[Event]:
    """Leave out what is known: the stream begins with what was read."""
    last = known[-1]["timeNano"] if known else 0
    return (event for event in events if event["timeNano"] > last)
