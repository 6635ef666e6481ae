"""From a task definition to containers: what is to be made, and in which order it starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labkit.ecs.refusing import refuse
from labkit.ecs.state import short
from labkit.engine.making import HealthCheck, Port, Wanted
from labkit.engine.tasks import API, CLUSTER, CONTAINER, FAMILY, REVISION, TASK
from labkit.errors import EcsError
from labkit.translation import _

if TYPE_CHECKING:
    from labkit.ecs.state import Task

MIB = 2**20
#: By this, a free port is one port, and not one more for IPv6.
ANYWHERE = "0.0.0.0"  # noqa: S104 - as Amazon's agent publishes
#: Seconds until a container that was asked to end is killed, and until one that is waited for must
#: be there. ECS gives 30 for the first, which is too long for a lesson.
STOP_TIMEOUT = 1
START_TIMEOUT = 60


@dataclass(frozen=True)
class Planned:
    """A container of a task.

    Attributes:
        name: As the task definition names it.
        wanted: What the engine is asked to make.
        waits_for: Pairs of another container's name and a condition, such as `HEALTHY`.
        start_timeout: Seconds until it must be as others wait for it to be.
    """

    name: str
    wanted: Wanted
    waits_for: tuple[tuple[str, str], ...]
    start_timeout: int


def plan(definition: dict[str, Any], task: Task, *, cluster: str, api: str) -> tuple[Planned, ...]:
    """Return the containers of a task in the order of their start.

    Args:
        definition: As `describe_task_definition` has it.
        task: The task that is started.
        cluster: The name of its cluster; a network of this name connects the containers.
        api: The name of the API, for a label.

    Raises:
        EcsError: The definition asks for what the agent cannot do, or runs in a circle.
    """
    refuse(definition, task)
    names = {
        c["name"]: _name(definition, c["name"], task) for c in definition["containerDefinitions"]
    }
    planned = [
        _planned(definition, container, task, names, cluster=cluster, api=api)
        for container in definition["containerDefinitions"]
    ]
    return _in_order(planned)


def _labels(definition: dict[str, Any], task: Task) -> dict[str, str]:
    """Return the labels that tell to which task a container belongs."""
    family, _colon, revision = short(definition["taskDefinitionArn"]).rpartition(":")
    return {TASK: task.arn, FAMILY: family, REVISION: revision}


def _name(definition: dict[str, Any], container: str, task: Task) -> str:
    """Name a container as Amazon's agent does, but with `lab-` in front."""
    label = short(definition["taskDefinitionArn"]).replace(":", "-")
    return f"lab-{label.removeprefix('lab-')}-{container}-{task.id[:8]}"


def _planned(
    definition: dict[str, Any],
    container: dict[str, Any],
    task: Task,
    names: dict[str, str],
    *,
    cluster: str,
    api: str,
) -> Planned:
    name = container["name"]
    override: dict[str, Any] = next(
        (o for o in task.overrides.get("containerOverrides") or () if o.get("name") == name), {}
    )
    given = (*container.get("environment", ()), *override.get("environment", ()))
    wanted = Wanted(
        name=names[name],
        image=container["image"],
        command=tuple(override.get("command") or container.get("command") or ()),
        entrypoint=tuple(container.get("entryPoint") or ()),
        environment={pair["name"]: pair["value"] for pair in given},
        labels={
            API: api,
            CLUSTER: cluster,
            CONTAINER: name,
            **_labels(definition, task),
        },
        user=container.get("user") or "",
        workdir=container.get("workingDirectory") or "",
        cpu_shares=container.get("cpu") or 0,
        ports=tuple(
            Port(p["containerPort"], p.get("hostPort") or 0, p.get("protocol") or "tcp", ANYWHERE)
            for p in container.get("portMappings") or ()
        ),
        memory=(container.get("memory") or 0) * MIB,
        memory_reservation=(container.get("memoryReservation") or 0) * MIB,
        network=ours(cluster),
        links=tuple(_link(link, names) for link in container.get("links") or ()),
        volumes=tuple(
            (ours(point["sourceVolume"]), _target(point))
            for point in container.get("mountPoints") or ()
        ),
        health=_health(container.get("healthCheck")),
    )
    waits = {link.partition(":")[0]: "START" for link in container.get("links") or ()}
    waits |= {d["containerName"]: d["condition"] for d in container.get("dependsOn") or ()}
    return Planned(
        name,
        wanted,
        tuple(waits.items()),
        container.get("startTimeout") or START_TIMEOUT,
    )


def ours(name: str) -> str:
    """Return the engine's name of a cluster's network or a task definition's volume."""
    return name if name.startswith("lab-") else f"lab-{name}"


def _link(link: str, names: dict[str, str]) -> tuple[str, str]:
    target, _colon, alias = link.partition(":")
    if target not in names:
        raise EcsError(_("a link leads to {name}, which is not in the task").format(name=target))
    return names[target], alias or target


def _target(point: dict[str, Any]) -> str:
    return f"{point['containerPath']}:ro" if point.get("readOnly") else str(point["containerPath"])


def _health(check: dict[str, Any] | None) -> HealthCheck | None:
    if not check:
        return None
    return HealthCheck(
        tuple(check["command"]),
        check.get("interval") or 30,
        check.get("timeout") or 5,
        check.get("retries") or 3,
        check.get("startPeriod") or 0,
    )


def _in_order(planned: list[Planned]) -> tuple[Planned, ...]:
    """Sort so that what is waited for comes first."""
    known = {p.name for p in planned}
    done: dict[str, Planned] = {}
    while len(done) < len(planned):
        ready = [
            p
            for p in planned
            if p.name not in done and all(n in done for n, _condition in p.waits_for)
        ]
        if not ready:
            left = ", ".join(p.name for p in planned if p.name not in done)
            stray = {n for p in planned for n, _condition in p.waits_for} - known
            text = (
                _("{names} waits for {stray}, which is not in the task")
                if stray
                else _("{names} wait for each other")
            )
            raise EcsError(text.format(names=left, stray=", ".join(sorted(stray))))
        done |= {p.name: p for p in ready}
    return tuple(done.values())
