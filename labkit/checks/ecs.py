"""Checks of chapter 12, Amazon ECS: what the API has on its books, and what the engine runs."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from labkit.checking import CheckFailed, check
from labkit.checks.diagnosis import listed, not_running, page_at, port_taken, repository
from labkit.engine.tasks import CONTAINER, containers_of
from labkit.errors import EcsError
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labkit.ecs.state import Cluster, Service, Task
    from labkit.engine import Engine
    from labkit.engine.objects import Container

KIOSK_MEMORY = 32
CREW = 3
MENUS = 2

# ecs.kiosk


@check("ecs.kiosk", points=2)
def kiosk_is_defined(engine: Engine) -> None:
    """The newest `lab-kiosk` has one container of `lab/kiosk:1`, at most 32 MiB, at port 8121."""
    definition = _definition(engine, "lab-aws-kiosk", "lab-kiosk")
    if definition is None:
        raise CheckFailed(
            _("the API has no task definition `lab-kiosk`"),
            hint=_("Read what `register_task_definition` answered: `memory` must be given."),
        )
    container, *others = definition["containerDefinitions"]
    if others:
        raise CheckFailed(
            _("it has {count} containers").format(count=len(others) + 1),
            hint=_("One entry in `containerDefinitions` is enough."),
        )
    if repository(container["image"]) != "lab/kiosk:1":
        raise CheckFailed(
            _("its container is of `{image}`").format(image=container["image"]),
            hint=_('The exercise asks for `"image": "lab/kiosk:1"`.'),
        )
    if not 0 < container.get("memory", 0) <= KIOSK_MEMORY:
        raise CheckFailed(
            _("its container may have {memory} MiB of memory").format(
                memory=container.get("memory") or _("any number of")
            ),
            hint=_("`memory` is the limit, in MiB: at most {most}.").format(most=KIOSK_MEMORY),
        )
    _expect_mapping(container, 80, host=8121)


@check("ecs.kiosk", points=1, after=kiosk_is_defined)
def kiosk_task_is_on_the_books(engine: Engine) -> None:
    """In the cluster `lab-kiosk`, the API has a running task of it."""
    _running_task(_cluster(engine, "lab-aws-kiosk", "lab-kiosk"), "family:lab-kiosk")


@check("ecs.kiosk", points=2, after=kiosk_task_is_on_the_books)
def kiosk_really_runs(engine: Engine) -> None:
    """The task's container runs, and its page at port 8121 is that of `lab/kiosk:1`."""
    cluster = _cluster(engine, "lab-aws-kiosk", "lab-kiosk")
    task = _running_task(cluster, "family:lab-kiosk")
    container = _running_container(engine, task)
    number = engine.images.get("lab/kiosk:1").labels.get("lab.number", "")
    page = page_at(engine, 8121, container.name).strip()
    if not number or number not in page:
        raise CheckFailed(
            _("port 8121 shows `{page}`").format(page=page),
            hint=_("Let the image's own command serve the page: leave out `command`."),
        )


# ecs.crew


@check("ecs.crew", points=2)
def crew_is_a_service(engine: Engine) -> None:
    """The cluster `lab-crew` has a service `crew` that wants three tasks."""
    cluster = _cluster(engine, "lab-aws-crew", "lab-crew")
    service = _service(cluster, "crew", hint_without=_("`create_service` makes one."))
    if service.desired != CREW:
        raise CheckFailed(
            _("it wants {count}").format(count=service.desired),
            hint=_("`update_service` takes `desiredCount`."),
        )


@check("ecs.crew", points=2, after=crew_is_a_service)
def crew_of_three_runs(engine: Engine) -> None:
    """Three tasks of the service run, each with its container."""
    cluster = _cluster(engine, "lab-aws-crew", "lab-crew")
    tasks = cluster.running("service:crew")
    refused = next((t for t in cluster.tasks if port_taken(t.reason)), None)
    if len(tasks) < CREW and refused:
        raise CheckFailed(
            _("{count} of the service's tasks run; another could not start: {why}").format(
                count=len(tasks), why=refused.reason
            ),
            hint=_(
                "A port of the host leads to one container. Without `hostPort`, each gets a free "
                "one: a new revision, then `update_service`."
            ),
        )
    _expect_tasks(engine, tasks, CREW)


