"""Checks of chapter 10, Swarm."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from labkit.checking import CheckFailed, check
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
SECRET = "/run/secrets/lab-password"  # noqa: S105 - where it is, not what it is


# swarm.three_bells


@check("swarm.three_bells", points=1)
def bell_is_a_service(engine: Engine) -> None:
    """The swarm of `lab-node-1` has a service `lab-bell`."""
    _service(engine, "lab-bell")


@check("swarm.three_bells", points=2, after=bell_is_a_service)
def three_bells_run(engine: Engine) -> None:
    """It has three tasks, and all of them run."""
    _expect_replicas(engine, "lab-bell", 3)
    _expect_running(engine, "lab-bell", 3)


# swarm.password


@check("swarm.password", points=1)
def password_is_a_secret_of_the_service(engine: Engine) -> None:
    """The service `lab-vault` runs, and is given the secret `lab-password`."""
    service = _service(engine, "lab-vault")
    if "lab-password" not in service.secrets:
        raise CheckFailed(
            _("`lab-vault` is given no secret `lab-password`"),
            hint=_(
                "A secret reaches the containers of those services only that name it: "
                "`--secret lab-password`, or `docker service update --secret-add lab-password`."
            ),
        )
    _expect_running(engine, "lab-vault", 1)


@check("swarm.password", points=2, after=password_is_a_secret_of_the_service)
def container_reads_the_password(engine: Engine) -> None:
    """In its container, `/run/secrets/lab-password` holds the password, and nothing else."""
    wanted = _drawn_password(engine)
    _swarm, container = _container_of(engine, "lab-vault")
    with nested.connected(engine, MANAGER) as node:
        found = node.containers.ask(container, "cat", SECRET).output
    if found == wanted:
        return
    if found.strip() == wanted:
        raise CheckFailed(
            _("`{path}` has the password and a line end behind it").format(path=SECRET),
            hint=_(
                "`echo` adds the line end; `printf %s` does not. A secret cannot be changed: "
                "remove it and the service, and make them again."
            ),
        )
    raise CheckFailed(
        _("`{path}` holds `{found}`").format(path=SECRET, found=found[:40]),
        hint=_("The password is in the file `lab-password.txt` beside this notebook."),
    )


@check("swarm.password", points=1, after=password_is_a_secret_of_the_service)
def password_is_nowhere_else(engine: Engine) -> None:
    """The definition of `lab-vault` does not show the password."""
    service = _service(engine, "lab-vault")
    if _drawn_password(engine) in str(service.attrs["Spec"]):
        raise CheckFailed(
            _("`docker service inspect lab-vault` shows the password to whoever asks"),
            hint=_("Leave it out of `--env`, labels and the command; the file is enough."),
        )


# swarm.safe_update


@check("swarm.safe_update", points=1)
def horn_goes_back_by_itself(engine: Engine) -> None:
    """A change of `lab-horn` that fails is rolled back."""
    service = _service(engine, "lab-horn")
    if service.failure_action == "rollback":
        return
    found = _("a change of `lab-horn` that fails leads to `{action}`").format(
        action=service.failure_action
    )
    if service.update.startswith("rollback"):
        raise CheckFailed(
            _("the last change was taken back, but {found}").format(found=found),
            hint=_(
                "Either a person took it back, by `docker service rollback`. Or the command that "
                "set the failure action changed the service, too, and both were taken back: set "
                "it in a command of its own."
            ),
        )
    raise CheckFailed(
        found, hint=_("`docker service update --update-failure-action rollback lab-horn`.")
    )


@check("swarm.safe_update", points=2, after=horn_goes_back_by_itself)
def change_was_rolled_back(engine: Engine) -> None:
    """Its last change failed, and the swarm has rolled it back."""
    wait_until(
        lambda: _service(engine, "lab-horn").update not in {"updating", "rollback_started"},
        what=_("the end of the change of `lab-horn`"),
        timeout=SETTLING,
        interval=INTERVAL,
    )
    state = _service(engine, "lab-horn").update
    if state == "rollback_completed":
        return
    if state in {"", "completed"}:
        raise CheckFailed(
            _("no change of `lab-horn` has failed since it was set so"),
            hint=_("Now change it to a command that there is not, such as `blow`."),
        )
    raise CheckFailed(
        _("the last change of `lab-horn` is `{state}`").format(state=state),
        hint=_(
            "`docker service ps lab-horn` says what its tasks died of. Have the change repeated: "
            "the failure action counts from the next one on."
        ),
    )


@check("swarm.safe_update", points=1, after=change_was_rolled_back)
def horn_runs_as_before(engine: Engine) -> None:
    """Both its tasks run."""
    _expect_running(engine, "lab-horn", 2)


# swarm.maintenance


@check("swarm.maintenance", points=2)
def second_node_is_drained(engine: Engine) -> None:
    """`lab-node-2` is up, and drained."""
    member = _read(engine).member("lab-node-2")
    if member is None:
        raise CheckFailed(
            _("`lab-node-2` is no longer in the swarm"),
            hint=_("Run the set-up cell again: the machine shall stay in the swarm, without work."),
        )
    if member.state != "ready":
        raise CheckFailed(
            _("`lab-node-2` is {state}").format(state=member.state),
            hint=_(
                "It shall run, without work. Have it start with `labkit nodes up 2`; "
                "then give it no work: `docker node update --help`."
            ),
        )
    if member.availability != "drain":
        raise CheckFailed(
            _("the availability of `lab-node-2` is `{now}`").format(now=member.availability),
            hint=_("`pause` only takes no new tasks; `drain` moves those that are there, too.")
            if member.availability == "pause"
            else _("`docker node update --availability drain lab-node-2`, asked of `lab-node-1`."),
        )


@check("swarm.maintenance", points=2, after=second_node_is_drained)
def work_goes_on(engine: Engine) -> None:
    """All four tasks of `lab-work` run on `lab-node-1`."""
    _expect_replicas(engine, "lab-work", 4)
    _expect_running(engine, "lab-work", 4)
    found = _read(engine)
    service = _service(engine, "lab-work")
    elsewhere = {found.name_of(t.node) for t in found.running(service)} - {MANAGER}
    if elsewhere:
        raise CheckFailed(
            _("a task runs on `{node}`").format(node=", ".join(sorted(elsewhere))),
            hint=_("`docker service ps lab-work` shows where each of them is."),
        )


# swarm.repair


@check("swarm.repair", points=1)
def constraint_is_kept(engine: Engine) -> None:
    """The tasks of `lab-shop` are still bound to a node with `disk=ssd`."""
    service = _service(engine, "lab-shop")
    if not any(re.fullmatch(r"node\.labels\.disk\s*==\s*ssd", c) for c in service.constraints):
        raise CheckFailed(
            _("`lab-shop` may run on any node now"),
            hint=_(
                "The constraint is meant: "
                "`docker service update --constraint-add node.labels.disk==ssd lab-shop`. "
                "It is the node that lacks something."
            ),
        )


@check("swarm.repair", points=2, after=constraint_is_kept)
def a_node_fits(engine: Engine) -> None:
    """`lab-node-1` has the label `disk=ssd`."""
    labels = _labels(engine)
    if labels.get("disk") != "ssd":
        raise CheckFailed(
            _("no node fits: the labels of `lab-node-1` are {labels}").format(
                labels=listed(f"{name}={value}" for name, value in labels.items()) or _("none")
            ),
            hint=_("`docker node update --label-add disk=ssd lab-node-1`."),
        )


@check("swarm.repair", points=2, after=a_node_fits)
def shop_runs(engine: Engine) -> None:
    """Both tasks of `lab-shop` run."""
    _expect_replicas(engine, "lab-shop", 2)
    _expect_running(engine, "lab-shop", 2)


# shared


def _read(engine: Engine) -> Swarm:
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


def _service(engine: Engine, name: str) -> Service:
    found = _read(engine)
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


def _expect_replicas(engine: Engine, name: str, count: int) -> None:
    service = _service(engine, name)
    if service.replicas != count:
        wanted = _("one on each node") if service.replicas is None else str(service.replicas)
        raise CheckFailed(
            _("`{name}` wants {wanted}, not {count}").format(name=name, wanted=wanted, count=count),
            hint=_("`docker service scale {name}={count}`.").format(name=name, count=count),
        )


def _expect_running(engine: Engine, name: str, count: int) -> None:
    """Expect so many tasks that run, and go on running for a moment."""
    service = _service(engine, name)
    if _restarts(engine, service):
        return _refuse(engine, service, count)
    try:
        wait_until(
            lambda: (
                len((found := _read(engine)).running(service)) == count
                or any(task.error for task in found.of(service))
            ),
            what=_("the tasks of `{name}`").format(name=name),
            timeout=SETTLING,
            interval=INTERVAL,
        )
    except LabError:
        return _refuse(engine, service, count)
    if len(_read(engine).running(service)) != count:
        return _refuse(engine, service, count)
    return None


def _restarts(engine: Engine, service: Service) -> bool:
    """Tell whether the newest place of a service has been given up again and again."""
    ended = [
        t
        for t in _read(engine).tasks
        if t.service == service.id
        and t.image == service.image
        and t.desired == "shutdown"
        and t.state in {"complete", "failed", "rejected"}
    ]
    return len(ended) > 1 and not service.update.startswith("rollback")


def _refuse(engine: Engine, service: Service, count: int) -> None:
    """Say how many run, and why the others do not."""
    found = _read(engine)
    tasks = [t for t in found.tasks if t.service == service.id]
    reasons = [t.error for t in tasks if t.error]
    running = len(found.running(service))
    if not reasons and any(t.state == "complete" for t in tasks):
        raise CheckFailed(
            _("the command of `{name}` ends, and the swarm starts it again and again").format(
                name=service.name
            ),
            hint=_("A service is for what goes on: give it a command that does not end."),
        )
    why = reasons[-1] if reasons else _("they have not been started")
    raise CheckFailed(
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


def _container_of(engine: Engine, name: str) -> tuple[Swarm, str]:
    found = _read(engine)
    service = _service(engine, name)
    task = found.running(service)[0]
    if found.name_of(task.node) != MANAGER:
        raise CheckFailed(
            _("the task of `{name}` is not on `{node}`").format(name=name, node=MANAGER),
            hint=_("This exercise has one node: `labkit nodes list`."),
        )
    return found, task.container


def _labels(engine: Engine) -> dict[str, str]:
    member = _read(engine).member(MANAGER)
    return member.labels if member else {}


def _drawn_password(engine: Engine) -> str:
    """Read the password that the set-up cell drew by lot: a label of the node in the swarm."""
    if password := _labels(engine).get("drawn"):
        return password
    raise CheckFailed(
        _("the password of the set-up cell is gone"), hint=_("Run the set-up cell again.")
    )
