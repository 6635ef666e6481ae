"""What all commands share: exit codes, JSON, colours, and progress bars."""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from labkit.errors import LabError
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.progress import Progress as RichProgress

    from labkit.rendering import Style

GOOD, NOT_GOOD, WRONG = 0, 1, 2
INTERRUPTED = 130

#: Seconds between two lines of progress where there is no terminal.
LINE_EVERY = 3.0


def style() -> Style:
    """Colours only on a terminal, and not where NO_COLOR asks for none."""
    from labkit.rendering import Style

    return Style(colours=sys.stdout.isatty() and not os.environ.get("NO_COLOR"))


def print_json(value: Any) -> None:
    """Print a value for machines."""
    print(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def say(line: str) -> None:
    """Print a line of progress; standard output is for results."""
    print(line, file=sys.stderr, flush=True)


def confirmed(question: str) -> bool:
    """Show what would be removed and ask whether to go on.

    Raises:
        LabError: Nobody is there to answer.
    """
    say(question)
    if not sys.stdin.isatty():
        raise LabError(
            _("Nobody is there to confirm, so nothing was removed."),
            hint=_("Run it again with `--yes`; `labkit reset --dry-run` only lists."),
        )
    print(_("Go on? [y/N] "), end="", file=sys.stderr, flush=True)
    # An empty line, and Ctrl-D, are a no.
    if sys.stdin.readline().strip().lower() in {"y", "yes"}:
        return True
    say(_("Nothing was removed."))
    return False


class Lines:
    """Progress where there is no terminal: a line for each thing, and one every few seconds."""

    def __init__(self) -> None:
        self._image = ""
        self._said = 0.0

    def step(self, image: str, text: str, done: int | None, total: int | None) -> None:
        """Print a line, unless the last one is fresh."""
        now = time.monotonic()
        if image == self._image and now - self._said < LINE_EVERY:
            return
        self._image, self._said = image, now
        share = f" ({done * 100 // total}%)" if done is not None and total else ""
        say(f"{image}  {text}{share}".strip())


class Bars:
    """Progress on a terminal: a bar for each image."""

    def __init__(self, progress: RichProgress) -> None:
        self._progress = progress
        self._tasks: dict[str, Any] = {}

    def step(self, image: str, text: str, done: int | None, total: int | None) -> None:
        """Move an image's bar, and say what is done to it."""
        if image not in self._tasks:
            self._tasks[image] = self._progress.add_task(image, text="", total=None)
        self._progress.update(
            self._tasks[image], text=text, completed=done or 0, total=total or None
        )


@contextmanager
def progress() -> Iterator[Lines | Bars]:
    """Show how far images are: bars on a terminal, else lines. Both on standard error."""
    if not sys.stderr.isatty():
        yield Lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        TimeElapsedColumn(),
        TextColumn("{task.fields[text]}", markup=False),
    )
    with Progress(*columns, console=Console(stderr=True)) as bars:
        yield Bars(bars)
