"""A dockerd of labkit's own, in the background.

It has a data root, log and pid file of its own and listens on the usual socket, so `docker` finds
it in any terminal. Everything about it is a parameter: a test starts a second one beside the first.
"""

from __future__ import annotations

import fcntl
import signal
import socket
import subprocess
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from labkit.commands import Reporter, tail
from labkit.distribution import find_program
from labkit.engine.connect import connect
from labkit.engine.private_paths import PrivatePaths
from labkit.engine.processes import command_line, mount_points, parent, processes, send
from labkit.errors import EngineStartFailed, EngineUnreachable, WaitTimeout
from labkit.translation import _
from labkit.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labkit.commands import Say
    from labkit.engine.engine import Engine

START_TIMEOUT = 60.0
#: dockerd itself gives its containers 15 seconds to end.
STOP_TIMEOUT = 60.0
KILL_TIMEOUT = 10.0
SOCKET_TIMEOUT = 2.0

#: What dockerd's log says, and what to do about it.
KNOWN_CAUSES = (
    (
        "Devices cgroup isn't mounted",
        _("The cgroup file systems are not mounted. Run `sudo apt-get install cgroupfs-mount`."),
    ),
    (
        "no space left on device",
        _("The disk is full. Run `df -h /var/lib` and make room."),
    ),
    (
        "Failed to create NAT chain",
        _("This machine may not change its packet filter: it lacks the capability or the module."),
    ),
)


