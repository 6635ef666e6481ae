"""A real Kubernetes cluster for the lesson on it, from the first of these that serves.

A cluster of the learner's own that they name; kind, k3d or minikube; the course's own node. Which
one it is stands beside a kubeconfig of the course. The learner's own is read when they name a
context of it, and never written.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from labkit.cluster_ways import (
    NAME,
    READY_SECONDS,
    come_back,
    have,
    is_foreign,
    kubectl_of,
    node,
    node_kubeconfig,
    take_named,
    tool_of,
)
from labkit.engine import cluster_node, namespace
from labkit.engine.cluster_tools import MINIKUBE, TOOLS
from labkit.engine.kubeconfig import YOU, Taken, course_kubeconfig, forget, taken
from labkit.engine.kubernetes import LATER, NAMESPACE, Kubectl
from labkit.engine.ownership import Owned, Removal, owned, remove
from labkit.errors import ClusterError
from labkit.obtaining import Silent
from labkit.translation import _
from labkit.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from labkit.course import Course
    from labkit.engine import Engine
    from labkit.obtaining import Progress

#: Seconds between two questions: each starts a program.
INTERVAL = 0.3
#: What `plan_down` lists besides what the engine has.
CLUSTER, PART, FILE = "cluster", "namespace", "kubeconfig"


@dataclass(frozen=True)
class ClusterStatus:
    """The cluster.

    Attributes:
        context: What the kubeconfig of the course calls it; empty when there is none.
        served_by: `lab/kubernetes`, `kind`, `k3d`, `minikube`, or `you`, who named it.
        state: `ready`; `absent`; `stopped`, `paused` or `starting`; or why it does not answer.
        version: Kubernetes' version.
        nodes: The names of its machines that are ready.
    """

    context: str
    served_by: str
    state: str
    version: str = ""
    nodes: tuple[str, ...] = ()


def up(
    engine: Engine,
    course: Course,
    *,
    context: str = "",
    empty: bool = False,
    progress: Progress | None = None,
) -> ClusterStatus:
    """Have a cluster that answers, with the course's namespace in it.

    Args:
        engine: Where a cluster is made, if it must be.
        course: Whose images and kubeconfig it gets.
        context: A context of the learner's own kubeconfig.
        empty: Whether what is in the namespace goes.
        progress: Told how far it is.

    Raises:
        LabError: Nothing serves, or the cluster did not become ready.
    """
    progress = progress or Silent()
    path = course_kubeconfig(course.work())
    forget_missing(engine, course)
    if context:
        take_named(path, context)
    elif not is_foreign(path):
        have(engine, course, path, progress)
    kubectl, own = kubectl_of(path), not is_foreign(path)
    if not own:
        come_back(kubectl)
    progress.step(_("cluster"), _("waiting for Kubernetes"), None, None)
    wait_until(
        lambda: _ready_by_now(kubectl, _since(engine, path), own=own),
        what=_("a machine of the cluster to be ready"),
        timeout=READY_SECONDS,
        interval=INTERVAL,
        state=lambda: status(engine, course).state,
        log_tail=(lambda: engine.containers.logs(NAME, tail=8)) if own else None,
        hint=_("Run `labkit cluster down`, then try again."),
    )
    if empty:
        progress.step(_("cluster"), _("emptying it"), None, None)
    namespace.have(kubectl, empty=empty)
    return status(engine, course)


def status(engine: Engine, course: Course) -> ClusterStatus:
    """Say how the cluster is; nothing is changed."""
    path = course_kubeconfig(course.work())
    found = taken(path)
    if found is None or not is_foreign(path):
        state, content = node(engine)
        if state == "absent":
            return ClusterStatus("", "", state)
        found = Taken(cluster_node.IMAGE, NAME)
        if not content:
            return ClusterStatus(found.context, found.served_by, state)
    try:
        with reached(engine, course) as kubectl:
            version = json.loads(kubectl.ask("version", "--output=json"))["serverVersion"]
            nodes = _ready(kubectl, _since(engine, path))
    except ClusterError as error:
        return ClusterStatus(found.context, found.served_by, error.message)
    state = "ready" if nodes else "starting"
    return ClusterStatus(found.context, found.served_by, state, version["gitVersion"], nodes)


@contextmanager
def reached(engine: Engine, course: Course) -> Iterator[Kubectl]:
    """Reach the cluster for the length of a block, as its administrator.

    Raises:
        ClusterError: There is none, or it does not run.
    """
    path = course_kubeconfig(course.work())
    if is_foreign(path):
        yield kubectl_of(path)
        return
    # Asked anew each time: its port may be another, and a grader has no kubeconfig.
    content = node_kubeconfig(engine)
    with TemporaryDirectory(prefix="labkit-cluster-") as folder:
        temporary = Path(folder, "config")
        temporary.write_bytes(content)
        yield Kubectl(temporary, NAME)


def machines(engine: Engine) -> tuple[Owned, ...]:
    """List what the engine has of a cluster that was made for the course, by whatever way."""
    return owned(engine, names=(NAME, f"{NAME}-*", MINIKUBE))


def made_by_tools(engine: Engine) -> tuple[Owned, ...]:
    """List the clusters that kind, k3d or minikube have made for the course."""
    return tuple(
        Owned(CLUSTER, tool.context, tool.name)
        for tool in TOOLS
        if engine.containers.exists(tool.container)
    )


def plan_down(engine: Engine, course: Course) -> tuple[Owned, ...]:
    """List what `down` would remove; nothing is changed, and no cluster is asked."""
    path = course_kubeconfig(course.work())
    found = taken(path)
    part = []
    if found and found.served_by == YOU:
        name = _("{namespace} of the cluster {context}")
        part = [Owned(PART, name.format(namespace=NAMESPACE, context=found.context), NAMESPACE)]
    files = [Owned(FILE, str(path), str(path))] if path.exists() else []
    return (*owned(engine, names=(NAME,)), *made_by_tools(engine), *part, *files)


def down(engine: Engine, course: Course, things: Sequence[Owned]) -> Removal:
    """Remove the cluster, or from one of the learner's own what the course has made there.

    Args:
        engine: Where it is.
        course: Whose kubeconfig goes, too, also when a cluster refuses.
        things: From `plan_down`.

    Returns:
        What went, and what a cluster that is not the course's own has refused.
    """
    path = course_kubeconfig(course.work())
    others = [thing for thing in things if thing.kind in {CLUSTER, PART, FILE}]
    removal = remove(engine, [thing for thing in things if thing not in others])
    refused = dict(removal.refused)
    for thing in others:
        try:
            if thing.kind == CLUSTER:
                _remove_made(engine, thing)
            elif thing.kind == PART:
                namespace.remove(kubectl_of(path))
        except ClusterError as error:
            refused[thing] = str(error)
    forget(path)
    gone = (thing for thing in others if thing not in refused)
    return Removal((*removal.removed, *gone), refused)


def remove_made(engine: Engine) -> None:
    """Remove the clusters that tools have made for the course.

    Raises:
        ClusterError: A tool could not.
    """
    for thing in made_by_tools(engine):
        _remove_made(engine, thing)


def _remove_made(engine: Engine, thing: Owned) -> None:
    tool = next(tool for tool in TOOLS if tool.name == thing.reference)
    with TemporaryDirectory(prefix="labkit-cluster-") as folder:
        # It takes the cluster out of a kubeconfig, and none but the course's knew it.
        tool.run(engine, Path(folder, "config"), tool.delete)


def forget_missing(engine: Engine, course: Course) -> None:
    """Remove the kubeconfig of a cluster that was made for the course and is gone."""
    path = course_kubeconfig(course.work())
    if (found := taken(path)) and found.served_by != YOU:
        tool = tool_of(found)
        if not engine.containers.exists(tool.container if tool else NAME):
            forget(path)


def _since(engine: Engine, path: Path) -> str:
    """Say when the course's own node was started; the cluster remembers what was before."""
    if is_foreign(path) or not engine.containers.exists(NAME):
        return ""
    # To the second, as Kubernetes writes it.
    return str(engine.containers.get(NAME).attrs["State"]["StartedAt"])[:19]


def _ready(kubectl: Kubectl, since: str) -> tuple[str, ...]:
    """Name the machines that have said since a moment that they are ready."""
    return tuple(
        item["metadata"]["name"]
        for item in kubectl.get("nodes")
        if any(
            c["type"] == "Ready"
            and c["status"] == "True"
            and (not since or c.get("lastHeartbeatTime", "") > since)
            for c in item["status"].get("conditions") or ()
        )
    )


def _ready_by_now(kubectl: Kubectl, since: str, *, own: bool) -> tuple[str, ...]:
    """Name the machines that are ready; none while the cluster does not answer yet."""
    try:
        return _ready(kubectl, since)
    except ClusterError as error:
        # The course's own says many things while it starts; another's says what is wrong.
        if own or LATER.search(error.message):
            return ()
        raise
