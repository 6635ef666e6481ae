"""What a task definition asks for and cannot have: Amazon refuses it, or the agent cannot do it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labkit.ecs.state import short
from labkit.errors import EcsError
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Collection

    from labkit.ecs.state import Task

#: Conditions that ask for a container's end.
ENDED = frozenset(("COMPLETE", "SUCCESS"))
#: What the agent does of a task definition, of its parts and of `run_task`'s overrides, and what
#: asks nothing of it. Keys without a value say nothing.
TASK = frozenset(
    {
        "compatibilities",
        "containerDefinitions",
        "family",
        "networkMode",
        "registeredAt",
        "registeredBy",
        "requiresAttributes",
        "requiresCompatibilities",
        "revision",
        "status",
        "tags",
        "taskDefinitionArn",
        "volumes",
    }
)
CONTAINER = frozenset(
    {
        "command",
        "cpu",
        "dependsOn",
        "entryPoint",
        "environment",
        "essential",
        "healthCheck",
        "image",
        "links",
        "memory",
        "memoryReservation",
        "mountPoints",
        "name",
        "portMappings",
        "restartPolicy",
        "startTimeout",
        "stopTimeout",
        "user",
        "versionConsistency",
        "workingDirectory",
    }
)
PORT = frozenset(("appProtocol", "containerPort", "hostPort", "name", "protocol"))
VOLUME = frozenset(("autoprovision", "dockerVolumeConfiguration", "driver", "name", "scope"))
OVERRIDE = frozenset(("command", "environment", "name"))


def refuse(definition: dict[str, Any], task: Task) -> None:
    """Refuse a task that would run otherwise than its definition says.

    Args:
        definition: As `describe_task_definition` has it.
        task: With what `run_task` was told to run otherwise.

    Raises:
        EcsError: It asks for something that it cannot have.
    """
    mode = definition.get("networkMode") or "bridge"
    if mode != "bridge":
        raise EcsError(
            _("the agent here knows the network mode bridge, and not {mode}").format(mode=mode)
        )
    _only(TASK, definition, short(definition["taskDefinitionArn"]))
    _refuse_containers({c["name"]: c for c in definition["containerDefinitions"]})
    for volume in definition.get("volumes") or ():
        how = volume.get("dockerVolumeConfiguration") or {}
        _only(VOLUME, {**volume, **how}, volume["name"])
        if (how.get("scope"), how.get("driver", "local")) != ("shared", "local"):
            raise EcsError(
                _("the agent here keeps only volumes of the scope shared: {name} is none").format(
                    name=volume["name"]
                )
            )
    for override in task.overrides.get("containerOverrides") or ():
        _only(OVERRIDE, override, override.get("name", ""))


def _refuse_containers(containers: dict[str, dict[str, Any]]) -> None:
    for name, container in containers.items():
        _only(CONTAINER, container, name)
        for port in container.get("portMappings") or ():
            _only(PORT, port, name)
        for wait in container.get("dependsOn") or ():
            other = containers.get(wait["containerName"])
            if other and wait["condition"] in ENDED and other.get("essential", True):
                raise EcsError(
                    _("{name} waits for {condition} of {other}, which is essential").format(
                        name=name, condition=wait["condition"], other=other["name"]
                    )
                )


def _only(known: Collection[str], asked: dict[str, Any], name: str) -> None:
    """Refuse keys with a value that the agent does nothing about."""
    strange = sorted(key for key, value in asked.items() if value and key not in known)
    if strange:
        raise EcsError(
            _("the agent here cannot do what {name} asks for: {keys}").format(
                name=name, keys=", ".join(strange)
            )
        )
