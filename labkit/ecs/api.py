"""Which ECS API is asked: moto's server in a container, or the learner's own account.

The local one is found on the engine by its container's name, so a notebook, a terminal and a check
ask the same, and a reset removes it as it removes everything. It knows nothing of the learner's
keys, profiles and proxies. The learner's account is never asked for anything but its number until
somebody has typed that number.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from labkit.engine import connect, making
from labkit.engine.ownership import owned
from labkit.engine.ownership import remove as _remove
from labkit.engine.tasks import API
from labkit.errors import EcsError, NoSuchContainer
from labkit.translation import _
from labkit.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from labkit.ecs.agent import Agent
    from labkit.engine import Engine
    from labkit.engine.ownership import Owned

NAME = "lab-aws"
IMAGE = "lab/aws"
PORT = 5000
REGION = "us-east-1"
#: The account that moto answers for; there is none of this number.
ACCOUNT = "123456789012"
#: moto lets a task grow old with each look at it, unless it is told how many looks that takes.
TRANSITION = "/moto-api/state-manager/set-transition"
LOOKS = 10**9
RESET = "/moto-api/reset"
SECONDS = 30.0


@dataclass(frozen=True)
class Api:
    """An ECS API, and who answers there.

    Attributes:
        name: The container that answers, or empty for the learner's own account.
        account: The number of the account.
    """

    name: str
    endpoint: str
    account: str
    region: str
    session: Any = field(repr=False, compare=False)
    engine: Engine | None = field(default=None, repr=False, compare=False)

    def agent(self, cluster: str) -> Agent:
        """Return the agent that serves a cluster with the containers of the API's engine."""
        from labkit.ecs.agent import Agent

        return Agent(self, cluster)

    def client(self, service: str = "ecs") -> Any:
        """Return boto3's client for one of Amazon's services."""
        if not self.name:
            return self.session.client(service)
        from botocore.config import Config

        settings = Config(proxies={}, retries={"total_max_attempts": 2}, read_timeout=20)
        client = self.session.client(service, endpoint_url=self.endpoint, config=settings)
        if service == "ecs":
            client.meta.events.register("provide-client-params.ecs.RunTask", _asks_machine(client))
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
        EcsError: The name is not the course's.
        NoSuchImage: `lab/aws` is not here.
        WaitTimeout: The server did not come up.
    """
    engine = engine or connect()
    if not name.startswith("lab-"):
        raise EcsError(
            _("`{name}` is not a name of the course.").format(name=name),
            hint=_("Begin it with `lab-`."),
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
        EcsError: There is no such container, or it has ended.
    """
    if not _running(engine, name):
        raise EcsError(
            _("The ECS API `{name}` is gone, and what it knew with it.").format(name=name),
            hint=_('Run the first cells again, or `ecs.local("{name}")`.').format(name=name),
        )
    [(_address, port)] = engine.containers.get(name).ports[f"{PORT}/tcp"][:1]
    return Api(name, f"http://{engine.host}:{port}", ACCOUNT, REGION, _session_of_nobody(), engine)


def remove(name: str = NAME, *, engine: Engine | None = None) -> None:
    """Remove a local API, with the containers, networks and volumes of its tasks."""
    engine = engine or connect()
    _remove(engine, _things(engine, name))


def own_account(
    *,
    profile: str | None = None,
    region: str | None = None,
    ask: Callable[[str], str] = input,
    session: Any = None,
) -> Api:
    """Return the API of the learner's own account, once they have typed its number.

    Args:
        profile: Of `~/.aws/config`; None takes what boto3 finds.
        region: None takes the profile's.
        ask: Shows a text and returns what was typed.
        session: boto3's; None makes one.

    Raises:
        EcsError: boto3 finds no account, or another number was typed. Nothing was changed.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        if session is None:
            import boto3

            session = boto3.Session(profile_name=profile, region_name=region)
        account = str(session.client("sts").get_caller_identity()["Account"])
        meta = session.client("ecs").meta
    except (BotoCoreError, ClientError) as error:
        raise EcsError(
            _("No account of AWS can be asked: {why}").format(why=error),
            hint=_("`ecs.local()` needs none."),
        ) from error
    typed = ask(
        _(
            "This is AWS itself: {endpoint}, region {region}, account {account}. What runs there "
            "costs money. Type the account's number to go on: "
        ).format(endpoint=meta.endpoint_url, region=meta.region_name, account=account)
    )
    if typed.strip() != account:
        raise EcsError(
            _("That is not `{account}`: nothing was done.").format(account=account),
            hint=_("`ecs.local()` asks no account."),
        )
    return Api("", meta.endpoint_url, account, meta.region_name, session)


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


def _running(engine: Engine, name: str) -> bool:
    try:
        return engine.containers.get(name).running
    except NoSuchContainer:
        return False


def _start(engine: Engine, name: str) -> None:
    # Only this machine may ask it; where the engine is another machine, that is not possible.
    address = "127.0.0.1" if engine.host == "127.0.0.1" else ""
    making.create(engine, making.Wanted(name, IMAGE, ports=(making.Port(PORT, address=address),)))
    making.start(engine, name)


def _keeps_tasks_running(api: Api) -> bool:
    """Have moto let tasks run until they are stopped; tell whether it answered."""
    import requests

    endless = {"progression": "manual", "times": LOOKS}
    try:
        _tell(api, TRANSITION, {"model_name": "ecs::task", "transition": endless})
    except requests.ConnectionError:  # it is still starting
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
