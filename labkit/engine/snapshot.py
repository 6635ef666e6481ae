"""What the engine holds at one moment, and what changed between two.

A snapshot costs four list calls and no inspect call.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from labkit.engine.objects import listed_name, listed_tags

if TYPE_CHECKING:
    from collections.abc import Iterator

KINDS = ("container", "image", "network", "volume")


@dataclass(frozen=True)
class Item:
    """One object of the engine, as a line of a list shows it.

    Attributes:
        kind: One of `KINDS`.
        key: What identifies it, across renames and retags.
        name: What people call it.
        state: For a container `running`, `exited (1)`, …; else empty.
        detail: Published ports, size, driver.
    """

    kind: str
    key: str
    name: str
    state: str = ""
    detail: str = ""


@dataclass(frozen=True)
class Snapshot:
    """All objects of the engine, by kind and key."""

    items: dict[tuple[str, str], Item] = field(default_factory=dict)


@dataclass(frozen=True)
class Change:
    """One difference between two snapshots.

    Attributes:
        sign: `+` added, `-` removed, `~` changed.
        before: The state before a change of state, else empty.
    """

    sign: str
    item: Item
    before: str = ""

    def __str__(self) -> str:
        state = f"{self.before} -> {self.item.state}" if self.before else self.item.state
        words = (f"{self.sign} {self.item.kind} {self.item.name}", state, self.item.detail)
        return "  ".join(word for word in words if word)


def take(api: Any) -> Snapshot:
    """Ask docker-py's low-level client `api` for the four lists."""
    items = (
        *(_container(c) for c in api.containers(all=True)),
        *(item for i in api.images() for item in _image(i)),
        *(Item("network", n["Id"], n["Name"], detail=n["Driver"]) for n in api.networks()),
        *(Item("volume", v["Name"], v["Name"]) for v in api.volumes()["Volumes"] or ()),
    )
    return Snapshot({(item.kind, item.key): item for item in items})


def changes(before: Snapshot, after: Snapshot) -> tuple[Change, ...]:
    """List what differs, removed first, then changed, then added, each by kind and name."""
    return tuple(sorted(_differences(before, after), key=_order))


def _differences(before: Snapshot, after: Snapshot) -> Iterator[Change]:
    for key, old in before.items.items():
        new = after.items.get(key)
        if new is None:
            yield Change("-", Item(old.kind, old.key, old.name))
        elif (old.name, old.state, old.detail) != (new.name, new.state, new.detail):
            if old.name != new.name:
                yield Change("~", new, before=old.name)
            else:
                yield Change("~", new, before=old.state if old.state != new.state else "")
    for key, new in after.items.items():
        if key not in before.items:
            yield Change("+", new)


def _order(change: Change) -> tuple[int, int, str]:
    return ("-~+".index(change.sign), KINDS.index(change.item.kind), change.item.name)


def _container(line: dict[str, Any]) -> Item:
    name = listed_name(line)
    state, status = line["State"], line.get("Status", "")
    if state == "exited":
        state = f"exited{status[len('Exited') :].partition(')')[0]})" if "(" in status else state
    elif "(healthy)" in status or "(unhealthy)" in status:
        state += " (unhealthy)" if "(unhealthy)" in status else " (healthy)"
    ports = sorted(
        {(p["PublicPort"], p["PrivatePort"]) for p in line["Ports"] or () if p.get("PublicPort")}
    )
    detail = " ".join(f"{public}->{private}" for public, private in ports)
    return Item("container", line["Id"], name, state, detail)


def _image(line: dict[str, Any]) -> Iterator[Item]:
    """One item for each name, since a second name is what `docker tag` adds."""
    for name in listed_tags(line) or [f"<none> {line['Id'].removeprefix('sha256:')[:12]}"]:
        yield Item("image", f"{name} {line['Id']}", name, detail=size(line["Size"]))


def size(count: float) -> str:
    """Write a number of bytes as Docker does: decimal units, three digits."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 999.5:  # noqa: PLR2004 - from there on, three digits are the next unit's 1
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"
