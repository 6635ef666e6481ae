"""The status panel."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from nicegui import ui

from labkit.dashboard.page.doing import complain
from labkit.dashboard.status import concerns, counted, read, usage_text
from labkit.errors import LabError
from labkit.translation import _

if TYPE_CHECKING:
    from labkit.dashboard.inventory import View
    from labkit.dashboard.page.desk import Page


def build(page: Page) -> None:
    """Build it: numbers that follow the engine, and what is measured when it is asked for."""

    async def measure() -> None:
        if page.over:
            return
        try:
            status = await asyncio.to_thread(read, page.engine, page.desk.view.rows)
        except LabError as error:
            complain(error)
            return
        _fill(engine, status.engine, status.machine, _("swarm: {}").format(status.swarm))
        _fill(disk, *map(usage_text, status.usage))

    with ui.row().classes("labkit-wide"):
        with ui.card().classes("labkit-card"):
            _title(_("Now"))
            numbers = ui.label()
            worries = ui.column()
        with ui.card().classes("labkit-card"):
            _title(_("Engine"))
            engine = ui.column()
        with ui.card().classes("labkit-card"):
            _title(_("On the disk"))
            disk = ui.column()
            ui.button(_("Measure again"), on_click=measure).props("outline no-caps")

    shown: list[tuple[str, ...]] = []

    def look(view: View) -> None:
        numbers.text = counted(_numbers(view))
        worrying = concerns(view.rows)
        found = (_("Needs a look:"), *worrying) if worrying else (_("Nothing needs a look."),)
        if shown != [found]:
            shown[:] = [found]
            _fill(worries, *found)

    page.looks.append(look)
    ui.timer(0, measure, once=True)


def _numbers(view: View) -> dict[str, int]:
    containers = view.of("container")
    running = sum(row.state.startswith("running") for row in containers)
    others = {kind + "s": len(view.of(kind)) for kind in ("image", "network", "volume")}
    return {_("running"): running, _("not running"): len(containers) - running, **others}


def _title(text: str) -> None:
    ui.label(text).classes("text-h6").props("role=heading aria-level=2")


def _fill(column: ui.column, *lines: str) -> None:
    column.clear()
    with column:
        for line in lines:
            ui.label(line).classes("labkit-break")
