"""Where `kubectl` finds the cluster of the course, and where it would find the learner's own.

Notebooks and terminals of the course have a `KUBECONFIG` of their own, for a lesson must never
change a cluster that was current by chance.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLE = "KUBECONFIG"
#: What the variable was before the course set it.
OWN = "LABKIT_OWN_KUBECONFIG"


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


def current_context(path: Path) -> str:
    """Read which cluster a kubeconfig leads to; empty when there is none."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError:
        return ""
    try:
        return str(json.loads(text).get("current-context", ""))
    except ValueError:  # YAML, as the tools write it
        lines = (line.partition(": ") for line in text.splitlines())
        return next((value.strip() for key, _colon, value in lines if key == "current-context"), "")
