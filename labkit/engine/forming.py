"""Make several engines one swarm that nobody has used yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labkit.engine.nested import PREFIX
from labkit.engine.swarm import Swarm
from labkit.errors import EngineRequestFailed, LabError
from labkit.translation import _
from labkit.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labkit.engine.engine import Engine

PORT = 2377
#: Where a node is reached by the others.
INTERFACE = "eth0"
SECONDS = 60.0
#: Networks that an engine has by itself, the last one since it joined a swarm.
LASTING = {"bridge", "host", "none", "docker_gwbridge"}


def form(engines: Sequence[Engine]) -> None:
    """Have these engines be one swarm with nothing in it, led by the first one.

    A swarm that they are already is emptied, which takes less time than a new one. Containers and
    volumes on them go, too, whatever their names; images stay. So nobody's engine but a node's is
    taken.

    Raises:
        LabError: One of them is no node of the course.
        EngineRequestFailed: One of them refused, in its words.
        WaitTimeout: They did not become ready, or something would not go.
    """
    for engine in engines:
        if not (name := str(engine.info()["Name"])).startswith(PREFIX):
            raise LabError(
                _("`{name}` is no node of the course, so nothing on it is removed.").format(
                    name=name
                ),
                hint=_("Run `labkit nodes list`."),
            )
    if not _is_formed(engines):
        _make(engines)
    manager: Any = engines[0].client.api
    with engines[0].errors():
        _take_orders_back(manager)

    left: list[str] = []

    def emptied() -> bool:
        left[:] = [text for engine in engines for text in _empty(engine)]
        return not left and not manager.tasks()

    wait_until(
        emptied,
        what=_("the end of what ran in the swarm"),
        timeout=SECONDS,
        state=lambda: ", ".join(left) or _("the swarm still has tasks"),
        hint=_("Run `labkit nodes down`, then make the nodes again."),
    )


def _is_formed(engines: Sequence[Engine]) -> bool:
    """Tell whether these, and no others, are a swarm that the first one leads alone."""
    try:
        members = Swarm.read(engines[0]).members
    except EngineRequestFailed:  # it is no manager, or has no majority
        return False
    here = [_id(engine) for engine in engines]
    return (
        {member.id for member in members} == set(here)
        and all(member.state == "ready" for member in members)
        and [member.id for member in members if member.role == "manager"] == here[:1]
    )


def _make(engines: Sequence[Engine]) -> None:
    for engine in reversed(engines):
        with engine.errors():
            engine.client.api.leave_swarm(force=True)
    leader, *others = engines
    with leader.errors():
        api: Any = leader.client.api
        api.init_swarm(advertise_addr=INTERFACE)
        token = api.inspect_swarm()["JoinTokens"]["Worker"]
        address = f"{api.info()['Swarm']['NodeAddr']}:{PORT}"
    for engine in others:
        with engine.errors():
            engine.client.api.join_swarm([address], token, advertise_addr=INTERFACE)
    wait_until(
        lambda: _is_formed(engines),
        what=_("the swarm of the nodes"),
        timeout=SECONDS,
        state=lambda: ", ".join(f"{m.name} {m.state}" for m in Swarm.read(leader).members),
        hint=_("Run `labkit nodes down`, then make the nodes again."),
    )


def _take_orders_back(api: Any) -> None:
    """Remove what was asked of a swarm, and what its nodes were told."""
    for service in api.services():
        api.remove_service(service["ID"])
    for secret in api.secrets():
        api.remove_secret(secret["ID"])
    for config in api.configs():
        api.remove_config(config["ID"])
    for node in api.nodes():
        plain = {"Role": node["Spec"]["Role"], "Availability": "active", "Labels": {}}
        if node["Spec"] != plain:
            api.update_node(node["ID"], node["Version"]["Index"], plain)


def _empty(engine: Engine) -> list[str]:
    """Remove containers, networks and volumes of an engine; say what may still be there."""
    api: Any = engine.client.api
    try:
        with engine.errors():
            containers = api.containers(all=True)
            for line in containers:
                api.remove_container(line["Id"], v=True, force=True)
            networks = [n for n in api.networks() if not (n["Ingress"] or n["Name"] in LASTING)]
            for line in networks:
                api.remove_network(line["Id"])
            for line in api.volumes()["Volumes"] or ():
                api.remove_volume(line["Name"])
    except EngineRequestFailed as error:
        return [error.message]  # still in use, or being removed by the swarm at this moment
    return [name for line in containers for name in line["Names"]] + [n["Name"] for n in networks]


def _id(engine: Engine) -> str:
    return str(engine.info()["Swarm"]["NodeID"])
