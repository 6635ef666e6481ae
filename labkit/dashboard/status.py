"""The status panel: what the engine is, what it holds, what needs a look."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from labkit.engine.disk import disk_usage
from labkit.engine.snapshot import size
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labkit.dashboard.inventory import Row
    from labkit.engine import Engine
    from labkit.engine.disk import Usage

#: How states begin that somebody should look at.
WORRYING = ("restarting", "dead", "running (unhealthy)", "exited (")
#: Ends that are nobody's fault: of its own accord, by Ctrl-C, `docker kill` and `docker stop`.
CALM = ("exited (0)", "exited (130)", "exited (137)", "exited (143)")


@dataclass(frozen=True)
class Status:
    """The engine at one moment.

    Attributes:
        engine: Its version and endpoint.
        machine: System, processors, memory.
        containers: How many are in each state.
        counts: How many images, networks and volumes there are.
        swarm: `inactive`, or what it is in a swarm.
        concerns: Containers that need a look, with their states.
        usage: What takes space on the disk.
    """

    engine: str
    machine: str
    containers: dict[str, int]
    counts: dict[str, int]
    swarm: str
    concerns: tuple[str, ...]
    usage: tuple[Usage, ...]


def read(engine: Engine, rows: Sequence[Row]) -> Status:
    """Ask the engine what `rows` do not say."""
    info = engine.info()
    swarm = info.get("Swarm") or {}
    state = str(swarm.get("LocalNodeState") or "inactive")
    if state == "active":
        state += " (manager)" if swarm.get("ControlAvailable") else " (worker)"
    return Status(
        _("Docker Engine {version} at {endpoint}").format(
            version=info["ServerVersion"], endpoint=engine.endpoint
        ),
        _("{system}, {cpus} processors, {memory} memory").format(
            system=info["OperatingSystem"], cpus=info["NCPU"], memory=size(info["MemTotal"])
        ),
        {
            "running": info["ContainersRunning"],
            "paused": info["ContainersPaused"],
            "stopped": info["ContainersStopped"],
        },
        {kind + "s": sum(r.kind == kind for r in rows) for kind in ("image", "network", "volume")},
        state,
        concerns(rows),
        disk_usage(engine),
    )


def concerns(rows: Sequence[Row]) -> tuple[str, ...]:
    """Name containers that are unhealthy, restart again and again, or ended with an error."""
    return tuple(
        f"{row.name}: {row.state}"
        for row in rows
        if row.kind == "container" and row.state.startswith(WORRYING) and row.state not in CALM
    )


def status_text(status: Status) -> str:
    """Write a status as lines, for a terminal."""
    lines = [
        status.engine,
        status.machine,
        _("containers: {states}").format(states=counted(status.containers)),
        _("besides: {counts}").format(counts=counted(status.counts)),
        _("swarm: {state}").format(state=status.swarm),
        "",
        _("on the disk:"),
        *(f"  {usage_text(usage)}" for usage in status.usage),
    ]
    if status.concerns:
        lines += ["", _("needs a look:"), *(f"  {one}" for one in status.concerns)]
    return "\n".join(lines)


def usage_text(usage: Usage) -> str:
    """Write what one kind takes."""
    return _("{kind}: {count}, {size}; {free} of it used by no container").format(
        kind=usage.kind, count=usage.count, size=size(usage.size), free=size(usage.reclaimable)
    )


def counted(numbers: dict[str, int]) -> str:
    """Write numbers of things."""
    return ", ".join(f"{number} {name}" for name, number in numbers.items())
