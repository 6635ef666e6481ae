from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from labkit.engine import nested
from labkit.engine.swarm import Member, Service, Swarm, Task
from labkit.show.swarm import drawn, follow_swarm

if TYPE_CHECKING:
    import pytest

    from labkit.show.boxes import Picture


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


def test_a_swarm_is_settled_when_its_replicas_run_where_they_may() -> None:
    three = tuple(a_task(slot, "id-lab-node-2") for slot in (1, 2, 3))
    assert not SWARM.settled
    whole = replace(SWARM, tasks=three)
    assert whole.settled
    assert whole.down == ()
    first, second = whole.members
    drained = replace(whole, members=(first, replace(second, availability="drain")))
    assert not drained.settled
    broken = replace(whole, members=(first, replace(second, state="down")))
    assert not broken.settled
    assert broken.down == ("lab-node-2",)


def test_a_swarm_is_drawn_again_when_it_has_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = replace(SWARM, tasks=tuple(a_task(slot, "id-lab-node-1") for slot in (1, 2, 3)))
    seen = iter((SWARM, SWARM, whole))
    pictures: list[Picture] = []
    handle = SimpleNamespace(update=pictures.append)
    monkeypatch.setattr("IPython.display.display", lambda *_args, **_named: handle)
    monkeypatch.setattr(nested, "connected", lambda *_args: nullcontext())
    monkeypatch.setattr(Swarm, "read", lambda _manager: next(seen))
    follow_swarm(lambda swarm: swarm.settled, engine=object())  # type: ignore[arg-type]
    assert [len(picture.boxes) for picture in pictures] == [3, 2]
    assert all("lab-node-1 sees it after " in picture.title for picture in pictures)