class PrivateEngine:
    """One dockerd of labkit's own, in the background."""

    def __init__(
        self,
        paths: PrivatePaths | None = None,
        *,
        own_network: bool = False,
        group: str | None = None,
    ) -> None:
        """Name the engine; nothing is started.

        Args:
            paths: Where it keeps things; None is the standard engine.
            own_network: Whether it runs in a network namespace of its own. A second engine must:
                it would take the bridge and the packet filter away from the first, and with
                `--bridge=none` it even removes `docker0`. Its containers reach each other only.
            group: The group that may use its socket; None is Docker's default.
        """
        self.paths = paths or PrivatePaths.standard()
        self._own_network = own_network
        self._group = group
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        """Its address."""
        return f"unix://{self.paths.socket}"

    def pid(self) -> int | None:
        """Return its process, or None when it does not run.

        The pid file alone proves nothing: it outlives a crash, and the number may be another
        process's by then.
        """
        if self._process and self._process.poll() is None:
            return self._process.pid
        try:
            pid = int(self.paths.pid_file.read_text())
        except (OSError, ValueError):
            return None
        return pid if self._pid_argument in command_line(pid) else None

    def start(self, say: Say) -> Engine:
        """Start it, unless it runs, and wait until it answers. Needs root.

        Raises:
            EngineStartFailed: It ended, or does not answer; with the last lines of its log.
            WaitTimeout: Another process is at it, and does not come to an end.
        """
        with self._alone(say):
            if self.pid() is not None:
                self._wait_for_answer(say)
                return connect(self.endpoint)
            self._refuse_taken_socket()
            say(_("Starting the Docker engine; its log is {log}.").format(log=self.paths.log))
            self._remove_leftovers()
            self._reap()
            self._process = self._spawn()
            try:
                self._wait_for_answer(say)
            except BaseException:
                # Nobody waits any more for one that would still come up.
                with suppress(WaitTimeout):
                    self._end_daemon(say, patience=KILL_TIMEOUT)
                    self._remove_leftovers()
                    self._reap()
                raise
        return connect(self.endpoint)

    def stop(self, say: Say) -> bool:
        """End it and whatever a crash of it left behind: processes and mounts. Needs root.

        Its images, containers and volumes stay for the next start.

        Returns:
            Whether there was something to end.

        Raises:
            WaitTimeout: Its processes cannot be ended.
        """
        with self._alone(say):
            pid = self.pid()
            if pid is not None:
                say(_("Stopping the Docker engine and its containers."))
                self._end_daemon(say, patience=STOP_TIMEOUT)
            left_over = self._remove_leftovers()
        self._reap()
        return pid is not None or left_over

    @contextmanager
    def _alone(self, say: Say) -> Iterator[None]:
        """Let no second `start` or `stop` take a daemon that is coming up for a left-over."""
        folder = self.paths.pid_file.parent
        folder.mkdir(parents=True, exist_ok=True)
        waiting = Reporter(say, lambda: _("another labkit starts or stops the engine"))
        with folder.joinpath("lock").open("w") as lock:
            wait_until(
                waiting.telling(lambda: _locked(lock)),
                what=_("another labkit to start or stop the engine"),
                timeout=START_TIMEOUT + STOP_TIMEOUT,
            )
            yield

    def _daemon(self) -> list[int]:
        pid = self.pid()
        return [] if pid is None else [pid]

    @property
    def _pid_argument(self) -> str:
        return f"--pidfile={self.paths.pid_file}"

    def _command(self) -> list[str]:
        return [
            *(["unshare", "--net"] if self._own_network else []),
            find_program("dockerd") or "dockerd",
            f"--host={self.endpoint}",
            f"--data-root={self.paths.data_root}",
            f"--exec-root={self.paths.exec_root}",
            self._pid_argument,
            *([f"--group={self._group}"] if self._group else []),
        ]

    def _spawn(self) -> subprocess.Popen[bytes]:
        self.paths.log.parent.mkdir(parents=True, exist_ok=True)
        try:
            with self.paths.log.open("wb") as log:
                return subprocess.Popen(
                    self._command(),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    # Ctrl-C in this terminal is not meant for the engine.
                    start_new_session=True,
                )
        except OSError as error:
            raise EngineStartFailed(
                _("The Docker engine could not be started: {why}.").format(why=error)
            ) from error

    def _reap(self) -> None:
        """Take note of the end of a daemon that this very process had started."""
        if self._process:
            self._process.wait()
            self._process = None

    def _wait_for_answer(self, say: Say) -> None:
        waiting = Reporter(say, lambda: _("waiting for the engine to answer"), longest_pause=1.0)
        try:
            wait_until(
                waiting.telling(self._answers),
                what=_("the Docker engine to answer"),
                timeout=START_TIMEOUT,
            )
        except WaitTimeout as error:
            raise self._failed(error.message) from error

    def _answers(self) -> bool:
        if self._process and self._process.poll() is not None:
            raise self._failed(_("The Docker engine ended right after its start."))
        try:
            # It listens before it answers, and meanwhile there is something to say.
            connect(self.endpoint, timeout=1).close()
        except EngineUnreachable:
            return False
        return True

    def _failed(self, message: str) -> EngineStartFailed:
        log = self._log()
        hints = [advice for sign, advice in KNOWN_CAUSES if sign in log]
        return EngineStartFailed(message, log_tail=tail(log), hint=" ".join(hints))

    def _log(self) -> str:
        try:
            return self.paths.log.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""

    def _refuse_taken_socket(self) -> None:
        """Leave a socket alone that someone listens on; one without a listener is replaced.

        Raises:
            EngineStartFailed: Someone listens there.
        """
        try:
            # A daemon that is just ending lets go of its socket last of all.
            wait_until(self._socket_is_free, what=_("the socket"), timeout=SOCKET_TIMEOUT)
        except WaitTimeout as error:
            raise EngineStartFailed(
                _("Another process listens on `{path}` and does not answer as Docker does.").format(
                    path=self.paths.socket
                ),
                hint=_("Run `sudo ss -xlp` to see which one it is."),
            ) from error

    def _socket_is_free(self) -> bool:
        with socket.socket(socket.AF_UNIX) as client:
            try:
                client.connect(str(self.paths.socket))
            except OSError:
                return True
        return False

    def _remove_leftovers(self) -> bool:
        """End the processes and undo the mounts that a killed daemon leaves; tell if any were."""
        orphans, mounts = self._orphans(), self._mounts()
        # All at once and by force: a shim that ends by itself leaves its container running.
        send(orphans, signal.SIGKILL)
        wait_until(
            lambda: not any(map(command_line, orphans)),
            what=_("the Docker engine's processes to end"),
            timeout=KILL_TIMEOUT,
        )
        for mount in mounts:
            # A network namespace or an overlay of a container that is gone by now.
            subprocess.run(["umount", "--lazy", mount], capture_output=True, check=False)
        # dockerd would wait for the containerd whose number this is, dead or not.
        containerd = self.paths.exec_root / "containerd/containerd.pid"
        for note in (self._own_mount_note, self.paths.pid_file, containerd):
            note.unlink(missing_ok=True)
        return bool(orphans or mounts)

    def _orphans(self) -> list[int]:
        """The daemon's containerd and shims, and before each shim the container's first process."""
        marker = f"{self.paths.exec_root}/"
        running = list(processes())
        helpers = {
            pid
            for pid, arguments in running
            if Path(arguments[0]).name.startswith("containerd")
            and any(argument.startswith(marker) for argument in arguments[1:])
        }
        return [*(pid for pid, _arguments in running if parent(pid) in helpers), *helpers]

    def _mounts(self) -> list[str]:
        """Mount points that the daemon made, innermost first."""
        below = (f"{self.paths.data_root}/", f"{self.paths.exec_root}/")
        points = [point for point in reversed(mount_points()) if point.startswith(below)]
        if self._own_mount_note.exists():
            points += [point for point in mount_points() if point == str(self.paths.data_root)]
        return points

    @property
    def _own_mount_note(self) -> Path:
        """What dockerd leaves where it has mounted its data root upon itself."""
        return self.paths.exec_root / "unmount-on-shutdown"

    def _end_daemon(self, say: Say, *, patience: float) -> None:
        """Ask the daemon to end, and kill it when it does not."""
        waiting = Reporter(say, lambda: _("waiting for the engine to end"))
        gone = waiting.telling(lambda: self.pid() is None)
        what = _("the Docker engine to end")
        send(self._daemon(), signal.SIGTERM)
        try:
            wait_until(gone, what=what, timeout=patience)
        except WaitTimeout:
            send(self._daemon(), signal.SIGKILL)
            wait_until(gone, what=what, timeout=KILL_TIMEOUT)


def _locked(file: IO[str]) -> bool:
    """Take a lock on an open file, unless another process has it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
