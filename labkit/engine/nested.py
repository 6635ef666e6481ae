"""Nested engines: a machine with an engine of its own, as a container of the host's engine.

Such a node gets all rights where the host can give them. Where it cannot, it gets each right that
the host has, and what an engine needs besides: its own view of the kernel without masks, and the
host's control groups, below its own of which it puts those of its containers.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from labkit.engine import trials
from labkit.engine.connect import connect_with
from labkit.engine.verdicts import Verdict
from labkit.errors import EngineError, EngineUnreachable, NoSuchImage
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from labkit.engine.engine import Engine
    from labkit.engine.objects import Container

IMAGE = "lab/node"
#: What the names of the nodes begin with, and the first of them, which leads their swarm.
PREFIX = "lab-node-"
FIRST = f"{PREFIX}1"
#: Where a node's engine keeps images and containers; a volume of the node's name lies there.
DATA = "/var/lib/docker"
#: What a client needs to prove that it may use a node's engine.
CERTIFICATES = "/certs/client"
NEEDED = ("ca.pem", "cert.pem", "key.pem")
PORT = "2376/tcp"
LABEL = "labkit.node"
#: Where a machine is virtual or a container itself, this is the right it has most often lost.
RARELY_GIVEN = "SYS_RESOURCE"


@dataclass(frozen=True)
class Node:
    """A nested engine to be made.

    Attributes:
        name: Of the container, of its volume, and of the machine.
        network: The network that it is on.
        address: Its address there; empty for any.
        port: Where its engine answers on the host.
        image: What it is made from: `lab/node`, or an image built on it.
        command: What follows the image, such as `node --debug`.
        host: More of the container's host configuration, in the API's words.
        published: More of its ports, such as `6443/tcp`, and where they answer on the host.
    """

    name: str
    network: str
    address: str
    port: int
    image: str = IMAGE
    command: tuple[str, ...] = ()
    host: Mapping[str, Any] | None = None
    published: Mapping[str, int] | None = None


def rights(engine: Engine) -> dict[str, Any]:
    """Return the part of a host configuration that lets an engine run in a container.

    Raises:
        NoSuchImage: `lab/shell`, with which it is tried, is not here.
    """
    groups = _control_groups(engine)
    if trials.privileged(engine).verdict is Verdict.GOOD:
        return {"Privileged": True, **groups}
    return {
        "CapAdd": ["ALL"],
        "CapDrop": [RARELY_GIVEN],
        "SecurityOpt": ["seccomp=unconfined", "apparmor=unconfined"],
        # What `systempaths=unconfined` stands for.
        "MaskedPaths": [],
        "ReadonlyPaths": [],
        **groups,
    }


def _control_groups(engine: Engine) -> dict[str, Any]:
    """Show a node its host's control groups; those of version 2 have namespaces, and need none."""
    if str(engine.info().get("CgroupVersion", "1")) == "2":
        return {"CgroupnsMode": "private"}
    return {"CgroupnsMode": "host", "Binds": ["/sys/fs/cgroup:/sys/fs/cgroup:rw"]}


def create(engine: Engine, node: Node, given: Mapping[str, Any]) -> None:
    """Make a node and start it; `wait` for its engine comes after.

    Args:
        engine: The host's.
        node: What to make.
        given: From `rights`.

    Raises:
        NoSuchImage: Its image is not here.
        EngineRequestFailed: The host's engine refused, in its words.
    """
    api: Any = engine.client.api
    more = dict(node.host or {})
    groups = {"LABKIT_CGROUP": "host"} if given.get("CgroupnsMode") == "host" else {}
    published = {PORT: node.port, **(node.published or {})}
    binds = [*given.get("Binds", ()), *more.pop("Binds", ()), f"{node.name}:{DATA}"]
    config = api.create_container_config(
        node.image,
        list(node.command) or None,
        hostname=node.name,
        labels={LABEL: node.name},
        environment=groups,
        ports=[tuple(port.split("/")) for port in published],
    )
    config["HostConfig"] = {
        **given,
        **more,
        "Binds": binds,
        "NetworkMode": node.network,
        # As on any machine: what a killed engine has noted there is gone at the next start.
        "Tmpfs": {"/run": "mode=755,exec"},
        "PortBindings": {
            port: [{"HostIp": "127.0.0.1", "HostPort": str(at)}] for port, at in published.items()
        },
    }
    place = api.create_endpoint_config(ipv4_address=node.address or None)
    config["NetworkingConfig"] = api.create_networking_config({node.network: place})
    with engine.errors(NoSuchImage(node.image)):
        api.create_container_from_config(config, node.name)
        api.start(node.name)


def port_of(container: Container, port: str = PORT) -> int:
    """Return where a node's port is on the host, its engine's above all; 0 while it is nowhere."""
    places = container.ports.get(port) or ()
    return places[0][1] if places else 0


def certificates(engine: Engine, name: str) -> dict[str, bytes]:
    """Read a client's certificates of a node; empty while it has not made them.

    Raises:
        NoSuchContainer: There is no such node.
    """
    try:
        tree = engine.containers.read_tree(name, CERTIFICATES)
    except FileNotFoundError:
        return {}
    found = {file: tree[file].content for file in NEEDED if file in tree}
    # `ca.pem` is copied last.
    return found if len(found) == len(NEEDED) and all(found.values()) else {}


def endpoint(container: Container) -> str:
    """Return the address of a node's engine, as a context names it."""
    return f"tcp://127.0.0.1:{port_of(container)}"


@contextmanager
def connected(engine: Engine, name: str, *, timeout: int = 30, hint: str = "") -> Iterator[Engine]:
    """Connect to the engine of a node for the length of a block.

    Args:
        engine: The host's.
        name: The node's.
        timeout: Whole seconds for each request.
        hint: What helps where it does not answer; `labkit nodes up` by default.

    Raises:
        NoSuchContainer: There is no such node.
        EngineUnreachable: Its engine does not answer.
    """
    container = engine.containers.get(name)
    files = certificates(engine, name)
    if not (files and container.status == "running" and port_of(container)):
        raise EngineUnreachable(
            name,
            _("the node does not run, or is cut off from its network"),
            hint=hint
            or _("Run `labkit nodes list`, then `labkit nodes up {number}`.").format(
                number=name.removeprefix(PREFIX)
            ),
        )
    with TemporaryDirectory(prefix="labkit-node-") as folder:
        for file, content in files.items():
            Path(folder, file).write_bytes(content)
        node = connect_with(endpoint(container), Path(folder), timeout=timeout)
        try:
            yield node
        finally:
            node.close()


def answers(engine: Engine, name: str) -> bool:
    """Tell whether a node's engine answers."""
    try:
        with connected(engine, name, timeout=2):
            return True
    except EngineError:
        return False
