"""Running a learner's cells, as the grader sees it: what they print, how long, and how they end."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from labkit.errors import EngineError
from labkit.grading.transcript import CellRun, Ending, Transcript
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from labkit.engine.cgroups import Group
    from labkit.grading.transcript import Cell

#: Kept of what a cell prints: so much of its beginning, and as much of its end.
KEPT = 32 << 10
CHUNK = 64 << 10
LONGEST_MESSAGE = 16 << 10
SECONDS_TO_BEGIN = 30.0
SECONDS_TO_END = 30.0


@dataclass
class Output:
    """What one cell prints, cut in the middle."""

    head: bytearray = field(default_factory=bytearray)
    tail: bytearray = field(default_factory=bytearray)
    size: int = 0

    def add(self, chunk: bytes) -> None:
        """Keep what there is room for."""
        self.size += len(chunk)
        room = KEPT - len(self.head)
        self.head += chunk[:room]
        self.tail += chunk[room:] if room > 0 else chunk
        del self.tail[: max(0, len(self.tail) - KEPT)]

    def text(self) -> str:
        """Return it as text, and say how much is missing."""
        missing = self.size - len(self.head) - len(self.tail)
        parts = [self.head.decode(errors="replace")]
        if missing:
            parts.append(_("\n… {count} bytes are left out …\n").format(count=missing))
        return "".join([*parts, self.tail.decode(errors="replace")])


class Session:
    """One learner's process, from the grader's side."""

    def __init__(self, group: Group, most_output: int) -> None:
        """Prepare to start it.

        Args:
            group: Its control group, which tells what it wanted in vain.
            most_output: Bytes that it may print.
        """
        self._group = group
        self._most = most_output
        self._printed = 0
        self._kills = group.kills()
        self._refusals = group.refusals()

    def open(self, cells: Sequence[Cell], files: Mapping[str, bytes]) -> list[int]:
        """Return the open files for the learner's process, to be closed here once handed over."""
        self._control, control = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._supervisor, supervisor = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._output, output = os.pipe()
        os.set_blocking(self._output, False)
        task = os.memfd_create("task")
        content = {
            "cells": [cell.source for cell in cells],
            "files": {name: data.hex() for name, data in files.items()},
        }
        with os.fdopen(os.dup(task), "w") as file:
            json.dump(content, file)
        os.lseek(task, 0, os.SEEK_SET)
        return [control.detach(), supervisor.detach(), output, task]

    def run(self, cells: Sequence[Cell], *, cell_deadline: float, deadline: float) -> Transcript:
        """Run the cells one by one until one of them is the last, for whatever reason.

        Raises:
            EngineError: The process could not be started.
        """
        try:
            return self._run(cells, cell_deadline, deadline)
        finally:
            self._control.close()
            self._supervisor.close()
            os.close(self._output)

    def with_engine(self, transcript: Transcript, answers: bool) -> Transcript:  # noqa: FBT001
        """Say so when the engine has not outlived the cells."""
        if answers:
            return transcript
        message = _("The engine that the cells worked on does not answer any more.")
        return replace(transcript, ending=Ending.ENGINE_GONE, message=message)

    def _run(self, cells: Sequence[Cell], cell_deadline: float, deadline: float) -> Transcript:
        answer, _why = self._wait(Output(), time.monotonic() + SECONDS_TO_BEGIN)
        if answer is None:
            self._end(Output())
            raise EngineError(_("The learner's process could not be started at its desk."))
        whole = time.monotonic() + deadline
        runs: list[CellRun] = []
        for number, cell in enumerate(cells):
            output, begun = Output(), time.monotonic()
            own = begun + cell_deadline
            with suppress(OSError):  # it has ended: the answer says so
                self._control.send(str(number).encode())
            answer, late = self._wait(output, min(own, whole))
            if answer is None:
                seconds = time.monotonic() - begun
                end = self._end(output)
                ending, message = self._why(
                    end, late=late, cell=own <= whole, seconds=(cell_deadline, deadline)
                )
                runs.append(CellRun(cell.id, cell.source, output.text(), None, seconds))
                break
            error = answer.get("error")
            seconds = time.monotonic() - begun
            runs.append(
                CellRun(cell.id, cell.source, output.text(), str(error) if error else None, seconds)
            )
        else:
            end = self._end(Output())
            ending, message = next(self._met(end), (Ending.COMPLETED, ""))
        return Transcript(tuple(runs), ending, message)

    def _wait(self, output: Output, until: float) -> tuple[dict[str, Any] | None, bool]:
        """Read what is printed until the process answers, ends or is late; None when no answer."""
        waiting = select.poll()
        for file in (self._control.fileno(), self._supervisor.fileno(), self._output):
            waiting.register(file, select.POLLIN)
        while (left := until - time.monotonic()) > 0:
            ready = [file for file, _event in waiting.poll(left * 1000)]
            if self._output in ready and not self._drain(output, 1):
                waiting.unregister(self._output)
            if self._printed > self._most:
                return None, False
            if self._control.fileno() in ready:
                answer = self._answer()
                self._drain(output)
                return answer, False
            if self._supervisor.fileno() in ready:
                return None, False
        return None, True

    def _answer(self) -> dict[str, Any] | None:
        """Read an answer; what learners' code writes in its place is none."""
        try:
            answer = json.loads(self._control.recv(LONGEST_MESSAGE))
        except (OSError, ValueError, RecursionError):
            return None
        return answer if isinstance(answer, dict) else None

    def _drain(self, output: Output, chunks: int = 1 << 10) -> bool:
        """Read what is there; tell whether more may come."""
        for _number in range(chunks):
            try:
                chunk = os.read(self._output, CHUNK)
            except BlockingIOError:
                return True
            if not chunk:
                return False
            self._printed += len(chunk)
            output.add(chunk)
        return True

    def _end(self, output: Output) -> dict[str, Any]:
        """End the process and all that it started, and hear how it was."""
        self._supervisor.shutdown(socket.SHUT_WR)
        self._supervisor.settimeout(SECONDS_TO_END)
        try:
            said = self._supervisor.recv(LONGEST_MESSAGE)
            end: dict[str, Any] = json.loads(said) if said else {}
        except (OSError, ValueError):
            end = {}
        self._drain(output)
        return end

    def _why(
        self, end: dict[str, Any], *, late: bool, cell: bool, seconds: tuple[float, float]
    ) -> tuple[Ending, str]:
        """Say why no more cells were run; a limit that was met explains what follows."""
        took = (
            _("The cell took more than {seconds:g} s.")
            if cell
            else _("The cells took more than {seconds:g} s.")
        ).format(seconds=seconds[0] if cell else seconds[1])
        by_itself = (Ending.EXITED, _exit_message(end.get("status")))
        deadline = (Ending.CELL_DEADLINE if cell else Ending.DEADLINE, took)
        return next(self._met(end), deadline if late else by_itself)

    def _met(self, end: dict[str, Any]) -> Iterator[tuple[Ending, str]]:
        """Name the limits that were met, if only in passing; the first one explains the others."""
        limits = (
            (self._printed > self._most, Ending.OUTPUT,
             _("The cells printed more than {count} bytes.").format(count=self._most)),
            (self._group.kills() > self._kills, Ending.MEMORY,
             _("The cells used more memory than they may.")),
            (self._group.refusals() > self._refusals, Ending.PROCESSES,
             _("The cells started more processes than they may.")),
            (end.get("full"), Ending.DISK, _("The cells have filled the disk.")),
        )  # fmt: skip
        return ((ending, message) for met, ending, message in limits if met)


def _exit_message(status: str | None) -> str:
    if not status:  # its parent had no time or memory to say it
        return _("The learner's process ended in the middle of a cell.")
    code = os.waitstatus_to_exitcode(int(status))
    if code < 0:
        text = _("The learner's process was ended by {signal} in the middle of a cell.")
        return text.format(signal=signal.Signals(-code).name)
    text = _("The learner's process ended in the middle of a cell, with exit code {code}.")
    return text.format(code=code)