@check("ecs.crew", points=1, after=crew_of_three_runs)
def crew_answers(engine: Engine) -> None:
    """Each of the three answers at a port of its own, with its own host name."""
    cluster = _cluster(engine, "lab-aws-crew", "lab-crew")
    for task in cluster.running("service:crew"):
        container = _running_container(engine, task)
        page = page_at(engine, _host_port(container), container.name).strip()
        if page != container.hostname:
            raise CheckFailed(
                _("`{name}` shows `{page}`, not its host name").format(
                    name=container.name, page=page
                ),
                hint=_("Keep the command of the first revision."),
            )


# ecs.rollout


@check("ecs.rollout", points=1)
def menu_has_a_new_revision(engine: Engine) -> None:
    """The newest revision of `lab-bistro` has `lab/bistro:2`, and is otherwise as the first."""
    names = ("lab-bistro:1", "lab-bistro")
    old, new = (_definition(engine, "lab-aws-bistro", name) for name in names)
    if old is None or new is None:
        raise CheckFailed(
            _("the API has no task definition `lab-bistro:1`"), hint=_("Run the set-up cell again.")
        )
    image = new["containerDefinitions"][0]["image"]
    if repository(image) != "lab/bistro:2":
        raise CheckFailed(
            _("`lab-bistro:{revision}`, the newest, has `{image}`").format(
                revision=new["revision"], image=image
            ),
            hint=_("Register the family `lab-bistro` once more, with `lab/bistro:2`."),
        )
    before, after = map(_settings, (old, new))
    changed = sorted(k for k in before.keys() | after.keys() if before.get(k) != after.get(k))
    if changed:
        raise CheckFailed(
            _("`lab-bistro:{revision}` has another {changed} than `lab-bistro:1`").format(
                revision=new["revision"], changed=listed(changed)
            ),
            hint=_(
                "A revision takes nothing over. Begin with what `describe_task_definition` gives, "
                "and change the image alone."
            ),
        )


def _settings(definition: dict[str, Any]) -> dict[str, Any]:
    """Return what a task definition with one container says of it but its image."""
    container, *others = definition["containerDefinitions"]
    said = {key: value for key, value in container.items() if value and key != "image"}
    ports = [
        (p["containerPort"], p.get("hostPort") or 0) for p in container.get("portMappings") or ()
    ]
    return said | {"portMappings": ports, "containerDefinitions": len(others)}


@check("ecs.rollout", points=2, after=menu_has_a_new_revision)
def menu_service_wants_it(engine: Engine) -> None:
    """The service `bistro` wants two tasks of the newest revision."""
    cluster = _cluster(engine, "lab-aws-bistro", "lab-bistro")
    service = _service(cluster, "bistro", hint_without=_("Run the set-up cell again."))
    _expect_newest(engine, "lab-aws-bistro", "lab-bistro", service)
    if service.desired != MENUS:
        raise CheckFailed(
            _("it wants {count}").format(count=service.desired),
            hint=_("`update_service(…, desiredCount=2)`."),
        )


@check("ecs.rollout", points=2, after=menu_service_wants_it)
def new_menu_is_served(engine: Engine) -> None:
    """Two tasks of it run and none of the old revision; each shows the new menu."""
    cluster = _cluster(engine, "lab-aws-bistro", "lab-bistro")
    service = _service(cluster, "bistro", hint_without="")
    tasks = cluster.running(service.group)
    if any(t.definition != service.definition for t in tasks):
        raise CheckFailed(
            _("tasks of the old revision still run"),
            hint=_("The API has been told; now the scheduler must act on it: `agent.round()`."),
        )
    _expect_tasks(engine, tasks, MENUS)
    number = engine.images.get("lab/bistro:2").labels.get("lab.number", "")
    for task in tasks:
        container = _running_container(engine, task)
        page = page_at(engine, _host_port(container), container.name).strip()
        if page != f"dish {number} by {container.env.get('CHEF')}":
            raise CheckFailed(
                _("`{name}` shows `{page}`").format(name=container.name, page=page),
                hint=_("Leave `lab/bistro:2` and its command as the set-up cell made them."),
            )


