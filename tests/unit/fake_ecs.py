"""An ECS API in memory, with what labkit asks it; and containers of tasks on the fake engine."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from labkit.engine import Container
from labkit.engine.tasks import CONTAINER, TASK

ARN = "arn:aws:ecs:us-east-1:123456789012:"


class FakeEcs:
    """One cluster; answers are cut down to what is read."""

    def __init__(self, cluster: str) -> None:
        self.cluster = cluster
        self.definitions: list[dict[str, Any]] = []
        self.services: dict[str, dict[str, Any]] = {}
        self.tasks: dict[str, dict[str, Any]] = {}

    # What an `Api` of labkit's offers

    name = "lab-aws-fake"
    account = "123456789012"
    engine: Any = None

    def client(self, service: str = "ecs") -> Any:
        if service == "ec2":
            machine = {"Instances": [{"InstanceId": "i-1"}]}
            return SimpleNamespace(run_instances=lambda **_: machine)
        return self

    # For tests

    def define(self, family: str, *containers: dict[str, Any], **more: Any) -> str:
        revision = 1 + sum(d["family"] == family for d in self.definitions)
        arn = f"{ARN}task-definition/{family}:{revision}"
        full = [{"essential": True, "environment": [], "portMappings": [], **c} for c in containers]
        self.definitions.append(
            {
                "family": family,
                "revision": revision,
                "taskDefinitionArn": arn,
                "networkMode": "bridge",
                "containerDefinitions": full,
                **more,
            }
        )
        return arn

    def serve(self, name: str, definition: str, desired: int) -> None:
        self.services[name] = {
            "serviceName": name,
            "desiredCount": desired,
            "taskDefinition": definition,
            "status": "ACTIVE",
        }

    def task(self, definition: str, group: str, status: str = "RUNNING", reason: str = "") -> str:
        arn = f"{ARN}task/{self.cluster}/{len(self.tasks):08x}"
        self.tasks[arn] = {
            "taskArn": arn,
            "taskDefinitionArn": definition,
            "group": group,
            "lastStatus": status,
            "stoppedReason": reason,
        }
        return arn

    # The API

    def describe_clusters(self, clusters: list[str]) -> dict[str, Any]:
        found = [{"status": "ACTIVE"}] if clusters == [self.cluster] else []
        return {"clusters": found}

    def list_services(self, cluster: str) -> dict[str, Any]:
        return {"serviceArns": list(self.services)}

    def describe_services(self, cluster: str, services: list[str]) -> dict[str, Any]:
        return {"services": [self.services[name] for name in services]}

    def list_tasks(self, cluster: str, desiredStatus: str) -> dict[str, Any]:  # noqa: N803 - boto3's
        return {"taskArns": [a for a, t in self.tasks.items() if t["lastStatus"] == desiredStatus]}

    def describe_tasks(self, cluster: str, tasks: list[str]) -> dict[str, Any]:
        assert len(tasks) <= 10
        return {"tasks": [self.tasks[arn] for arn in tasks]}

    def list_container_instances(self, cluster: str) -> dict[str, Any]:
        return {"containerInstanceArns": ["instance"]}

    def list_task_definitions(self, familyPrefix: str) -> dict[str, Any]:  # noqa: N803
        arns = [d["taskDefinitionArn"] for d in self.definitions if d["family"] == familyPrefix]
        return {"taskDefinitionArns": arns}

    def describe_task_definition(self, taskDefinition: str) -> dict[str, Any]:  # noqa: N803
        name = taskDefinition.rpartition("/")[2]
        found = [
            d for d in self.definitions if name in {d["family"], f"{d['family']}:{d['revision']}"}
        ]
        return {"taskDefinition": found[-1]}

    def start_task(self, *, taskDefinition: str, group: str, **_: Any) -> None:  # noqa: N803
        self.task(taskDefinition, group)

    def stop_task(self, *, task: str, reason: str, **_: Any) -> None:
        self.tasks[task] |= {"lastStatus": "STOPPED", "stoppedReason": reason}


def put_container(  # noqa: PLR0913 - one for each thing that a check looks at
    engine: Any,
    task: str,
    name: str = "web",
    *,
    status: str = "running",
    code: int = 0,
    host: int = 0,
    inner: int = 80,
    env: tuple[str, ...] = (),
    ran: int = 0,
) -> Container:
    """Put a container of a task on the fake engine."""
    full = f"lab-{task.rpartition('/')[2]}-{name}"
    labels = {TASK: task, CONTAINER: name}
    bindings = {f"{inner}/tcp": [{"HostIp": "0.0.0.0", "HostPort": str(host)}]} if host else {}  # noqa: S104
    made = Container.from_inspect(
        {
            "Id": full,
            "Name": f"/{full}",
            "Created": "2026-11-24T12:00:00Z",
            "Image": "sha256:feed",
            "State": {
                "Status": status,
                "ExitCode": code,
                "StartedAt": "2026-11-24T12:00:00.123456789Z",
                "FinishedAt": f"2026-11-24T12:{ran // 60:02}:{ran % 60:02}.123456789Z",
            },
            "HostConfig": {},
            "Config": {
                "Image": "lab/shell",
                "Labels": labels,
                "Hostname": full,
                "Env": list(env),
            },
            "NetworkSettings": {"Ports": bindings},
        }
    )
    engine.containers.things[full] = made
    engine.containers.lines = (
        *(line for line in engine.containers.lines if line["Id"] != full),
        {"Id": full, "Labels": labels},
    )
    return made
