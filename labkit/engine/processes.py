"""Processes and mounts as Linux's /proc tells them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import signal
    from collections.abc import Iterator, Sequence


def processes() -> Iterator[tuple[int, list[str]]]:
    """List what runs: process ids with their arguments."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and (arguments := command_line(int(folder.name))):
            yield int(folder.name), arguments


def command_line(pid: int) -> list[str]:
    """Return a process's arguments; empty for one that is gone, a zombie or the kernel's own."""
    try:
        raw = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return []
    return [part.decode(errors="replace") for part in raw.split(b"\0")[:-1]]


def parent(pid: int) -> int | None:
    """Return the process that started this one, or None when it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The program's name stands in brackets and may hold anything, so count from behind it.
    return int(stat.rpartition(")")[2].split()[1])


def send(pids: Sequence[int], number: signal.Signals) -> None:
    """Send a signal to each process that is still there."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def mount_points() -> list[str]:
    """List the mount points of this mount namespace, in the order of their mounting."""
    lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    return [line.split(" ")[4] for line in lines]
