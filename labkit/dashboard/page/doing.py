"""How a page does things: off its own thread, with what comes of it said on the page."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from nicegui import ui

from labkit.dashboard.operating import perform
from labkit.errors import LabError, NameNotTyped
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from labkit.dashboard.operating import Change
    from labkit.dashboard.page.desk import Page
    from labkit.engine.transfer import Report

T = TypeVar("T")

#: What a terminal shows as code.
QUOTED = re.compile(r"`([^`]*)`")
#: Milliseconds that an error stays.
LONG = 10_000


async def done(said: str, work: Callable[..., T], *arguments: Any) -> bool:
    """Do something on another thread, and say that it is done, or why not."""
    try:
        await asyncio.to_thread(work, *arguments)
    except LabError as error:
        complain(error)
        return False
    ui.notify(plain(said), type="positive")
    return True


async def done_slowly(title: str, said: str, work: Callable[[Report], object]) -> bool:
    """Do what takes long; `work` gets a function that shows how far it is."""
    return await done_by_name(title, said, lambda _typed, show: work(show))


async def done_by_name(
    title: str, said: str, work: Callable[[frozenset[str], Report], object]
) -> bool:
    """Do the same, and ask for each name that must be typed; `work` gets those that were."""
    typed: frozenset[str] = frozenset()
    while True:
        try:
            await _shown(title, partial(work, typed))
        except NameNotTyped as error:
            name = await ask_name(error)
            if name == error.name:
                typed |= {name}
                continue
            if name:
                complain(error)
            return False
        except LabError as error:
            complain(error)
            return False
        ui.notify(plain(said), type="positive")
        return True


async def _shown(title: str, work: Callable[[Report], object]) -> None:
    """Do something on another thread, and show how far it is."""
    loop = asyncio.get_running_loop()
    with ui.card().classes("labkit-progress") as card:
        ui.label(title).classes("text-bold")
        where = ui.label().classes("labkit-break").props("role=status")
        bar = ui.linear_progress(show_value=False)
        bar.props(f'indeterminate aria-label="{title}"')

    def show(text: str, done: int | None, total: int | None) -> None:
        if card.is_deleted:
            return
        where.text = text
        if done is None or not total:
            bar.props("indeterminate")
        else:
            bar.props(remove="indeterminate")
            bar.value = done / total

    def report(text: str, done: int | None = None, total: int | None = None) -> None:
        loop.call_soon_threadsafe(show, text, done, total)

    try:
        await asyncio.to_thread(work, report)
    finally:
        if not card.is_deleted:
            card.delete()


async def change(page: Page, wanted: Change, said: str) -> bool:
    """Make a change; where the name must be typed, ask for it."""
    try:
        await asyncio.to_thread(perform, page.engine, page.account, wanted)
    except NameNotTyped as error:
        if wanted.typed:
            complain(error)
            return False
        typed = await ask_name(error)
        return bool(typed) and await change(page, replace(wanted, typed=typed), said)
    except LabError as error:
        complain(error)
        return False
    ui.notify(plain(said), type="positive")
    return True


async def ask_name(error: NameNotTyped) -> str:
    """Ask for the name of something that is not the course's; empty is no."""
    with ui.dialog() as dialog, ui.card():
        heading = ui.label(plain(error.message)).classes("text-h6 labkit-break")
        heading.props("role=heading aria-level=2")
        ui.label(plain(error.hint))
        typed = (
            ui.input(_("Name")).props("autofocus outlined autocomplete=off").classes("labkit-wide")
        )
        typed.on("keydown.enter", lambda: dialog.submit(typed.value))
        with ui.row():
            _choices(dialog, lambda: typed.value)
    dialog.props["aria-label"] = plain(error.message)
    answer = await dialog
    dialog.delete()
    return str(answer or "")


async def ask(question: str, consequences: Sequence[str]) -> bool:
    """Say what would go, and ask whether it shall."""
    with ui.dialog() as dialog, ui.card():
        ui.label(question).classes("text-h6 labkit-break").props("role=heading aria-level=2")
        for line in consequences:
            ui.label(line).classes("labkit-break")
        with ui.row():
            _choices(dialog, lambda: True).props("autofocus")
    dialog.props["aria-label"] = question
    answer = await dialog
    dialog.delete()
    return bool(answer)


def _choices(dialog: ui.dialog, answer: Callable[[], object]) -> ui.button:
    """Add what to press; the one that changes nothing is returned."""
    yes = ui.button(_("Do it"), color="negative", on_click=lambda: dialog.submit(answer()))
    yes.props("no-caps")
    return ui.button(_("Leave it"), on_click=dialog.close).props("flat no-caps")


def complain(error: LabError) -> None:
    """Say what went wrong; the text is shown as text, whatever is in it."""
    ui.notify(
        plain(str(error)), type="negative", multi_line=True, timeout=LONG, close_button=_("Close")
    )


def complain_of_us(error: Exception) -> None:
    """Say that something went wrong that should not have."""
    said = _("This is a fault of the course, not yours: {error}.")
    complain(LabError(said.format(error=f"{type(error).__name__}: {error}")))


def plain(text: str) -> str:
    """Return a sentence for a page, which shows text as it is: quotes in place of backticks."""
    return QUOTED.sub("\u201c\\1\u201d", text)


def quietly(show: Report) -> Callable[[str], None]:
    """Return what shows a sentence that says nothing of how much is done."""
    return lambda text: show(text, None, None)


class Steps:
    """Progress of images, as lines of a page."""

    def __init__(self, show: Report) -> None:
        self._show = show

    def step(self, image: str, text: str, done: int | None, total: int | None) -> None:
        """Say that work on `image` is at `text`."""
        self._show(f"{image} {text}".strip(), done, total)
