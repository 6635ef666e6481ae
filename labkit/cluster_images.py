"""Images for a Kubernetes cluster, which takes none from the engine of this machine by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from labkit.cluster_ways import NAME, is_foreign, kubectl_of, node_kubeconfig, tool_of
from labkit.engine import nested, transfer
from labkit.engine.cluster_tools import own_way
from labkit.engine.kubeconfig import YOU, course_kubeconfig, taken
from labkit.errors import ClusterError, EngineRequestFailed, NoSuchImage
from labkit.obtaining import Silent
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labkit.course import Course
    from labkit.engine import Engine
    from labkit.engine.kubernetes import Kubectl
    from labkit.engine.objects import Attrs
    from labkit.obtaining import Progress


@dataclass(frozen=True)
class Loaded:
    """What became of images that a cluster is to have; the others were there already.

    Attributes:
        brought: Those that were brought to it.
        lacking: Those that a cluster of the learner's lacks, and the command that brings each.
    """

    brought: tuple[str, ...] = ()
    lacking: tuple[tuple[str, str], ...] = ()


def load(
    engine: Engine, course: Course, names: Sequence[str], *, progress: Progress | None = None
) -> Loaded:
    """Bring images of this engine to the machines of the cluster.

    A cluster of the learner's gets images its own way: it is only looked whether it has them.

    Raises:
        ClusterError: There is no cluster, the engine has no such image, or no space is left for it.
    """
    progress = progress or Silent()
    found = taken(path := course_kubeconfig(course.work()))
    if found and found.served_by == YOU:
        there = _images_of(kubectl_of(path))
        lacking = [name for name in names if _full_name(name) not in there]
        return Loaded(lacking=tuple((name, own_way(found.context, name)) for name in lacking))
    if not is_foreign(path):
        node_kubeconfig(engine)
    wanted = {name: _identifier(engine, name) for name in names}
    progress.step(_("cluster"), _("bringing {images}").format(images=", ".join(names)), None, None)
    if found and (tool := tool_of(found)):
        tool.run(engine, path, tool.load, *names)
        return Loaded(tuple(names))
    hint = _("Run `labkit cluster up`.")
    with nested.connected(engine, NAME, timeout=120, hint=hint) as node:
        missing = [
            name
            for name, identifier in wanted.items()
            if not (node.images.exists(name) and node.images.get(name).id == identifier)
        ]
        if missing:
            _copy(engine, missing, node)
    return Loaded(tuple(missing))


def _images_of(kubectl: Kubectl) -> set[str]:
    """Name the images that all machines for pods have; none when it may not be asked.

    A machine tells of its fifty largest images.
    """
    try:
        nodes = [node for node in kubectl.get("nodes") if _takes_pods(node)]
    except ClusterError:
        nodes = []
    there = [
        {
            _full_name(name)
            for image in node["status"].get("images") or ()
            for name in image.get("names") or ()
        }
        for node in nodes
    ]
    return set.intersection(*there) if there else set()


def _takes_pods(node: Attrs) -> bool:
    spec = node.get("spec") or {}
    taints = spec.get("taints") or ()
    return not spec.get("unschedulable") and all(t["effect"] == "PreferNoSchedule" for t in taints)


def _full_name(name: str) -> str:
    """Return an image's name with its tag and without the registry of Docker, as Docker has it."""
    name = name.removeprefix("docker.io/")
    return name if ":" in name.rpartition("/")[2] or "@" in name else f"{name}:latest"


def _identifier(engine: Engine, name: str) -> str:
    try:
        return engine.images.get(name).id
    except NoSuchImage as error:
        hint = _("Run `docker image ls` to see which there are, or `labkit images ensure`.")
        raise ClusterError(error.message, hint=hint) from error


def _copy(engine: Engine, names: Sequence[str], node: Engine) -> None:
    try:
        transfer.copy(engine, names, node)
    except EngineRequestFailed as error:
        if "no space left" not in error.message:
            raise
        raise ClusterError(
            _("No space is left for {images}: {why}").format(
                images=", ".join(f"`{name}`" for name in names), why=error.message
            ),
            hint=_("Run `docker system df`: the cluster is on the disk of this engine."),
        ) from error
