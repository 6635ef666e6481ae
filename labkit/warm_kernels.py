"""Kernels forked from a process that has imported what every kernel imports.

A kernel's start is 0.7 s of imports. A run of notebooks pays them once: Python's own fork server
(`multiprocessing`) makes them, and each kernel is a fork of it that begins where `python -m
ipykernel_launcher` would, in a session, a folder and an environment of its own.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast
from unittest import mock

from jupyter_client.provisioning.local_provisioner import LocalProvisioner

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping
    from multiprocessing.context import ForkServerProcess

    from jupyter_client.connect import KernelConnectionInfo

#: What a kernel has imported when a lesson's first cells have run.
IMPORTED = (
    "IPython.core.debugger",
    "IPython.extensions.storemagic",
    "boto3",
    "docker",
    "ipykernel.debugger",
    "ipykernel.kernelapp",
    "ipykernel.zmqshell",
    "ipywidgets",
    "labkit.checks.diagnosis",
    "labkit.ecs.agent",
    "labkit.magics",
    "labkit.manifest",
    "labkit.show",
    "pexpect",
    "rich.tree",
    "sqlite3",
    "tornado.platform.asyncio",
)
#: Of the interpreter's own modules, which a debugger cannot step into; nobody steps here.
_NO_DEBUGGER = {"PYDEVD_DISABLE_FILE_VALIDATION": "1"}


class WarmProvisioner(LocalProvisioner):
    """Provides `jupyter_client` with forked kernels."""

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Fork a kernel.

        Args:
            cmd: The interpreter, `… -m ipykernel_launcher`, and the kernel's own arguments.
            kwargs: Its `cwd` and its whole `env`.
        """
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(list(IMPORTED))
        argv = cmd[cmd.index("ipykernel_launcher") :]
        kernel = context.Process(
            target=_be_a_kernel, args=(argv, kwargs["cwd"], kwargs["env"]), daemon=True
        )
        # Python would have a new process begin with the caller's script; a kernel begins with none.
        without_script = mock.patch.dict(sys.modules, {"__main__": ModuleType("__main__")})
        with without_script, mock.patch.dict(os.environ, _NO_DEBUGGER):
            kernel.start()
        self.process = cast("subprocess.Popen[Any]", _AsPopen(kernel))
        self.pid = self.pgid = kernel.pid
        self.cwd = kwargs["cwd"]
        return self.connection_info


def _be_a_kernel(argv: list[str], cwd: str, env: Mapping[str, str]) -> None:
    """Do what `python -m ipykernel_launcher` does, in a process just forked."""
    from ipykernel.kernelapp import launch_new_instance

    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    ends_with = f"--IPKernelApp.parent_handle={os.getppid()}"
    sys.argv = [*argv, ends_with]
    launch_new_instance()


class _AsPopen:
    """A forked process with the part of `subprocess.Popen` that a provisioner uses."""

    stdin = stdout = stderr = None

    def __init__(self, process: ForkServerProcess) -> None:
        self._process = process

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self) -> int | None:
        self._process.join()
        return self._process.exitcode

    def send_signal(self, signum: int) -> None:
        if self._process.pid is not None and self._process.is_alive():
            os.kill(self._process.pid, signum)
