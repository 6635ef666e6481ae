"""The course's part of a Kubernetes cluster: one namespace, known by its name and by its label.

A namespace of that name which does not carry the label is somebody else's, and is left alone.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from labkit.engine.cluster_node import VISITOR
from labkit.engine.kubernetes import NAMESPACE
from labkit.errors import ClusterError
from labkit.translation import _
from labkit.waiting import wait_until

if TYPE_CHECKING:
    from labkit.engine.kubernetes import Kubectl
    from labkit.engine.objects import Attrs

LABEL = "labkit.cluster"
SECONDS = 180.0
#: Seconds between two questions: each starts a program.
INTERVAL = 0.3
#: Who may do what besides the administrator: `visitor` reads all but secrets, and changes nothing.
RULES = f"""\
apiVersion: v1
kind: Namespace
metadata:
  name: {NAMESPACE}
  labels: {{{LABEL}: course}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: visitor
  namespace: {NAMESPACE}
subjects:
- kind: User
  name: {VISITOR}
  apiGroup: rbac.authorization.k8s.io
roleRef:
  kind: ClusterRole
  name: view
  apiGroup: rbac.authorization.k8s.io
"""
WORK = (
    "deployments,statefulsets,daemonsets,cronjobs,jobs,replicasets,services,configmaps,ingresses,"
    "persistentvolumeclaims,horizontalpodautoscalers,networkpolicies,poddisruptionbudgets,"
    "resourcequotas,limitranges,roles"
)
#: What goes when it is emptied, besides pods, and which of each stay.
EMPTIED = (
    (WORK, ""),
    ("secrets", "type!=kubernetes.io/service-account-token"),
    ("serviceaccounts", "metadata.name!=default"),
    ("rolebindings", f"metadata.name!={VISITOR}"),
)


def have(kubectl: Kubectl, *, empty: bool = False) -> None:
    """Have the namespace, ready for pods.

    Args:
        kubectl: Reaches the cluster.
        empty: Whether what is in it goes.

    Raises:
        ClusterError: It is somebody else's, or the cluster refused.
        WaitTimeout: It did not become ready.
    """
    wait_until(
        lambda: not _is_leaving(kubectl),
        what=_("the namespace `{name}` of before to be gone").format(name=NAMESPACE),
        timeout=SECONDS,
        interval=INTERVAL,
        hint=_("Run `kubectl get namespace {name} --output yaml`: its status says why.").format(
            name=NAMESPACE
        ),
    )
    if is_ours(kubectl) and empty:
        _empty(kubectl)
    kubectl.ask("apply", "--filename=-", given=RULES)
    wait_until(
        # Kubernetes makes it a moment after the namespace, and no pod comes before it.
        lambda: kubectl.ask(
            "get", "serviceaccount", "default", f"--namespace={NAMESPACE}",
            "--ignore-not-found", "--output=name",
        ),
        what=_("the namespace to be ready"),
        timeout=SECONDS,
        interval=INTERVAL,
    )  # fmt: skip


def is_ours(kubectl: Kubectl) -> bool:
    """Tell whether there is a namespace of the course.

    Raises:
        ClusterError: There is one of its name that is somebody else's.
    """
    found = _read(kubectl)
    if found and LABEL not in (found["metadata"].get("labels") or {}):
        raise ClusterError(
            _("The namespace `{name}` is not the course's: it lacks the label `{label}`.").format(
                name=NAMESPACE, label=LABEL
            ),
            hint=_("If nobody needs it, remove it: `kubectl delete namespace {name}`.").format(
                name=NAMESPACE
            ),
        )
    return bool(found)


def remove(kubectl: Kubectl) -> None:
    """Remove the namespace and all that is in it, and do not wait for the end of that.

    Raises:
        ClusterError: It is somebody else's, or the cluster refused.
    """
    if is_ours(kubectl):
        kubectl.ask("delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait=false")


def _read(kubectl: Kubectl) -> Attrs:
    said = kubectl.ask("get", "namespace", NAMESPACE, "--ignore-not-found", "--output=json")
    found: Attrs = json.loads(said or "{}")
    return found


def _is_leaving(kubectl: Kubectl) -> bool:
    return "deletionTimestamp" in _read(kubectl).get("metadata", {})


def _empty(kubectl: Kubectl) -> None:
    here = f"--namespace={NAMESPACE}"
    for kinds, kept in EMPTIED:
        which = f"--field-selector={kept}" if kept else "--all"
        kubectl.ask("delete", kinds, which, "--wait=false", here)
    kubectl.ask("delete", "pods", "--all", "--grace-period=0", "--force", here)
