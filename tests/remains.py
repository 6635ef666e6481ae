"""What tests leave: processes, mounts, networks and rules of the machine, objects of the engine."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from labkit.distribution import find_program
from labkit.engine.objects import listed_name, listed_tags
from labkit.engine.processes import command_line, mount_points, processes

if TYPE_CHECKING:
    from labkit.engine import Engine

#: Inherited by whatever a test starts, however often its parents end.
MARK = "LABKIT_TESTED_BY"
#: What an engine keeps from its first container with `--network host` on, as long as it runs.
HOST_NETWORK = "/netns/default"
#: What Python keeps for itself until the end: it goes with the tests' own process.
KEPT = ("multiprocessing.resource_tracker", "multiprocessing.forkserver")


class Remains:
    """Compares the machine with what it was when this was made."""

    def __init__(self) -> None:
        self._mark = f"{MARK}={uuid4()}"
        os.environ.update([self._mark.split("=")])
        self._before = _mounts_networks_and_rules()

    def found(self) -> list[str]:
        """List what is there now and was not there before; empty is as it should be."""
        return sorted(_mounts_networks_and_rules() - self._before) + self._running()

    def _running(self) -> list[str]:
        return [
            f"process {pid}: {line}"
            for pid, line in ((pid, " ".join(arguments)) for pid, arguments in processes())
            if pid != os.getpid()
            and self._mark.encode() in _environment(pid)
            and not any(kept in line for kept in KEPT)
            and command_line(pid)  # and not just ending
        ]


def _environment(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []


def _mounts_networks_and_rules() -> set[str]:
    mounts = {
        f"mount {point}"
        for point in mount_points()
        if ("/lab-" in point or "/labkit" in point) and not point.endswith(HOST_NETWORK)
    }
    return mounts | _networks_and_rules()


def of_an_engine(engine: Engine) -> set[str]:
    """All that is there for an engine: objects, mounts below its data, networks and rules."""
    data = f"{engine.info()['DockerRootDir']}/"
    mounts = {f"mount {point}" for point in mount_points() if point.startswith(data)}
    return everything(engine) | mounts | _networks_and_rules()


def everything(engine: Engine) -> set[str]:
    """All objects that are on the engine, whoever made them."""
    api: Any = engine.client.api
    listed = (
        *(f"container {listed_name(line)} {line['Id']}" for line in api.containers(all=True)),
        *(f"network {line['Name']} {line['Id']}" for line in api.networks()),
        *(f"volume {line['Name']}" for line in api.volumes()["Volumes"] or ()),
        *(f"image {listed_tags(line)} {line['Id']}" for line in api.images()),
    )
    return set(listed)


def _networks_and_rules() -> set[str]:
    links = {f"network {name}" for _number, name in socket.if_nameindex() if name.startswith("br-")}
    return links | {f"rule {line}" for line in _rules()}


def _rules() -> list[str]:
    program = find_program("iptables-save")
    if os.geteuid() != 0 or not program:
        return []
    said = subprocess.run([program], capture_output=True, text=True, check=True).stdout
    return [line for line in said.splitlines() if line.startswith("-A")]
