"""Containers, networks and volumes of an engine, followed by its events.

An event says only that an object changed. What it is like now, the engine is asked: one inspect
call for each object that changed, however many events it had. So no order of events, and none that
comes twice, leads astray.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from labkit.engine import streams
from labkit.engine.objects import Network, Volume
from labkit.errors import NoSuchContainer, NoSuchObject
from labkit.live.following import EVENTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from labkit.engine import Engine
    from labkit.engine.objects import Container
    from labkit.engine.streams import Stream

T = TypeVar("T")

TYPES = ("container", "network", "volume")
#: What a container's events begin with that leave it as it is.
IDLE = (
    "archive-path", "attach", "commit", "copy", "detach", "exec_", "export", "extract-to-dir",
    "kill", "resize", "top",
)  # fmt: skip
GONE = ("destroy", "remove")


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
            {container.id: container for container in _existing(engine, ids)},
            {line["Id"]: Network.from_inspect(line) for line in engine.networks.list()},
            {line["Name"]: Volume.from_inspect(line) for line in engine.volumes.list()},
        )

    @property
    def running(self) -> int:
        """How many containers run."""
        return sum(container.running for container in self.containers.values())


class Everything:
    """Follow all that an engine holds."""

    def begin(self, engine: Engine) -> Iterator[tuple[str, Stream[Any]]]:
        """Listen to the events of containers, networks and volumes."""
        yield EVENTS, streams.events(engine, types=TYPES)

    def read(self, engine: Engine, _before: Holdings | None = None) -> Holdings:
        """Read everything."""
        return Holdings.read(engine)

    def apply(self, engine: Engine, value: Holdings, said: Sequence[tuple[str, Any]]) -> Holdings:
        """Inspect what the events name, each object once; leave out what is gone."""
        changed = affected(event for _stream, event in said)
        if not changed:
            return value
        containers, networks = dict(value.containers), dict(value.networks)
        volumes = dict(value.volumes)
        for (kind, key), gone in changed.items():
            if kind == "container":
                _renew(containers, engine.containers.get, key, gone=gone)
            elif kind == "network":
                _renew(networks, engine.networks.get, key, gone=gone)
            else:
                _renew(volumes, engine.volumes.get, key, gone=gone)
        return Holdings(containers, networks, volumes)


def affected(events: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], bool]:
    """Tell which objects, by kind and key, events changed, and whether that was their end.

    A container's place on a network is the container's, so it is what changes when it is connected.
    """
    changed: dict[tuple[str, str], bool] = {}
    for event in events:
        kind, action, actor = event["Type"], event["Action"], event["Actor"]
        key = actor["ID"]
        if kind == "network" and action in {"connect", "disconnect"}:
            kind, key = "container", actor["Attributes"].get("container", "")
        elif action.startswith(IDLE) or kind not in TYPES or action in {"mount", "unmount"}:
            continue
        # A volume's name may be in use again, so its end must be asked for.
        changed[kind, key] = changed.get((kind, key), False) or (
            action in GONE and kind != "volume"
        )
    return changed


def _renew(objects: dict[str, T], get: Callable[[str], T], key: str, *, gone: bool) -> None:
    """Put an object as it is now in the place of what it was."""
    if not gone:
        with suppress(NoSuchObject):
            objects[key] = get(key)
            return
    objects.pop(key, None)


def _existing(engine: Engine, ids: Iterable[str]) -> Iterator[Container]:
    """Inspect containers, but for those that go in the meantime."""
    for key in ids:
        with suppress(NoSuchContainer):
            yield engine.containers.get(key)
