"""What checks ask the swarm of the course's nodes, and what they say of it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from labkit.checking import CheckFailed
from labkit.checks.diagnosis import listed
from labkit.engine import nested
from labkit.engine.swarm import Swarm
from labkit.errors import EngineRequestFailed, EngineUnreachable, WaitTimeout
from labkit.translation import _
from labkit.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from labkit.engine import Engine
    from labkit.engine.swarm import Service, Task

MANAGER = nested.FIRST
#: Seconds for what a swarm has begun to do; a learner who checks early is not told it went wrong.
SETTLING = 15.0
INTERVAL = 0.3
#: Seconds for which tasks must go on running, of a service in which some have ended.
HOLDING = 3.0
#: What the services of the exercises are made of.
IMAGE = "lab/shell"


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
    before = _ended(read(engine), service)

    def restarts() -> bool:
        """Tell whether a place was given up just now that had been given up before."""
        ended = _ended(read(engine), service)
        places = Counter(ended.values())
        return any(places[ended[task]] > 1 for task in ended.keys() - before.keys())

    def decided() -> bool:
        found = read(engine)
        wrong = any(task.error for task in found.of(service)) or restarts()
        return wrong or len(found.running(service)) == count

    _comes(decided, SETTLING)
    found = read(engine)
    runs = len(found.running(service)) == count
    # What has ended once may end again.
    if not runs or (_ended(found, service) and _comes(restarts, HOLDING)):
        raise _refusal(engine, service, count)


def expect_definition(engine: Engine, name: str, command: str) -> None:
    """Expect a service to be of `lab/shell`, with this command."""
    service = service_of(engine, name)
    if service.image.removesuffix(":latest") != IMAGE:
        raise CheckFailed(
            _("`{name}` is of `{found}`").format(name=name, found=service.image),
            hint=_("`docker service update --image {image} {name}`.").format(
                image=IMAGE, name=name
            ),
        )
    if service.command != tuple(command.split()):
        raise CheckFailed(
            _("the command of `{name}` is `{found}`").format(
                name=name, found=" ".join(service.command)
            )
            if service.command
            else _("`{name}` is given no command").format(name=name),
            hint=_('`docker service update --args "{command}" {name}`.').format(
                command=command, name=name
            ),
        )


def _comes(condition: Callable[[], bool], seconds: float) -> bool:
    """Tell whether a condition comes true within so many seconds."""
    try:
        return wait_until(condition, what="", timeout=seconds, interval=INTERVAL)
    except WaitTimeout:
        return False


def _ended(found: Swarm, service: Service) -> dict[str, int | str]:
    """Return the tasks of a service, as it is now, that ended by themselves, with their places."""
    return {
        task.id: task.slot or task.node
        for task in _present(found, service)
        if task.desired == "shutdown" and task.state in {"complete", "failed", "rejected"}
    }


def _present(found: Swarm, service: Service) -> list[Task]:
    """Return the tasks of a service that were made from its image of now, the newest first."""
    tasks = [t for t in found.tasks if t.service == service.id and t.image == service.image]
    return sorted(tasks, key=lambda task: task.created, reverse=True)


def _refusal(engine: Engine, service: Service, count: int) -> CheckFailed:
    """Say how many run, and why the others do not."""
    found = read(engine)
    tasks = _present(found, service)
    reasons = [task.error for task in tasks if task.error]
    running = len(found.running(service))
    if not reasons and any(task.state == "complete" for task in tasks):
        return CheckFailed(
            _("the command of `{name}` ends, and the swarm starts it again and again").format(
                name=service.name
            ),
            hint=_("A service is for what goes on: give it a command that does not end."),
        )
    why = reasons[0] if reasons else _("they have not been started")
    text = (
        _("the tasks of `{name}` end, and are started again and again: {why}")
        if running == count
        else _("{running} of {count} tasks of `{name}` run: {why}")
    )
    return CheckFailed(
        text.format(running=running, count=count, name=service.name, why=why),
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


def container_of(engine: Engine, name: str) -> str:
    """Return the container of the one task of a service on `lab-node-1`."""
    found = read(engine)
    service = service_of(engine, name)
    task = next(iter(found.running(service)), None)
    if task is None:
        raise _refusal(engine, service, 1)
    if found.name_of(task.node) != MANAGER:
        raise CheckFailed(
            _("the task of `{name}` is on `{other}`, not on `{node}`").format(
                name=name, other=found.name_of(task.node), node=MANAGER
            ),
            hint=_("`docker service ps {name}` shows where it is.").format(name=name),
        )
    return task.container


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
