"""moto's server in its container, and what a fresh start and a removal leave alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from labkit import ecs
from labkit.engine.tasks import API
from labkit.errors import EcsError
from tests.foreign import inspected

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labkit.engine import Engine

NAME = "lab-aws-try"
WEB = {
    "name": "web",
    "image": "lab/shell",
    "memory": 32,
    "command": ["sleep", "600"],
    "workingDirectory": "/data",
    "cpu": 256,
    "restartPolicy": {"enabled": True, "restartAttemptPeriod": 60},
}
#: Made for the tasks of another API.
OTHERS = "lab-try-other"


@pytest.fixture(scope="module")
def town(planted: str, engine: Engine) -> Iterator[ecs.Api]:
    """An API beside foreign objects; it is gone when they are removed."""
    assert planted
    yield ecs.local(NAME, engine=engine)
    ecs.remove(NAME, engine=engine)


@pytest.fixture
def others(engine: Engine) -> Iterator[dict[str, Any]]:
    """Objects of another API: what inspecting them says."""
    client: Any = engine.client.api
    labels = {API: OTHERS}
    client.create_container("lab/shell", ["true"], name=OTHERS, labels=labels)
    client.create_network(OTHERS, labels=labels)
    client.create_volume(OTHERS, labels=labels)
    yield of_others(engine)
    ecs.remove(OTHERS, engine=engine)


def of_others(engine: Engine) -> dict[str, Any]:
    kinds = {
        "container": engine.containers,
        "network": engine.networks,
        "volume": engine.volumes,
    }
    return {kind: things.get(OTHERS).attrs for kind, things in kinds.items()}


def run_a_task(town: ecs.Api) -> Any:
    """Run a task for real, with a volume; return the definition that the API keeps."""
    client, agent = town.client(), town.agent("lab-try")
    client.create_cluster(clusterName="lab-try")
    agent.round()  # the cluster gets its machine
    mounted = [{"sourceVolume": "lab-try", "containerPath": "/data", "readOnly": True}]
    definition = client.register_task_definition(
        family="lab-try",
        containerDefinitions=[{**WEB, "mountPoints": mounted}],
        volumes=[{"name": "lab-try", "dockerVolumeConfiguration": {"scope": "shared"}}],
    )["taskDefinition"]
    client.run_task(cluster="lab-try", taskDefinition="lab-try")
    agent.round()
    return definition


def made(engine: Engine) -> list[str]:
    """Name what is on the engine for the API's tasks, without the API itself."""
    lists = (engine.containers.list(), engine.networks.list(), engine.volumes.list())
    return [
        str(line) for lines in lists for line in lines if (line["Labels"] or {}).get(API) == NAME
    ]


def test_only_this_machine_may_ask_the_api_whose_account_it_tells_itself(
    town: ecs.Api, engine: Engine
) -> None:
    bound = engine.containers.get(NAME).attrs["HostConfig"]["PortBindings"]
    assert [at["HostIp"] for at in bound["5000/tcp"]] == ["127.0.0.1"]
    assert town.account in town.client().create_cluster(clusterName="x")["cluster"]["clusterArn"]


def test_a_cluster_without_machines_runs_no_task_and_says_what_it_lacks(town: ecs.Api) -> None:
    client = town.client()
    client.create_cluster(clusterName="lab-bare")
    client.register_task_definition(family="lab-bare", containerDefinitions=[WEB])
    with pytest.raises(EcsError, match="no machine") as refusal:
        client.run_task(cluster="lab-bare", taskDefinition="lab-bare")
    assert 'aws.agent("lab-bare").round()' in str(refusal.value)


def test_fresh_books_keep_the_server_and_remove_what_was_run(
    town: ecs.Api, engine: Engine, others: dict[str, Any], planted: str
) -> None:
    before = engine.containers.get(NAME).id
    kept = run_a_task(town)["containerDefinitions"][0]["restartPolicy"]
    assert kept == WEB["restartPolicy"]
    assert len(made(engine)) == 3
    fresh = ecs.local(NAME, fresh=True, engine=engine)
    assert engine.containers.get(NAME).id == before
    assert fresh.client().list_clusters()["clusterArns"] == []
    assert made(engine) == []
    assert of_others(engine) == others
    assert inspected(engine) == planted


def test_a_container_has_what_its_definition_says(town: ecs.Api, engine: Engine) -> None:
    run_a_task(town)
    [line] = [x for x in engine.containers.list() if x["Labels"].get(API) == NAME]
    container = engine.containers.get(line["Id"])
    assert container.working_dir == "/data"
    assert container.attrs["HostConfig"]["CpuShares"] == 256
    assert [(m.name, m.destination, m.read_only) for m in container.mounts] == [
        ("lab-try", "/data", True)
    ]
    ecs.local(NAME, fresh=True, engine=engine)


def test_a_removal_takes_an_api_and_what_was_run_for_it_and_nothing_else(
    town: ecs.Api, engine: Engine, others: dict[str, Any], planted: str
) -> None:
    run_a_task(town)
    ecs.remove(NAME, engine=engine)
    assert not engine.containers.exists(NAME)
    assert made(engine) == []
    assert of_others(engine) == others
    assert inspected(engine) == planted
