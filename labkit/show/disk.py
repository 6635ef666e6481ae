"""What takes the disk: each kind of object and the largest of it, and what nothing uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labkit.engine import connect
from labkit.engine.disk import disk as ask
from labkit.engine.objects import ANONYMOUS
from labkit.engine.snapshot import size
from labkit.show.boxes import Box, Picture
from labkit.translation import _

if TYPE_CHECKING:
    from labkit.engine import Engine
    from labkit.engine.disk import Stored, Usage

#: Objects of each kind that are drawn; the others are counted.
LARGEST = 6
SHORT = 12


def disk(*names: str, largest: int = LARGEST, engine: Engine | None = None) -> Picture:
    """Draw what images, containers, volumes and the build cache take.

    A bar is the part that is not in use; what has nothing of its own has none.

    Args:
        *names: Objects that are drawn, the others are only counted; none draws the largest.
        largest: How many of each kind these are.
        engine: Whose disk; None connects to the engine that answers.
    """
    usages, things = ask(engine or connect())
    total = sum(usage.size for usage in usages)
    free = sum(usage.reclaimable for usage in usages)
    title = _("{total} on the disk; the bars are the part that is not in use, {free} in all")
    boxes = (
        _kind(usage, [thing for thing in things if thing.kind == usage.kind], names, largest)
        for usage in usages
    )
    return Picture(title.format(total=size(total), free=size(free)), tuple(boxes))


def _kind(usage: Usage, things: list[Stored], names: tuple[str, ...], largest: int) -> Box:
    counted = _("{count}; {free} not in use").format(
        count=usage.count, free=size(usage.reclaimable)
    )
    drawn = [thing for thing in things[:largest] if thing.size]
    if names:
        drawn = [thing for thing in things if _called(thing).intersection(names)]
    return Box(
        size(usage.size),
        usage.kind,
        (counted,),
        (*map(_thing, drawn), *_others([thing for thing in things if thing not in drawn])),
        share=usage.reclaimable / usage.size if usage.size else None,
    )


def _called(thing: Stored) -> set[str]:
    """Return the names that an object has, an image's also without the tag `latest`."""
    tags = thing.name.split(", ")
    return {*tags, *(tag.removesuffix(":latest") for tag in tags)}


def _thing(thing: Stored) -> Box:
    name = f"{thing.name[:SHORT]}…" if ANONYMOUS.fullmatch(thing.name) else thing.name
    taken = _("{own} of its own, {shared} shared") if thing.shared else "{own}"
    used = _("in use") if thing.used else _("not in use")
    text = taken.format(own=size(thing.own), shared=size(thing.shared))
    return Box(name, used, (text,), share=float(not thing.used) if thing.own else None)


def _others(rest: list[Stored]) -> tuple[Box, ...]:
    if not rest:
        return ()
    text = _("{count} more").format(count=len(rest))
    return (Box(text, details=(size(sum(thing.own for thing in rest)),)),)
