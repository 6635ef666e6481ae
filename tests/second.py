"""What a second engine beside the first leaves, and what it says."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from labkit.engine.processes import mount_points, processes

if TYPE_CHECKING:
    from pathlib import Path


def silent(_line: str) -> None:
    pass


def leftovers(folder: Path) -> list[str]:
    """Processes and mounts that have to do with the folder, but for this very process."""
    running = [
        " ".join(arguments)
        for pid, arguments in processes()
        if pid != os.getpid() and any(str(folder) in argument for argument in arguments)
    ]
    return running + [point for point in mount_points() if point.startswith(f"{folder}/")]
