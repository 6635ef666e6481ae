"""Desks: for each submission an engine and an account of its own, ready before they are needed."""

from __future__ import annotations

import os
import queue
import socket
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Self

from labkit.distribution import find_program
from labkit.errors import EngineStartFailed, LabError
from labkit.grading import seeding, slots, view
from labkit.grading.rootless_desk import Limits, RootlessDesk, Warm
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from labkit.course import Course
    from labkit.engine import Engine

SECONDS_TO_WARM_UP = 60.0
#: Where every Linux has a file system in memory.
MEMORY = "/dev/shm"  # noqa: S108 - only looked at


class Desks:
    """A supply of desks, and of what they need; everything is gone after its block.

    It also removes what a grader that was killed has left on this machine.
    """

    def __init__(
        self,
        course: Course,
        images: Engine | Path,
        *,
        workers: int = 1,
        limits: Limits | None = None,
    ) -> None:
        """Name what the desks are made from; nothing is started.

        Args:
            course: Its images are on the engines, its checks are run.
            images: An engine that has the course images, or a pack file of them.
            workers: How many desks are used at a time; as many more are kept ready.
            limits: What one submission may use.
        """
        self._course, self._images = course, images
        self._workers = workers
        self._limits = limits or Limits()
        self._ready: queue.Queue[RootlessDesk | BaseException] = queue.Queue()
        self._closing = False

    def __enter__(self) -> Self:
        _refuse_unable()
        slots.FOLDER.mkdir(parents=True, exist_ok=True)
        slots.sweep()
        self._slot = slots.claim()
        self._threads = ThreadPoolExecutor(2 * self._workers + 1, "desks")
        try:
            shown = view.prepare(self._course, self._slot.folder)
            self._process, requests = _start_warm(self._course)
            self._warm = Warm(
                requests, threading.Lock(), shown, view.settings(self._course),
                loop=not _memory_keeps_attributes(),
            )  # fmt: skip
            names = [image.name for image in self._course.images if not image.on_demand]
            self._template = seeding.template(self._images, names, self._engine_on)
        except BaseException:
            self._end()
            raise
        for _number in range(self._workers):
            self._threads.submit(self._prepare)
        return self

    def __exit__(self, *_error: object) -> None:
        self._closing = True
        self._threads.shutdown(wait=True, cancel_futures=False)
        while not self._ready.empty():
            if isinstance(desk := self._ready.get(), RootlessDesk):
                desk.remove()
        self._template.release()
        self._end()

    @contextmanager
    def desk(self) -> Iterator[RootlessDesk]:
        """Hand out a fresh desk; it and all that was made at it is gone after the block.

        Blocks until one is ready. Several threads may ask.

        Raises:
            LabError: None can be made.
        """
        prepared = self._ready.get()
        self._threads.submit(self._prepare)
        if isinstance(prepared, BaseException):
            raise prepared
        prepared.hand_out()
        try:
            yield prepared
        finally:
            self._threads.submit(prepared.remove)

    def _prepare(self) -> None:
        if self._closing:
            return
        try:
            desk = RootlessDesk(self._course, self._warm, self._limits, template=self._template)
            self._ready.put(desk)
        except BaseException as error:  # noqa: BLE001 - raised where a desk is asked for
            self._ready.put(error)

    @contextmanager
    def _engine_on(self, data_root: Path) -> Iterator[Engine]:
        desk = RootlessDesk(self._course, self._warm, self._limits, data_root=data_root)
        try:
            yield desk.engine
            desk.stop()
        finally:
            desk.remove()

    def _end(self) -> None:
        self._threads.shutdown(wait=True)
        if warm := getattr(self, "_warm", None):
            warm.requests.close()
            self._process.wait()
        self._slot.give_back()


def _refuse_unable() -> None:
    """Say at once what this machine lacks.

    Raises:
        LabError: It cannot be graded on here, or not by this account.
    """
    if sys.platform != "linux":
        raise LabError(
            _("Submissions are graded on Linux only: each needs an engine of its own."),
            hint=_("Grade them on a Linux machine, which may be a virtual one."),
        )
    if os.geteuid() != 0:
        raise LabError(
            _("Grading needs root, which gives each submission an account that is nobody's."),
            hint=_("Run it with `sudo`; no learner's cell gets to be root."),
        )
    if not find_program("dockerd"):
        raise LabError(
            _("There is no `dockerd` on this machine, and each submission gets one of its own."),
            hint=_("On Debian and Ubuntu, run `sudo apt-get install docker.io`."),
        )
    if not _memory_keeps_attributes() and not find_program("mkfs.ext4"):
        raise LabError(
            _("With this kernel, older than 6.6, each desk needs a file system of its own."),
            hint=_("On Debian and Ubuntu, run `sudo apt-get install e2fsprogs`."),
        )


def _memory_keeps_attributes() -> bool:
    """Tell whether layers of an account without privileges can lie in memory."""
    with tempfile.NamedTemporaryFile(dir=MEMORY) as file:
        try:
            os.setxattr(file.fileno(), "user.labkit", b"")
        except OSError:
            return False
    return True


def _start_warm(course: Course) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """Start the warm process, with nothing of this one's environment but what Python needs."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    kept = ("PATH", "LANG", "LC_ALL", "LANGUAGE")
    environment: dict[str, Any] = {k: os.environ[k] for k in kept if k in os.environ}
    environment |= {"PYTHONPATH": str(view.PACKAGE.parent), "PYTHONDONTWRITEBYTECODE": "1"}
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "labkit.grading.warm", str(theirs.fileno()), str(course.root)],
            stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()], env=environment, cwd="/",
            start_new_session=True,
        )  # fmt: skip
    ours.settimeout(SECONDS_TO_WARM_UP)
    with suppress(TimeoutError):
        if ours.recv(16):
            ours.settimeout(None)
            return process, ours
    process.kill()
    raise EngineStartFailed(_("The process that learners' processes are copies of has ended."))
