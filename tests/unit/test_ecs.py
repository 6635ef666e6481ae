from __future__ import annotations

from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from labkit import ecs
from labkit.ecs.derive import derive
from labkit.ecs.plan import plan
from labkit.ecs.state import Task
from labkit.engine import making
from labkit.engine.tasks import CONTAINER, TASK
from labkit.errors import EcsError, NoSuchImage
from tests.unit.fake_ecs import FakeEcs, put_container

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

WEB = {"name": "web", "image": "lab/web", "memory": 32}


# The learner's own account


@dataclass
class Account:
    """A session of boto3 that notes which services were asked."""

    number: str = "210987654321"
    asked: tuple[str, ...] = ()

    def client(self, service: str) -> Any:
        self.asked = (*self.asked, service)
        return SimpleNamespace(
            get_caller_identity=lambda: {"Account": self.number},
            meta=SimpleNamespace(
                endpoint_url="https://ecs.eu-west-1.amazonaws.com", region_name="eu-west-1"
            ),
        )


def test_the_own_account_is_asked_for_once_its_number_was_typed() -> None:
    shown: list[str] = []

    def learner(text: str) -> str:
        shown.append(text)
        return " 210987654321\n"

    api = ecs.own_account(session=Account(), ask=learner)
    assert (api.name, api.account, api.region) == ("", "210987654321", "eu-west-1")
    for fact in ("https://ecs.eu-west-1.amazonaws.com", "eu-west-1", "210987654321", "money"):
        assert fact in shown[0]


@pytest.mark.parametrize("typed", ["", "y", "yes", "210987654320"])
def test_anything_else_than_the_number_leads_nowhere(typed: str) -> None:
    account = Account()
    with pytest.raises(EcsError, match="nothing was done"):
        ecs.own_account(session=account, ask=lambda _text: typed)
    assert account.asked == ("ecs", "sts")


def test_the_agent_serves_no_account_of_aws() -> None:
    api = ecs.own_account(session=Account(), ask=lambda _text: "210987654321")
    with pytest.raises(EcsError, match="AWS runs the tasks"):
        api.agent("lab-x")


def test_an_account_that_cannot_be_asked_is_said_in_a_sentence() -> None:
    botocore = pytest.importorskip("botocore.exceptions")

    class Nobody:
        def client(self, service: str) -> Any:
            raise botocore.NoCredentialsError

    with pytest.raises(EcsError, match="No account of AWS can be asked") as caught:
        ecs.own_account(session=Nobody(), ask=lambda _text: pytest.fail("nothing to confirm"))
    assert "`aws configure`" in caught.value.hint
    assert "ecs.local()" in caught.value.hint


