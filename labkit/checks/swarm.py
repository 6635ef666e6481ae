"""Checks of chapter 10, Swarm."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from labkit.checking import CheckFailed, check
from labkit.checks import on_swarm
from labkit.checks.diagnosis import listed
from labkit.checks.on_swarm import (
    INTERVAL,
    MANAGER,
    container_of,
    drawn,
    expect_definition,
    expect_replicas,
    expect_running,
    labels_of_manager,
    read,
    service_of,
)
from labkit.engine import nested
from labkit.translation import _
from labkit.waiting import wait_until

if TYPE_CHECKING:
    from labkit.engine import Engine

SECRET = "/run/secrets/lab-password"  # noqa: S105 - where it is, not what it is


# swarm.three_bells


@check("swarm.three_bells", points=1)
def bell_is_a_service(engine: Engine) -> None:
    """The swarm of `lab-node-1` has a service `lab-bell`."""
    service_of(engine, "lab-bell")


@check("swarm.three_bells", points=2, after=bell_is_a_service)
def three_bells_run(engine: Engine) -> None:
    """It has three tasks of `lab/shell` with `sleep infinity`, and all of them run."""
    expect_replicas(engine, "lab-bell", 3)
    expect_running(engine, "lab-bell", 3)
    expect_definition(engine, "lab-bell", "sleep infinity")


# swarm.password


@check("swarm.password", points=1)
def password_is_a_secret_of_the_service(engine: Engine) -> None:
    """The service `lab-vault` runs `sleep infinity`, and is given the secret `lab-password`."""
    service = service_of(engine, "lab-vault")
    if "lab-password" not in service.secrets:
        raise CheckFailed(
            _("`lab-vault` is given no secret `lab-password`"),
            hint=_(
                "A secret reaches the containers of those services only that name it: "
                "`--secret lab-password`, or `docker service update --secret-add lab-password`."
            ),
        )
    expect_running(engine, "lab-vault", 1)
    expect_definition(engine, "lab-vault", "sleep infinity")


@check("swarm.password", points=2, after=password_is_a_secret_of_the_service)
def container_reads_the_password(engine: Engine) -> None:
    """In its container, `/run/secrets/lab-password` holds the password, and nothing else."""
    wanted = drawn(engine)
    container = container_of(engine, "lab-vault")
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
    service = service_of(engine, "lab-vault")
    if drawn(engine) in str(service.attrs["Spec"]):
        raise CheckFailed(
            _("`docker service inspect lab-vault` shows the password to whoever asks"),
            hint=_("Leave it out of `--env`, labels and the command; the file is enough."),
        )


# swarm.safe_update


@check("swarm.safe_update", points=1)
def horn_goes_back_by_itself(engine: Engine) -> None:
    """A change of `lab-horn` that fails is rolled back."""
    service = service_of(engine, "lab-horn")
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
        lambda: service_of(engine, "lab-horn").update not in {"updating", "rollback_started"},
        what=_("the end of the change of `lab-horn`"),
        timeout=on_swarm.SETTLING,
        interval=INTERVAL,
    )
    service = service_of(engine, "lab-horn")
    state = service.update
    if state == "rollback_completed":
        tasks = [task for task in read(engine).tasks if task.service == service.id]
        if any(task.state in {"failed", "rejected"} for task in tasks):
            return
        raise CheckFailed(
            _("the last change of `lab-horn` was taken back, and none of its tasks has failed"),
            hint=_(
                "`docker service rollback` takes back what works, too. Have a change fail, and "
                "leave the way back to the swarm."
            ),
        )
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
    expect_running(engine, "lab-horn", 2)


# swarm.maintenance


@check("swarm.maintenance", points=2)
def second_node_is_drained(engine: Engine) -> None:
    """`lab-node-2` is up, and drained."""
    member = read(engine).member("lab-node-2")
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
    expect_replicas(engine, "lab-work", 4)
    expect_running(engine, "lab-work", 4)
    found = read(engine)
    service = service_of(engine, "lab-work")
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
    service = service_of(engine, "lab-shop")
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
    labels = labels_of_manager(engine)
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
    expect_replicas(engine, "lab-shop", 2)
    expect_running(engine, "lab-shop", 2)
