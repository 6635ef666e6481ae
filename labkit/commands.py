"""Run commands that take their time, and say meanwhile how far they are."""

from __future__ import annotations

import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from labkit.errors import CommandFailed
from labkit.translation import _
from labkit.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

#: Where core functions send what they have to say: one call for each line.
Say: TypeAlias = "Callable[[str], None]"

T = TypeVar("T")

#: Nobody looks at a silent terminal for more than a second; who has seen two lines can wait longer.
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 3.0
#: Seconds for a process to end when it is told to, and again when it is made to.
PATIENCE = 10.0
TAIL_LINES = 15
LINE_WIDTH = 88


def last_line(output: str) -> str:
    """Return the last line that is not empty: the progress of most commands."""
    lines = [line for line in output.splitlines() if line.strip()]
    return lines[-1].strip() if lines else ""


def run(
    command: Sequence[str],
    *,
    say: Say,
    env: Mapping[str, str] | None = None,
    timeout: float = 1800.0,
    progress: Callable[[str], str] = last_line,
    patience: float = PATIENCE,
) -> str:
    """Run a command without showing its output, except for how far it is.

    Args:
        command: The command and its arguments.
        say: Gets a line of progress after a second, and then every few.
        env: The environment; None passes this process's on.
        timeout: Seconds until the command is ended.
        progress: Turns the output so far into a line of progress.
        patience: Seconds that it has to end by itself when it is interrupted or takes too long.

    Returns:
        What it wrote to standard output.

    Raises:
        CommandFailed: It exited with another code than 0, or could not be started.
        WaitTimeout: It took longer than `timeout`.
    """
    with tempfile.TemporaryDirectory(prefix="labkit-") as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        with out.open("wb") as out_file, err.open("wb") as err_file:
            try:
                process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=out_file, stderr=err_file, env=env
                )
            except OSError as error:
                raise CommandFailed(command, 127, error.strerror or str(error)) from error
        reporter = Reporter(say, lambda: progress(_read(out)))
        try:
            wait_until(
                reporter.telling(lambda: process.poll() is not None),
                what=_("`{command}` to end").format(command=" ".join(command)),
                timeout=timeout,
                log_tail=lambda: tail(_read(out) + _read(err)),
            )
        finally:
            end(process, patience=patience)
        if process.returncode != 0:
            told = _read(err) or tail(_read(out))
            raise CommandFailed(command, process.returncode, told)
        return _read(out)


def end(process: subprocess.Popen[bytes], *, patience: float = PATIENCE) -> None:
    """End a child process, by force if need be, without waiting for it for ever.

    What sudo runs is root's and cannot be told anything; it has heard of Ctrl-C by itself.
    """
    for tell in (process.terminate, process.kill):
        if process.poll() is not None:
            return
        with suppress(PermissionError):
            tell()
        with suppress(subprocess.TimeoutExpired):
            process.wait(patience)


class Reporter:
    """Says how far something is that is waited for: after a second, and then every few."""

    def __init__(
        self, say: Say, progress: Callable[[], str], *, longest_pause: float | None = None
    ) -> None:
        """Begin to count the seconds.

        Args:
            say: Gets the lines.
            progress: Asked for the text of each line.
            longest_pause: Seconds between two lines, once the pauses have grown.
        """
        self._say = say
        self._progress = progress
        self._longest = LONGEST_PAUSE if longest_pause is None else longest_pause
        self._pause = FIRST_PAUSE
        self._began = time.monotonic()
        self._due = self._began + self._pause

    def tick(self) -> None:
        """Say a line, if it is time for one."""
        now = time.monotonic()
        if now < self._due:
            return
        self._pause = min(self._pause + FIRST_PAUSE, self._longest)
        self._due = now + self._pause
        line = self._progress()
        shown = line if len(line) <= LINE_WIDTH else f"{line[: LINE_WIDTH - 1]}…"
        self._say(f"  {now - self._began:3.0f} s  {shown}".rstrip())

    def telling(self, condition: Callable[[], T]) -> Callable[[], T]:
        """Return the condition for `wait_until` so that a tick comes with each look at it."""

        def asked() -> T:
            self.tick()
            return condition()

        return asked


def tail(text: str, lines: int = TAIL_LINES) -> str:
    """Return the last lines of a text."""
    return "\n".join(text.rstrip().splitlines()[-lines:])


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")