# ecs.repair


@check("ecs.repair", points=2)
def tuning_may_end(engine: Engine) -> None:
    """The service `choir` wants a task definition in which `tuning` is not essential."""
    definition = _choir_definition(engine)
    tuning = _part(definition, "tuning")
    if tuning is None:
        raise CheckFailed(
            _("its task definition has no container `tuning`"),
            hint=_("Keep it: `song` sings what `tuning` has written."),
        )
    if tuning.get("essential", True):
        newest = _definition(engine, "lab-aws-choir", "lab-choir")
        later = newest and _part(newest, "tuning")
        if newest and later and not later.get("essential", True):
            raise CheckFailed(
                _("the service wants `lab-choir:{found}`, and {newest} is there").format(
                    found=definition["revision"], newest=newest["revision"]
                ),
                hint=_("`update_service` tells it which revision to run."),
            )
        raise CheckFailed(
            _("`tuning` is essential, and ends when its work is done"),
            hint=_('A task ends with its first essential container: `"essential": False`.'),
        )


@check("ecs.repair", points=2, after=tuning_may_end)
def song_is_published(engine: Engine) -> None:
    """Port 8124 of the host leads to the port at which `song` listens."""
    song = _part(_choir_definition(engine), "song")
    if song is None:
        raise CheckFailed(
            _("its task definition has no container `song`"), hint=_("Run the set-up cell again.")
        )
    _expect_mapping(song, 8080, host=8124)


@check("ecs.repair", points=2, after=song_is_published)
def choir_sings(engine: Engine) -> None:
    """A task of the service runs: `tuning` has ended with 0, `song` sings what it wrote."""
    cluster = _cluster(engine, "lab-aws-choir", "lab-choir")
    task = _running_task(cluster, "service:choir", "lab-choir")
    parts = {c.labels[CONTAINER]: c for c in containers_of(engine, task.arn)}
    if parts.keys() != {"tuning", "song"}:
        raise CheckFailed(
            _("of its containers, there are {names}").format(
                names=listed(sorted(parts)) or _("none")
            ),
            hint=_("`agent.round()` starts them."),
        )
    song, tuning = parts["song"], parts["tuning"]
    if not song.running:
        raise not_running(engine, song)
    tune = tuning.env.get("TUNE", "")
    page = page_at(engine, 8124, song.name).strip()
    if tuning.exit_code or not tune or page != tune:
        raise CheckFailed(
            _("port 8124 sings `{page}`; `tuning` was to write `{tune}`").format(
                page=page, tune=tune
            ),
            hint=_("Leave the commands, the volume and `TUNE` as they were."),
        )


def _part(definition: dict[str, Any], name: str) -> dict[str, Any] | None:
    """Return one container definition of a task definition."""
    return next((c for c in definition["containerDefinitions"] if c["name"] == name), None)


def _choir_definition(engine: Engine) -> dict[str, Any]:
    cluster = _cluster(engine, "lab-aws-choir", "lab-choir")
    service = _service(cluster, "choir", hint_without=_("Run the set-up cell again."))
    definition = _definition(engine, "lab-aws-choir", service.definition)
    assert definition is not None  # noqa: S101 - the API refuses services without one
    return definition


# What they share


@contextmanager
def _asking(engine: Engine, api: str) -> Iterator[Any]:
    """Yield a client of the exercise's API; that it is gone or refuses is a finding."""
    from botocore.exceptions import BotoCoreError, ClientError

    from labkit import ecs

    try:
        yield ecs.find(engine, api).client()
    except EcsError as error:
        raise CheckFailed(error.message.rstrip("."), hint=error.hint) from error
    except (BotoCoreError, ClientError) as error:
        raise CheckFailed(
            _("the ECS API `{name}` says: {why}").format(name=api, why=error),
            hint=_("Run the exercise's first cells again."),
        ) from error


