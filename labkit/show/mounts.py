"""What containers mount: each volume, folder of the host and piece of memory, and who sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labkit.engine import connect
from labkit.engine.objects import Mount, listed_name
from labkit.engine.ownership import OBJECT_PREFIX
from labkit.show.boxes import Box, Picture
from labkit.translation import _

if TYPE_CHECKING:
    from labkit.engine import Engine
    from labkit.engine.objects import Container

#: From left to right.
KINDS = ("volume", "bind", "tmpfs")


def mounts(*names: str, engine: Engine | None = None) -> Picture:
    """Draw volumes, bind mounts and tmpfs, and in each the containers that mount it, and where.

    Args:
        *names: Containers; without any, all of the course, and its volumes that nobody mounts.
        engine: Where they are; None connects to the one that answers.

    Raises:
        NoSuchContainer: The engine does not have one of them.
    """
    asked = engine or connect()
    seen: dict[tuple[str, str], tuple[Mount, list[Box]]] = {}
    for container in [asked.containers.get(name) for name in names or _containers(asked)]:
        for mount in (*container.mounts, *_more_memory(container)):
            kind, box = mount.type, _place(container, mount)
            # Memory is each container's own, wherever it is mounted.
            own = f"{container.name}:{mount.destination}" if kind == "tmpfs" else ""
            seen.setdefault((kind, own or mount.name or mount.source), (mount, []))[1].append(box)
    boxes = [_source(mount, inside) for mount, inside in sorted(seen.values(), key=_order)]
    if not names:
        boxes += [
            Box(name, _("volume"), (_("no container mounts it"),))
            for name in _volumes(asked)
            if ("volume", name) not in seen
        ]
    return Picture(_("What is mounted, by whom, and where"), tuple(boxes))


def _containers(engine: Engine) -> list[str]:
    names = sorted(listed_name(line) for line in engine.containers.list())
    return [name for name in names if name.startswith(OBJECT_PREFIX)]


def _volumes(engine: Engine) -> list[str]:
    names = sorted(line["Name"] for line in engine.volumes.list())
    return [name for name in names if name.startswith(OBJECT_PREFIX)]


def _more_memory(container: Container) -> tuple[Mount, ...]:
    """Return what `--tmpfs` mounts; the engine keeps it apart from the other mounts."""
    paths = container.attrs["HostConfig"].get("Tmpfs") or {}
    return tuple(Mount("tmpfs", "", "", path, read_only=False) for path in paths)


def _order(entry: tuple[Mount, list[Box]]) -> tuple[int, str]:
    mount = entry[0]
    kind = KINDS.index(mount.type) if mount.type in KINDS else len(KINDS)
    return kind, mount.name or mount.source


def _source(mount: Mount, inside: list[Box]) -> Box:
    boxes = tuple(inside)
    if mount.type == "volume":
        if mount.anonymous:
            return Box(f"{mount.name[:12]}…", _("anonymous volume"), children=boxes)
        return Box(mount.name, _("volume"), children=boxes)
    if mount.type == "bind":
        return Box(mount.source, _("folder of the host"), children=boxes)
    return Box(_("memory") if mount.type == "tmpfs" else mount.source, mount.type, children=boxes)


def _place(container: Container, mount: Mount) -> Box:
    may = _("read-only") if mount.read_only else _("read and write")
    where = f"{mount.destination}  ({may})"
    return Box(container.name, container.status, (where,), mark=container.id)
