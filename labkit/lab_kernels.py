"""The kernels of JupyterLab as the course starts it."""

from __future__ import annotations

from jupyter_server.services.kernels.kernelmanager import ServerKernelManager

from labkit.kernel_sockets import SocketKernelManager


class LabKernelManager(SocketKernelManager, ServerKernelManager):
    """Starts a notebook's kernel: no other account reaches its sockets, no program takes them."""
