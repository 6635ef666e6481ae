from __future__ import annotations

from typing import Any

from labkit.engine.swarm import Member, Service, Swarm, Task
from labkit.show.swarm import drawn


def a_member(name: str, **manager: Any) -> Member:
    return Member.from_inspect(
        {
            "ID": f"id-{name}",
            "Description": {"Hostname": name},
            "Spec": {"Role": "manager" if manager else "worker", "Availability": "active"},
            "Status": {"State": "ready"},
            "ManagerStatus": manager,
        }
    )


def a_service(**spec: Any) -> Service:
    return Service.from_inspect(
        {
            "ID": "s1",
            "Spec": {
                "Name": "lab-hello",
                "Mode": {"Replicated": {"Replicas": 3}},
                "TaskTemplate": {"ContainerSpec": {"Image": "lab/shell:latest@sha256:feed"}},
                **spec,
            },
        }
    )


def a_task(slot: int, node: str, state: str = "running", *, desired: str = "running") -> Task:
    return Task.from_inspect(
        {
            "ID": f"t{slot}",
            "ServiceID": "s1",
            "Slot": slot,
            "NodeID": node,
            "Spec": {"ContainerSpec": {"Image": "lab/shell:latest@sha256:feed"}},
            "Status": {"State": state},
            "DesiredState": desired,
            "CreatedAt": "2026-01-01T00:00:00Z",
        }
    )


SWARM = Swarm(
    (a_member("lab-node-1", Leader=True, Reachability="reachable"), a_member("lab-node-2")),
    (a_service(),),
    (
        a_task(1, "id-lab-node-1"),
        a_task(2, "id-lab-node-2"),
        a_task(3, "", "pending"),
        a_task(4, "id-lab-node-2", "failed", desired="shutdown"),
    ),
)


def test_each_node_is_drawn_with_the_tasks_that_it_shall_run() -> None:
    one, two, nowhere = drawn(SWARM, "lab-node-1").boxes
    assert (one.title, one.kind) == ("lab-node-1", "leader, ready")
    assert [task.title for task in one.children] == ["lab-hello.1"]
    assert [task.title for task in two.children] == ["lab-hello.2"]
    assert [(t.title, t.kind) for t in nowhere.children] == [("lab-hello.3", "task, pending")]
    assert one.children[0].details == ("image lab/shell:latest",)
    assert one.children[0].mark == two.children[0].mark


def test_a_service_says_what_is_wanted_and_which_tasks_of_it_run() -> None:
    service = SWARM.service("lab-hello")
    assert service is not None
    assert (service.image, service.replicas) == ("lab/shell:latest", 3)
    assert service.failure_action == "pause"
    assert [task.slot for task in SWARM.of(service)] == [1, 2, 3]
    assert [task.slot for task in SWARM.running(service)] == [1, 2]
    assert SWARM.service("lab-other") is None
    assert SWARM.name_of("id-lab-node-2") == "lab-node-2"
