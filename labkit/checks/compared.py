"""Checks of chapter 13, Orchestrators compared."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from labkit.checking import CheckFailed, check
from labkit.checks.on_swarm import (
    MANAGER,
    container_of,
    drawn,
    expect_running,
    read,
    service_of,
)
from labkit.engine import nested
from labkit.translation import _

if TYPE_CHECKING:
    from labkit.engine import Engine

PAGE = "lab-move_page"
PAGES = 3
LEDGER = "lab-ledger"
TOTAL = "/data/total"
PROJECT = "com.docker.compose.project"
#: A constraint that can hold a task on one machine.
BINDING = re.compile(r"node\.(hostname|id|labels\.\S+?)\s*==")


# compared.move


@check("compared.move", points=1)
def page_is_a_service(engine: Engine) -> None:
    """The swarm has the service `page` of a stack `lab-move`."""
    if read(engine).service(PAGE):
        return
    with nested.connected(engine, MANAGER) as node:
        projects = {line["Labels"].get(PROJECT) for line in node.containers.list()} - {None}
    if projects:
        raise CheckFailed(
            _("`{node}` has containers of a Compose project, and the swarm no service").format(
                node=MANAGER
            ),
            hint=_(
                "`docker compose` makes containers on one engine, which no swarm looks after. "
                "`docker stack deploy` makes services of the same file."
            ),
        )
    service_of(engine, PAGE)


@check("compared.move", points=2, after=page_is_a_service)
def number_came_along(engine: Engine) -> None:
    """`NUMBER` in its environment is the number of the file `.env`."""
    wanted = f"NUMBER={drawn(engine)}"
    environment = service_of(engine, PAGE).environment
    if wanted in environment:
        return
    found = next((pair for pair in environment if pair.startswith("NUMBER=")), "")
    if found in {"", "NUMBER="}:
        raise CheckFailed(
            _("`NUMBER` is empty in the service"),
            hint=_(
                "Compose reads the file `.env` beside its own, `docker stack deploy` does not: it "
                "takes variables from the shell alone. `set -a; . ./.env` gives them to it."
            ),
        )
    raise CheckFailed(
        _("the service has `{found}`").format(found=found),
        hint=_("The number is in the file `.env` in the folder `lab-move`."),
    )


@check("compared.move", points=2, after=number_came_along)
def three_pages_run(engine: Engine) -> None:
    """Three tasks of it run."""
    wanted = service_of(engine, PAGE).replicas
    if wanted != PAGES:
        raise CheckFailed(
            _("the service wants {found} tasks, not {count}").format(
                found=_("as many as nodes") if wanted is None else wanted, count=PAGES
            ),
            hint=_("A stack's file says the number below `deploy:`, as `replicas: 3`."),
        )
    expect_running(engine, PAGE, PAGES)


# compared.repair


@check("compared.repair", points=1)
def home_takes_work(engine: Engine) -> None:
    """`lab-node-1`, which has the data, takes tasks again."""
    member = read(engine).member(MANAGER)
    if member and member.availability != "active":
        raise CheckFailed(
            _("`{node}` is set to `{found}`").format(node=MANAGER, found=member.availability),
            hint=_(
                "The maintenance is over: `docker node update --availability active {node}`."
            ).format(node=MANAGER),
        )


@check("compared.repair", points=2, after=home_takes_work)
def ledger_is_bound(engine: Engine) -> None:
    """`lab-ledger` has a constraint, and its task runs on `lab-node-1`."""
    service = service_of(engine, LEDGER)
    if not any(BINDING.match(constraint) for constraint in service.constraints):
        raise CheckFailed(
            _("`{name}` may run on any node").format(name=LEDGER),
            hint=_(
                "Nothing moves back by itself, and the next maintenance would move it again. "
                "`docker service update --constraint-add …` binds it to the machine of its volume."
            ),
        )
    expect_running(engine, LEDGER, 1)
    found = read(engine)
    node = found.name_of(found.running(service)[0].node)
    if node != MANAGER:
        raise CheckFailed(
            _("its task is on `{node}`").format(node=node),
            hint=_("Its data are in a volume of `{node}`.").format(node=MANAGER),
        )


@check("compared.repair", points=2, after=ledger_is_bound)
def total_is_back(engine: Engine) -> None:
    """In its container, `/data/total` holds the total that was there before."""
    container = container_of(engine, LEDGER)
    with nested.connected(engine, MANAGER) as node:
        found = node.containers.ask(container, "cat", TOTAL).output.strip()
    if found != drawn(engine):
        raise CheckFailed(
            _("`{path}` holds `{found}`").format(path=TOTAL, found=found[:40])
            if found
            else _("`{path}` is empty").format(path=TOTAL),
            hint=_(
                "The volume is `lab-ledger`, and it is still there: `docker --context {node} "
                "volume ls`. Compare with the service's `--mount`."
            ).format(node=MANAGER),
        )