def _cluster(engine: Engine, api: str, name: str) -> Cluster:
    from labkit.ecs import state

    with _asking(engine, api) as client:
        return state.read(client, name)


def _definition(engine: Engine, api: str, name: str) -> dict[str, Any] | None:
    """Return a task definition, or None when there is none."""
    from labkit.ecs import state

    with _asking(engine, api) as client:
        family = name.rpartition("/")[2].partition(":")[0]
        if not client.list_task_definitions(familyPrefix=family)["taskDefinitionArns"]:
            return None
        return state.definition(client, name)


def _service(cluster: Cluster, name: str, *, hint_without: str) -> Service:
    for service in cluster.services:
        if service.name == name:
            return service
    if any(t.running for t in cluster.tasks):
        raise CheckFailed(
            _("there are tasks, but no service `{name}`").format(name=name),
            hint=_("Nobody replaces a task of `run_task`. A service does it."),
        )
    raise CheckFailed(
        _("there is no service `{name}`").format(name=name),
        hint=hint_without,
    )


def _running_task(cluster: Cluster, group: str, family: str = "") -> Task:
    """Return a running task of a group."""
    running = cluster.running(group)
    if running:
        return running[0]
    stopped = [t for t in cluster.tasks if t.group == group]
    if stopped:
        raise CheckFailed(
            _("its task was stopped: {why}").format(why=stopped[-1].reason),
            hint=_("Mend the reason, and let the agent do a round."),
        )
    raise CheckFailed(
        _("the API has no running task of {group}").format(group=group),
        hint=_("`run_task` starts one, a service keeps one.")
        if not family
        else _("`agent.round()` gives the service its task."),
    )


def _expect_tasks(engine: Engine, tasks: tuple[Task, ...], count: int) -> None:
    if len(tasks) != count:
        raise CheckFailed(
            _("the API has {found} running tasks of the service").format(found=len(tasks)),
            hint=_("Let the scheduler do its work: `agent.round()`."),
        )
    for task in tasks:
        _running_container(engine, task)


def _running_container(engine: Engine, task: Task) -> Container:
    """Return the running container of a task that has one."""
    containers = containers_of(engine, task.arn)
    if not containers:
        raise CheckFailed(
            _("the API says {status}, but the engine has no container of the task").format(
                status=task.status
            ),
            hint=_("The API here only keeps the books: `agent.round()` starts containers."),
        )
    if not containers[0].running:
        raise not_running(engine, containers[0])
    return containers[0]


def _expect_newest(engine: Engine, api: str, family: str, service: Service) -> None:
    from labkit.ecs.state import short

    newest = _definition(engine, api, family)
    if newest and newest["taskDefinitionArn"] != service.definition:
        raise CheckFailed(
            _("it wants `{found}`, and `{newest}` is there").format(
                found=short(service.definition), newest=short(newest["taskDefinitionArn"])
            ),
            hint=_("A new revision changes no service: `update_service` does."),
        )


def _expect_mapping(container: dict[str, Any], inner: int, *, host: int) -> None:
    """Expect a container definition to publish a port."""
    pairs = [
        (p["containerPort"], p.get("hostPort") or 0) for p in container.get("portMappings") or ()
    ]
    if (inner, host) in pairs:
        return
    if not pairs:
        raise CheckFailed(
            _("`{name}` has no `portMappings`").format(name=container["name"]),
            hint=_("Nobody reaches it without."),
        )
    found = _("it maps {found}").format(
        found=", ".join(f"hostPort {h or _('any')} -> containerPort {c}" for c, h in pairs)
    )
    if (host, inner) in pairs:
        raise CheckFailed(found, hint=_("`hostPort` is the host's: {host}.").format(host=host))
    raise CheckFailed(
        found,
        hint=_("`containerPort` is where the program listens: {inner}.").format(inner=inner),
    )


def _host_port(container: Container) -> int:
    ports = [port for at in container.ports.values() for _ip, port in at]
    if not ports:
        raise CheckFailed(
            _("`{name}` publishes no port").format(name=container.name),
            hint=_("Its definition needs `portMappings` with a `containerPort`."),
        )
    return ports[0]
