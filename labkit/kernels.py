"""A Python kernel of this very interpreter, which keeps account of its shell commands."""

from __future__ import annotations

import os
import sys
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient
    from nbformat import NotebookNode

# `zmqshell.system` is what runs a `!command`; wrapping it there, and not the shell's method,
# leaves the stack as IPython expects it when it expands `{variables}` of the caller.
OBSERVE = """
def _observe():
    import ipykernel.zmqshell
    run, seen = ipykernel.zmqshell.system, []
    def system(command):
        code = run(command)
        seen.append([command, code])
        return code
    ipykernel.zmqshell.system = system
    get_ipython()._labkit_commands = seen
_observe()
del _observe
"""
_TAKE = "__import__('json').dumps(get_ipython()._labkit_commands)"
_FORGET = "get_ipython()._labkit_commands.clear()"


@asynccontextmanager
async def running_kernel(
    notebook: NotebookNode, *, cwd: Path, env: Mapping[str, str] | None, seconds: float
) -> AsyncIterator[NotebookClient]:
    """Start a kernel and yield a client that executes a notebook's cells in it.

    It ends with the block, and so does all that its cells have started in the foreground.

    Args:
        notebook: Whose cells will be executed; they are given their outputs.
        cwd: The folder in which it runs.
        env: Variables to add to this process's environment.
        seconds: How long one cell may take.

    Raises:
        RuntimeError: The kernel did not start.
    """
    import math

    from nbclient import NotebookClient

    from labkit.kernel_sockets import SocketKernelManager
    from labkit.warm_kernels import WarmProvisioner

    manager = SocketKernelManager(kernel_name="python3", kernel_spec_manager=_only_this_python())
    manager.provisioner = WarmProvisioner(
        parent=manager, kernel_id=manager.kernel_id, kernel_spec=manager.kernel_spec
    )
    # The caller judges failed cells, by their tags.
    client = NotebookClient(notebook, km=manager, timeout=math.ceil(seconds), allow_errors=True)
    client.log.disabled = True
    try:
        await manager.start_kernel(
            cwd=str(cwd),
            env=environment(env),
            # No history file to share, no warnings of the kernel's among our own lines.
            extra_arguments=["--HistoryManager.hist_file=:memory:", "--IPKernelApp.log_level=40"],
        )
        await client.async_start_new_kernel_client()
        await _ask(client, OBSERVE)
        yield client
    finally:
        if client.kc is not None:
            client.kc.stop_channels()
        await _end(manager)


async def take_commands(client: NotebookClient) -> list[tuple[str, int]]:
    """Take the `!commands` that ran since the last call, with their exit codes."""
    import ast
    import json

    reply = await _ask(client, "", seen=_TAKE, forget=_FORGET)
    seen = reply.get("user_expressions", {}).get("seen", {})
    if seen.get("status") != "ok":
        return []
    listed = json.loads(ast.literal_eval(seen["data"]["text/plain"]))
    return [(command, code) for command, code in listed]


def environment(env: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return this process's environment with the interpreter's programs found first.

    Args:
        env: Variables to add; its `PATH`, if any, comes after the interpreter's folder.
    """
    merged = {**os.environ, **(env or {})}
    programs = str(Path(sys.executable).parent)
    merged["PATH"] = os.pathsep.join([programs, merged.get("PATH", os.defpath)])
    return merged


def _only_this_python() -> Any:
    """Return a finder of kernels that knows one; an account may have others called `python3`."""
    from ipykernel.kernelspec import get_kernel_dict
    from jupyter_client.kernelspec import KernelSpec, KernelSpecManager

    class OnlyThisPython(KernelSpecManager):
        def get_kernel_spec(self, kernel_name: str) -> KernelSpec:  # noqa: ARG002 - as inherited
            return KernelSpec(resource_dir="", **get_kernel_dict())

    return OnlyThisPython(ensure_native_kernel=False)


async def _ask(client: NotebookClient, code: str, **expressions: str) -> dict[str, Any]:
    """Run code that leaves no trace in the notebook; return the kernel's reply."""
    if client.kc is None:
        return {}
    sent = client.kc.execute(code, silent=True, store_history=False, user_expressions=expressions)
    reply = await client.async_wait_for_reply(sent)
    return reply["content"] if reply else {}


async def _end(manager: AsyncKernelManager) -> None:
    """End the kernel and its children: after a timeout, one of them may still wait."""
    import psutil  # type: ignore[import-untyped]

    pid = getattr(manager.provisioner, "pid", None)
    if pid is not None:
        with suppress(psutil.NoSuchProcess):
            for process in psutil.Process(pid).children(recursive=True):
                with suppress(psutil.NoSuchProcess):
                    process.kill()
    await manager.shutdown_kernel(now=True)
