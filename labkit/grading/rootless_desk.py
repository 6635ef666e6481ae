"""One desk: a rootless engine, a learner's process on it, and checks inside its network."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labkit.checking import CheckOutcome, CheckResult
from labkit.engine import connect
from labkit.engine.rootless import Rootless
from labkit.engine.rootless_files import ENGINES_OWN
from labkit.engine.witness import Witness
from labkit.errors import EngineError, EngineStartFailed, EngineUnreachable, LabError
from labkit.grading import routes, slots
from labkit.grading.session import Session
from labkit.translation import _

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping, Sequence

    from labkit.course import Course, Exercise
    from labkit.engine import Engine
    from labkit.grading.seeding import Template
    from labkit.grading.transcript import Cell, Transcript

MIB = 1 << 20
SECONDS_TO_START = 60
SECONDS_TO_STOP = 30.0
SECONDS_TO_CHECK = 120.0
#: Of the log of an engine that has ended.
LONGEST_LOG = 4096


@dataclass(frozen=True)
class Limits:
    """What one submission may use of the machine; the host sees to it.

    Attributes:
        memory: Bytes for the learner's process and those that it starts.
        containers: Bytes for all containers together.
        engine: Bytes for the engine itself, on top of the two.
        disk: Bytes of all files that are made, on top of the course images.
        processes: How many the learner's process and those that it starts may be.
        container_processes: How many those of all containers may be.
        output: Bytes that cells may print before they are stopped.
    """

    memory: int = 768 * MIB
    containers: int = 1024 * MIB
    engine: int = 768 * MIB
    disk: int = 512 * MIB
    processes: int = 256
    container_processes: int = 512
    output: int = 8 * MIB


@dataclass(frozen=True)
class Warm:
    """The warm process, as desks use it.

    Attributes:
        requests: Where it takes them.
        lock: Held while one is sent.
        shown: What of the host each engine sees.
        settings: Environment variables of learners.
        loop: Whether a data root needs a file system of its own; see `Rootless`.
    """

    requests: socket.socket
    lock: threading.Lock
    shown: tuple[tuple[str, str], ...]
    settings: dict[str, str]
    loop: bool

    def ask(self, request: Mapping[str, Any], files: Sequence[int]) -> None:
        """Have a child forked that does what is asked.

        Raises:
            LabError: The process has ended.
        """
        try:
            with self.lock:
                socket.send_fds(self.requests, [json.dumps(request).encode()], list(files))
        except OSError as error:
            raise LabError(_("The grader's warm process has ended.")) from error


class RootlessDesk:
    """A desk as `labkit.grading.desk.Desk` says, with a rootless engine of its own."""

    def __init__(
        self,
        course: Course,
        warm: Warm,
        limits: Limits,
        *,
        template: Template | None = None,
        data_root: Path | None = None,
    ) -> None:
        """Start the engine and wait until it answers.

        Args:
            course: Its exercises are checked.
            warm: Forks the desk's processes.
            limits: What may be used here.
            template: What the engine's data root begins with.
            data_root: A data root on the disk instead, which the engine writes to.

        Raises:
            EngineStartFailed: It ended before it answered; with the last lines of its log.
        """
        self._course, self._warm, self._limits = course, warm, limits
        self._slot = slots.claim()
        self._owner: socket.socket | None = None
        self._first = -1
        self._routes: dict[str, socket.socket] = {}
        self._since = time.time()
        try:
            self._make_groups()
            self._start(template, data_root)
        except BaseException:
            self.remove()
            raise

    def hand_out(self) -> None:
        """Begin to count events."""
        self._since = time.time()

    def run(
        self,
        cells: Sequence[Cell],
        *,
        files: Mapping[str, bytes] | None = None,
        cell_deadline: float,
        deadline: float,
        reaches: Sequence[str] = (),
    ) -> Transcript:
        """Run cells as the learner: see `Desk.run`."""
        if new := [address for address in reaches if address not in self._routes]:
            opened = routes.declared(self._warm, self._slot, self._first, new)
            self._routes |= dict.fromkeys(new, opened)
        session = Session(self._slot.group.child("learner"), self._limits.output)
        request = {
            "kind": "learner", "group": self._slot.group.path, "settings": self._warm.settings
        }  # fmt: skip
        handed_over = session.open(cells, files or {})
        try:
            self._warm.ask(request, [*handed_over, self._first])
        finally:
            for file in handed_over:
                os.close(file)
        transcript = session.run(cells, cell_deadline=cell_deadline, deadline=deadline)
        return session.with_engine(transcript, self._answers())

    def check(self, exercise: Exercise) -> CheckResult:
        """Run an exercise's checks, hidden ones too, inside the engine's network.

        Raises:
            EngineError: The engine does not answer any more.
            LabError: The checks could not be run.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        result = os.memfd_create("result")
        request = {
            "kind": "check", "slug": exercise.slug, "uid": self._slot.checker,
            "endpoint": self.engine.endpoint,
        }  # fmt: skip
        with ours, theirs, os.fdopen(result, "rb") as file:
            self._warm.ask(request, [theirs.fileno(), result, self._first])
            theirs.close()
            ours.settimeout(SECONDS_TO_CHECK)
            try:
                done = ours.recv(16)
            except TimeoutError as error:
                raise LabError(
                    _("The checks took more than {seconds:g} s.").format(seconds=SECONDS_TO_CHECK)
                ) from error
            if not done:
                raise LabError(_("The process that ran the checks has failed."))
            file.seek(0)
            said = json.load(file)
        if "engine" in said:
            raise EngineError(said["engine"])
        if "course" in said:
            raise LabError(said["course"])
        return _check_result(said["result"])

    def events(self) -> tuple[dict[str, Any], ...]:
        """Return what the engine did since the desk was handed out; it remembers 256 events."""
        return self.engine.events(since=self._since, until=time.time())

    def doubts(self) -> tuple[str, ...]:
        """Name the containers that could have changed the engine itself, and why."""
        return self._witness.mighty()

    def final_state(self) -> dict[str, Any]:
        """Return what is there now, as plain values, and without what changes by itself."""
        found = self.engine.snapshot().items.values()
        state: dict[str, Any] = {}
        for item in sorted(found, key=lambda item: (item.kind, item.name)):
            row = {key: value for key, value in asdict(item).items() if key != "kind"}
            state.setdefault(f"{item.kind}s", []).append(row)
        return state

    def stop(self) -> None:
        """Ask the engine to end properly, and wait for it.

        Raises:
            EngineError: It does not.
        """
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._first, signal.SIGTERM)
        if self._owner:
            self._owner.settimeout(SECONDS_TO_STOP)
            try:
                while self._owner.recv(LONGEST_LOG):
                    pass
            except TimeoutError as error:
                raise EngineError(_("The engine of a desk does not end.")) from error

    def remove(self) -> None:
        """End everything of the desk, and remove what it had."""
        if engine := getattr(self, "engine", None):
            engine.close()
        for line in self._routes.values():
            line.close()
        if self._first >= 0:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._first, signal.SIGKILL)
            os.close(self._first)
            self._first = -1
        if self._owner:
            self._owner.settimeout(SECONDS_TO_STOP)
            with suppress(OSError):
                while self._owner.recv(LONGEST_LOG):
                    pass
            self._owner.close()
        self._slot.give_back()
        if witness := getattr(self, "_witness", None):
            witness.close()

    def _answers(self) -> bool:
        """Tell whether the engine still does what it is asked."""
        try:
            self.engine.version()
        except LabError:
            return False
        return True

    def _make_groups(self) -> None:
        group, limits = self._slot.group, self._limits
        group.create()
        group.limit(
            memory=limits.memory + limits.containers + limits.engine,
            processes=limits.processes + limits.container_processes + 512,
        )
        group.pass_on()
        for name in ("engine", "learner", "docker"):
            group.child(name).create_part()
        group.child("learner").limit(memory=limits.memory, processes=limits.processes)
        group.child("docker").limit(memory=limits.containers, processes=limits.container_processes)
        for given in (group, group.child("docker")):
            given.give_to(self._slot.base)

    def _start(self, template: Template | None, data_root: Path | None) -> None:
        place = self._slot.folder / "socket"
        root = self._slot.folder / "root"
        root.mkdir()
        spec = Rootless(
            place=str(root),
            base=self._slot.base,
            group=self._slot.group.path,
            disk=self._limits.disk,
            shown=(*self._warm.shown, *(template.programs if template else ())),
            layers=template.layers if template else "",
            seed=template.seed if template else "",
            data_root=str(data_root or ""),
            loop=self._warm.loop,
        )
        self._owner, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with socket.socket(socket.AF_UNIX) as listener, theirs:
            listener.bind(str(place))
            listener.listen(128)
            os.chown(place, self._slot.checker, self._slot.checker)
            place.chmod(0o600)
            request = {"kind": "engine", "spec": asdict(spec)}
            self._warm.ask(request, [listener.fileno(), theirs.fileno()])
        self._owner.settimeout(SECONDS_TO_START)
        message, files, _flags, _address = socket.recv_fds(self._owner, LONGEST_LOG, 1)
        if not files:
            raise EngineStartFailed(
                _("A desk could not be set up."), log_tail=message.decode(errors="replace")
            )
        self._first = files[0]
        try:
            self.engine: Engine = connect(f"unix://{place}", timeout=SECONDS_TO_START)
        except EngineUnreachable as error:
            said = self._owner.recv(LONGEST_LOG).decode(errors="replace")
            raise EngineStartFailed(
                _("The engine of a desk ended before it answered."), log_tail=said
            ) from error
        self._witness = Witness(self.engine.endpoint, ENGINES_OWN, self._root())

    def _root(self) -> Path:
        """Return the root folder of the engine's first process, with all that is mounted there."""
        told = Path(f"/proc/self/fdinfo/{self._first}").read_text(encoding="ascii")
        pid = dict(line.split(":\t", 1) for line in told.splitlines())["Pid"]
        return Path(f"/proc/{pid}/root")


def _check_result(said: dict[str, Any]) -> CheckResult:
    """Read a result as `CheckResult.as_json` wrote it."""
    outcomes = tuple(map(CheckOutcome.from_json, said["outcomes"]))
    return CheckResult(
        said["slug"], said["title"], outcomes, tuple(said["needs_unmet"]), said["next_slug"]
    )
