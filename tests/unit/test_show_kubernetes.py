"""The picture of a cluster, drawn from what was read of one."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from labkit.engine.kubernetes import Cluster
from labkit.show.kubernetes import drawn, follow_kubernetes
from tests.unit.test_checks_kubernetes import deployment, pod, replica_set

if TYPE_CHECKING:
    from labkit.show.boxes import Picture

NODE = {
    "kind": "Node",
    "metadata": {"name": "n"},
    "status": {
        "nodeInfo": {"kubeletVersion": "v1.20.2"},
        "conditions": [
            {"type": "DiskPressure", "status": "False"},
            {"type": "Ready", "status": "True"},
        ],
    },
}
CLUSTER = Cluster.from_items(
    (
        NODE,
        deployment("hello"),
        replica_set("hello"),
        pod("hello", ready=True),
        pod("a", owned=False),
    )
)


def test_pods_are_drawn_on_their_nodes_in_the_colour_of_their_deployment() -> None:
    (node,) = drawn(CLUSTER).boxes
    assert (node.title, node.kind) == ("n", "node, v1.20.2, ready")
    assert [(box.title, box.kind, box.mark) for box in node.children] == [
        ("hello-1-x", "pod, Running, ready", "hello"),
        ("a", "pod, Running, not ready", "a"),
    ]


@pytest.mark.parametrize("said", ["False", "Unknown", ""])
def test_a_machine_that_does_not_say_that_it_is_ready_is_not(said: str) -> None:
    conditions = [{"type": "Ready", "status": said}] if said else []
    node = {**NODE, "status": {**NODE["status"], "conditions": conditions}}  # type: ignore[dict-item]
    (box,) = drawn(replace(CLUSTER, nodes=(node,))).boxes
    assert box.kind == "node, v1.20.2, not ready"


def test_a_pod_without_a_node_stands_apart() -> None:
    waiting = replace(CLUSTER.pods[1], node="", reason="Unschedulable", restarts=2)
    _node, nowhere = drawn(replace(CLUSTER, pods=(waiting,))).boxes
    (box,) = nowhere.children
    assert (nowhere.title, box.kind) == ("no node", "pod, Unschedulable, not ready")
    assert box.details == ("image lab/shell:spring", "restarts: 2")


def test_a_cluster_is_drawn_again_when_it_has_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = iter((CLUSTER, CLUSTER, replace(CLUSTER, pods=())))
    pictures: list[Picture] = []
    handle = SimpleNamespace(update=pictures.append)
    monkeypatch.setattr("IPython.display.display", lambda *_args, **_named: handle)
    module = sys.modules[drawn.__module__]  # whose name is also that of its function
    monkeypatch.setattr(module, "reached", lambda *_args: nullcontext())
    monkeypatch.setattr(Cluster, "read", lambda _kubectl: next(seen))
    follow_kubernetes(lambda cluster: not cluster.pods, engine=object())  # type: ignore[arg-type]
    assert [len(picture.boxes[0].children) for picture in pictures] == [2, 0]
    assert all("The cluster after " in picture.title for picture in pictures)
