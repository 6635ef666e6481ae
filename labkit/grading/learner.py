"""The learner's process: an IPython shell that runs cells, and may do nothing else.

::

    warm process ── supervisor   tells the grader how it ended; ends it when the grader says so
                     └── first   process 1 of a namespace, so that nothing outlives it
                          └── shell

The shell is a fork of the warm process, which has imported what cells import. It is the engine's
root as far as files go, without any privilege, and sees the engine's file system and network.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from labkit.engine import kernel
from labkit.engine.cgroups import Group, hierarchies
from labkit.engine.processes import send
from labkit.engine.rootless import PATH, SOCKET
from labkit.engine.rootless_files import DATA_ROOT, ENGINES_OWN, HOME

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

WORK = f"{HOME}/work"
#: Of an exception's text.
LONGEST_ERROR = 500
#: Bytes on a disk that nothing of use can be done with.
NOTHING_LEFT = 1 << 20
#: Where a fork bomb or a want of memory keeps all processes of a learner from their work.
SECONDS_TO_TELL = 5.0


@dataclass(frozen=True)
class Lines:
    """What connects a learner's process with the grader.

    Attributes:
        control: Which cell to run, and how it ended.
        supervisor: Closed on the grader's side to end the learner's process; tells how it ended.
        output: What cells print.
        task: A file with the cells and the files that lie in the working folder.
        engine: The pidfd of the engine's first process.
    """

    control: socket.socket
    supervisor: socket.socket
    output: int
    task: int
    engine: int

    @classmethod
    def opened(cls, files: list[int]) -> Lines:
        """Take the open files in the order in which the grader hands them over."""
        control, supervisor, output, task, engine = files
        return cls(
            socket.socket(fileno=control), socket.socket(fileno=supervisor), output, task, engine
        )


def supervise(shell: InteractiveShell, group: str, lines: Lines, settings: dict[str, str]) -> None:
    """Run a learner's process, and end it when the grader closes its line; this is the supervisor.

    Args:
        shell: The warm shell.
        group: The desk's control group.
        lines: To the grader.
        settings: Environment variables of the learner.
    """
    parent = os.getppid()
    kernel.die_with_parent(parent)
    Group(hierarchies(), group).child("learner").take(os.getpid())
    kernel.forget_keys()
    kernel.enter(
        lines.engine,
        kernel.NEW_USERS | kernel.NEW_MOUNTS | kernel.NEW_NETWORK | kernel.NEW_IPC
        | kernel.NEW_HOSTNAME | kernel.NEW_CGROUPS,
    )  # fmt: skip
    os.close(lines.engine)
    os.setgroups([])
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    kernel.die_with_parent(parent)
    kernel.unshare(kernel.NEW_PIDS)
    told, tells = os.pipe()
    myself = os.pidfd_open(os.getpid())
    first = os.fork()
    if first == 0:
        kernel.die_with(myself)
        os.close(told)
        _first(shell, lines, settings, tells)
    os.close(myself)
    os.close(tells)
    os.close(lines.output)
    lines.control.close()
    waiting = select.poll()
    waiting.register(lines.supervisor, select.POLLIN)
    waiting.register(told, select.POLLHUP)
    waiting.poll()
    _end(first, told)
    disks = [os.statvfs(place) for place in ("/", DATA_ROOT)]
    end = {
        "status": os.read(told, 20).decode() or None,
        "full": any(d.f_bavail * d.f_frsize < NOTHING_LEFT or not d.f_favail for d in disks),
    }
    with suppress(OSError):  # the grader is gone
        lines.supervisor.send(json.dumps(end).encode())


def _end(first: int, told: int) -> None:
    """Have the first process of a namespace say how the shell ended, and end with all in it."""
    with suppress(ProcessLookupError):
        os.kill(first, signal.SIGTERM)
    select.select([told], [], [], SECONDS_TO_TELL)
    with suppress(ProcessLookupError):
        os.kill(first, signal.SIGKILL)
    os.waitpid(first, 0)


def _first(shell: InteractiveShell, lines: Lines, settings: dict[str, str], tells: int) -> NoReturn:
    """Be process 1: collect what ends, and end everything with the shell."""
    lines.supervisor.close()
    kernel.unshare(kernel.NEW_MOUNTS)
    kernel.mount(None, "/", flags=kernel.MS_REC | kernel.MS_PRIVATE)
    safe = kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC
    kernel.mount("proc", "/proc", "proc", safe)
    for folder in ENGINES_OWN:
        kernel.mount("tmpfs", folder, "tmpfs", safe | kernel.MS_RDONLY, "size=4k,mode=700")
    child = os.fork()
    if child == 0:
        os.close(tells)
        _run(shell, lines, settings)
    lines.control.close()
    os.close(lines.output)
    signal.signal(signal.SIGTERM, lambda *_: send([child], signal.SIGKILL))
    while True:
        ended, status = os.waitpid(-1, 0)
        if ended == child:
            os.write(tells, str(status).encode())
            os._exit(0)


def _run(shell: InteractiveShell, lines: Lines, settings: dict[str, str]) -> NoReturn:
    """Be the shell: run each cell when the grader says so."""
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (lines.output, 1), (lines.output, 2)):
        os.dup2(source, target)
    with os.fdopen(lines.task, "rb") as file:
        task = json.load(file)
    kept = lines.control.fileno()
    os.closerange(3, kept)
    os.closerange(kept + 1, 1 << 16)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.environ.clear()
    os.environ.update(settings, PATH=f"{settings['PATH']}:{PATH}", HOME=HOME)
    os.environ.update(DOCKER_HOST=f"unix://{SOCKET}", LABKIT_WORK=WORK, USER="root", TERM="dumb")
    os.umask(0o022)
    kernel.give_up_privileges()
    Path(WORK).mkdir(exist_ok=True)
    os.chdir(WORK)
    for name, content in task["files"].items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(bytes.fromhex(content))
    _prepare(shell)
    _send(lines.control, {"ready": True})
    while said := lines.control.recv(16):
        error = _run_cell(shell, task["cells"][int(said)])
        _send(lines.control, {"error": error})
    os._exit(0)


def _send(control: socket.socket, message: dict[str, Any]) -> None:
    control.send(json.dumps(message).encode())


def _prepare(shell: Any) -> None:
    """Make the warm shell this learner's: nobody answers, and errors are told apart from output."""
    import builtins
    import getpass

    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    builtins.input = _refuse_input
    getpass.getpass = _refuse_input
    shell.system = shell.system_piped  # as in a notebook: programs have a terminal
    shell.showtraceback = _say_usage_only
    shell.showsyntaxerror = _say_nothing
    shell.user_ns["__name__"] = "__main__"


def _say_usage_only(*_arguments: object, **_named: object) -> None:
    """Say how a magic is used; other errors are told to the grader, and not as tracebacks."""
    from IPython.core.error import UsageError

    if isinstance(error := sys.exc_info()[1], UsageError):
        print(f"UsageError: {error}", file=sys.stderr)  # noqa: T201 - a learner's cell prints


def _say_nothing(*_arguments: object, **_named: object) -> None:
    pass


def _refuse_input(*_arguments: object, **_named: object) -> NoReturn:
    raise EOFError("nobody is here to answer `input()` while this notebook is graded")


def _run_cell(shell: InteractiveShell, source: str) -> str | None:
    result = shell.run_cell(source, store_history=True)
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):  # a cell may have put anything in its place
            stream.flush()
    error = result.error_before_exec or result.error_in_exec
    if error is None:
        return None
    try:
        said = " ".join(str(error).split())
    except Exception:  # noqa: BLE001 - the learner's own class
        said = ""
    return f"{type(error).__name__}: {said}"[:LONGEST_ERROR].rstrip(": ")