@pytest.fixture
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No profile, key or region of this machine's, and no way to ask a cloud's machine for one."""
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.mark.usefixtures("no_settings")
def test_a_missing_region_profile_or_key_is_told_with_what_helps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def hint(**how: str) -> str:
        with pytest.raises(EcsError) as caught:
            ecs.own_account(ask=lambda _text: pytest.fail("nothing to confirm"), **how)  # type: ignore[arg-type]
        return caught.value.hint

    assert "region=" in hint()
    assert "list-profiles" in hint(profile="nobody")
    assert "`aws configure`" in hint(region="eu-central-1")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    assert "`aws configure`" in hint()


def test_aws_gets_no_definition_with_an_image_of_the_course() -> None:
    import boto3

    session = boto3.Session("key", "secret", region_name="eu-central-1")
    client = ecs.Api("", "https://ecs.eu-central-1.amazonaws.com", "eu-central-1", session).client()
    with pytest.raises(EcsError, match="would pull `lab/web` from Docker Hub") as caught:
        client.register_task_definition(family="x", containerDefinitions=[WEB])
    assert "docker push" in caught.value.hint


# The local API


def test_the_local_api_knows_nothing_of_the_learners_keys(
    monkeypatch: pytest.MonkeyPatch, fake_engine: Any
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "not-there")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "the-learners")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://ecs.eu-west-1.amazonaws.com")
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    made = put_container(fake_engine, "x/y", host=32768, inner=5000)
    fake_engine.containers.things["lab-aws"] = replace(made, image="lab/aws")
    api = ecs.find(fake_engine)
    client = api.client()
    assert client.meta.endpoint_url == "http://127.0.0.1:32768"
    assert client.meta.config.proxies == {}
    assert api.session.get_credentials().access_key == "nobody"


def test_an_api_that_is_gone_is_said_with_what_brings_it_back(fake_engine: Any) -> None:
    with pytest.raises(EcsError, match="`lab-aws-x` is gone") as caught:
        ecs.find(fake_engine, "lab-aws-x")
    assert 'ecs.local("lab-aws-x")' in caught.value.hint


@pytest.mark.parametrize("status", ["running", "exited"])
def test_another_container_of_the_name_is_neither_asked_nor_removed(
    fake_engine: Any, status: str
) -> None:
    """The fake engine removes nothing: an attempt would be an AttributeError."""
    made = put_container(fake_engine, "x/y", status=status)
    fake_engine.containers.things["lab-web"] = made
    for act in (lambda: ecs.find(fake_engine, "lab-web"), *attempts(fake_engine)):
        with pytest.raises(EcsError, match="`lab-web` is a container of `lab/shell`") as caught:
            act()
        assert "another name" in caught.value.hint


def attempts(engine: Any) -> Iterator[Callable[[], object]]:
    yield lambda: ecs.local("lab-web", engine=engine)
    yield lambda: ecs.local("lab-web", engine=engine, fresh=True)
    yield lambda: ecs.remove("lab-web", engine=engine)


def test_on_another_machines_engine_there_is_no_local_api(fake_engine: Any) -> None:
    fake_engine.host, fake_engine.endpoint = "far.example", "tcp://far.example:2376"
    with pytest.raises(EcsError, match="another machine's engine") as caught:
        ecs.local(engine=fake_engine)
    assert "docker context use default" in caught.value.hint


def test_a_local_api_has_a_name_of_the_course(fake_engine: Any) -> None:
    with pytest.raises(EcsError, match="not a name of the course"):
        ecs.local("aws", engine=fake_engine)


# From Compose


def service(**more: Any) -> dict[str, Any]:
    return {"image": "lab/api", **more}


def test_what_ecs_has_a_word_for_is_taken_over() -> None:
    web = service(
        mem_limit="67108864",
        environment={"A": "1", "B": None},
        ports=[{"target": 80, "published": "8080"}, {"target": 81}],
        depends_on={"db": {"condition": "service_healthy"}},
        command=["serve"],
    )
    db = service(
        mem_limit="67108864",
        healthcheck={"test": ["CMD", "ok"], "interval": "1m30s", "timeout": "1500ms"},
        volumes=[{"type": "volume", "source": "data", "target": "/data"}],
    )
    derived = derive({"name": "lab-x", "services": {"web": web, "db": db}})
    assert derived.notes == ()
    assert derived.definition["family"] == "lab-x"
    first, second = derived.definition["containerDefinitions"]
    assert first == {
        "name": "web",
        "image": "lab/api",
        "memory": 64,
        "command": ["serve"],
        "environment": [{"name": "A", "value": "1"}, {"name": "B", "value": ""}],
        "portMappings": [{"containerPort": 80, "hostPort": 8080}, {"containerPort": 81}],
        "links": ["db"],
        "dependsOn": [{"containerName": "db", "condition": "HEALTHY"}],
    }
    assert second["healthCheck"] == {"command": ["CMD", "ok"], "interval": 90, "timeout": 2}
    assert second["mountPoints"] == [{"sourceVolume": "data", "containerPath": "/data"}]
    assert [volume["name"] for volume in derived.definition["volumes"]] == ["data"]


def test_what_is_lost_or_added_is_said() -> None:
    web = service(
        restart="always",
        configs=[{"source": "x"}],
        depends_on={"db": {"condition": "service_healthy"}},
    )
    db = service(healthcheck={"test": ["CMD", "ok"], "interval": "1s", "retries": 20})
    bare = derive({"name": "lab-x", "services": {"web": web, "db": service()}}).notes
    assert any("web has no memory limit" in note for note in bare)
    assert any("web: ECS restarts only what has run for 60 s" in note for note in bare)
    assert "web: configs is not taken over." in bare
    assert any("no health check for db" in note for note in bare)
    checked = derive({"name": "lab-x", "services": {"web": web, "db": db}})
    assert "db: ECS takes 5 to 300 for interval of its healthCheck." in checked.notes
    assert "db: ECS takes 1 to 10 for retries of its healthCheck." in checked.notes
    check = checked.definition["containerDefinitions"][1]["healthCheck"]
    assert check == {"command": ["CMD", "ok"], "interval": 5, "retries": 10}


def test_each_setting_is_taken_over_or_noted() -> None:
    web = service(
        mem_limit="67108864",
        mem_reservation="33554432",
        cpu_shares=512,
        working_dir="/srv",
        networks={"default": None, "back": None},
        ports=[
            {"target": 53, "published": "5353", "protocol": "udp", "host_ip": "127.0.0.1"},
            {"target": 80, "published": "8080-8090", "protocol": "tcp"},
        ],
        volumes=[
            {"type": "bind", "source": "/x", "target": "/x"},
            {"type": "volume", "source": "data", "target": "/data", "read_only": True},
        ],
        healthcheck={"test": ["CMD", "ok"], "start_interval": "1s"},
        restart="on-failure:3",
        depends_on={"gone": {"condition": "service_started", "required": False}},
        cpus=0.5,
        privileged=True,
        tmpfs=["/scratch"],
        a_key_of_next_year="x",
    )
    data = {"name": "lab-x_data", "driver_opts": {"type": "nfs"}}
    derived = derive({"name": "lab-x", "services": {"web": web}, "volumes": {"data": data}})
    [made] = derived.definition["containerDefinitions"]
    assert (made["cpu"], made["memoryReservation"]) == (512, 32)
    assert made["workingDirectory"] == "/srv"
    assert made["portMappings"] == [
        {"containerPort": 53, "protocol": "udp", "hostPort": 5353},
        {"containerPort": 80},
    ]
    assert made["mountPoints"] == [
        {"sourceVolume": "data", "containerPath": "/data", "readOnly": True}
    ]
    assert "dependsOn" not in made
    assert set(derived.notes) == {
        "web: cpus is not taken over.",
        "web: privileged is not taken over.",
        "web: tmpfs is not taken over.",
        "web: a_key_of_next_year is not taken over.",
        "web: networks is not taken over.",
        "web: port 53 is open at every address, not at 127.0.0.1 alone.",
        "web: of the ports 8080-8090, any free one of the host is taken.",
        "web: what is mounted at /x is no named volume, and is not taken over.",
        "web: start_interval is not taken over.",
        "web: ECS restarts only what has run for 60 s before it ended.",
        "web: ECS does not count restarts.",
        "data: driver_opts is not taken over.",
    }


def test_what_must_end_first_is_not_essential_and_the_agent_takes_it() -> None:
    web = service(depends_on={"init": {"condition": "service_completed_successfully"}})
    derived = derive({"name": "lab-x", "services": {"init": service(), "web": web}})
    init, made = derived.definition["containerDefinitions"]
    assert init["essential"] is False
    assert "links" not in made
    assert made["dependsOn"] == [{"containerName": "init", "condition": "SUCCESS"}]
    assert "init must end before web starts, so it is not essential." in derived.notes
    assert [p.name for p in planned(made, init)] == ["init", "web"]


@pytest.mark.parametrize(
    ("policy", "taken"),
    [
        ("no", None),
        ("always", {"enabled": True, "restartAttemptPeriod": 60}),
        (
            "on-failure:3",
            {"enabled": True, "ignoredExitCodes": [0], "restartAttemptPeriod": 60},
        ),
    ],
)
def test_a_restart_policy_is_taken_over(policy: str, taken: dict[str, Any] | None) -> None:
    derived = derive({"name": "lab-x", "services": {"web": service(restart=policy)}})
    assert derived.definition["containerDefinitions"][0].get("restartPolicy") == taken


# From a task definition to containers


def a_task(definition: str = "arn:x/lab-x:1", **overrides: Any) -> Task:
    return Task("arn:y/lab-x/1234567890", definition, "family:lab-x", "RUNNING", "", overrides)


def planned(*containers: dict[str, Any], task: Task | None = None, **more: Any) -> Any:
    definition = {"taskDefinitionArn": "arn:x/lab-x:7", "containerDefinitions": containers, **more}
    return plan(definition, task or a_task(), cluster="town", api="lab-aws")


def shared(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "dockerVolumeConfiguration": {"scope": "shared", **more}}


def test_a_container_gets_what_its_definition_says() -> None:
    [web] = planned(
        {
            **WEB,
            "environment": [{"name": "A", "value": "1"}],
            "portMappings": [
                {"containerPort": 80, "hostPort": 8080},
                {"containerPort": 53, "protocol": "udp"},
            ],
            "mountPoints": [
                {"sourceVolume": "data", "containerPath": "/data"},
                {"sourceVolume": "pages", "containerPath": "/pages", "readOnly": True},
            ],
            "healthCheck": {"command": ["CMD", "ok"], "interval": 5},
            "workingDirectory": "/pages",
            "cpu": 512,
        },
        volumes=[shared("data"), shared("pages")],
    )
    wanted = web.wanted
    assert wanted.name == "lab-x-7-web-12345678"
    assert (wanted.image, wanted.memory, wanted.network) == ("lab/web", 32 * 2**20, "lab-town")
    assert wanted.environment == {"A": "1"}
    assert [(p.inner, p.host, p.protocol) for p in wanted.ports] == [
        (80, 8080, "tcp"),
        (53, 0, "udp"),
    ]
    assert wanted.volumes == (("lab-data", "/data"), ("lab-pages", "/pages:ro"))
    assert (wanted.workdir, wanted.cpu_shares) == ("/pages", 512)
    assert wanted.health is not None
    assert wanted.health.interval == 5
    assert wanted.labels["labkit.ecs"] == "lab-aws"
    assert wanted.labels["com.amazonaws.ecs.task-definition-version"] == "7"


def test_what_is_waited_for_and_linked_comes_first() -> None:
    names = [
        p.name
        for p in planned(
            {**WEB, "dependsOn": [{"containerName": "init", "condition": "SUCCESS"}]},
            {**WEB, "name": "init", "links": ["db:base"], "essential": False},
            {**WEB, "name": "db"},
        )
    ]
    assert names == ["db", "init", "web"]


def test_a_link_leads_to_the_container_of_the_same_task() -> None:
    _db, web = planned({**WEB, "links": ["db:base"]}, {**WEB, "name": "db"})
    assert web.wanted.links == (("lab-x-7-db-12345678", "base"),)


def test_a_circle_and_a_stray_name_are_refused() -> None:
    one = {**WEB, "dependsOn": [{"containerName": "two", "condition": "START"}]}
    two = {**WEB, "name": "two", "dependsOn": [{"containerName": "web", "condition": "START"}]}
    with pytest.raises(EcsError, match="wait for each other"):
        planned(one, two)
    with pytest.raises(EcsError, match="two, which is not in the task"):
        planned(one)


@pytest.mark.parametrize(
    ("container", "definition", "said"),
    [
        ({"privileged": True}, {}, "web asks for: privileged"),
        ({"secrets": [{"name": "A"}], "hostname": "x"}, {}, "web asks for: hostname, secrets"),
        ({"portMappings": [{"containerPortRange": "1-2"}]}, {}, "containerPortRange"),
        ({}, {"networkMode": "awsvpc"}, "bridge, and not awsvpc"),
        ({}, {"networkMode": "host"}, "bridge, and not host"),
        ({}, {"taskRoleArn": "arn:z"}, "lab-x:7 asks for: taskRoleArn"),
        ({}, {"volumes": [{"name": "v", "host": {"sourcePath": "/"}}]}, "v asks for: host"),
        ({}, {"volumes": [{"name": "v", "host": {}}]}, "scope shared: v is none"),
        ({}, {"volumes": [shared("v", driver="rexray")]}, "v is none"),
        ({}, {"volumes": [shared("v", driverOpts={"type": "nfs"})]}, "driverOpts"),
    ],
)
def test_what_the_agent_cannot_do_is_refused(
    container: dict[str, Any], definition: dict[str, Any], said: str
) -> None:
    with pytest.raises(EcsError, match=said):
        planned({**WEB, **container}, **definition)


def test_an_override_that_the_agent_cannot_do_is_refused() -> None:
    change = {"name": "web", "memory": 64}
    with pytest.raises(EcsError, match="web asks for: memory"):
        planned(WEB, task=a_task(containerOverrides=[change]))


def test_what_amazon_fills_in_asks_for_nothing() -> None:
    filled = {"cpu": 0, "volumesFrom": [], "mountPoints": [], "systemControls": []}
    assert planned({**WEB, **filled}, placementConstraints=[], volumes=[], status="ACTIVE")


@pytest.mark.parametrize("condition", ["SUCCESS", "COMPLETE"])
def test_nothing_waits_for_the_end_of_an_essential_container(condition: str) -> None:
    waits = {**WEB, "dependsOn": [{"containerName": "init", "condition": condition}]}
    init = {**WEB, "name": "init"}
    with pytest.raises(EcsError, match=f"web waits for {condition} of init, which is essential"):
        planned(waits, init)
    assert len(planned(waits, {**init, "essential": False})) == 2


def test_a_run_may_change_command_and_environment() -> None:
    change = {
        "name": "web",
        "command": ["migrate"],
        "environment": [{"name": "A", "value": "2"}],
    }
    [web] = planned(
        {**WEB, "command": ["serve"], "environment": [{"name": "A", "value": "1"}]},
        task=a_task(containerOverrides=[change]),
    )
    assert web.wanted.command == ("migrate",)
    assert web.wanted.environment == {"A": "2"}


# The agent


@pytest.fixture
def api(fake_engine: Any, monkeypatch: pytest.MonkeyPatch) -> FakeEcs:
    """An API whose agent puts containers on the fake engine; an image `missing` is not there."""
    api = FakeEcs("lab-town")
    api.engine = fake_engine
    things, made = fake_engine.containers.things, {}

    def put(name: str, status: str, code: int = 0) -> None:
        """Containers stand on the fake engine under names of their own; `made` knows which."""
        labels = things[made.get(name, name)].labels
        put_container(api.engine, labels[TASK], labels[CONTAINER], status=status, code=code)

    def create(engine: Any, wanted: making.Wanted) -> None:
        labels = wanted.labels
        container = put_container(engine, labels[TASK], labels[CONTAINER], status="created")
        made[wanted.name] = container.name

    def start(_engine: Any, name: str) -> None:
        put(name, "running")

    def stop(_engine: Any, name: str, **_: Any) -> None:
        put(name, "exited", 143)

    def image(name: str) -> None:
        if name == "missing":
            raise NoSuchImage(name)

    monkeypatch.setattr(fake_engine.images, "get", image)
    for name, function in (("create", create), ("start", start), ("stop", stop)):
        monkeypatch.setattr(making, name, function)
    for name in ("ensure_network", "ensure_volume"):
        monkeypatch.setattr(making, name, lambda *_: None)
    return api


def agent(api: FakeEcs) -> ecs.Agent:
    return ecs.Agent(api, "lab-town")  # type: ignore[arg-type]


def living(api: FakeEcs) -> list[str]:
    return sorted(
        c.labels[TASK][-1] + c.labels[CONTAINER]
        for c in api.engine.containers.things.values()
        if c.running
    )


def test_a_task_on_the_books_gets_its_containers_and_then_there_is_nothing_to_do(
    api: FakeEcs,
) -> None:
    api.task(api.define("lab-x", WEB, {**WEB, "name": "db"}), "family:lab-x")
    served = agent(api)
    assert [line.split()[-1] for line in served.round().lines] == ["family:lab-x"]
    assert living(api) == ["0db", "0web"]
    assert served.round().lines == ()
    assert repr(served.round()) == "nothing to do"


def test_a_task_ends_with_its_first_essential_container(api: FakeEcs) -> None:
    task = api.task(api.define("lab-x", WEB, {**WEB, "name": "db"}), "family:lab-x")
    served = agent(api)
    served.round()
    put_container(api.engine, task, "db", status="exited", code=137)
    lines = served.round().lines
    assert "db has ended with 137, and is essential" in lines[0]
    assert api.tasks[task]["lastStatus"] == "STOPPED"
    assert api.tasks[task]["stoppedReason"] == "Essential container in task exited"
    assert living(api) == []


def test_a_task_outlives_a_container_that_is_not_essential(api: FakeEcs) -> None:
    task = api.task(api.define("lab-x", WEB, {**WEB, "name": "init", "essential": False}), "f")
    served = agent(api)
    served.round()
    put_container(api.engine, task, "init", status="exited")
    assert served.round().lines == ()
    assert living(api) == ["0web"]


@pytest.mark.parametrize(
    ("policy", "code", "ran", "again"),
    [
        ({"enabled": True, "restartAttemptPeriod": 60}, 1, 60, True),
        ({"enabled": True, "restartAttemptPeriod": 60}, 1, 59, False),
        ({"enabled": True}, 1, 60, False),
        ({"enabled": True, "ignoredExitCodes": [0]}, 0, 900, False),
        ({"enabled": False}, 1, 900, False),
    ],
)
def test_a_container_is_started_again_where_its_policy_says_so(
    api: FakeEcs, policy: dict[str, Any], code: int, ran: int, *, again: bool
) -> None:
    task = api.task(api.define("lab-x", {**WEB, "restartPolicy": policy}), "family:lab-x")
    served = agent(api)
    served.round()
    put_container(api.engine, task, status="exited", code=code, ran=ran)
    line = served.round().lines[0]
    assert ("was started again" in line, "is essential" in line) == (again, not again)
    assert api.tasks[task]["lastStatus"] == ("RUNNING" if again else "STOPPED")


def test_a_service_gets_as_many_tasks_as_it_wants_and_no_more(api: FakeEcs) -> None:
    api.serve("s", api.define("lab-x", WEB), 3)
    served = agent(api)
    served.round()
    assert len(living(api)) == 3
    api.services["s"]["desiredCount"] = 1
    served.round()
    assert len(living(api)) == 1


def test_a_new_revision_replaces_the_old_one_once_it_runs(api: FakeEcs) -> None:
    api.serve("s", api.define("lab-x", WEB), 2)
    served = agent(api)
    served.round()
    api.services["s"]["taskDefinition"] = "lab-x:2"  # moto keeps what it was told
    new = api.define("lab-x", {**WEB, "image": "lab/web:2"})
    served.round()
    running = [t for t in api.tasks.values() if t["lastStatus"] == "RUNNING"]
    assert [t["taskDefinitionArn"] for t in running] == [new, new]
    assert living(api) == ["2web", "3web"]


def test_a_revision_that_cannot_start_replaces_nothing(api: FakeEcs) -> None:
    api.serve("s", api.define("lab-x", WEB), 1)
    served = agent(api)
    served.round()
    api.services["s"]["taskDefinition"] = api.define("lab-x", {**WEB, "image": "missing"})
    lines = served.round().lines
    assert "could not start: There is no image `missing`" in lines[0]
    assert lines[-1] == "s keeps lab-x:1, since its new tasks do not run"
    assert living(api) == ["0web"]


def test_a_task_that_was_stopped_on_the_books_is_stopped(api: FakeEcs) -> None:
    task = api.task(api.define("lab-x", WEB), "family:lab-x")
    served = agent(api)
    served.round()
    api.stop_task(task=task, reason="enough")
    served.round()
    assert living(api) == []


def test_tasks_of_a_service_that_is_gone_are_stopped(api: FakeEcs) -> None:
    api.serve("s", api.define("lab-x", WEB), 2)
    served = agent(api)
    served.round()
    api.services["s"]["status"] = "INACTIVE"
    served.round()
    assert living(api) == []


def test_waiting_for_health_without_a_check_is_refused(api: FakeEcs) -> None:
    waits = {**WEB, "dependsOn": [{"containerName": "db", "condition": "HEALTHY"}]}
    task = api.task(api.define("lab-x", waits, {**WEB, "name": "db"}), "family:lab-x")
    assert "which has no healthCheck" in agent(api).round().lines[-1]
    assert api.tasks[task]["lastStatus"] == "STOPPED"
    assert living(api) == []


def test_a_cluster_that_is_not_there_is_said(api: FakeEcs) -> None:
    served = ecs.Agent(api, "lab-village")  # type: ignore[arg-type]
    with pytest.raises(EcsError, match="no cluster `lab-village`"):
        served.round()
