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
    import argparse
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from rich.progress import Progress as RichProgress

    from labkit.engine.ownership import Owned
    from labkit.rendering import Style
    from labkit.resetting import ResetDone, ResetPlan

GOOD, NOT_GOOD, WRONG = 0, 1, 2
INTERRUPTED = 130

#: Seconds after which work that is mostly short says how far it is.
QUIET = 1.0
#: Seconds between two lines of progress where there is no terminal.
LINE_EVERY = 3.0


def style() -> Style:
    """Colours only on a terminal, and not where NO_COLOR asks for none."""
    from labkit.rendering import Style

    return Style(colours=sys.stdout.isatty() and not os.environ.get("NO_COLOR"))


def print_json(value: Any) -> None:
    """Print a value for machines."""
    print(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def print_brought(images: Sequence[str], brought: Sequence[str], text: str) -> None:
    """Print of each image that it was brought, in the words of `text`, or was there already."""
    for image in images:
        print((text if image in brought else _("{image}  is there already")).format(image=image))


def ended(arguments: argparse.Namespace, plan: ResetPlan, text: str, *, empty: bool) -> int | None:
    """Show what would be removed, and ask for it; return the exit code if it ends there."""
    if arguments.dry_run or empty:
        print_json(plan.as_json()) if arguments.json else print(text)
        return GOOD
    return None if arguments.yes or confirmed(text) else NOT_GOOD


def removing(shown: Lines | Bars, things: Sequence[Owned]) -> Callable[[Owned], None]:
    """Return what tells a progress, thing by thing, how much of a removal is done."""
    numbers = iter(range(1, len(things) + 1))
    return lambda thing: shown.step(_("removing"), str(thing), next(numbers), len(things))


def print_removed(done: ResetDone, *, as_json: bool) -> int:
    """Print what was removed and what was not; return the exit code."""
    if as_json:
        print_json(done.as_json())
    else:
        from labkit import rendering

        print(rendering.reset_done_text(done))
    return NOT_GOOD if done.removal.refused else GOOD


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

    def __init__(self, after: float = 0.0) -> None:
        self._quiet_until = time.monotonic() + after
        self._thing = ""
        self._said = 0.0

    def step(self, thing: str, text: str, done: int | None, total: int | None) -> None:
        """Print a line, unless the last one is fresh."""
        now = time.monotonic()
        if now < self._quiet_until or (thing == self._thing and now - self._said < LINE_EVERY):
            return
        self._thing, self._said = thing, now
        share = f" ({done * 100 // total}%)" if done is not None and total else ""
        say(f"{thing}  {text}{share}".strip())

    def result(self, text: str) -> None:
        """Print a result of the work."""
        print(text, flush=True)


class Bars:
    """Progress on a terminal: a bar for each thing."""

    def __init__(self, progress: RichProgress, after: float = 0.0) -> None:
        self._quiet_until = time.monotonic() + after
        self._progress = progress
        self._tasks: dict[str, Any] = {}

    def step(self, thing: str, text: str, done: int | None, total: int | None) -> None:
        """Move a thing's bar, and say what is done to it."""
        if time.monotonic() >= self._quiet_until:
            self._progress.start()
        if thing not in self._tasks:
            self._tasks[thing] = self._progress.add_task(thing, text="", total=None)
        self._progress.update(
            self._tasks[thing], text=text, completed=done or 0, total=total or None
        )

    def result(self, text: str) -> None:
        """Print a result of the work in place of the bars; the next thing has a new one."""
        self._progress.stop()
        for task in self._tasks.values():
            self._progress.remove_task(task)
        self._tasks.clear()
        print(text, flush=True)


@contextmanager
def progress(*, after: float = 0.0, transient: bool = False) -> Iterator[Lines | Bars]:
    """Show how far work is: bars on a terminal, else lines. Both on standard error.

    Args:
        after: Seconds of silence; what ends sooner needs no progress.
        transient: The bars go when they are done with.
    """
    if not sys.stderr.isatty():
        yield Lines(after)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        TimeElapsedColumn(),
        TextColumn("{task.fields[text]}", markup=False),
    )
    bars = Progress(
        *columns, console=Console(stderr=True), transient=transient, redirect_stdout=False
    )
    try:
        yield Bars(bars, after)
    finally:
        bars.stop()


def brief_progress() -> AbstractContextManager[Lines | Bars]:
    """Show how far work is that is mostly over in a moment; nothing of it stays."""
    return progress(after=QUIET, transient=True)
