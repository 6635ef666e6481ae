"""Nodes: machines with an engine each, on a network of the course, for lessons on clusters.

`up` makes them, each with a context of its name in the course's configuration of `docker`, and a
registry beside them.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labkit import images, node_registry
from labkit.docker_config import course_config
from labkit.engine import contexts, forming, nested, trials
from labkit.engine.ownership import owned, remove
from labkit.engine.verdicts import Verdict
from labkit.errors import EngineRequestFailed, EngineUnreachable, LabError
from labkit.obtaining import Silent
from labkit.translation import _
from labkit.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from labkit.course import Course
    from labkit.engine import Engine
    from labkit.engine.ownership import Owned, Removal
    from labkit.obtaining import Progress

NETWORK = "lab-nodes"
PREFIX = nested.PREFIX
#: What `down` removes, by names and globs.
NAMES = (f"{PREFIX}[0-9]*", node_registry.NAME, NETWORK)
#: The first that no other network of the host overlaps with is taken.
SUBNETS = tuple(f"10.213.{number}" for number in range(0, 256, 16))
#: The last number of the registry's address, and that of node 0.
REGISTRY_PLACE, FIRST_PLACE = 10, 100
FIRST_PORT = 23760
MOST = 7
READY_SECONDS = 60.0
#: What nodes are made with, and what their engines find in the registry.
NEEDED = (trials.IMAGE, node_registry.IMAGE, nested.IMAGE)
FOUND_THERE = ("lab/shell",)


@dataclass(frozen=True)
class NodeStatus:
    """One node.

    Attributes:
        name: Of its container, and of its context.
        state: `ready`, or why it is not: `stopped`, `paused`, `cut off`, `no answer`.
        address: On the network of the nodes; empty while it is not on it.
        endpoint: Where its engine answers on this machine; empty while it does not.
        version: Its engine's version; empty while it does not answer.
    """

    name: str
    state: str
    address: str
    endpoint: str
    version: str = ""


def up(
    engine: Engine, course: Course, count: int, *, progress: Progress | None = None
) -> tuple[NodeStatus, ...]:
    """Have so many nodes that run: make those that are missing, start and reconnect the others.

    Nodes beyond the count stay as they are. What is missing of the images is obtained, which takes
    a minute or two the first time.

    Raises:
        ImageUnavailable: A course image could not be obtained.
        EngineRequestFailed: The engine refused to make a node.
        WaitTimeout: A node's engine did not answer.
        LabError: The count is out of bounds, or the engine cannot have nodes.
    """
    if not 1 <= count <= MOST:
        raise LabError(
            _("The course makes from 1 to {most} nodes, not {count}.").format(
                most=MOST, count=count
            ),
            hint=_("Run `labkit nodes up 3`."),
        )
    able = trials.nodes(engine)
    if able.verdict is not Verdict.GOOD:
        raise LabError(able.said, hint=able.remedy)
    progress = progress or Silent()
    names = [f"{PREFIX}{number}" for number in range(1, count + 1)]
    missing = [name for name in names if not engine.containers.exists(name)]
    if missing:
        images.ensure(engine, course, NEEDED, progress=progress)
    given = nested.rights(engine) if missing else {}
    subnet = _network(engine)
    node_registry.have(engine, NETWORK, _address(subnet, REGISTRY_PLACE), FIRST_PORT)
    for done, name in enumerate(names):
        progress.step(_("nodes"), name, done, count)
        if name in missing:
            nested.create(engine, _node(name, subnet), given)
        else:
            _revive(engine, name, subnet)
    node_registry.push(engine, FOUND_THERE, progress=progress)
    folder = course_config(course.work())
    for done, name in enumerate(names):
        progress.step(_("nodes"), _("waiting for {name}").format(name=name), done, count)
        _wait(engine, name)
        contexts.write(
            folder,
            name,
            nested.endpoint(engine.containers.get(name)),
            nested.certificates(engine, name),
        )
    return tuple(status(engine, name) for name in names)


def swarm(engine: Engine, count: int) -> None:
    """Have the first so many nodes be one swarm with nothing in it, which the first one leads.

    Raises:
        NoSuchContainer, EngineUnreachable: One of them is not there, or does not run.
        EngineRequestFailed: A node's engine refused, in its words.
        WaitTimeout: They did not become ready, or something would not go.
    """
    with ExitStack() as stack:
        names = [f"{PREFIX}{number}" for number in range(1, count + 1)]
        forming.form([stack.enter_context(nested.connected(engine, name)) for name in names])


def statuses(engine: Engine) -> tuple[NodeStatus, ...]:
    """Say of each node how it is; nothing is changed."""
    found = [thing.name for thing in plan_down(engine) if thing.kind == "container"]
    return tuple(status(engine, name) for name in sorted(found) if name != node_registry.NAME)


def status(engine: Engine, name: str) -> NodeStatus:
    """Say how a node is.

    Raises:
        NoSuchContainer: There is none of this name.
    """
    container = engine.containers.get(name)
    if container.status != "running":
        paused = container.status == "paused"
        return NodeStatus(name, "paused" if paused else "stopped", "", "")
    if NETWORK not in container.networks:
        return NodeStatus(name, "cut off", "", "")
    address = container.networks[NETWORK].ip
    try:
        with nested.connected(engine, name) as node:
            version = str(node.version()["Version"])
    except EngineUnreachable:
        return NodeStatus(name, "no answer", address, "")
    return NodeStatus(name, "ready", address, nested.endpoint(container), version)


def plan_down(engine: Engine) -> tuple[Owned, ...]:
    """List what `down` would remove; nothing is changed."""
    return owned(engine, names=NAMES)


def down(
    engine: Engine,
    course: Course,
    things: Sequence[Owned],
    *,
    progress: Callable[[Owned], None] | None = None,
) -> Removal:
    """Remove what `plan_down` listed, and the contexts of the nodes."""
    removal = remove(engine, things, progress=progress)
    forget_missing(engine, course)
    return removal


def forget_missing(engine: Engine, course: Course) -> None:
    """Remove the contexts of nodes that are not there any more."""
    folder = course_config(course.work())
    for number in range(1, MOST + 1):
        name = f"{PREFIX}{number}"
        if contexts.exists(folder, name) and not engine.containers.exists(name):
            contexts.forget(folder, name)


def _node(name: str, subnet: str) -> nested.Node:
    number = int(name.removeprefix(PREFIX))
    mirror = _address(subnet, REGISTRY_PLACE)
    return nested.Node(
        name,
        NETWORK,
        _address(subnet, FIRST_PLACE + number),
        node_registry.free_port(FIRST_PORT + number),
        command=(
            "node",
            f"--registry-mirror=http://{mirror}:5000",
            f"--insecure-registry={mirror}:5000",
        ),
    )


def _address(subnet: str, place: int) -> str:
    return f"{subnet}.{place}"


def _network(engine: Engine) -> str:
    """Return the first three numbers of the nodes' network, which is made if it is missing."""
    if engine.networks.exists(NETWORK):
        return engine.networks.get(NETWORK).subnets[0].rpartition(".")[0]
    for subnet in SUBNETS:
        try:
            with engine.errors():
                api: Any = engine.client.api
                api.create_network(
                    NETWORK, ipam={"Config": [{"Subnet": f"{subnet}.0/24"}]}, check_duplicate=True
                )
        except EngineRequestFailed as error:
            if "overlap" not in error.message.lower():
                raise
        else:
            return subnet
    raise LabError(
        _("No subnet from {first} to {last} is free for the nodes.").format(
            first=f"{SUBNETS[0]}.0/24", last=f"{SUBNETS[-1]}.0/24"
        ),
        hint=_("Run `docker network ls`, and remove what you do not need."),
    )


def _revive(engine: Engine, name: str, subnet: str) -> None:
    """Start a node that is stopped, and connect one that is cut off."""
    api: Any = engine.client.api
    container = engine.containers.get(name)
    with engine.errors():
        if NETWORK not in container.networks:
            place = FIRST_PLACE + int(name.removeprefix(PREFIX))
            api.connect_container_to_network(name, NETWORK, ipv4_address=_address(subnet, place))
        if container.status == "paused":
            api.unpause(name)
        elif container.status != "running":
            api.start(name)


def _wait(engine: Engine, name: str) -> None:
    wait_until(
        lambda: nested.answers(engine, name),
        what=_("the engine of `{name}`").format(name=name),
        timeout=READY_SECONDS,
        state=lambda: engine.containers.get(name).status,
        log_tail=lambda: engine.containers.logs(name, tail=8),
        hint=_("Run `docker logs {name}`.").format(name=name),
    )
