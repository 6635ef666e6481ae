"""What the engine keeps on its disk, as `GET /system/df` tells it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labkit.engine.objects import listed_name, listed_tags

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from labkit.engine.engine import Engine

#: In the order of `docker system df`.
KINDS = ("images", "containers", "volumes", "build cache")
#: States of a container that has not ended.
ALIVE = frozenset({"running", "paused", "restarting"})
SHORT = 12


@dataclass(frozen=True)
class Usage:
    """What one kind of object takes on the disk, as `docker system df` tells it, in bytes."""

    kind: str
    count: int
    size: int
    reclaimable: int


@dataclass(frozen=True)
class Stored:
    """One object on the disk.

    Attributes:
        kind: One of `KINDS`.
        name: What people call it; a short id for what nobody named.
        size: Bytes.
        shared: Those of them that others have, too: an image's layers.
        used: Whether a container has it; a container, whether it has not ended.
    """

    kind: str
    name: str
    size: int
    shared: int
    used: bool

    @property
    def own(self) -> int:
        """The bytes that are nobody else's, and come free with it."""
        return self.size - self.shared


def disk_usage(engine: Engine) -> tuple[Usage, ...]:
    """Ask what images, containers, volumes and the builder's cache take.

    Reclaimable is what no container uses: the engine does not know better, either.
    """
    return disk(engine)[0]


def disk(engine: Engine) -> tuple[tuple[Usage, ...], tuple[Stored, ...]]:
    """Ask what each kind takes, and each object, the largest first."""
    with engine.errors():
        told: dict[str, Any] = engine.client.api.df()
    things = tuple(sorted(_stored(told), key=lambda thing: -thing.own))
    return tuple(_usage(kind, told, things) for kind in KINDS), things


def _usage(kind: str, told: Mapping[str, Any], things: tuple[Stored, ...]) -> Usage:
    mine = [thing for thing in things if thing.kind == kind]
    used = sum(thing.own for thing in mine if thing.used)
    # A layer that two images share counts once in `LayersSize`, and with each of them in `size`.
    size = told["LayersSize"] if kind == "images" else sum(thing.own for thing in mine)
    return Usage(kind, len(mine), size, max(size - used, 0))


def _stored(told: Mapping[str, Any]) -> Iterator[Stored]:
    for i in told["Images"] or ():
        name = ", ".join(listed_tags(i)) or i["Id"].removeprefix("sha256:")[:SHORT]
        yield Stored("images", name, i["Size"], max(i["SharedSize"], 0), i["Containers"] > 0)
    for c in told["Containers"] or ():
        used = c["State"] in ALIVE
        yield Stored("containers", listed_name(c), c.get("SizeRw", 0), 0, used)
    for v in told["Volumes"] or ():
        usage = v.get("UsageData") or {}
        used = bool(usage.get("RefCount"))
        yield Stored("volumes", v["Name"], max(usage.get("Size", 0), 0), 0, used)
    for b in told.get("BuildCache") or ():
        shared = b["Size"] if b["Shared"] else 0
        used = b["InUse"]
        yield Stored("build cache", b["ID"][:SHORT], b["Size"], shared, used)
