"""A cluster of ECS: what the API has on its books, and what the engine really runs for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labkit.ecs import state
from labkit.engine import connect
from labkit.engine.tasks import CONTAINER, containers_of
from labkit.show.boxes import Box, Picture
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labkit.ecs import Api
    from labkit.ecs.state import Task
    from labkit.engine import Engine
    from labkit.engine.objects import Container


def ecs(api: Api, cluster: str, *, engine: Engine | None = None) -> Picture:
    """Draw a cluster's services, their running tasks, and the tasks' containers.

    Args:
        api: Whose cluster it is.
        cluster: Its name.
        engine: Where the containers are; None is where the API runs.
    """
    engine = engine or api.engine or connect()
    found = state.read(api.client(), cluster)
    services = tuple(
        Box(
            service.name,
            _("service"),
            (
                _("wanted: {count} of {definition}").format(
                    count=service.desired, definition=state.short(service.definition)
                ),
            ),
            tuple(_tasks(engine, found.running(service.group))),
        )
        for service in found.services
    )
    groups = {service.group for service in found.services}
    others = tuple(_tasks(engine, (t for t in found.tasks if t.running and t.group not in groups)))
    return Picture(_("Cluster {name}").format(name=cluster), (*services, *others))


def _tasks(engine: Engine, tasks: Iterable[Task]) -> Iterable[Box]:
    for task in tasks:
        containers = containers_of(engine, task.arn)
        nothing = () if containers else (_("no container on this engine"),)
        details = (_("the API says {status}").format(status=task.status), *nothing)
        title = f"{state.short(task.definition)} {task.id[:8]}"
        yield Box(title, _("task"), details, tuple(map(_container, containers)))


def _container(container: Container) -> Box:
    status = container.status
    if status == "exited":
        status = _("exited with {code}").format(code=container.exit_code)
    kind = _("container, {state}").format(state=status)
    lines = (container.image, *(f"{host} -> {inner}" for host, inner in _doors(container)))
    return Box(container.labels[CONTAINER], kind, lines)


def _doors(container: Container) -> list[tuple[int, str]]:
    """Return pairs of the host's port and the container's, each once."""
    return sorted({(port, inner) for inner, at in container.ports.items() for _ip, port in at})
