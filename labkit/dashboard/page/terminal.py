"""A terminal in a container, on the page: xterm.js here, a shell there."""

from __future__ import annotations

import asyncio
import codecs
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Thread
from typing import TYPE_CHECKING, Any

from nicegui import background_tasks, ui

from labkit.dashboard.operating import Change, checked, record
from labkit.dashboard.page.doing import complain
from labkit.engine.consoles import Console
from labkit.errors import LabError
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Callable

    from nicegui.events import XtermDataEventArguments, XtermResizeEventArguments

    from labkit.dashboard.inventory import Row
    from labkit.dashboard.page.desk import Page

#: Seconds that a page has to show a piece of output.
PATIENCE = 10.0
#: Read aloud by a screen reader, which a terminal does not do by itself.
OPTIONS = {"screenReaderMode": True, "cursorBlink": True, "fontSize": 14}
#: The terminal would take it, as it takes Tab, and never let go of who has no mouse.
LEAVE = "(event) => { if (event.key === 'Tab' && event.shiftKey) event.stopPropagation(); }"


async def open_terminal(page: Page, row: Row, typed: str = "") -> None:
    """Open a shell in a container and show its terminal over the page."""
    wanted = Change(row.kind, row.key, "console", typed=typed)
    client = ui.context.client
    try:
        await asyncio.to_thread(checked, page.engine, page.account, wanted)
        console = await asyncio.to_thread(Console, page.engine, row.key)
    except LabError as error:
        complain(error)
        return
    if client.is_deleted or not page.changes:  # it went while the shell was opened
        await asyncio.to_thread(console.close)
        return
    record(page.account, f"console container {row.name}")
    _Terminal(page, row.name, console).show()


class _Terminal:
    """One terminal; it ends with its dialog, its page, its account's right, or its shell."""

    def __init__(self, page: Page, name: str, console: Console) -> None:
        self._page, self._name = page, name
        self._console = console
        self._ended = False
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
                way_out = ui.label(_("Shift+Tab leaves the terminal."))
                ui.button(_("Close"), on_click=dialog.close).props("outline no-caps")
            with ui.element().classes("labkit-wide").on("keydown.capture", js_handler=LEAVE):
                self._terminal = ui.xterm(OPTIONS, on_data=self._typed, on_resize=self._resized)
            self._terminal.classes("labkit-terminal").props(f'aria-label="{_("Terminal")}"')
        dialog.props["aria-label"] = title
        dialog.props["aria-describedby"] = way_out.html_id
        self._page.desk.ends.add(self._console.close)
        self._page.consoles.add(self._close)
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
            self._write(self._console.resize, columns, rows)

    async def _read(self) -> None:
        """Bring output to the page, piece by piece: the next when the last has been shown."""
        loop = asyncio.get_running_loop()
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        while data := await loop.run_in_executor(self._reader, self._console.read):
            if self._ended or not self._page.changes:
                break
            try:
                await self._terminal.run_method("write", decoder.decode(data), timeout=PATIENCE)
            except TimeoutError:  # the page has gone, and is perhaps back soon
                continue
        self._close()

    def _typed(self, event: XtermDataEventArguments) -> None:
        if self._page.changes:
            self._write(self._console.write, event.data.encode())
        else:
            self._close()

    def _resized(self, event: XtermResizeEventArguments) -> None:
        self._write(self._console.resize, event.cols, event.rows)

    def _write(self, work: Callable[..., None], *arguments: Any) -> None:
        if not self._ended:
            self._writer.submit(work, *arguments)

    def _close(self) -> None:
        if not self._dialog.is_deleted:
            self._dialog.close()
        self._end()

    def _end(self) -> None:
        if self._ended:
            return
        self._ended = True
        self._page.desk.ends.discard(self._console.close)
        self._page.consoles.discard(self._close)
        # On a thread of its own: the one that writes may wait for a shell that does not read.
        Thread(target=self._console.close, name="labkit-console-close").start()
        self._reader.shutdown(wait=False)
        self._writer.shutdown(wait=False, cancel_futures=True)
