"""How a page does things: off its own thread, with what comes of it said on the page."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from nicegui import ui

from labkit.dashboard.operating import perform
from labkit.errors import LabError, NameNotTyped
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Callable

    from labkit.dashboard.operating import Change
    from labkit.dashboard.page.desk import Page

T = TypeVar("T")

#: Milliseconds that an error stays.
LONG = 10_000


async def done(said: str, work: Callable[..., T], *arguments: Any) -> bool:
    """Do something on another thread, and say that it is done, or why not."""
    try:
        await asyncio.to_thread(work, *arguments)
    except LabError as error:
        complain(error)
        return False
    ui.notify(said, type="positive")
    return True


async def done_slowly(
    title: str, said: str, work: Callable[[Callable[[str], None]], object]
) -> bool:
    """Do what takes long; `work` gets a function that shows how far it is."""
    loop = asyncio.get_running_loop()
    notice = ui.notification(title, spinner=True, timeout=None)

    def show(text: str) -> None:
        if not notice.is_deleted:
            notice.message = f"{title}: {text}"

    try:
        return await done(said, work, lambda text: loop.call_soon_threadsafe(show, text))
    finally:
        notice.dismiss()


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
    ui.notify(said, type="positive")
    return True


async def ask_name(error: NameNotTyped) -> str:
    """Ask for the name of something that is not the course's; empty is no."""
    with ui.dialog() as dialog, ui.card():
        ui.label(error.message).classes("text-h6")
        ui.label(error.hint)
        typed = (
            ui.input(_("Name")).props("autofocus outlined autocomplete=off").classes("labkit-wide")
        )
        typed.on("keydown.enter", lambda: dialog.submit(typed.value))
        with ui.row():
            ui.button(_("Do it"), color="negative", on_click=lambda: dialog.submit(typed.value))
            ui.button(_("Leave it"), on_click=dialog.close).props("flat")
    dialog.props["aria-label"] = error.message
    answer = await dialog
    dialog.delete()
    return str(answer or "")


def complain(error: LabError) -> None:
    """Say what went wrong; the text is shown as text, whatever is in it."""
    ui.notify(str(error), type="negative", multi_line=True, timeout=LONG, close_button=_("Close"))


class Steps:
    """Progress of images, as lines of a page."""

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show = show

    def step(self, image: str, text: str, done: int | None, total: int | None) -> None:
        """Say that work on `image` is at `text`."""
        share = f" ({done * 100 // total}%)" if done is not None and total else ""
        self._show(f"{image} {text}{share}".strip())
