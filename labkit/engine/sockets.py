"""Where a container finds the socket of the engine that runs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from labkit.engine.engine import Engine

#: The operating system of an engine in Docker Desktop's virtual machine.
DESKTOP = "Docker Desktop"
USUAL = "/var/run/docker.sock"


def socket_path(engine: Engine) -> str:
    """Return the path by which the engine's own host has its socket, for a bind mount.

    The path that this machine knows is the host's, too, unless the engine is on another machine or
    in a virtual one; there it is the usual path.
    """
    if not engine.endpoint.startswith("unix://") or DESKTOP in engine.info()["OperatingSystem"]:
        return USUAL
    return engine.endpoint.removeprefix("unix://")
