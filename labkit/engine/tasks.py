"""Tasks of ECS on an engine, found by the labels that Amazon's own agent writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from labkit.engine.engine import Engine
    from labkit.engine.objects import Container

PREFIX = "com.amazonaws.ecs."
CLUSTER = PREFIX + "cluster"
TASK = PREFIX + "task-arn"
CONTAINER = PREFIX + "container-name"
FAMILY = PREFIX + "task-definition-family"
REVISION = PREFIX + "task-definition-version"
#: labkit's own: the API that the task was started for.
API = "labkit.ecs"


def containers_of(engine: Engine, task: str) -> tuple[Container, ...]:
    """Return the containers of a task, by its ARN, in the order in which they were made."""
    found = [
        engine.containers.get(line["Id"])
        for line in engine.containers.list()
        if (line["Labels"] or {}).get(TASK) == task
    ]
    return tuple(sorted(found, key=lambda c: str(c.attrs.get("Created", ""))))
