"""An ECS API that is asked, and the local one: moto's server in a container.

That one is found on the engine by its container's name, so a notebook, a terminal and a check ask
the same, and a reset removes it as it removes everything. It knows nothing of the learner's keys,
profiles and proxies.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from labkit.engine import connect, making
from labkit.engine.ownership import IMAGE_PREFIX, owned
from labkit.engine.ownership import remove as _remove
from labkit.engine.tasks import API
from labkit.errors import EcsError, NoSuchContainer
from labkit.translation import _
from labkit.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from labkit.ecs.agent import Agent
    from labkit.engine import Engine
    from labkit.engine.objects import Container
    from labkit.engine.ownership import Owned

NAME = "lab-aws"
IMAGE = "lab/aws"
PORT = 5000
#: Where it is published: only this machine may ask it.
ADDRESS = "127.0.0.1"
REGION = "us-east-1"
#: moto lets a task grow old with each look at it, unless it is told how many looks that takes.
TRANSITION = "/moto-api/state-manager/set-transition"
LOOKS = 10**9
RESET = "/moto-api/reset"
SECONDS = 30.0
#: What boto3 calls before it asks for a task, and before it hands a task definition in.
RUNNING = "provide-client-params.ecs.RunTask"
DEFINING = "provide-client-params.ecs.RegisterTaskDefinition"


@dataclass(frozen=True)
class Api:
    """An ECS API, and who answers there.

    Attributes:
        name: The container that answers, or empty for the learner's own account.
    """

    name: str
    endpoint: str
    region: str
    session: Any = field(repr=False, compare=False)
    engine: Engine | None = field(default=None, repr=False, compare=False)

    @cached_property
    def account(self) -> str:
        """The number of the account, as the API itself tells it."""
        return str(self.client("sts").get_caller_identity()["Account"])

    def agent(self, cluster: str) -> Agent:
        """Return the agent that serves a cluster with the containers of the API's engine."""
        from labkit.ecs.agent import Agent

        return Agent(self, cluster)

    def client(self, service: str = "ecs") -> Any:
        """Return boto3's client for one of Amazon's services."""
        if not self.name:
            client = self.session.client(service)
            if service == "ecs":
                client.meta.events.register(DEFINING, _refuse_course_images)
            return client
        from botocore.config import Config

        settings = Config(proxies={}, retries={"total_max_attempts": 2}, read_timeout=20)
        client = self.session.client(service, endpoint_url=self.endpoint, config=settings)
        if service == "ecs":
            client.meta.events.register(RUNNING, _asks_machine(client))
        return client

    def __repr__(self) -> str:
        where = _("moto, container {name}").format(name=self.name) if self.name else _("AWS itself")
        return _("{endpoint} ({who}), account {account}, region {region}").format(
            endpoint=self.endpoint, who=where, account=self.account, region=self.region
        )


def local(name: str = NAME, *, fresh: bool = False, engine: Engine | None = None) -> Api:
    """Return the API that a container of this name serves; it is started if need be.

    Args:
        name: The container's.
        fresh: Let it forget everything, and remove what was run for it.
        engine: Where; None connects to the one that answers.

    Raises:
        EcsError: The name is not the course's, or another container's, or the engine is on another
            machine.
        NoSuchImage: `lab/aws` is not here.
        WaitTimeout: The server did not come up.
    """
    engine = engine or connect()
    if not name.startswith("lab-"):
        raise EcsError(
            _("`{name}` is not a name of the course.").format(name=name),
            hint=_("Begin it with `lab-`."),
        )
    if not engine.is_here:
        raise EcsError(
            _(
                "`{endpoint}` is another machine's engine: an API there would be open to others."
            ).format(endpoint=engine.endpoint),
            hint=_(
                "Use an engine on this machine: `unset DOCKER_HOST`, `docker context use default`."
            ),
        )
    if not _running(engine, name):
        remove(name, engine=engine)
        _start(engine, name)
    elif fresh:
        _remove(engine, [thing for thing in _things(engine, name) if thing.name != name])
    api = find(engine, name)  # takes its time while the server starts
    wait_until(
        lambda: _keeps_tasks_running(api),
        what=_("moto's server in `{name}`").format(name=name),
        timeout=SECONDS,
        log_tail=lambda: engine.containers.logs(name, tail=5),
    )
    if fresh:
        _tell(api, RESET)
    return api


