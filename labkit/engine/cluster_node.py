"""The course's own Kubernetes cluster: one nested node with all of it inside.

So the cluster goes when the container goes, and the host does not notice that it was there.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from labkit.engine import nested
from labkit.engine.kubernetes import CLUSTER, NAMESPACE

if TYPE_CHECKING:
    from labkit.engine.engine import Engine

NAME = CLUSTER
IMAGE = "lab/kubernetes"
PORT = "6443/tcp"
#: Who may log in: one who may do everything, and one who may read what is no secret.
ADMIN, VISITOR = "admin", "visitor"
#: Where the node keeps the certificates that it has made.
FOLDER = "/etc/kubernetes"


def create(engine: Engine, *, port: int, api_port: int) -> None:
    """Make the node and start it; its API answers some seconds later.

    Args:
        engine: The host's.
        port: Where the node's engine answers on this machine.
        api_port: Where its Kubernetes API does.

    Raises:
        NoSuchImage: `lab/kubernetes` or `lab/shell` is not here.
        EngineRequestFailed: The engine refused, in its words.
    """
    node = nested.Node(NAME, "bridge", "", port, image=IMAGE, published={PORT: api_port})
    nested.create(engine, node, nested.rights(engine))


def kubeconfig(engine: Engine) -> bytes:
    """Write what `kubectl` needs to reach the cluster, as each of its users; empty while it cannot.

    Raises:
        NoSuchContainer: There is no such node.
    """
    container = engine.containers.get(NAME)
    try:
        tree = engine.containers.read_tree(NAME, FOLDER)
    except FileNotFoundError:
        return b""
    port = nested.port_of(container, PORT)
    if container.status != "running" or not port or "ready" not in tree:
        return b""

    def text(file: str) -> str:
        return base64.b64encode(tree[file].content).decode()

    content: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": NAME,
                "cluster": {
                    "server": f"https://127.0.0.1:{port}",
                    "certificate-authority-data": text("ca.crt"),
                },
            }
        ],
        "users": [
            {
                "name": user,
                "user": {
                    "client-certificate-data": text(f"{user}.crt"),
                    "client-key-data": text(f"{user}.key"),
                },
            }
            for user in (ADMIN, VISITOR)
        ],
        "contexts": [
            {"name": name, "context": {"cluster": NAME, "user": user, "namespace": NAMESPACE}}
            for name, user in ((NAME, ADMIN), (f"{NAME}-{VISITOR}", VISITOR))
        ],
        "current-context": NAME,
    }
    return json.dumps(content, indent=1).encode()
