"""A terminal in a container, on the page: xterm.js here, a shell there."""

from __future__ import annotations

import asyncio
import codecs
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING

from nicegui import background_tasks, ui

from labkit.dashboard.operating import Change, checked
from labkit.dashboard.page.doing import complain
from labkit.engine.consoles import Console
from labkit.errors import LabError
from labkit.translation import _

if TYPE_CHECKING:
    from nicegui.events import XtermDataEventArguments, XtermResizeEventArguments

    from labkit.dashboard.inventory import Row
    from labkit.dashboard.page.desk import Page

#: Seconds that a page has to show a piece of output.
PATIENCE = 10.0
#: Read aloud by a screen reader, which a terminal does not do by itself.
OPTIONS = {"screenReaderMode": True, "cursorBlink": True, "fontSize": 14}


async def open_terminal(page: Page, row: Row, typed: str = "") -> None:
    """Open a shell in a container and show its terminal over the page."""
    wanted = Change(row.kind, row.key, "console", typed=typed)
    try:
        await asyncio.to_thread(checked, page.engine, page.account, wanted)
        console = await asyncio.to_thread(Console, page.engine, row.key)
    except LabError as error:
        complain(error)
        return
    _Terminal(page, row.name, console).show()


class _Terminal:
    """One terminal; it ends with its dialog, its page, its session, or its shell."""

    def __init__(self, page: Page, name: str, console: Console) -> None:
        self._page, self._name = page, name
        self._console = console
        # Its own threads: a terminal waits for its shell for as long as it is open.
        self._reader = ThreadPoolExecutor(1, "labkit-console-read")
        self._writer = ThreadPoolExecutor(1, "labkit-console-write")

    def show(self) -> None:
        """Build it."""
        title = _("Console in {name}").format(name=self._name)
        with ui.dialog().props("maximized persistent") as dialog, ui.card().classes("no-wrap"):
            with ui.row().classes("items-center labkit-wide"):
                ui.label(title).classes("text-h6 labkit-break").props("role=heading aria-level=2")
                ui.space()
                ui.button(_("Close"), on_click=dialog.close).props("outline")
            self._terminal = ui.xterm(OPTIONS, on_data=self._typed, on_resize=self._resized)
            self._terminal.classes("labkit-terminal").props(f'aria-label="{_("Terminal")}"')
        dialog.props["aria-label"] = title
        self._page.desk.ends.add(self._console.close)
        dialog.on("show", self._begin)
        dialog.on("hide", self._hidden)
        ui.context.client.on_delete(self._end)
        self._dialog = dialog
        dialog.open()

    def _hidden(self) -> None:
        self._end()
        self._dialog.delete()

    async def _begin(self) -> None:
        background_tasks.create(self._read(), name="labkit-console")
        self._terminal.run_terminal_method("focus")
        with suppress(TimeoutError):  # the page has gone, or has no time just now
            await self._terminal.run_method("fit", timeout=PATIENCE)
            # Its size, if it happens to be what xterm.js begins with and so does not change.
            columns = await self._terminal.run_method("getColumns", timeout=PATIENCE)
            rows = await self._terminal.run_method("getRows", timeout=PATIENCE)
            self._writer.submit(self._console.resize, columns, rows)

    async def _read(self) -> None:
        """Bring output to the page, piece by piece: the next when the last has been shown."""
        loop = asyncio.get_running_loop()
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        while data := await loop.run_in_executor(self._reader, self._console.read):
            try:
                await self._terminal.run_method("write", decoder.decode(data), timeout=PATIENCE)
            except TimeoutError:  # the page has gone, and is perhaps back soon
                continue
        if not self._dialog.is_deleted:
            self._dialog.close()
        self._end()

    def _typed(self, event: XtermDataEventArguments) -> None:
        if self._page.changes:
            self._writer.submit(self._console.write, event.data.encode())
        else:
            self._dialog.close()

    def _resized(self, event: XtermResizeEventArguments) -> None:
        self._writer.submit(self._console.resize, event.cols, event.rows)

    def _end(self) -> None:
        if not self._reader._shutdown:  # noqa: SLF001 - asks what has no public name
            self._page.desk.ends.discard(self._console.close)
            self._writer.submit(self._console.close)
            self._reader.shutdown(wait=False)
            self._writer.shutdown(wait=False)
