"""A real Kubernetes cluster for the lesson on it, from the first of these that serves.

A cluster of the learner's own that they name; kind, k3d or minikube; the course's own node. Which
one it is stands in a kubeconfig of the course. The learner's own is read when they name a context
of it, and never written.
"""

from __future__ import annotations

import json
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from labkit import images
from labkit.engine import cluster_node, nested, transfer, trials
from labkit.engine.cluster_tools import TOOLS
from labkit.engine.kubeconfig import course_kubeconfig, current_context, own_kubeconfig
from labkit.engine.kubernetes import NAMESPACE, Kubectl
from labkit.engine.ownership import owned, remove
from labkit.engine.verdicts import Verdict
from labkit.errors import ClusterError, LabError
from labkit.files import write_atomically
from labkit.node_registry import free_port
from labkit.obtaining import Silent
from labkit.translation import _
from labkit.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from labkit.course import Course
    from labkit.engine import Engine
    from labkit.engine.cluster_tools import Tool
    from labkit.engine.ownership import Owned, Removal
    from labkit.obtaining import Progress

NAME = cluster_node.NAME
NEEDED = (trials.IMAGE, cluster_node.IMAGE)
FIRST_PORT, FIRST_API_PORT = 23768, 23769
READY_SECONDS = 180.0
#: Seconds between two questions: each starts a program.
INTERVAL = 0.3
#: What `up --empty` removes, besides pods.
EMPTIED = (
    "deployments,statefulsets,daemonsets,jobs,replicasets,services,configmaps,ingresses,"
    "persistentvolumeclaims,horizontalpodautoscalers,networkpolicies"
)
#: Who may do what besides the administrator: `visitor` reads all but secrets, and changes nothing.
RULES = f"""\
apiVersion: v1
kind: Namespace
metadata:
  name: {NAMESPACE}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: visitor
  namespace: {NAMESPACE}
subjects:
- kind: User
  name: {cluster_node.VISITOR}
  apiGroup: rbac.authorization.k8s.io
roleRef:
  kind: ClusterRole
  name: view
  apiGroup: rbac.authorization.k8s.io
"""


@dataclass(frozen=True)
class ClusterStatus:
    """The cluster.

    Attributes:
        context: What the kubeconfig of the course calls it; empty when there is none.
        served_by: `lab/kubernetes`, `kind`, `k3d`, `minikube`, or `you`, who named it.
        state: `ready`; `absent`; or why it does not answer.
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
    if context:
        _take(path, context)
    elif not _foreign(path):
        if not engine.containers.exists(NAME):
            _make(engine, course, path, progress)
        if engine.containers.exists(NAME):
            progress.step(_("cluster"), _("waiting for the node"), None, None)
            _start(engine, path)
    kubectl = Kubectl(path)
    progress.step(_("cluster"), _("waiting for Kubernetes"), None, None)
    wait_until(
        lambda: _ready(kubectl, _since(engine, path)),
        what=_("a machine of the cluster to be ready"),
        timeout=READY_SECONDS,
        interval=INTERVAL,
        state=lambda: status(engine, course).state,
        hint=_("Run `labkit cluster down`, then try again."),
    )
    if empty:
        progress.step(_("cluster"), _("emptying it"), None, None)
        _empty(kubectl)
    kubectl.ask("apply", "--filename=-", given=RULES)
    wait_until(
        # Kubernetes makes it a moment after the namespace, and no pod comes before it.
        lambda: _answer(kubectl, "get", "serviceaccount", "default", f"--namespace={NAMESPACE}"),
        what=_("the namespace to be ready"),
        timeout=READY_SECONDS,
        interval=INTERVAL,
    )
    return status(engine, course)


def status(engine: Engine, course: Course) -> ClusterStatus:
    """Say how the cluster is; nothing is changed."""
    try:
        with reached(engine, course) as kubectl:
            context = current_context(kubectl.kubeconfig)
            served_by = _served_by(context)
            try:
                version = json.loads(kubectl.ask("version", "--output=json"))["serverVersion"]
                nodes = _ready(kubectl, _since(engine, course_kubeconfig(course.work())))
            except ClusterError as error:
                return ClusterStatus(context, served_by, error.message)
    except ClusterError:
        return ClusterStatus("", "", "absent")
    return ClusterStatus(
        context, served_by, "ready" if nodes else "not ready", version["gitVersion"], nodes
    )


@contextmanager
def reached(engine: Engine, course: Course) -> Iterator[Kubectl]:
    """Reach the cluster for the length of a block, as its administrator.

    Raises:
        ClusterError: There is none.
    """
    path = course_kubeconfig(course.work())
    if _foreign(path):
        yield Kubectl(path)
        return
    # Asked anew each time: its port may be another, and a grader has no kubeconfig.
    content = cluster_node.kubeconfig(engine) if engine.containers.exists(NAME) else b""
    if not content:
        raise ClusterError(_("There is no cluster."), hint=_("Run `labkit cluster up`."))
    with TemporaryDirectory(prefix="labkit-cluster-") as folder:
        temporary = Path(folder, "config")
        temporary.write_bytes(content)
        yield Kubectl(temporary)


def load(
    engine: Engine, course: Course, names: Sequence[str], *, progress: Progress | None = None
) -> tuple[str, ...]:
    """Bring images of this engine to the machines of the cluster.

    Returns:
        Those that were brought; those that were there already are left out.

    Raises:
        ClusterError: There is none, or it is the learner's own, which gets images its own way.
        NoSuchImage: The engine has no such image.
    """
    progress = progress or Silent()
    path = course_kubeconfig(course.work())
    context = current_context(path)
    wanted = {name: engine.images.get(name).id for name in names}
    progress.step(_("cluster"), _("bringing {images}").format(images=", ".join(names)), None, None)
    if _foreign(path):
        if tool := _tool(context):
            tool.run(engine, path, tool.load, *names)
            return tuple(names)
        raise ClusterError(
            _("The cluster `{context}` is yours: labkit brings no images to it.").format(
                context=context
            ),
            hint=_("Make {images} known to it in the way that it has.").format(
                images=", ".join(f"`{name}`" for name in names)
            ),
        )
    hint = _("Run `labkit cluster up`.")
    with nested.connected(engine, NAME, timeout=120, hint=hint) as node:
        missing = [
            name
            for name, identifier in wanted.items()
            if not (node.images.exists(name) and node.images.get(name).id == identifier)
        ]
        if missing:
            transfer.copy(engine, missing, node)
    return tuple(missing)


def plan_down(engine: Engine) -> tuple[Owned, ...]:
    """List what `down` would remove of the course's own cluster; nothing is changed."""
    return owned(engine, names=(NAME,))


