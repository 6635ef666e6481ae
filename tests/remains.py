"""What tests leave on the machine, engine's objects aside: processes, mounts, networks, rules."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from uuid import uuid4

from labkit.distribution import find_program
from labkit.engine.processes import command_line, mount_points, processes

#: Inherited by whatever a test starts, however often its parents end.
MARK = "LABKIT_TESTED_BY"
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
        f"mount {point}" for point in mount_points() if "/lab-" in point or "/labkit" in point
    }
    networks = {f"network {folder.name}" for folder in Path("/sys/class/net").glob("br-*")}
    return mounts | networks | {f"rule {line}" for line in _rules()}


def _rules() -> list[str]:
    program = find_program("iptables-save")
    if os.geteuid() != 0 or not program:
        return []
    said = subprocess.run([program], capture_output=True, text=True, check=True).stdout
    return [line for line in said.splitlines() if line.startswith("-A")]
