"""A Dask cluster of two workers on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from distributed import LocalCluster


def two_workers(folder: Path) -> LocalCluster:
    """Start them, each a process with one thread; what they write goes into the folder."""
    from distributed import LocalCluster  # slow

    return LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=True,
        dashboard_address=None,
        local_directory=str(folder),
    )
