"""Where a private engine keeps what it has."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from labkit.engine.connect import DEFAULT_SOCKET


@dataclass(frozen=True)
class PrivatePaths:
    """Where a private engine keeps what it has.

    Attributes:
        socket: Where it listens.
        data_root: Images, containers and volumes.
        exec_root: What lives as long as the daemon: its containerd, its network namespaces. Its
            sockets lie in here, so the path stays under 70 characters.
        pid_file: Written by dockerd.
        log: What the last start wrote.
    """

    socket: Path
    data_root: Path
    exec_root: Path
    pid_file: Path
    log: Path

    @classmethod
    def standard(cls) -> PrivatePaths:
        """The engine that `labkit engine start` starts."""
        kept, run_folder = Path("/var/lib/labkit/engine"), Path("/run/labkit/engine")
        return cls(
            socket=Path(DEFAULT_SOCKET),
            data_root=kept / "data",
            exec_root=run_folder / "exec",
            pid_file=run_folder / "dockerd.pid",
            log=kept / "dockerd.log",
        )

    @classmethod
    def under(cls, folder: Path) -> PrivatePaths:
        """A throw-away engine, all in one folder."""
        return cls(
            socket=folder / "docker.sock",
            data_root=folder / "data",
            exec_root=folder / "exec",
            pid_file=folder / "dockerd.pid",
            log=folder / "dockerd.log",
        )
