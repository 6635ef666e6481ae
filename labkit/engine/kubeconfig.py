"""Where `kubectl` finds the cluster of the course, and where it would find the learner's own.

Notebooks and terminals of the course have a `KUBECONFIG` of their own, for a lesson must never
change a cluster that was current by chance.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from labkit.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLE = "KUBECONFIG"
#: What the variable was before the course set it.
OWN = "LABKIT_OWN_KUBECONFIG"
#: Who serves a cluster that the learner has named.
YOU = "you"


def course_kubeconfig(work: Path) -> Path:
    """Return the kubeconfig of the course in a workspace, whether or not there is one."""
    return work / ".labkit" / "kubernetes" / "config"


def own_kubeconfig() -> str:
    """Return what `KUBECONFIG` is without the course, or where kubectl looks without it."""
    if (own := os.environ.get(OWN)) is None:
        own = os.environ.get(VARIABLE, "")
    return own or str(Path.home() / ".kube" / "config")


def variables(work: Path) -> Mapping[str, str]:
    """Return what to set in an environment so that `kubectl` reaches the course's cluster."""
    return {VARIABLE: str(course_kubeconfig(work)), OWN: own_kubeconfig()}


@dataclass(frozen=True)
class Taken:
    """Which cluster the kubeconfig of the course leads to.

    `current-context` does not say it: `kubectl config use-context` changes that.

    Attributes:
        served_by: `lab/kubernetes`, `kind`, `k3d`, `minikube`, or `you`, who named it.
        context: What the kubeconfig calls it, and its administrator.
    """

    served_by: str
    context: str


def taken(path: Path) -> Taken | None:
    """Read what was noted beside a kubeconfig; None while no cluster is the course's."""
    try:
        return Taken(**json.loads(_note(path).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def take(path: Path, found: Taken, content: bytes = b"") -> None:
    """Write a kubeconfig, unless a tool has written it, and note where it leads."""
    if content:
        write_atomically(path, content, private=True)
    write_atomically(_note(path), json.dumps(asdict(found)).encode())


def forget(path: Path) -> None:
    """Remove a kubeconfig and its note."""
    for file in (path, _note(path)):
        file.unlink(missing_ok=True)


def _note(path: Path) -> Path:
    return path.with_name("taken.json")
