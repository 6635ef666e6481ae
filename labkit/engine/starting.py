"""Have an engine: the one that answers, else one that labkit installs and starts.

Under systemd where systemd runs, else a `PrivateEngine`.
"""

from __future__ import annotations

import grp
import os
import pwd
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from labkit.commands import run
from labkit.distribution import as_root, find_program, install_packages, is_debian
from labkit.engine.connect import DEFAULT_SOCKET, connect
from labkit.engine.private import START_TIMEOUT, PrivateEngine
from labkit.errors import (
    CommandFailed,
    EngineError,
    EnginePermissionDenied,
    EngineStartFailed,
    EngineTooSlow,
    EngineUnreachable,
    WaitTimeout,
)
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labkit.commands import Say
    from labkit.engine.engine import Engine

#: The program an engine or a course image needs, and the package that has it.
NEEDED = {
    "dockerd": "docker.io",
    "iptables": "iptables",
    "mmdebstrap": "mmdebstrap",
    "update-ca-certificates": "ca-certificates",
}
#: Part of docker.io in some releases, packages of their own in others.
OPTIONAL_PACKAGES = ("docker-cli", "docker-buildx")
#: Its members may use the engine's socket, wherever it comes from.
GROUP = "docker"
ASK_TIMEOUT = 10.0


@dataclass(frozen=True)
class EngineStatus:
    """What `labkit engine status` tells.

    Attributes:
        running: Whether an engine answers.
        endpoint: Where it answers, or where one was looked for.
        version: The engine's version.
        started_by: `labkit`, `systemd` or `someone else`; empty when none runs.
        data_root: Where the engine keeps its data.
        log: The log of the engine that labkit started, else empty.
        pid: The process of the engine that labkit started, else None.
        problem: Why none answers, with the command that helps.
    """

    running: bool
    endpoint: str
    version: str = ""
    started_by: str = ""
    data_root: str = ""
    log: str = ""
    pid: int | None = None
    problem: str = ""


def ensure_engine(say: Say) -> Engine:
    """Connect to the engine that answers; where none does, install what is missing and start one.

    Needs root or sudo only when there is something to install or to start.

    Args:
        say: Told each step before it is taken.

    Raises:
        EnginePermissionDenied: One is there, but this account may not use its socket.
        EngineTooSlow: One is there, and hangs.
        EngineStartFailed: None answers and none could be started here.
        CommandFailed: A package could not be installed.
        LabError: This account is not root and there is no sudo.
    """
    try:
        return connect()
    except EngineTooSlow:
        raise  # one is there: a second would not mend it
    except EngineUnreachable as error:
        _refuse_elsewhere(error)
    if os.geteuid() != 0:
        _call_as_root("start", say, why=_("No Docker engine answers. Starting one"))
        return connect()
    say(_("No Docker engine answers; labkit starts one."))
    _install(say)
    _admit_caller(say)
    if _has_systemd_unit():
        _start_systemd_unit(say)
        return connect()
    return PrivateEngine().start(say)


def reach_engine(say: Say) -> Engine:
    """Do what `ensure_engine` does, also where this account has only just joined the group.

    A process keeps the groups of its login, so this program begins once more, with the new group.
    """
    try:
        return ensure_engine(say)
    except EnginePermissionDenied:
        command = with_new_group((sys.executable, "-m", "labkit", *sys.argv[1:]))
        if command is None:
            raise
        say(_("Going on with this account's new group `docker`."))
        sys.stdout.flush()
        os.execvp(command[0], command)  # noqa: S606 - no shell of ours


def stop_engine(say: Say) -> bool:
    """Stop the engine that labkit started itself; never systemd's nor anyone else's.

    Returns:
        Whether there was one.
    """
    engine = PrivateEngine()
    if os.geteuid() != 0 and engine.pid() is not None:
        _call_as_root("stop", say, why=_("Stopping the Docker engine"))
        return True
    return os.geteuid() == 0 and engine.stop(say)


def engine_status() -> EngineStatus:
    """Find out which engine answers and who started it."""
    private = PrivateEngine()
    pid = private.pid()
    log = str(private.paths.log) if pid is not None else ""
    try:
        engine = connect(timeout=5)
    except EngineError as error:
        endpoint = getattr(error, "endpoint", private.endpoint)
        return EngineStatus(False, endpoint, log=log, pid=pid, problem=str(error))
    try:
        ours = engine.endpoint == private.endpoint and pid is not None
        return EngineStatus(
            running=True,
            endpoint=engine.endpoint,
            version=str(engine.version()["Version"]),
            started_by="labkit" if ours else _starter(engine.endpoint),
            data_root=str(engine.info()["DockerRootDir"]),
            log=log if ours else "",
            pid=pid if ours else None,
        )
    finally:
        engine.close()


