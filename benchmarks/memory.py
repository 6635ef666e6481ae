"""Memory that labkit adds to a notebook's kernel that has docker-py already."""

from __future__ import annotations

import statistics
import subprocess
from typing import TYPE_CHECKING

from jupyter_client.manager import start_new_kernel

from benchmarks.measuring import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labkit.course import Course
    from labkit.engine import Engine

REPETITIONS = 3
BEFORE = "import docker; docker.from_env().containers.list()"
#: Each magic that a learner uses, and the what-changed line after each cell.
CELLS = (
    "%load_ext labkit",
    "%check welcome.hello",
    "%hint welcome.hello",
    "%panel welcome.hello",
    "%reset_lab --dry-run",
)
RESIDENT = "print(open('/proc/self/status').read().partition('VmRSS:')[2].split()[0])"


def run(_engine: Engine, _course: Course) -> Iterator[Finding]:
    """Compare a kernel's resident memory before and after a lesson's worth of magics."""
    added = statistics.median(_added() for _ in range(REPETITIONS))
    detail = f"{', '.join(CELLS)}; median of {REPETITIONS}"
    yield Finding("memory added to a kernel", added, 25, detail, unit=" MiB")


def _added() -> float:
    manager, client = start_new_kernel(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    said: list[str] = []

    def hear(message: dict[str, dict[str, str]]) -> None:
        said.append(message["content"].get("text", "").strip())

    try:
        for cell in (BEFORE, RESIDENT, *CELLS, RESIDENT):
            reply = client.execute_interactive(cell, output_hook=hear, timeout=60)
            if reply["content"]["status"] != "ok":
                raise SystemExit(f"`{cell}` failed in the kernel: {reply['content']['evalue']}")
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    before, after = (int(text) for text in said if text.isdigit())
    return (after - before) / 1024
