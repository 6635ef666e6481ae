"""A Swarm as one of its managers tells it: nodes, services and their tasks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labkit.engine.engine import Engine
    from labkit.engine.objects import Attrs


@dataclass(frozen=True)
class Member:
    """A machine of the swarm, as `docker node inspect` tells it.

    Attributes:
        role: `manager` or `worker`.
        state: `ready`, `down`, `unknown`.
        availability: `active`, `pause` or `drain`.
        leader: Whether it is the manager that decides.
        reachability: Of a manager: `reachable` or `unreachable`; else empty.
    """

    id: str
    name: str
    role: str
    state: str
    availability: str
    leader: bool
    reachability: str
    labels: dict[str, str]

    @classmethod
    def from_inspect(cls, attrs: Attrs) -> Member:
        """Read an entry of `GET /nodes`."""
        spec, manager = attrs["Spec"], attrs.get("ManagerStatus") or {}
        return cls(
            attrs["ID"],
            attrs["Description"].get("Hostname", ""),
            spec["Role"],
            attrs["Status"]["State"],
            spec["Availability"],
            bool(manager.get("Leader")),
            manager.get("Reachability", ""),
            dict(spec.get("Labels") or {}),
        )


@dataclass(frozen=True)
class Task:
    """One place of a service and what became of it, as `docker service ps` tells it.

    Attributes:
        slot: Its number in the service; 0 in a service with one task on each node.
        node: The id of its node; empty while it has none.
        desired: The state that the swarm wants, such as `running` or `shutdown`.
        error: Why it is not in it.
        container: The id of its container; empty while it has none.
    """

    id: str
    service: str
    slot: int
    node: str
    image: str
    state: str
    desired: str
    error: str
    container: str
    created: str

    @classmethod
    def from_inspect(cls, attrs: Attrs) -> Task:
        """Read an entry of `GET /tasks`."""
        status = attrs["Status"]
        return cls(
            attrs["ID"],
            attrs["ServiceID"],
            attrs.get("Slot", 0),
            attrs.get("NodeID", ""),
            (attrs["Spec"].get("ContainerSpec") or {}).get("Image", "").partition("@")[0],
            status["State"],
            attrs["DesiredState"],
            status.get("Err", ""),
            (status.get("ContainerStatus") or {}).get("ContainerID", ""),
            attrs["CreatedAt"],
        )


@dataclass(frozen=True)
class Service:
    """A service, as `docker service inspect` tells it.

    Attributes:
        image: As it was typed, without the digest that the swarm pins it to.
        command: What its containers run, in place of the image's own; empty where that runs.
        replicas: How many tasks are wanted; None in a service with one on each node.
        update: How its last change went, such as `completed` or `rollback_completed`.
        failure_action: What happens to a change that fails: `pause`, `continue` or `rollback`.
        constraints: Where its tasks may be.
        secrets: The names of those that its containers see.
        environment: Of its containers.
    """

    id: str
    name: str
    image: str
    command: tuple[str, ...]
    replicas: int | None
    update: str
    failure_action: str
    constraints: tuple[str, ...]
    secrets: tuple[str, ...]
    environment: tuple[str, ...]
    labels: dict[str, str]
    attrs: Attrs = field(repr=False, compare=False)

    @classmethod
    def from_inspect(cls, attrs: Attrs) -> Service:
        """Read an entry of `GET /services`."""
        spec = attrs["Spec"]
        template = spec["TaskTemplate"]
        container = template.get("ContainerSpec") or {}
        replicated = (spec.get("Mode") or {}).get("Replicated")
        return cls(
            attrs["ID"],
            spec["Name"],
            container.get("Image", "").partition("@")[0],
            (*(container.get("Command") or ()), *(container.get("Args") or ())),
            None if replicated is None else replicated.get("Replicas", 0),
            (attrs.get("UpdateStatus") or {}).get("State", ""),
            (spec.get("UpdateConfig") or {}).get("FailureAction", "pause"),
            tuple((template.get("Placement") or {}).get("Constraints") or ()),
            tuple(secret["SecretName"] for secret in container.get("Secrets") or ()),
            tuple(container.get("Env") or ()),
            dict(spec.get("Labels") or {}),
            attrs,
        )


@dataclass(frozen=True)
class Swarm:
    """All of a swarm at one moment."""

    members: tuple[Member, ...] = ()
    services: tuple[Service, ...] = ()
    tasks: tuple[Task, ...] = ()

    @classmethod
    def read(cls, manager: Engine) -> Swarm:
        """Read a swarm from one of its managers.

        Raises:
            EngineRequestFailed: It is no manager, or the managers have no majority.
        """
        api: Any = manager.client.api
        with manager.errors():
            members = [Member.from_inspect(attrs) for attrs in api.nodes()]
            services = [Service.from_inspect(attrs) for attrs in api.services()]
            tasks = [Task.from_inspect(attrs) for attrs in api.tasks()]
        return cls(
            tuple(sorted(members, key=lambda member: member.name)),
            tuple(sorted(services, key=lambda service: service.name)),
            tuple(sorted(tasks, key=lambda task: (task.slot, task.created))),
        )

    def member(self, name: str) -> Member | None:
        """Find a member by its name; a machine that came back anew is there twice, once down."""
        found = [member for member in self.members if member.name == name]
        return min(found, key=lambda member: member.state != "ready", default=None)

    def service(self, name: str) -> Service | None:
        """Find a service by its name."""
        return next((s for s in self.services if s.name == name), None)

    def of(self, service: Service) -> tuple[Task, ...]:
        """Return the tasks of a service that the swarm wants to run, by their slots."""
        return tuple(t for t in self.tasks if t.service == service.id and t.desired == "running")

    def running(self, service: Service) -> tuple[Task, ...]:
        """Return those of them that run."""
        return tuple(task for task in self.of(service) if task.state == "running")

    @property
    def down(self) -> tuple[str, ...]:
        """Name the members that do not answer the managers."""
        return tuple(member.name for member in self.members if member.state == "down")

    @property
    def settled(self) -> bool:
        """Whether each service has its replicas, on members that may have tasks."""
        able = {m.id for m in self.members if m.state == "ready" and m.availability != "drain"}
        return all(
            service.replicas in {None, sum(task.node in able for task in self.running(service))}
            for service in self.services
        )

    def name_of(self, node: str) -> str:
        """Return the name of a node by its id."""
        return next((member.name for member in self.members if member.id == node), "")
