"""A Kubernetes cluster: its machines, and the pods that are on each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labkit.cluster import reached
from labkit.course import Course
from labkit.engine import connect
from labkit.engine.kubernetes import Cluster
from labkit.live.pods import Pods
from labkit.show.boxes import Box, Picture
from labkit.show.followed import follow
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Callable

    from labkit.engine import Engine
    from labkit.engine.kubernetes import Pod
    from labkit.engine.objects import Attrs
    from labkit.widgets.live_view import LiveView


def kubernetes(*, engine: Engine | None = None) -> LiveView[Cluster]:
    """Draw where the pods of the course are, as the cluster tells it, live in a notebook.

    Pods of one Deployment have the same colour. What has no node stands apart.

    Args:
        engine: Where the cluster is; None connects to the one that answers.
    """
    from labkit.widgets.live_view import LiveView

    return LiveView(Pods(), engine or connect(), drawn)


def follow_kubernetes(
    until: Callable[[Cluster], object], *, engine: Engine | None = None, timeout: float = 120.0
) -> None:
    """Draw the pods, and again whenever something has changed, in the same place.

    Args:
        until: Given the cluster each time; that it returns something true ends it.
        engine: Where the cluster is; None connects to the one that answers.
        timeout: Seconds until giving up.

    Raises:
        WaitTimeout: It took longer.
    """
    with reached(engine or connect(), Course.load()) as kubectl:
        follow(
            lambda: Cluster.read(kubectl),
            lambda found, after: drawn(found, after=after),
            until,
            what=_("the cluster"),
            title=_("The cluster"),
            timeout=timeout,
        )


def drawn(found: Cluster, *, after: float | None = None) -> Picture:
    """Draw a cluster that was read, so many seconds after something else."""
    boxes = [_node(found, node) for node in found.nodes]
    if nowhere := [pod for pod in found.pods if not pod.node]:
        boxes.append(Box(_("no node"), "", (), tuple(_pod(found, pod) for pod in nowhere)))
    title = _("The cluster")
    if after is not None:
        title = _("{title} after {seconds:.0f} s").format(title=title, seconds=after)
    return Picture(title, tuple(boxes))


def _node(found: Cluster, node: Attrs) -> Box:
    name, status = node["metadata"]["name"], node["status"]
    conditions = {one["type"]: one["status"] for one in status.get("conditions") or ()}
    ready = _("ready") if conditions.get("Ready") == "True" else _("not ready")
    kind = _("node, {version}, {ready}").format(
        version=status["nodeInfo"]["kubeletVersion"], ready=ready
    )
    here = tuple(_pod(found, pod) for pod in found.pods if pod.node == name)
    return Box(name, kind, children=here)


def _pod(found: Cluster, pod: Pod) -> Box:
    owner = next((d.name for d in found.deployments if pod in found.pods_of(d)), pod.owner)
    details = [_("image {image}").format(image=image) for image in pod.images]
    if pod.restarts:
        details.append(_("restarts: {count}").format(count=pod.restarts))
    ready = _("ready") if pod.ready else _("not ready")
    kind = _("pod, {status}, {ready}").format(status=pod.status, ready=ready)
    return Box(pod.name, kind, tuple(details), mark=owner or pod.name)
