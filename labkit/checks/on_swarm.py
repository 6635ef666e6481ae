"""What checks ask the swarm of the course's nodes, and what they say of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labkit.checking import CheckFailed
from labkit.checks.diagnosis import listed
from labkit.engine import nested
from labkit.engine.swarm import Swarm
from labkit.errors import EngineRequestFailed, EngineUnreachable, LabError
from labkit.translation import _
from labkit.waiting import wait_until

if TYPE_CHECKING:
    from labkit.engine import Engine
    from labkit.engine.swarm import Service

MANAGER = "lab-node-1"
#: Seconds for what a swarm has begun to do; a learner who checks early is not told it went wrong.
SETTLING = 15.0
INTERVAL = 0.3


def read(engine: Engine) -> Swarm:
    """Read the swarm from `lab-node-1`; that there is none is a finding."""
    try:
        with nested.connected(engine, MANAGER) as node:
            return Swarm.read(node)
    except EngineRequestFailed as error:
        raise CheckFailed(
            _("`{node}` does not lead a swarm: {why}").format(
                node=MANAGER, why=error.message.split(". ")[0]
            ),
            hint=_("Run the set-up cell again."),
        ) from error
    except EngineUnreachable as error:
        raise CheckFailed(
            _("the engine of `{node}` does not answer").format(node=MANAGER),
            hint=_("`labkit nodes up 1` starts it again."),
        ) from error


def service_of(engine: Engine, name: str) -> Service:
    """Return a service; that there is none of this name is a finding."""
    found = read(engine)
    if service := found.service(name):
        return service
    others = listed(service.name for service in found.services)
    raise CheckFailed(
        _("the swarm has no service `{name}`, but {others}").format(name=name, others=others)
        if others
        else _("the swarm has no service"),
        hint=_(
            "`docker --context lab-node-1 service create --name {name} …`. A container that "
            "`docker run` starts belongs to no service."
        ).format(name=name),
    )


def expect_replicas(engine: Engine, name: str, count: int) -> None:
    """Expect a service to want so many tasks."""
    service = service_of(engine, name)
    if service.replicas != count:
        wanted = _("one on each node") if service.replicas is None else str(service.replicas)
        raise CheckFailed(
            _("`{name}` wants {wanted}, not {count}").format(name=name, wanted=wanted, count=count),
            hint=_("`docker service scale {name}={count}`.").format(name=name, count=count),
        )


def expect_running(engine: Engine, name: str, count: int) -> None:
    """Expect so many tasks that run, and go on running for a moment."""
    service = service_of(engine, name)
    if _restarts(engine, service):
        raise _refusal(engine, service, count)
    try:
        wait_until(
            lambda: (
                len((found := read(engine)).running(service)) == count
                or any(task.error for task in found.of(service))
            ),
            what=_("the tasks of `{name}`").format(name=name),
            timeout=SETTLING,
            interval=INTERVAL,
        )
    except LabError as error:
        raise _refusal(engine, service, count) from error
    if len(read(engine).running(service)) != count:
        raise _refusal(engine, service, count)


def _restarts(engine: Engine, service: Service) -> bool:
    """Tell whether the newest place of a service has been given up again and again."""
    ended = [
        t
        for t in read(engine).tasks
        if t.service == service.id
        and t.image == service.image
        and t.desired == "shutdown"
        and t.state in {"complete", "failed", "rejected"}
    ]
    return len(ended) > 1 and not service.update.startswith("rollback")


def _refusal(engine: Engine, service: Service, count: int) -> CheckFailed:
    """Say how many run, and why the others do not."""
    found = read(engine)
    tasks = [t for t in found.tasks if t.service == service.id]
    reasons = [t.error for t in tasks if t.error]
    running = len(found.running(service))
    if not reasons and any(t.state == "complete" for t in tasks):
        return CheckFailed(
            _("the command of `{name}` ends, and the swarm starts it again and again").format(
                name=service.name
            ),
            hint=_("A service is for what goes on: give it a command that does not end."),
        )
    why = reasons[-1] if reasons else _("they have not been started")
    return CheckFailed(
        _("{running} of {count} tasks of `{name}` run: {why}").format(
            running=running, count=count, name=service.name, why=why
        ),
        hint=_hint(why, service),
    )


def _hint(why: str, service: Service) -> str:
    if "No such image" in why or "not found" in why:
        return _(
            "No node can get `{image}`. `docker service update --image … {name}` names another."
        ).format(image=service.image, name=service.name)
    return _("`docker service ps --no-trunc {name}` says what each of them died of.").format(
        name=service.name
    )


def container_of(engine: Engine, name: str) -> tuple[Swarm, str]:
    """Return the swarm, and the container of the one task of a service on `lab-node-1`."""
    found = read(engine)
    service = service_of(engine, name)
    task = next(iter(found.running(service)), None)
    if task is None:
        raise _refusal(engine, service, 1)
    if found.name_of(task.node) != MANAGER:
        raise CheckFailed(
            _("the task of `{name}` is not on `{node}`").format(name=name, node=MANAGER),
            hint=_("This exercise has one node: `labkit nodes list`."),
        )
    return found, task.container


def labels_of_manager(engine: Engine) -> dict[str, str]:
    """Return the labels that `lab-node-1` has in the swarm."""
    member = read(engine).member(MANAGER)
    return member.labels if member else {}


def drawn(engine: Engine) -> str:
    """Read what the set-up cell drew by lot: a label of the node in the swarm."""
    if found := labels_of_manager(engine).get("drawn"):
        return found
    raise CheckFailed(
        _("what the set-up cell drew by lot is gone"), hint=_("Run the set-up cell again.")
    )
