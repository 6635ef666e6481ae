"""The engine's events, as they come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labkit.engine import streams
from labkit.live.following import EVENTS
from labkit.live.latest import latest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from labkit.engine import Engine
    from labkit.engine.streams import Stream

Event = dict[str, Any]


class Happenings:
    """Follow the last events of an engine.

    Args:
        seconds: How far back they begin.
        most: How many are kept.
        wanted: Tells whether an event is.
    """

    def __init__(self, *, seconds: int, most: int, wanted: Callable[[Event], bool]) -> None:
        self._seconds = seconds
        self._most = most
        self._wanted = wanted

    def begin(self, engine: Engine) -> Iterator[tuple[str, Stream[Any]]]:
        """Listen to all events."""
        yield EVENTS, streams.events(engine)

    def read(self, engine: Engine, before: tuple[Event, ...] | None) -> tuple[Event, ...]:
        """Read those that were; an engine forgets them when it ends, so what is known is kept."""
        now = streams.now(engine)
        return self._joined(before or (), engine.events(since=now - self._seconds, until=now))

    def apply(
        self, _engine: Engine, value: tuple[Event, ...], said: Sequence[tuple[str, Any]]
    ) -> tuple[Event, ...]:
        """Add what happened."""
        return self._joined(value, (event for _key, event in said))

    def _joined(self, known: tuple[Event, ...], events: Iterable[Event]) -> tuple[Event, ...]:
        kept = filter(self._wanted, events)
        return latest(known, kept, when=lambda event: event["timeNano"], most=self._most)
