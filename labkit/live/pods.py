"""Where the pods of the course are, followed by what the cluster says of pods and machines.

`kubectl` follows one kind of object. What else there is, such as Deployments, is read again when a
pod names one that is not known.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from labkit.cluster import reached
from labkit.cluster_ways import NAME
from labkit.course import Course
from labkit.engine import streams
from labkit.engine.kubernetes import NAMESPACE, Cluster, Pod
from labkit.live.following import EVENTS, Reopen

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from labkit.engine import Engine
    from labkit.engine.kubernetes import Kubectl
    from labkit.engine.objects import Attrs
    from labkit.live.following import Source

PODS, NODES = "pods", "nodes"


class Pods:
    """Follow the pods."""

    def __init__(self) -> None:
        self._kubectl: Kubectl | None = None
        self._missing: set[str] = set()

    def begin(self, engine: Engine) -> Iterator[tuple[str, Source]]:
        """Listen to the engine that has the course's own cluster, and to the cluster."""
        yield EVENTS, streams.events(engine, types=["container"], containers=[NAME])
        watched = _Watched(engine, PODS, f"--namespace={NAMESPACE}")
        self._kubectl = watched.kubectl
        self._missing.clear()
        yield PODS, watched
        yield NODES, _Watched(engine, NODES)

    def read(self, engine: Engine, _before: Cluster | None) -> Cluster:
        """Read all that the course has there."""
        if self._kubectl is not None:
            return Cluster.read(self._kubectl)
        with reached(engine, Course.load()) as kubectl:
            return Cluster.read(kubectl)

    def apply(self, engine: Engine, value: Cluster, said: Sequence[tuple[str, Any]]) -> Cluster:
        """Put each pod and machine as it is now in the place of what it was.

        Raises:
            Reopen: The cluster has ended a watch, also because it was too far behind.
            ClusterError: It does not answer.
        """
        pods = {pod.name: pod for pod in value.pods}
        nodes = {node["metadata"]["name"]: node for node in value.nodes}
        for key, message in said:
            if key not in {PODS, NODES}:
                continue
            if message is None or message["type"] == "ERROR":
                raise Reopen
            name, found = message["object"]["metadata"]["name"], message["object"]
            here: dict[str, Any] = pods if key == PODS else nodes
            here[name] = Pod.from_api(found) if key == PODS else found
            if message["type"] == "DELETED":
                del here[name]
        value = replace(value, nodes=tuple(nodes[name] for name in sorted(nodes)))
        if unknown := _unknown(value, pods) - self._missing:
            value = self.read(engine, value)
            self._missing |= unknown
        return replace(value, pods=tuple(pods[name] for name in sorted(pods)))


def _unknown(found: Cluster, pods: dict[str, Pod]) -> set[str]:
    """Name what pods name that was not read: what made them, and their machines."""
    objects: Iterator[Attrs] = iter((*found.nodes, *found.others))
    known = {item["metadata"]["name"] for item in objects} | {""}
    return {name for pod in pods.values() for name in (pod.owner, pod.node)} - known


class _Watched:
    """What the cluster says of one kind of object, for as long as it is reached."""

    def __init__(self, engine: Engine, *words: str) -> None:
        with ExitStack() as opened:
            self.kubectl = opened.enter_context(reached(engine, Course.load()))
            self._watch = self.kubectl.watch(*words)
            self._opened = opened.pop_all()

    def __iter__(self) -> Iterator[Attrs]:
        return iter(self._watch)

    def close(self) -> None:
        self._watch.close()
        self._opened.close()
