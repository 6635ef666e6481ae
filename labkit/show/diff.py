"""What a container has written over its image: its writable layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labkit.engine import connect
from labkit.show.boxes import Box, Picture
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Mapping

    from labkit.engine import Engine

#: Paths that are drawn; a container that has installed packages has thousands.
MOST = 100


def diff(container: str, *, engine: Engine | None = None) -> Picture:
    """Draw which files of a container were added, changed or deleted since it was made.

    Args:
        container: Its name.
        engine: Where it is; None connects to the one that answers.

    Raises:
        NoSuchContainer: The engine does not have it.
    """
    asked = engine or connect()
    found = asked.containers.get(container)
    changes = asked.containers.diff(container)
    drawn = dict(sorted(changes.items())[:MOST])
    boxes = _below("", drawn)
    if more := len(changes) - len(drawn):
        boxes = (*boxes, Box(_("and {n} more").format(n=more)))
    count = {sign: sum(one == sign for one in changes.values()) for sign in "ACD"}
    title = _(
        "What {name} wrote over {image}: {added} added, {changed} changed, {gone} deleted"
    ).format(
        name=found.name, image=found.image, added=count["A"], changed=count["C"], gone=count["D"]
    )
    return Picture(title, boxes)


def _below(folder: str, changes: Mapping[str, str]) -> tuple[Box, ...]:
    """Draw the changes right below a folder, each with those below it."""
    words = {"A": _("added"), "C": _("changed"), "D": _("deleted")}
    inside = [path for path in changes if path.startswith(f"{folder}/")]
    names = dict.fromkeys(path[len(folder) + 1 :].partition("/")[0] for path in inside)
    return tuple(
        Box(f"/{name}", words.get(changes.get(path, ""), ""), children=_below(path, changes))
        for name in names
        for path in (f"{folder}/{name}",)
    )
