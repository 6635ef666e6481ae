"""Containers, networks and volumes of an engine, followed by its events.

An event says only that an object changed. What it is like now, the engine is asked: one inspect
call after the last of an object's events, and a few at most before. So no order of events, and none
that comes twice, leads astray for long.

One event is believed until the answer comes: that a container's process has ended. A busy engine
takes most of a second to clear up after it, and answers about the container only then.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from labkit.engine import streams
from labkit.engine.objects import Network, Volume
from labkit.errors import EngineRequestFailed, NoSuchContainer, NoSuchObject
from labkit.live.following import EVENTS
from labkit.live.inspections import Inspections

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from labkit.engine import Engine
    from labkit.engine.objects import Container
    from labkit.engine.streams import Stream
    from labkit.live.following import Source

TYPES = ("container", "network", "volume")
#: What a container's events begin with that leave it as it is.
IDLE = (
    "archive-path", "attach", "commit", "copy", "detach", "exec_", "export", "extract-to-dir",
    "kill", "resize", "top",
)  # fmt: skip
#: The stream of what objects are like now.
OBJECTS = "objects"


@dataclass(frozen=True)
class Holdings:
    """What an engine holds: containers and networks by ID, volumes by name."""

    containers: Mapping[str, Container] = field(default_factory=dict)
    networks: Mapping[str, Network] = field(default_factory=dict)
    volumes: Mapping[str, Volume] = field(default_factory=dict)

    @classmethod
    def read(cls, engine: Engine) -> Holdings:
        """Ask the engine for everything."""
        ids = [line["Id"] for line in engine.containers.list()]
        return cls(
            {container.id: container for container in existing(engine, ids)},
            {line["Id"]: Network.from_inspect(line) for line in engine.networks.list()},
            {line["Name"]: Volume.from_inspect(line) for line in engine.volumes.list()},
        )

    @property
    def running(self) -> int:
        """How many containers run."""
        return sum(container.running for container in self.containers.values())


class Everything:
    """Follow all that an engine holds."""

    def begin(self, engine: Engine) -> Iterator[tuple[str, Source]]:
        """Listen to the events of containers, networks and volumes, and to what they are now."""
        asked = Inspections(lambda key: inspected(engine, *key))
        yield EVENTS, _Noticed(streams.events(engine, types=TYPES), asked)
        yield OBJECTS, asked

    def read(self, engine: Engine, _before: Holdings | None = None) -> Holdings:
        """Read everything."""
        return Holdings.read(engine)

    def apply(self, _engine: Engine, value: Holdings, said: Sequence[tuple[str, Any]]) -> Holdings:
        """Put each object as it is now in the place of what it was; leave out what is gone.

        Raises:
            LabError: The engine has gone.
        """
        found = {
            "container": dict[str, Any](value.containers),
            "network": dict[str, Any](value.networks),
            "volume": dict[str, Any](value.volumes),
        }
        for stream, message in said:
            if message is None:
                continue
            if stream == EVENTS:
                _end(found["container"], message)
                continue
            (kind, key), thing = message
            if isinstance(thing, EngineRequestFailed):
                continue  # about this one alone; what is known of it stays
            if isinstance(thing, Exception):
                raise thing
            if thing is None:
                found[kind].pop(key, None)
            else:
                found[kind][key] = thing
        return Holdings(found["container"], found["network"], found["volume"])


def _end(containers: dict[str, Container], event: Mapping[str, Any]) -> None:
    """Let a container have ended, as its event says."""
    actor = event["Actor"]
    known, code = containers.get(actor["ID"]), actor["Attributes"].get("exitCode")
    if known and code:
        containers[known.id] = replace(known, status="exited", exit_code=int(code))


class _Noticed:
    """Events, told to `Inspections` as they come; only ends of containers are passed on."""

    def __init__(self, events: Stream[Any], asked: Inspections) -> None:
        self._events = events
        self._asked = asked

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        for event in self._events:
            if (event["Type"], event["Action"]) == ("container", "die"):
                yield event  # before it is asked about, or the answer could be overtaken
            for key in affected([event]):
                self._asked.want(key)

    def close(self) -> None:
        self._events.close()


def affected(events: Iterable[Mapping[str, Any]]) -> set[tuple[str, str]]:
    """Tell which objects, by kind and key, events changed.

    A container's place on a network is the container's, so it is what changes when it is connected.
    That objects were pruned concerns none: each of them has an event of its own.
    """
    changed = set[tuple[str, str]]()
    for event in events:
        kind, action, actor = event["Type"], event["Action"], event["Actor"]
        key = actor["ID"]
        if kind == "network" and action in {"connect", "disconnect"}:
            kind, key = "container", actor["Attributes"].get("container", "")
        elif action.startswith(IDLE) or kind not in TYPES or action in {"mount", "unmount"}:
            continue
        if key:
            changed.add((kind, key))
    return changed


def inspected(engine: Engine, kind: str, key: str) -> Container | Network | Volume | None:
    """Ask about a container, network or volume; None where it is gone."""
    collections: dict[str, Any] = {
        "container": engine.containers, "network": engine.networks, "volume": engine.volumes,
    }  # fmt: skip
    try:
        found: Container | Network | Volume = collections[kind].get(key)
    except NoSuchObject:
        return None
    return found


def existing(engine: Engine, ids: Iterable[str]) -> Iterator[Container]:
    """Inspect containers, but for those that go in the meantime or that the engine refuses."""
    for key in ids:
        with suppress(NoSuchContainer, EngineRequestFailed):
            yield engine.containers.get(key)