def down(engine: Engine, course: Course, things: Sequence[Owned]) -> Removal:
    """Remove the cluster, or from one of the learner's own what the course has made there.

    Args:
        engine: Where it is.
        course: Whose kubeconfig goes, too.
        things: From `plan_down`.

    Raises:
        ClusterError: A cluster that is not the course's own did not go.
    """
    path = course_kubeconfig(course.work())
    if _foreign(path):
        if tool := _tool(current_context(path)):
            tool.run(engine, path, tool.delete)
        else:
            words = ("delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait=false")
            Kubectl(path).ask(*words)
    removal = remove(engine, things)
    path.unlink(missing_ok=True)
    return removal


def _make(engine: Engine, course: Course, path: Path, progress: Progress) -> None:
    """Make a cluster by the first way that serves; that of the course is the last."""
    for tool in TOOLS:
        if not tool.can_serve(engine):
            continue
        try:
            progress.step(_("cluster"), _("made by {tool}").format(tool=tool.name), None, None)
            return tool.run(engine, path, tool.create)
        except ClusterError as error:
            progress.step(_("cluster"), error.message, None, None)
            with suppress(ClusterError):
                tool.run(engine, path, tool.delete)
    able = trials.nodes(engine)
    if able.verdict is not Verdict.GOOD:
        raise LabError(able.said, hint=able.remedy)
    images.ensure(engine, course, NEEDED, progress=progress)
    cluster_node.create(engine, port=free_port(FIRST_PORT), api_port=free_port(FIRST_API_PORT))
    return None


def _start(engine: Engine, path: Path) -> None:
    """Start the course's own node if it is stopped, and write how to reach it."""
    if engine.containers.get(NAME).status != "running":
        with engine.errors():
            engine.client.api.start(NAME)
    content = wait_until(
        lambda: cluster_node.kubeconfig(engine),
        what=_("the certificates of `{name}`").format(name=NAME),
        timeout=READY_SECONDS,
        log_tail=lambda: engine.containers.logs(NAME, tail=8),
    )
    write_atomically(path, content, private=True)


def _take(path: Path, context: str) -> None:
    """Take what is needed of a context of the learner's, with the course's namespace."""
    own = Kubectl(Path(own_kubeconfig()), context)
    taken = json.loads(own.ask("config", "view", "--minify", "--flatten", "--output=json"))
    taken["contexts"][0]["context"]["namespace"] = NAMESPACE
    write_atomically(path, json.dumps(taken).encode(), private=True)


def _foreign(path: Path) -> bool:
    """Tell whether the kubeconfig leads to another cluster than the course's own."""
    return current_context(path) not in {"", NAME}


def _tool(context: str) -> Tool | None:
    return next((tool for tool in TOOLS if tool.context == context), None)


def _served_by(context: str) -> str:
    if context == NAME:
        return cluster_node.IMAGE
    tool = _tool(context)
    return tool.name if tool else "you"


def _answer(kubectl: Kubectl, *words: str) -> str:
    """Ask what may not be answered yet."""
    try:
        return kubectl.ask(*words)
    except ClusterError:
        return ""


def _since(engine: Engine, path: Path) -> str:
    """Say when the course's own node was started; the cluster remembers what was before."""
    if _foreign(path) or not engine.containers.exists(NAME):
        return ""
    # To the second, as Kubernetes writes it.
    return str(engine.containers.get(NAME).attrs["State"]["StartedAt"])[:19]


def _ready(kubectl: Kubectl, since: str) -> tuple[str, ...]:
    """Name the machines that have said since a moment that they are ready."""
    items = json.loads(_answer(kubectl, "get", "nodes", "--output=json") or "{}").get("items", ())
    return tuple(
        item["metadata"]["name"]
        for item in items
        if any(
            c["type"] == "Ready" and c["status"] == "True" and c["lastHeartbeatTime"] > since
            for c in item["status"]["conditions"]
        )
    )


def _empty(kubectl: Kubectl) -> None:
    """Remove what is in the namespace, but what Kubernetes itself keeps there."""
    here = f"--namespace={NAMESPACE}"
    kubectl.ask("delete", EMPTIED, "--all", "--wait=false", here)
    kubectl.ask("delete", "pods", "--all", "--grace-period=0", "--force", here)
    other = "type!=kubernetes.io/service-account-token"
    kubectl.ask("delete", "secrets", f"--field-selector={other}", "--wait=false", here)
