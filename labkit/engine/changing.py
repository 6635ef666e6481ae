"""Changes that a person asks for, one object at a time, in Docker's words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labkit.engine import making
from labkit.engine.ownership import Owned, remove_one
from labkit.errors import NoSuchContainer, NoSuchImage, NoSuchNetwork, NoSuchObject, NoSuchVolume

if TYPE_CHECKING:
    from collections.abc import Callable

    from labkit.engine.engine import Engine

#: Seconds that a container has to end by itself.
STOP_SECONDS = 10
MISSING: dict[str, type[NoSuchObject]] = {
    "container": NoSuchContainer,
    "image": NoSuchImage,
    "network": NoSuchNetwork,
    "volume": NoSuchVolume,
}


def change_container(engine: Engine, name: str, action: str) -> None:
    """Do one of `start`, `stop`, `restart`, `kill`, `pause`, `unpause`.

    Raises:
        NoSuchContainer: The engine has none of this name.
        EngineRequestFailed: The engine refused.
    """
    api: Any = engine.client.api
    calls: dict[str, Callable[[], Any]] = {
        "start": lambda: making.start(engine, name),
        "stop": lambda: making.stop(engine, name, seconds=STOP_SECONDS),
        "restart": lambda: api.restart(name, timeout=STOP_SECONDS),
        "kill": lambda: api.kill(name),
        "pause": lambda: api.pause(name),
        "unpause": lambda: api.unpause(name),
    }
    with engine.errors(NoSuchContainer(name)):
        calls[action]()


def remove(engine: Engine, kind: str, name: str) -> None:
    """Remove a container by force, an image's name, a network or a volume.

    Raises:
        NoSuchObject: The engine has none of this name.
        EngineRequestFailed: Something has it.
    """
    with engine.errors(MISSING[kind](name)):
        remove_one(engine.client.api, Owned(kind, name, name))


def scale_service(engine: Engine, name: str, replicas: int) -> None:
    """Order another number of tasks of a service.

    Raises:
        NoSuchObject: The swarm has none of this name.
        EngineRequestFailed: It has one task on each node, or the engine is no manager.
    """
    with engine.errors(NoSuchObject(name)):
        services: Any = engine.client.services
        services.get(name).scale(replicas)


def remove_service(engine: Engine, name: str) -> None:
    """Remove a service with its tasks.

    Raises:
        NoSuchObject: The swarm has none of this name.
    """
    with engine.errors(NoSuchObject(name)):
        api: Any = engine.client.api
        api.remove_service(name)


def set_availability(engine: Engine, node: str, availability: str) -> None:
    """Make a node of the swarm `active`, `pause` or `drain`.

    Args:
        engine: One of the swarm's managers.
        node: The node's id.
        availability: What it shall be.

    Raises:
        NoSuchObject: The swarm has no such node.
    """
    api: Any = engine.client.api
    with engine.errors(NoSuchObject(node)):
        found = api.inspect_node(node)
        spec = {**found["Spec"], "Availability": availability}
        api.update_node(node, found["Version"]["Index"], spec)