def with_new_group(command: Sequence[str]) -> tuple[str, ...] | None:
    """Return the command as it reaches an engine whose group this account has only just joined.

    A process keeps the groups of its login; `sg` starts one that has the new group too.

    Returns:
        None where that would change nothing, or cannot be done.
    """
    try:
        group = grp.getgrnam(GROUP)
        account = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return None
    if account not in group.gr_mem or group.gr_gid in {os.getegid(), *os.getgroups()}:
        return None
    if not find_program("sg"):
        return None
    return ("sg", group.gr_name, "-c", shlex.join(command))


def _refuse_elsewhere(error: EngineUnreachable) -> None:
    """Start nothing where that cannot help; a socket that an engine has left is no reason.

    Raises:
        EngineStartFailed: The user chose another engine, or this system has none for us.
    """
    if error.named_by:
        raise EngineStartFailed(error.message, hint=error.hint) from error
    if sys.platform != "linux" or not (is_debian() or find_program("dockerd")):
        raise EngineStartFailed(
            _("No Docker engine answers."),
            hint=_(
                "Install and start Docker Desktop, Docker Engine, Colima or Podman, then try again."
            ),
        ) from error


def _install(say: Say) -> None:
    missing = [package for program, package in NEEDED.items() if not find_program(program)]
    if missing and is_debian():
        optional = OPTIONAL_PACKAGES if NEEDED["dockerd"] in missing else ()
        install_packages(missing, say=say, optional=optional)


def _call_as_root(verb: str, say: Say, *, why: str) -> None:
    """Run `labkit engine start` or `stop` once more as root; there it says what it does."""
    labkit = (sys.executable, "-m", "labkit", "engine", verb)
    # Python run by root must leave no files of root's in the learner's folders.
    command = as_root(("env", "PYTHONDONTWRITEBYTECODE=1", *labkit), why=why)
    say(_("{why} needs root: sudo may ask for your password.").format(why=why))
    ended = subprocess.run(command, check=False, stdout=subprocess.DEVNULL)
    if ended.returncode != 0:
        raise CommandFailed(command, ended.returncode, _("its own words are above"))


def _has_systemd_unit() -> bool:
    is_systemd = Path("/run/systemd/system").is_dir()
    return is_systemd and _asked("systemctl", "cat", "docker.service") is not None


def _start_systemd_unit(say: Say) -> None:
    say(_("Starting the Docker engine with `systemctl start docker`."))
    try:
        run(["systemctl", "start", "docker"], say=say, timeout=START_TIMEOUT)
    except (CommandFailed, WaitTimeout) as error:
        journal = ("journalctl", "--unit=docker", "--lines=15", "--no-pager", "--output=cat")
        raise EngineStartFailed(
            error.message,
            log_tail=(_asked(*journal) or "").strip(),
            hint=_("Run `systemctl status docker` to see what it is at."),
        ) from error


def _admit_caller(say: Say) -> None:
    """Put the account that called sudo into the group `docker`, to which an engine's socket goes.

    Not into one that it has already: whoever may use the engine is as good as root.
    """
    account = os.environ.get("SUDO_USER")
    if not account or account == "root":
        return
    try:
        members = grp.getgrnam(GROUP).gr_mem
    except KeyError:
        run(["groupadd", "--system", GROUP], say=say)
        members = []
    if account not in members:
        say(
            _("Adding `{account}` to the group `docker`, which may use the engine.").format(
                account=account
            )
        )
        run(["usermod", "--append", "--groups", GROUP, account], say=say)


def _starter(endpoint: str) -> str:
    usual = endpoint == f"unix://{DEFAULT_SOCKET}" and Path("/run/systemd/system").is_dir()
    return "systemd" if usual and _asked("systemctl", "is-active", "docker") else "someone else"


def _asked(*command: str) -> str | None:
    """Return what a command says; None where it fails, is not there or hangs."""
    try:
        done = subprocess.run(
            command, capture_output=True, check=False, text=True, timeout=ASK_TIMEOUT
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
