"""What tests of desks share."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from labkit.distribution import find_program
from labkit.engine.processes import mount_points, processes
from labkit.grading import slots
from labkit.grading.transcript import Cell

if TYPE_CHECKING:
    from collections.abc import Mapping

    from labkit.grading.rootless_desk import RootlessDesk
    from labkit.grading.transcript import Transcript


def skip_unable() -> None:
    missing = [name for name in ("dockerd", "iptables") if not find_program(name)]
    if os.geteuid() != 0 or missing:
        pytest.skip(f"needs root and dockerd; missing: {', '.join(missing) or 'root'}")


def run(
    desk: RootlessDesk,
    *sources: str,
    files: Mapping[str, bytes] | None = None,
    cell: float = 60,
    whole: float = 120,
) -> Transcript:
    """Run cells that are named by their place."""
    cells = [Cell(str(number), source) for number, source in enumerate(sources)]
    return desk.run(cells, files=files, cell_deadline=cell, deadline=whole)


def left_over() -> list[tuple[str, str]]:
    """Name what desks have left on this machine, with its kind."""
    found = [("folder", str(path)) for path in slots.FOLDER.glob("*") if path.name != "lock"]
    for tree in slots.hierarchies():
        found += [("group", str(path)) for path in (tree.place / slots.GROUPS).glob("*/")]
    found += [("mount", point) for point in mount_points() if str(slots.FOLDER) in point]
    ids = range(slots.FIRST_ID, slots.FIRST_ID + slots.SLOTS * slots.IDS_OF_A_SLOT)
    for pid, arguments in processes():
        with suppress(FileNotFoundError):
            if Path(f"/proc/{pid}").stat().st_uid in ids:
                found.append(("process", " ".join(arguments)))
    return found
