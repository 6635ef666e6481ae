"""What keeps an engine as an ECS API says it should be: one round at a time.

At Amazon a scheduler decides which tasks there should be, and an agent on each machine starts and
watches their containers. moto, which serves the API, has neither. A round here does both, once:

1. a container that has ended is started again where its restart policy says so; a task of which an
   essential one has ended is stopped, and so are the containers of all stopped tasks;
2. each service gets the tasks that it lacks, of the task definition that it names now;
3. tasks without containers are started, each in the order that its definition asks for;
4. once those of a service run, its tasks of older revisions are stopped, and what is too many.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from labkit.ecs import state
from labkit.ecs.plan import STOP_TIMEOUT, ours, plan
from labkit.ecs.refusing import ENDED
from labkit.engine import connect, making
from labkit.engine.tasks import API, CLUSTER, CONTAINER, containers_of
from labkit.errors import EcsError, LabError
from labkit.translation import _
from labkit.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labkit.ecs.api import Api
    from labkit.ecs.plan import Planned
    from labkit.ecs.state import Cluster, Service, Task
    from labkit.engine import Engine
    from labkit.engine.objects import Container

#: An image of machines that moto knows; any would do.
MACHINE_IMAGE = "ami-12c6146b"
#: Tasks that are started or stopped at the same time.
AT_ONCE = 4
#: Seconds that a container must have run to be started again, where its definition does not say it.
RESTART_AFTER = 300
ESSENTIAL = "Essential container in task exited"


@dataclass(frozen=True)
class Round:
    """What one round did, a sentence each; none when all was as it should be."""

    lines: tuple[str, ...]

    def __repr__(self) -> str:
        return "\n".join(self.lines) or _("nothing to do")


class Agent:
    """Serves one cluster of a local API with the containers of one engine.

    Args:
        api: The API; the learner's own account takes no orders from this machine.
        cluster: The cluster's name.
        engine: Where the containers run; None is where the API runs.

    Raises:
        EcsError: The API is an account of AWS.
    """

    def __init__(self, api: Api, cluster: str, *, engine: Engine | None = None) -> None:
        if not api.name:
            raise EcsError(
                _("AWS runs the tasks of account `{account}` itself.").format(account=api.account),
                hint=_("The agent serves the API that `ecs.local()` returns."),
            )
        self.api = api
        self.cluster = cluster
        self.engine = engine or api.engine or connect()
        self.client = api.client()
        self._lines: list[str] = []
        self._definitions: dict[str, dict[str, Any]] = {}

    def round(self) -> Round:
        """Do one round.

        Raises:
            EcsError: The API has no such cluster.
        """
        self._lines = []
        instance = self._instance(self._read())
        for task in self._read().tasks:
            if task.running:
                self._end_if_broken(task)
            else:
                self._say(self._stop_containers(task))
        cluster = self._read()
        for service in cluster.services:
            self._begin_missing(service, cluster, instance)
        waiting = [t for t in self._read().tasks if t.running and not self._containers(t)]
        for arn in dict.fromkeys(t.definition for t in waiting):
            self._prepare(self._definition(arn))
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for line in pool.map(self._start, waiting):
                self._say(line)
        cluster = self._read()
        for service in cluster.services:
            self._end_surplus(service, cluster)
        self._end_orphans(cluster)
        return Round(tuple(self._lines))

    def _read(self) -> Cluster:
        return state.read(self.client, self.cluster)

    def _say(self, text: str) -> None:
        if text:
            self._lines.append(text)

    def _instance(self, cluster: Cluster) -> str:
        """Return the container instance that stands for this engine; make it when there is none."""
        if cluster.instances:
            return cluster.instances[0]
        machine = self.api.client("ec2").run_instances(
            ImageId=MACHINE_IMAGE, MinCount=1, MaxCount=1
        )["Instances"][0]["InstanceId"]
        made = self.client.register_container_instance(
            cluster=self.cluster, instanceIdentityDocument=json.dumps({"instanceId": machine})
        )["containerInstance"]
        self._say(_("this engine is now a container instance of {name}").format(name=cluster.name))
        return str(made["containerInstanceArn"])

    def _definition(self, arn: str) -> dict[str, Any]:
        if arn not in self._definitions:  # a revision never changes
            self._definitions[arn] = state.definition(self.client, arn)
        return self._definitions[arn]

    def _containers(self, task: Task) -> tuple[Container, ...]:
        return containers_of(self.engine, task.arn)

    def _end_if_broken(self, task: Task) -> None:
        defined = {c["name"]: c for c in self._definition(task.definition)["containerDefinitions"]}
        essential = {name for name, c in defined.items() if c.get("essential", True)}
        containers = {c.labels[CONTAINER]: c for c in self._containers(task)}
        for name, container in containers.items():
            if _may_restart(container, defined[name].get("restartPolicy") or {}):
                making.start(self.engine, container.name)
                containers[name] = self.engine.containers.get(container.name)
                self._say(
                    _("{task}: {name} has ended with {code}, and was started again").format(
                        task=_named(task), name=name, code=container.exit_code
                    )
                )
        ended = [c for name, c in containers.items() if name in essential and not _lives(c)]
        gone = sorted(essential - containers.keys()) if containers else []
        if ended:
            self._say(
                _("{task}: {name} has ended with {code}, and is essential").format(
                    task=_named(task), name=ended[0].labels[CONTAINER], code=ended[0].exit_code
                )
            )
        elif gone:
            self._say(
                _("{task}: {name} was removed, and is essential").format(
                    task=_named(task), name=gone[0]
                )
            )
        if ended or gone:
            self._end([task], ESSENTIAL)

    def _begin_missing(self, service: Service, cluster: Cluster, instance: str) -> None:
        """Ask the API for the tasks that a service lacks."""
        current = [t for t in cluster.running(service.group) if t.definition == service.definition]
        for _number in range(service.desired - len(current)):
            self.client.start_task(
                cluster=self.cluster,
                taskDefinition=service.definition,
                containerInstances=[instance],
                group=service.group,
                startedBy=f"ecs-svc/{service.name}",
            )

    def _start(self, task: Task) -> str:
        """Start a task's containers; when one cannot be, stop the task. Say what was done."""
        definition = self._definition(task.definition)
        try:
            planned = plan(definition, task, cluster=self.cluster, api=self.api.name)
            for container in planned:  # at Amazon, images are pulled here
                self.engine.images.get(container.wanted.image)
            for container in planned:
                self._wait_for(container, planned)
                making.create(self.engine, container.wanted)
                making.start(self.engine, container.wanted.name)
        except LabError as error:
            reason = error.message.rstrip(".")
            self._end([task], reason)
            return _("{task} could not start: {why}").format(task=_named(task), why=reason)
        return _("{task} started, in {group}").format(task=_named(task), group=task.group)

    def _prepare(self, definition: dict[str, Any]) -> None:
        """Make the cluster's network, and a task definition's volumes."""
        labels = {API: self.api.name, CLUSTER: self.cluster}
        making.ensure_network(self.engine, ours(self.cluster), labels)
        for volume in definition.get("volumes") or ():
            making.ensure_volume(self.engine, ours(volume["name"]), labels)

    def _wait_for(self, container: Planned, planned: tuple[Planned, ...]) -> None:
        """Wait until all that a container depends on is as it asks.

        Raises:
            EcsError: That will not come any more.
            WaitTimeout: It did not come in time.
        """
        others = {p.name: p for p in planned}
        for name, condition in container.waits_for:
            other = others[name]
            if condition == "HEALTHY" and other.wanted.health is None:
                raise EcsError(
                    _("{name} waits until {other} is HEALTHY, which has no healthCheck").format(
                        name=container.name, other=name
                    )
                )
            wait_until(
                lambda other=other, condition=condition: self._has_come(other, condition),  # type: ignore[misc]
                what=f"{name}: {condition}",
                timeout=other.start_timeout,
            )

    def _has_come(self, other: Planned, condition: str) -> bool:
        found = self.engine.containers.get(other.wanted.name)
        ended = not _lives(found)
        if condition == "HEALTHY" and (ended or found.health == "unhealthy"):
            raise EcsError(_("{name} did not get HEALTHY").format(name=other.name))
        if condition == "SUCCESS" and ended and found.exit_code:
            raise EcsError(
                _("{name} ended with {code}, not with SUCCESS").format(
                    name=other.name, code=found.exit_code
                )
            )
        if condition == "HEALTHY":
            return found.health == "healthy"
        return ended if condition in ENDED else True

    def _end_surplus(self, service: Service, cluster: Cluster) -> None:
        """Stop what a service has too much, but no older task before the new ones run."""
        tasks = cluster.running(service.group)
        current = [t for t in tasks if t.definition == service.definition]
        older = [t for t in tasks if t.definition != service.definition]
        if len(current) < service.desired:
            if older:
                self._say(
                    _("{service} keeps {name}, since its new tasks do not run").format(
                        service=service.name, name=state.short(older[0].definition)
                    )
                )
            return
        surplus = (*older, *current[service.desired :])
        for task in surplus:
            self._say(_("{task} is not wanted any more").format(task=_named(task)))
        self._end(surplus, _("Scaling activity initiated by the service"))

    def _end_orphans(self, cluster: Cluster) -> None:
        groups = {service.group for service in cluster.services}
        orphans = []
        for task in cluster.tasks:
            if task.running and task.group.startswith("service:") and task.group not in groups:
                self._say(_("{task}: its service is gone").format(task=_named(task)))
                orphans.append(task)
        self._end(orphans, _("Its service was deleted"))

    def _end(self, tasks: Iterable[Task], reason: str) -> None:
        """Stop tasks, all at once."""
        for task in tasks:
            self.client.stop_task(cluster=self.cluster, task=task.arn, reason=reason)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for line in pool.map(self._stop_containers, tasks):
                self._say(line)

    def _stop_containers(self, task: Task) -> str:
        """Stop what still runs of a task, one after the other; say what that was."""
        living = [c for c in reversed(self._containers(task)) if c.running or c.paused]
        if not living:
            return ""
        timeouts = {
            c["name"]: c.get("stopTimeout") or STOP_TIMEOUT
            for c in self._definition(task.definition)["containerDefinitions"]
        }
        for container in living:
            making.stop(self.engine, container.name, seconds=timeouts[container.labels[CONTAINER]])
        names = ", ".join(c.labels[CONTAINER] for c in living)
        return _("{task} stopped: {names}").format(task=_named(task), names=names)


def _lives(container: Container) -> bool:
    return container.status not in {"exited", "dead"}


def _may_restart(container: Container, policy: dict[str, Any]) -> bool:
    """Tell whether a container has ended, and its definition wants it started again."""
    if _lives(container) or not policy.get("enabled"):
        return False
    began, ended = map(datetime.fromisoformat, (container.started_at, container.finished_at))
    ran = (ended - began).total_seconds()
    return container.exit_code not in (policy.get("ignoredExitCodes") or ()) and ran >= (
        policy.get("restartAttemptPeriod") or RESTART_AFTER
    )


def _named(task: Task) -> str:
    return f"{state.short(task.definition)} {task.id[:8]}"
