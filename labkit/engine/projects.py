"""Compose projects: what Compose made, found by the labels that it writes on all of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from labkit.engine.engine import Engine
    from labkit.engine.objects import Container, Network, Volume

PREFIX = "com.docker.compose."
PROJECT = PREFIX + "project"
SERVICE = PREFIX + "service"
NUMBER = PREFIX + "container-number"
ONE_OFF = PREFIX + "oneoff"
DEPENDS_ON = PREFIX + "depends_on"


@dataclass(frozen=True)
class Project:
    """What one Compose project has on an engine.

    Attributes:
        name: The project's name.
        containers: Those of its services, sorted by service and number.
        one_offs: Those that `docker compose run` made and that are still there.
        networks: What Compose made for it; networks that were there before are not among them.
        volumes: Likewise.
    """

    name: str
    containers: tuple[Container, ...] = ()
    one_offs: tuple[Container, ...] = ()
    networks: tuple[Network, ...] = ()
    volumes: tuple[Volume, ...] = ()

    @classmethod
    def read(cls, engine: Engine, name: str) -> Project:
        """Read a project from the engine; one that is not there has nothing.

        Raises:
            NoSuchObject: Something of it was removed while it was read.
        """
        made = [
            engine.containers.get(line["Id"])
            for line in engine.containers.list()
            if (line["Labels"] or {}).get(PROJECT) == name
        ]
        made.sort(key=lambda c: (service_of(c), int(c.labels.get(NUMBER) or 0)))
        return cls(
            name,
            tuple(c for c in made if c.labels.get(ONE_OFF) != "True"),
            tuple(c for c in made if c.labels.get(ONE_OFF) == "True"),
            tuple(
                engine.networks.get(line["Id"])
                for line in engine.networks.list()
                if (line["Labels"] or {}).get(PROJECT) == name
            ),
            tuple(
                engine.volumes.get(line["Name"])
                for line in engine.volumes.list()
                if (line["Labels"] or {}).get(PROJECT) == name
            ),
        )

    @property
    def services(self) -> tuple[str, ...]:
        """The names of the services that have containers."""
        return tuple(dict.fromkeys(service_of(c) for c in self.containers))

    def of(self, service: str) -> tuple[Container, ...]:
        """Return the containers of a service."""
        return tuple(c for c in self.containers if service_of(c) == service)


def project_of(container: Container) -> str:
    """Return the project that a container belongs to; empty when Compose did not make it."""
    return container.labels.get(PROJECT, "")


def service_of(container: Container) -> str:
    """Return the service that a container belongs to; empty when Compose did not make it."""
    return container.labels.get(SERVICE, "")


def depends_on(container: Container) -> dict[str, str]:
    """Map the services that a container waited for to the conditions, such as `service_healthy`."""
    entries = container.labels.get(DEPENDS_ON, "").split(",")
    pairs = (entry.split(":") for entry in entries if entry)
    return {service: condition for service, condition, *_restart in pairs}
