"""What an ECS API says of a cluster, as frozen values in Amazon's words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from labkit.errors import EcsError
from labkit.translation import _

RUNNING = "RUNNING"
STOPPED = "STOPPED"


@dataclass(frozen=True)
class Task:
    """One task.

    Attributes:
        definition: The ARN of its task definition, with revision.
        group: `service:NAME` or `family:NAME`.
        reason: Why it was stopped.
        overrides: What `run_task` was told to run otherwise.
    """

    arn: str
    definition: str
    group: str
    status: str
    reason: str = ""
    overrides: dict[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The last part of its ARN."""
        return self.arn.rpartition("/")[2]

    @property
    def running(self) -> bool:
        """Whether the API has it running."""
        return self.status == RUNNING


@dataclass(frozen=True)
class Service:
    """One service; `definition` is the ARN of the task definition that it should run."""

    name: str
    desired: int
    definition: str

    @property
    def group(self) -> str:
        """The group that its tasks are in."""
        return f"service:{self.name}"


@dataclass(frozen=True)
class Cluster:
    """One cluster: its active services, its tasks, its container instances' ARNs."""

    name: str
    services: tuple[Service, ...] = ()
    tasks: tuple[Task, ...] = ()
    instances: tuple[str, ...] = ()

    def running(self, group: str) -> tuple[Task, ...]:
        """Return the running tasks of a group."""
        return tuple(t for t in self.tasks if t.running and t.group == group)


def read(client: Any, name: str) -> Cluster:
    """Read a cluster.

    Args:
        client: boto3's client for ECS.
        name: The cluster's.

    Raises:
        EcsError: There is none of this name.
    """
    found = client.describe_clusters(clusters=[name])["clusters"]
    if not found or found[0]["status"] != "ACTIVE":
        raise EcsError(
            _("The API has no cluster `{name}`.").format(name=name),
            hint=_('`client.create_cluster(clusterName="{name}")` makes it.').format(name=name),
        )
    services = client.list_services(cluster=name)["serviceArns"]
    tasks = [
        arn
        for status in (RUNNING, STOPPED)
        for arn in client.list_tasks(cluster=name, desiredStatus=status)["taskArns"]
    ]
    return Cluster(
        name,
        tuple(
            Service(s["serviceName"], s["desiredCount"], definition_arn(client, s))
            for s in _described(client.describe_services, "services", name, services)
            if s["status"] == "ACTIVE"
        ),
        tuple(
            Task(
                t["taskArn"],
                t["taskDefinitionArn"],
                t.get("group", ""),
                t["lastStatus"],
                t.get("stoppedReason", ""),
                t.get("overrides") or {},
            )
            for t in _described(client.describe_tasks, "tasks", name, tasks)
        ),
        tuple(client.list_container_instances(cluster=name)["containerInstanceArns"]),
    )


def definition(client: Any, name: str) -> dict[str, Any]:
    """Return a task definition by its family, `family:revision` or ARN."""
    found: dict[str, Any] = client.describe_task_definition(taskDefinition=name)["taskDefinition"]
    return found


def definition_arn(client: Any, service: dict[str, Any]) -> str:
    """Return the ARN of a service's task definition; moto keeps what `update_service` was told."""
    name = str(service["taskDefinition"])
    return name if name.startswith("arn:") else str(definition(client, name)["taskDefinitionArn"])


def short(arn: str) -> str:
    """Return `family:revision` of a task definition's ARN."""
    return arn.rpartition("/")[2]


def _described(ask: Any, key: str, cluster: str, arns: list[str]) -> list[dict[str, Any]]:
    """Describe in portions of ten, which is what a service call takes at most."""
    return [
        thing
        for at in range(0, len(arns), 10)
        for thing in ask(cluster=cluster, **{key: arns[at : at + 10]})[key]
    ]
