"""Containers, networks and volumes that labkit itself makes, for the dashboard and for ECS."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from labkit.errors import NoSuchContainer, NoSuchImage

if TYPE_CHECKING:
    from labkit.engine.engine import Engine

NANOSECONDS = 1_000_000_000


@dataclass(frozen=True)
class Port:
    """A published port; `host` 0 is any free one, `address` empty is every address."""

    inner: int
    host: int = 0
    protocol: str = "tcp"
    address: str = ""


@dataclass(frozen=True)
class HealthCheck:
    """A command that the engine runs again and again; times are in seconds."""

    test: tuple[str, ...]
    interval: float = 30.0
    timeout: float = 5.0
    retries: int = 3
    start_period: float = 0.0


@dataclass(frozen=True)
class Wanted:
    """A container to be made.

    Attributes:
        command: In place of the image's; empty takes that. `entrypoint`, `user` and `workdir`
            likewise.
        memory: Bytes; 0 is no limit. `memory_reservation` likewise.
        cpu_shares: Against those of others; 0 is Docker's 1024.
        network: The network it joins; empty is the engine's default.
        links: Pairs of a container in the same network and the name that leads to it from here.
        volumes: Pairs of a volume's name and where it is mounted, with `:ro` behind it if it is
            only read.
    """

    name: str
    image: str
    command: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    user: str = ""
    workdir: str = ""
    ports: tuple[Port, ...] = ()
    memory: int = 0
    memory_reservation: int = 0
    cpu_shares: int = 0
    network: str = ""
    links: tuple[tuple[str, str], ...] = ()
    volumes: tuple[tuple[str, str], ...] = ()
    health: HealthCheck | None = None


def create(engine: Engine, wanted: Wanted) -> str:
    """Make a container and return its id; it is not started.

    Raises:
        NoSuchImage: The engine does not have its image; nothing is pulled.
        EngineRequestFailed: The engine refused.
    """
    api: Any = engine.client.api
    with engine.errors(NoSuchImage(wanted.image)):
        host = api.create_host_config(
            port_bindings={
                f"{p.inner}/{p.protocol}": [(p.address, p.host or None)] for p in wanted.ports
            },
            binds=[f"{name}:{target}" for name, target in wanted.volumes],
            mem_limit=wanted.memory or None,
            mem_reservation=wanted.memory_reservation or None,
            cpu_shares=wanted.cpu_shares or None,
            network_mode=wanted.network or None,
        )
        networking = wanted.network and api.create_networking_config(
            {wanted.network: api.create_endpoint_config(links=list(wanted.links) or None)}
        )
        made = api.create_container(
            wanted.image,
            list(wanted.command) or None,
            name=wanted.name,
            entrypoint=list(wanted.entrypoint) or None,
            environment=wanted.environment,
            labels=wanted.labels,
            user=wanted.user or None,
            working_dir=wanted.workdir or None,
            ports=[(p.inner, p.protocol) for p in wanted.ports] or None,
            healthcheck=_healthcheck(wanted.health),
            host_config=host,
            networking_config=networking or None,
        )
        return str(made["Id"])


def start(engine: Engine, name: str) -> None:
    """Start a container that was made.

    Raises:
        EngineRequestFailed: The engine refused, for instance because a port is taken.
    """
    with engine.errors(NoSuchContainer(name)):
        engine.client.api.start(name)


def stop(engine: Engine, name: str, *, seconds: int) -> None:
    """Ask a container to end, and kill it after some seconds."""
    with engine.errors(NoSuchContainer(name)):
        engine.client.api.stop(name, timeout=seconds)


def ensure_network(engine: Engine, name: str, labels: dict[str, str]) -> bool:
    """Make a bridge network unless there is one of this name; tell whether it was made."""
    if engine.networks.exists(name):
        return False
    with engine.errors():
        engine.client.api.create_network(name, "bridge", labels=labels)
    return True


def ensure_volume(engine: Engine, name: str, labels: dict[str, str]) -> bool:
    """Make a volume unless there is one of this name; tell whether it was made."""
    if engine.volumes.exists(name):
        return False
    with engine.errors():
        engine.client.api.create_volume(name, labels=labels)
    return True


def _healthcheck(health: HealthCheck | None) -> dict[str, Any] | None:
    if health is None:
        return None
    return {
        "test": list(health.test),
        "interval": int(health.interval * NANOSECONDS),
        "timeout": int(health.timeout * NANOSECONDS),
        "retries": health.retries,
        "start_period": int(health.start_period * NANOSECONDS),
    }
