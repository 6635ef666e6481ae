"""Someone beyond the engine, in a network namespace of a test's own."""

from __future__ import annotations

import secrets
import socket
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = secrets.token_hex(16)
NAMESPACE, LINK, HERE, THERE, PORT = (
    "lab-listener",
    "lab-listener0",
    "10.213.77.1",
    "10.213.77.2",
    9099,
)
LISTEN = f"""
import socket
server = socket.create_server(("{THERE}", {PORT}))
print("listening", flush=True)
while True:
    with server.accept()[0] as line:
        line.sendall(b"{SECRET}")
"""
FETCH = f"import socket; print(socket.create_connection(('{THERE}', {PORT}), 2).recv(99))"


@contextmanager
def listening() -> Iterator[None]:
    """Have somebody answer there, as this very machine can see."""
    commands = (
        f"ip netns add {NAMESPACE}",
        f"ip link add {LINK} type veth peer name eth0 netns {NAMESPACE}",
        f"ip addr add {HERE}/24 dev {LINK}",
        f"ip link set {LINK} up",
        f"ip -n {NAMESPACE} addr add {THERE}/24 dev eth0",
        f"ip -n {NAMESPACE} link set eth0 up",
    )
    try:
        for command in commands:
            subprocess.run(command.split(), check=True)
        inside = ["ip", "netns", "exec", NAMESPACE, sys.executable, "-c", LISTEN]
        with subprocess.Popen(inside, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            assert process.stdout.readline() == "listening\n"
            with socket.create_connection((THERE, PORT), timeout=5) as line:
                assert line.recv(99).decode() == SECRET
            yield
            process.kill()
    finally:
        subprocess.run(["ip", "netns", "delete", NAMESPACE], check=False)
        subprocess.run(["ip", "link", "delete", LINK], check=False, capture_output=True)
