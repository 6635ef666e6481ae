"""A Compose application: its services and their containers, its networks and its volumes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labkit.engine import connect
from labkit.engine.projects import Project, depends_on
from labkit.show.boxes import Box, Picture
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labkit.engine import Engine
    from labkit.engine.objects import Container


def application(project: str, *, engine: Engine | None = None) -> Picture:
    """Draw what a Compose project has on the engine.

    A network or volume is drawn by itself and in each container that uses it.

    Args:
        project: Its name.
        engine: Where it is; None connects to the one that answers.
    """
    found = Project.read(engine or connect(), project)
    if not (found.containers or found.networks or found.volumes):
        return Picture(_("Nothing of a project {name} is here").format(name=project), ())
    boxes = (
        *(_service(name, found.of(name)) for name in found.services),
        *(Box(n.name, _("network"), n.subnets, mark=_network(n.name)) for n in found.networks),
        *(Box(v.name, _("volume"), mark=_volume(v.name)) for v in found.volumes),
    )
    return Picture(_("Application {name}").format(name=project), boxes)


def _service(name: str, containers: tuple[Container, ...]) -> Box:
    newest = containers[-1]
    waits = (
        _("after {service}: {condition}").format(service=service, condition=condition)
        for service, condition in depends_on(newest).items()
    )
    details = (_("image {image}").format(image=newest.image), *waits)
    return Box(name, _("service"), details, tuple(map(_container, containers)))


def _container(container: Container) -> Box:
    state = container.status
    if container.status == "exited":
        state = _("exited with {code}").format(code=container.exit_code)
    elif container.running and container.health:
        state = container.health
    published = (
        _("port {host} of the host leads to {inner}").format(host=host, inner=inner)
        for inner, bindings in sorted(container.ports.items())
        for host in sorted({host for _ip, host in bindings})
    )
    kind = _("container, {state}").format(state=state)
    return Box(container.name, kind, tuple(published), tuple(_parts(container)))


def _parts(container: Container) -> Iterator[Box]:
    for name, at in sorted(container.networks.items()):
        yield Box(name, _("network"), (at.ip,) if at.ip else (), mark=_network(name))
    for mount in container.mounts:
        if mount.type == "volume":
            yield Box(mount.name, _("volume"), (mount.destination,), mark=_volume(mount.name))


def _network(name: str) -> str:
    return f"network {name}"


def _volume(name: str) -> str:
    return f"volume {name}"
