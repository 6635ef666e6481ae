"""The ways to a Kubernetes cluster: one that the learner names, a tool's, the course's own node."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from labkit import images
from labkit.engine import cluster_node, trials
from labkit.engine.cluster_tools import TOOLS
from labkit.engine.kubeconfig import YOU, Taken, own_kubeconfig, take, taken
from labkit.engine.kubernetes import NAMESPACE, Kubectl
from labkit.engine.verdicts import Verdict
from labkit.errors import ClusterError, LabError
from labkit.node_registry import free_port
from labkit.translation import _
from labkit.waiting import wait_until

if TYPE_CHECKING:
    from labkit.course import Course
    from labkit.engine import Engine
    from labkit.engine.cluster_tools import Tool
    from labkit.obtaining import Progress

NAME = cluster_node.NAME
NEEDED = (trials.IMAGE, cluster_node.IMAGE)
FIRST_PORT, FIRST_API_PORT = 23768, 23769
READY_SECONDS = 180.0


def have(engine: Engine, course: Course, path: Path, progress: Progress) -> None:
    """Have a cluster that is not the learner's: the one that is here, or a new one."""
    if not engine.containers.exists(NAME):
        _make(engine, course, path, progress)
    if engine.containers.exists(NAME):
        progress.step(_("cluster"), _("waiting for the node"), None, None)
        _start(engine, path)


def _make(engine: Engine, course: Course, path: Path, progress: Progress) -> None:
    """Make a cluster by the first way that serves; that of the course is the last."""
    for tool in TOOLS:
        if not tool.can_serve(engine):
            continue
        there = engine.containers.exists(tool.container)
        try:
            progress.step(_("cluster"), _("made by {tool}").format(tool=tool.name), None, None)
            words = tool.take if there else tool.create.format(port=free_port(FIRST_API_PORT))
            tool.run(engine, path, words)
            return take(path, Taken(tool.name, tool.context))
        except ClusterError as error:
            progress.step(_("cluster"), error.message, None, None)
            if not there:
                with suppress(ClusterError):
                    tool.run(engine, path, tool.delete)
    able = trials.nodes(engine)
    if able.verdict is not Verdict.GOOD:
        raise LabError(able.said, hint=able.remedy)
    images.ensure(engine, course, NEEDED, progress=progress)
    cluster_node.create(engine, port=free_port(FIRST_PORT), api_port=free_port(FIRST_API_PORT))
    return None


def _start(engine: Engine, path: Path) -> None:
    """Let the course's own node run, and write how to reach it."""
    state, _content = node(engine)
    with engine.errors():
        if state == "paused":
            engine.client.api.unpause(NAME)
        elif state == "stopped":
            engine.client.api.start(NAME)

    def certificates() -> bytes:
        state, content = node(engine)
        if state == "stopped":
            raise ClusterError(
                _("`{name}` has ended: {log}").format(
                    name=NAME, log=engine.containers.logs(NAME, tail=8)
                ),
                hint=_("Run `labkit cluster down`, then try again."),
            )
        return content

    content = wait_until(
        certificates,
        what=_("the certificates of `{name}`").format(name=NAME),
        timeout=READY_SECONDS,
        log_tail=lambda: engine.containers.logs(NAME, tail=8),
    )
    take(path, Taken(cluster_node.IMAGE, NAME), content)


def take_named(path: Path, context: str) -> None:
    """Take what is needed of a context of the learner's, once it has answered.

    Raises:
        ClusterError: There is no such context, or nothing answers there.
    """
    own = own_kubeconfig()
    kubectl = Kubectl(Path(own), context)
    try:
        said = kubectl.ask("config", "view", "--minify", "--flatten", "--output=json")
    except ClusterError as error:
        hint = _("Run `KUBECONFIG={path} kubectl config get-contexts` to see which there are.")
        raise ClusterError(error.message, hint=hint.format(path=own)) from error
    _greet(
        kubectl,
        _("Start that cluster, or log in to it, until `{command}` answers.").format(
            command=f"KUBECONFIG={own} kubectl --context {context} get namespaces"
        ),
    )
    content = json.loads(said)
    content["contexts"][0]["context"]["namespace"] = NAMESPACE
    take(path, Taken(YOU, context), json.dumps(content).encode())


def come_back(kubectl: Kubectl) -> None:
    """Make a cluster that is not the course's own the current one again, if it answers."""
    _greet(kubectl, _("Start that cluster, or run `labkit cluster down` to do without it."))
    kubectl.ask("config", "use-context", kubectl.context)


def _greet(kubectl: Kubectl, hint: str) -> None:
    try:
        kubectl.ask("get", "--raw", "/version")
    except ClusterError as error:
        raise ClusterError(error.message, hint=hint) from error


def kubectl_of(path: Path) -> Kubectl:
    """Return what asks the cluster to which a kubeconfig of the course leads."""
    found = taken(path)
    return Kubectl(path, found.context if found else NAME)


def is_foreign(path: Path) -> bool:
    """Tell whether the kubeconfig leads to another cluster than the course's own."""
    found = taken(path)
    return found is not None and found.served_by != cluster_node.IMAGE


def tool_of(found: Taken) -> Tool | None:
    """Return the tool that serves a cluster, if one does."""
    return next((tool for tool in TOOLS if tool.name == found.served_by), None)


def node(engine: Engine) -> tuple[str, bytes]:
    """Say how the course's own node is, and how to reach its cluster when it runs."""
    if not engine.containers.exists(NAME):
        return "absent", b""
    status = engine.containers.get(NAME).status
    if status != "running":
        return ("paused" if status == "paused" else "stopped"), b""
    return "starting", cluster_node.kubeconfig(engine)


def node_kubeconfig(engine: Engine) -> bytes:
    """Return how to reach the course's own cluster.

    Raises:
        ClusterError: There is none, or it does not run.
    """
    state, content = node(engine)
    if not content:
        said = _("There is no cluster.")
        if state != "absent":
            said = _("The cluster is {state}.").format(state=state)
        raise ClusterError(said, hint=_("Run `labkit cluster up`."))
    return content


def lacking(engine: Engine) -> str:
    """Say which image the cluster would have to be built from first, or nothing.

    That takes ten minutes, and so it is not begun in the middle of something else.
    """
    others = any(tool.can_serve(engine) for tool in TOOLS)
    if others or engine.containers.exists(NAME) or engine.images.exists(cluster_node.IMAGE):
        return ""
    said = _("The engine lacks the image of the cluster. Run `labkit images ensure {name}`.")
    return said.format(name=cluster_node.IMAGE)