def find(engine: Engine, name: str = NAME) -> Api:
    """Return the API that a running container of this name serves; nothing is started.

    Raises:
        EcsError: There is no such container, it has ended, or serves no API.
    """
    if not _running(engine, name):
        raise EcsError(
            _("The ECS API `{name}` is gone, and what it knew with it.").format(name=name),
            hint=_('Run the first cells again, or `ecs.local("{name}")`.').format(name=name),
        )
    [(_address, port)] = engine.containers.get(name).ports[f"{PORT}/tcp"][:1]
    return Api(name, f"http://{ADDRESS}:{port}", REGION, _session_of_nobody(), engine)


def remove(name: str = NAME, *, engine: Engine | None = None) -> None:
    """Remove a local API, with the containers, networks and volumes of its tasks.

    Raises:
        EcsError: The container of this name serves no API.
    """
    engine = engine or connect()
    _container(engine, name)
    _remove(engine, _things(engine, name))


def _asks_machine(client: Any) -> Callable[..., None]:
    """Return what refuses a `run_task` in a cluster without machines, at which moto breaks."""

    def refuse(params: dict[str, Any], **_event: Any) -> None:
        name = params.get("cluster", "default")
        found = client.describe_clusters(clusters=[name])["clusters"]
        if found and not found[0]["registeredContainerInstancesCount"]:
            raise EcsError(
                _("The cluster `{name}` has no machine that could run a task.").format(name=name),
                hint=_('`aws.agent("{name}").round()` makes this engine one.').format(name=name),
            )

    return refuse


def _refuse_course_images(params: dict[str, Any], **_event: Any) -> None:
    """Refuse what AWS would look for at Docker Hub, below a name that is somebody else's."""
    for container in params.get("containerDefinitions") or ():
        image = str(container.get("image", "")).removeprefix("docker.io/")
        if image.startswith(IMAGE_PREFIX):
            raise EcsError(
                _("AWS would pull `{image}` from Docker Hub, where it is not the course's.").format(
                    image=image
                ),
                hint=_(
                    "Push it to a registry that AWS reaches, and name it by that: `docker push`."
                ),
            )


def _running(engine: Engine, name: str) -> bool:
    found = _container(engine, name)
    return found is not None and found.running


def _container(engine: Engine, name: str) -> Container | None:
    """Return the container of an API, if there is one.

    Raises:
        EcsError: There is a container of this name, and it serves no API.
    """
    try:
        found = engine.containers.get(name)
    except NoSuchContainer:
        return None
    if found.image != IMAGE and found.labels.get(API) != name:
        raise EcsError(
            _("`{name}` is a container of `{image}`, and no ECS API.").format(
                name=name, image=found.image
            ),
            hint=_('Take another name: `ecs.local("lab-aws-2")`.'),
        )
    return found


def _start(engine: Engine, name: str) -> None:
    making.create(engine, making.Wanted(name, IMAGE, ports=(making.Port(PORT, address=ADDRESS),)))
    making.start(engine, name)


def _keeps_tasks_running(api: Api) -> bool:
    """Have moto let tasks run until they are stopped; tell whether it answered."""
    import requests

    endless = {"progression": "manual", "times": LOOKS}
    try:
        _tell(api, TRANSITION, {"model_name": "ecs::task", "transition": endless})
    except requests.RequestException:  # it is still starting
        return False
    return True


def _tell(api: Api, path: str, what: dict[str, Any] | None = None) -> None:
    """Ask moto for what Amazon's API has no word for."""
    import requests

    with requests.Session() as session:
        session.trust_env = False  # no proxy of the learner's
        session.post(api.endpoint + path, json=what, timeout=SECONDS).raise_for_status()


def _things(engine: Engine, name: str) -> list[Owned]:
    """List a local API's container and all that was made for its tasks."""
    labelled = {
        line.get("Id") or line["Name"]
        for line in (*engine.containers.list(), *engine.networks.list(), *engine.volumes.list())
        if (line.get("Labels") or {}).get(API) == name
    }
    return [
        thing
        for thing in owned(engine)
        if thing.kind != "image" and (thing.reference in labelled or thing.name == name)
    ]


def _session_of_nobody() -> Any:
    """Return a session that reads no file and no profile of the learner's."""
    import boto3
    from botocore.session import Session

    nothing = {
        "profile": (None, None, None, None),
        "config_file": (None, None, os.devnull, None),
        "credentials_file": (None, None, os.devnull, None),
    }
    return boto3.Session(
        aws_access_key_id="nobody",
        aws_secret_access_key="nobody",  # noqa: S106 - moto takes any
        region_name=REGION,
        botocore_session=Session(session_vars=nothing),
    )
