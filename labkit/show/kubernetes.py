"""A Kubernetes cluster: its machines, and the pods that are on each of them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from labkit.cluster import reached
from labkit.course import Course
from labkit.engine import connect
from labkit.engine.kubernetes import Cluster
from labkit.live.pods import Pods
from labkit.show.boxes import Box, Picture
from labkit.translation import _
from labkit.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from labkit.engine import Engine
    from labkit.engine.kubernetes import Pod
    from labkit.widgets.live_view import LiveView

INTERVAL = 0.3


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
    from IPython.display import display

    begun = time.monotonic()
    handle = display(Picture(_("The cluster"), ()), display_id=True)  # type: ignore[no-untyped-call]
    last: Picture | None = None
    with reached(engine or connect(), Course.load()) as kubectl:

        def ended() -> object:
            nonlocal last
            found = Cluster.read(kubectl)
            done = until(found)
            picture = drawn(found, after=time.monotonic() - begun)
            if handle is not None and (done or last is None or picture.boxes != last.boxes):
                handle.update(picture)
                last = picture
            return done

        wait_until(ended, what=_("the cluster"), timeout=timeout, interval=INTERVAL)


def drawn(found: Cluster, *, after: float | None = None) -> Picture:
    """Draw a cluster that was read, so many seconds after something else."""
    boxes = [
        Box(
            name := node["metadata"]["name"],
            _("node, {version}").format(version=node["status"]["nodeInfo"]["kubeletVersion"]),
            (),
            tuple(_pod(found, pod) for pod in found.pods if pod.node == name),
        )
        for node in found.nodes
    ]
    if nowhere := [pod for pod in found.pods if not pod.node]:
        boxes.append(Box(_("no node"), "", (), tuple(_pod(found, pod) for pod in nowhere)))
    title = _("The cluster")
    if after is not None:
        title = _("{title} after {seconds:.0f} s").format(title=title, seconds=after)
    return Picture(title, tuple(boxes))


def _pod(found: Cluster, pod: Pod) -> Box:
    owner = next((d.name for d in found.deployments if pod in found.pods_of(d)), pod.owner)
    details = [_("image {image}").format(image=image) for image in pod.images]
    if pod.restarts:
        details.append(_("restarts: {count}").format(count=pod.restarts))
    ready = _("ready") if pod.ready else _("not ready")
    kind = _("pod, {status}, {ready}").format(status=pod.status, ready=ready)
    return Box(pod.name, kind, tuple(details), mark=owner or pod.name)
