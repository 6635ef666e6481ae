"""What the engine holds, as lines of a table: each says whether it is the course's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from labkit.engine import streams
from labkit.engine.ownership import owned
from labkit.live.following import EVENTS
from labkit.live.holdings import IDLE, affected, existing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from labkit.engine import Engine
    from labkit.engine.snapshot import Item
    from labkit.engine.streams import Stream

#: Events that are kept.
MOST_EVENTS = 500
#: Events that are not: health checks make several each minute.
NOISE = ("exec_", "top", "archive-path")


@dataclass(frozen=True)
class Row:
    """One object of the engine.

    Attributes:
        kind: `container`, `image`, `network` or `volume`; of a swarm `service` or `node`.
        key: What the engine is asked for.
        name: What people call it, and must type where it is not the course's.
        state: For a container `running`, `exited (1)`, …; else empty.
        detail: Published ports, size, driver.
        ours: Whether it is the course's.
        tasks: How many a service is to have; None for all else, and where each node has one.
    """

    kind: str
    key: str
    name: str
    state: str
    detail: str
    ours: bool
    tasks: int | None = None


@dataclass(frozen=True)
class Event:
    """Something that happened on the engine.

    Attributes:
        time: Of the day, by this machine's clock.
        kind: Of what.
        action: What happened to it, such as `start`.
        name: Its name, or its id.
        detail: Image and exit code.
    """

    time: str
    kind: str
    action: str
    name: str
    detail: str

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> Event:
        """Read a message of `GET /events`."""
        moment = datetime.fromtimestamp(message["timeNano"] / 1e9, UTC).astimezone()
        actor = message.get("Actor") or {}
        known = actor.get("Attributes") or {}
        told = [f"{key}={known[key]}" for key in ("image", "exitCode") if known.get(key)]
        return cls(
            moment.strftime("%H:%M:%S"),
            message["Type"],
            message["Action"],
            known.get("name") or actor.get("ID", "").removeprefix("sha256:")[:12],
            " ".join(told),
        )


@dataclass(frozen=True)
class View:
    """What the engine holds and what happened, newest first."""

    rows: tuple[Row, ...] = ()
    events: tuple[Event, ...] = ()

    def of(self, kind: str) -> tuple[Row, ...]:
        """Return the rows of one kind."""
        return tuple(row for row in self.rows if row.kind == kind)


def rows(engine: Engine) -> tuple[Row, ...]:
    """List containers, images, networks and volumes, by kind; the course's first, then by name."""
    items = engine.snapshot().items.values()
    ours = {(thing.kind, thing.reference) for thing in owned(engine)}
    found = (_row(item, ours) for item in items)
    return tuple(sorted(found, key=lambda row: (row.kind, not row.ours, row.name)))


def _row(item: Item, ours: set[tuple[str, str]]) -> Row:
    key = item.key
    if item.kind == "image":  # its key is its name and its id; the engine is asked for one of them
        key = item.key.rpartition(" ")[2] if item.name.startswith("<none>") else item.name
    own = (item.kind, key) in ours
    return Row(item.kind, key, item.name, item.state, item.detail, own)


class Watched:
    """Follow all that the dashboard shows."""

    def begin(self, engine: Engine) -> Iterator[tuple[str, Stream[Any]]]:
        """Listen to all events."""
        yield EVENTS, streams.events(engine)

    def read(self, engine: Engine, before: View | None) -> View:
        """Read everything anew, but for what happened before."""
        return View(rows(engine), before.events if before else ())

    def apply(self, engine: Engine, value: View, said: Sequence[tuple[str, Any]]) -> View:
        """Keep the events, newest first; list anew what may have changed."""
        messages = [message for _stream, message in said if message]
        new = [
            Event.from_message(message)
            for message in reversed(messages)
            if not message["Action"].startswith(NOISE)
        ]
        events = (*new, *value.events)[:MOST_EVENTS]
        if not any(map(_changes_something, messages)):
            return View(value.rows, events)
        # An engine tells that a container has ended before its list says so; an inspection waits.
        list(existing(engine, (key for kind, key in affected(messages) if kind == "container")))
        return View(rows(engine), events)


def _changes_something(message: Mapping[str, Any]) -> bool:
    action: str = message["Action"]
    # A commit leaves its container as it is, and makes an image.
    return message["Type"] != "container" or action == "commit" or not action.startswith(IDLE)
