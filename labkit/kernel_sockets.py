"""Kernels that are spoken to through socket files in a folder of their own.

Jupyter's way is five TCP ports, chosen while they are free and opened by the kernel a second later:
by then, one of them may be another program's, and the kernel never answers.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from jupyter_client.manager import AsyncKernelManager
from traitlets import default


class SocketKernelManager(AsyncKernelManager):
    """Starts a kernel whose sockets are files that no other account can reach."""

    @default("transport")
    def _files(self) -> str:
        return "ipc"

    @default("ip")
    def _in_a_new_folder(self) -> str:
        # The system's folder: the name of a socket may have no more than a hundred characters.
        return str(Path(tempfile.mkdtemp(prefix="labkit-kernel-")) / "socket")

    async def _async_cleanup_resources(self, restart: bool = False) -> None:  # noqa: FBT001, FBT002 - as inherited
        await super()._async_cleanup_resources(restart=restart)
        if not restart:
            shutil.rmtree(Path(self.ip).parent, ignore_errors=True)

    cleanup_resources: Any = _async_cleanup_resources
