"""Run commands that take their time, and say every few seconds how far they are."""

from __future__ import annotations

import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from labkit.errors import CommandFailed
from labkit.translation import _
from labkit.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

#: Where core functions send what they have to say: one call for each line.
Say: TypeAlias = "Callable[[str], None]"

REPORT_EVERY = 3.0
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
) -> str:
    """Run a command without showing its output, except for how far it is.

    Args:
        command: The command and its arguments.
        say: Gets a line of progress every few seconds.
        env: The environment; None passes this process's on.
        timeout: Seconds until the command is ended.
        progress: Turns the output so far into a line of progress.

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
        reporter = _Reporter(say, lambda: progress(_read(out)))

        def ended() -> bool:
            reporter.tick()
            return process.poll() is not None

        try:
            wait_until(
                ended,
                what=_("`{command}` to end").format(command=" ".join(command)),
                timeout=timeout,
                log_tail=lambda: tail(_read(out) + _read(err)),
            )
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait()
        if process.returncode != 0:
            told = _read(err) or tail(_read(out))
            raise CommandFailed(command, process.returncode, told)
        return _read(out)


class _Reporter:
    """Says the progress when some seconds have gone by and it has something new to say."""

    def __init__(self, say: Say, progress: Callable[[], str]) -> None:
        self._say = say
        self._progress = progress
        self._began = self._said = time.monotonic()

    def tick(self) -> None:
        now = time.monotonic()
        if now - self._said < REPORT_EVERY:
            return
        self._said = now
        line = self._progress()
        shown = line if len(line) <= LINE_WIDTH else f"{line[: LINE_WIDTH - 1]}…"
        self._say(f"  {now - self._began:3.0f} s  {shown}".rstrip())


def tail(text: str, lines: int = TAIL_LINES) -> str:
    """Return the last lines of a text."""
    return "\n".join(text.rstrip().splitlines()[-lines:])


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")
