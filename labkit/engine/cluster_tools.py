"""Other people's ways to a cluster on this machine: kind, k3d and minikube, each in its own words.

All three write how to reach the cluster to the file in `KUBECONFIG`, and make it the current one.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labkit.engine import transfer
from labkit.engine.kubernetes import CLUSTER
from labkit.errors import ClusterError

if TYPE_CHECKING:
    from pathlib import Path

    from labkit.engine.engine import Engine

NAME, MINIKUBE = CLUSTER, "lab-minikube"
#: A machine may load its image for minutes.
SECONDS = 600
REGISTRY_SECONDS = 3.0


@dataclass(frozen=True)
class Tool:
    """A program that makes clusters of containers.

    Attributes:
        name: The program's.
        context: What it calls the cluster in a kubeconfig.
        container: The container that is there as long as the cluster is.
        node_image: How the images of its nodes begin.
        create: Its words to make the cluster, ready to be used; `{port}` is where its API answers.
        take: Its words to write how to reach the cluster when it is there already.
        load: Its words to bring an image to the cluster; the image follows.
        delete: Its words to remove the cluster.
    """

    name: str
    context: str
    container: str
    node_image: str
    create: str
    take: str
    load: str
    delete: str

    def can_serve(self, engine: Engine) -> bool:
        """Tell whether the program is here, and the image of its nodes is, or can be pulled."""
        if shutil.which(self.name) is None:
            return False
        tags = (tag for image in engine.images.list() for tag in image.get("RepoTags") or ())
        if any(tag.startswith(self.node_image) for tag in tags):
            return True
        return not transfer.reach_registry(engine, "", timeout=REGISTRY_SECONDS)

    def run(self, engine: Engine, kubeconfig: Path, words: str, *more: str) -> None:
        """Run the program on this engine.

        Args:
            engine: Where its containers are.
            kubeconfig: The file that it writes.
            words: One of `create`, `take`, `load` and `delete`.
            more: What follows.

        Raises:
            ClusterError: It failed; the message is its last line.
        """
        kubeconfig.parent.mkdir(parents=True, exist_ok=True)
        try:
            done = subprocess.run(
                [self.name, *words.split(), *more], capture_output=True, text=True, check=False,
                timeout=SECONDS, stdin=subprocess.DEVNULL,
                env={**engine.cli_env(), "KUBECONFIG": str(kubeconfig)},
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ClusterError(f"`{self.name}`: {error}") from error
        if done.returncode:
            last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
            raise ClusterError(f"`{self.name}`: {last}")


TOOLS = (
    Tool(
        "kind",
        f"kind-{NAME}",
        f"{NAME}-control-plane",
        "kindest/node:",
        f"create cluster --name {NAME} --wait 120s",
        f"export kubeconfig --name {NAME}",
        f"load docker-image --name {NAME}",
        f"delete cluster --name {NAME}",
    ),
    Tool(
        "k3d",
        f"k3d-{NAME}",
        f"k3d-{NAME}-server-0",
        "rancher/k3s:",
        # Without the address, everybody on the network would reach it.
        f"cluster create {NAME} --api-port 127.0.0.1:{{port}} --wait --timeout 120s",
        f"kubeconfig merge {NAME} --kubeconfig-merge-default --kubeconfig-switch-context",
        f"image import --cluster {NAME}",
        f"cluster delete {NAME}",
    ),
    Tool(
        "minikube",
        # Its container has this name, too, and so it cannot be that of the course's own node.
        MINIKUBE,
        MINIKUBE,
        "gcr.io/k8s-minikube/kicbase:",
        f"start --profile {MINIKUBE} --driver docker --wait all",
        f"start --profile {MINIKUBE} --wait all",
        f"image load --profile {MINIKUBE}",
        f"delete --profile {MINIKUBE}",
    ),
)


def own_way(context: str, image: str) -> str:
    """Return the command that brings an image to a cluster of the learner's.

    Args:
        context: By its name, what has made the cluster is known.
        image: An image of this engine.
    """
    made_by, _dash, name = context.partition("-")
    if made_by == "kind" and name:
        return f"kind load docker-image {image} --name {name}"
    if made_by == "k3d" and name:
        return f"k3d image import {image} --cluster {name}"
    if context == "minikube":
        return f"minikube image load {image}"
    return f"docker save {image} | ssh MACHINE sudo ctr --namespace k8s.io images import -"
