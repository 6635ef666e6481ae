"""Where tasks and pods are: what makes a swarm or a cluster be asked again, and what does not."""

from __future__ import annotations

import sys
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from labkit.engine.kubernetes import Cluster, Watch
from labkit.engine.swarm import Swarm
from labkit.live.following import EVENTS, Reopen
from labkit.live.placement import MANAGER, Placement
from labkit.live.pods import NODES, PODS, Pods
from tests.unit.test_checks_kubernetes import deployment, pod, replica_set
from tests.unit.test_live import an_event
from tests.unit.test_show_swarm import SWARM, a_member

if TYPE_CHECKING:
    from collections.abc import Iterator

STARTED = an_event("container", "start", "c1")


class FakeManager:
    """Answers with what is to be found, and counts."""

    def __init__(self, *found: Swarm) -> None:
        self.found = list(found)
        self.wished = 0

    def read(self) -> Swarm:
        return self.found.pop(0)

    def again(self) -> None:
        self.wished += 1


def a_placement(*found: Swarm) -> tuple[Placement, FakeManager]:
    placement, manager = Placement("lab-node-1"), FakeManager(*found)
    placement._asked = manager  # type: ignore[assignment]
    placement._names = frozenset({"lab-node-1", "lab-node-2"})
    return placement, manager


@pytest.mark.parametrize(
    "event",
    [
        STARTED,
        an_event("node", "update", "n2"),
        an_event("service", "create", "s1"),
        an_event("image", "pull", "lab/shell"),
        an_event("network", "disconnect", "n1", container="c1"),
    ],
)
def test_a_manager_is_asked_after_an_event_and_once_more_in_a_moment(event: Any) -> None:
    placement, manager = a_placement(SWARM)
    assert placement.apply(object(), Swarm(), [("lab-node-2", event)]) is SWARM  # type: ignore[arg-type]
    assert manager.wished == 1


@pytest.mark.parametrize("action", ["exec_start: true", "top", "kill"])
def test_a_manager_is_left_alone_by_what_changes_nothing(action: str) -> None:
    placement, manager = a_placement()
    said = [("lab-node-2", an_event("container", action, "c1"))]
    assert placement.apply(object(), SWARM, said) is SWARM  # type: ignore[arg-type]
    assert manager.wished == 0


def test_a_manager_is_asked_on_and_on_only_while_something_moves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = iter((0.0, 2.0, 4.0, 6.0, 8.0))
    monkeypatch.setattr("labkit.live.placement.time.monotonic", lambda: next(clock))
    fewer = replace(SWARM, tasks=())
    placement, manager = a_placement(SWARM, SWARM, fewer, fewer, fewer)
    value, wished = Swarm(), []
    for message in [(EVENTS, STARTED), *[(MANAGER, MANAGER)] * 4]:
        value = placement.apply(object(), value, [message])  # type: ignore[arg-type]
        wished.append(manager.wished)
    assert wished == [1, 2, 3, 4, 4], "three seconds after the last change it ends"


def test_a_node_that_joined_is_listened_to() -> None:
    more = replace(SWARM, members=(*SWARM.members, a_member("lab-node-3")))
    placement, _manager = a_placement(more)
    with pytest.raises(Reopen):
        placement.apply(object(), SWARM, [(MANAGER, MANAGER)])  # type: ignore[arg-type]


CLUSTER = Cluster.from_items((deployment("hello"), replica_set("hello"), pod("hello")))


def a_change(kind: str, attrs: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    return PODS, {"type": kind, "object": attrs}


def pods_of(found: Cluster) -> list[tuple[str, bool]]:
    return [(pod.name, pod.ready) for pod in found.pods]


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[object]]:
    """How often all of the cluster was read."""
    asked: list[object] = []
    monkeypatch.setattr(Cluster, "read", lambda kubectl: asked.append(kubectl) or CLUSTER)
    return asked


def followed() -> Pods:
    pods = Pods()
    pods._kubectl = object()  # type: ignore[assignment]
    return pods


def test_a_pod_is_as_the_cluster_said_last(read: list[object]) -> None:
    node = {"kind": "Node", "metadata": {"name": "n"}, "status": {}}
    known = replace(CLUSTER, nodes=(node,))
    ready, alone = pod("hello", ready=True), pod("a", owned=False)
    after = followed().apply(
        object(), known, [a_change("MODIFIED", ready), a_change("ADDED", alone)]
    )  # type: ignore[arg-type]
    assert pods_of(after) == [("a", False), ("hello-1-x", True)]
    gone = followed().apply(object(), after, [a_change("DELETED", ready)])  # type: ignore[arg-type]
    assert pods_of(gone) == [("a", False)]
    assert not read


def test_what_a_pod_names_and_nobody_knows_is_read_once(read: list[object]) -> None:
    pods, value = followed(), CLUSTER
    for _time in range(2):
        value = pods.apply(object(), value, [a_change("ADDED", pod("other"))])  # type: ignore[arg-type]
    assert len(read) == 1
    assert [name for name, _ready in pods_of(value)] == ["hello-1-x", "other-1-x"]


EXPIRED = {"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired"}}


@pytest.mark.parametrize("key", [PODS, NODES])
@pytest.mark.parametrize("message", [None, EXPIRED])
def test_a_watch_that_the_cluster_ended_is_begun_anew(key: str, message: Any) -> None:
    with pytest.raises(Reopen):
        followed().apply(object(), CLUSTER, [(key, message)])  # type: ignore[arg-type]


def test_a_machine_is_as_the_cluster_said_last(read: list[object]) -> None:
    one, other = ({"metadata": {"name": name}, "status": {}} for name in "an")
    said = [(NODES, {"type": "ADDED", "object": node}) for node in (other, one)]
    after = followed().apply(object(), CLUSTER, said)  # type: ignore[arg-type]
    assert after.nodes == (one, other)
    gone = followed().apply(object(), after, [(NODES, {"type": "DELETED", "object": one})])  # type: ignore[arg-type]
    assert gone.nodes == (other,)
    assert len(read) == 0


def test_a_watch_is_read_message_by_message_and_closed_while_it_waits() -> None:
    for_people = '{\\n  "type": "ADDED",\\n  "object": {}\\n}\\n'
    short = for_people.replace("\\n", "")
    program = f"import signal; print('{for_people}' + '{short}\\n', flush=True); signal.pause()"
    watch = Watch([sys.executable, "-c", program], {})
    messages = iter(watch)
    assert [next(messages), next(messages)] == [{"type": "ADDED", "object": {}}] * 2
    rest: list[object] = []
    reader = threading.Thread(target=lambda: rest.extend(messages))
    reader.start()
    watch.close()
    reader.join(30)
    assert (rest, reader.is_alive()) == ([], False)
