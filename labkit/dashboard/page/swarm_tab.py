"""A swarm's nodes and services: the engine's own swarm, or that of the course's nodes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from nicegui import ui

from labkit.dashboard.operating import manager, swarm_rows
from labkit.dashboard.page.details import open_details
from labkit.dashboard.page.tables import Table
from labkit.errors import LabError
from labkit.translation import _

if TYPE_CHECKING:
    from labkit.dashboard.inventory import Row
    from labkit.dashboard.page.desk import Page
    from labkit.engine import Engine


def build(page: Page) -> None:
    """Build it; it asks when it is told to, since a node's events are not the engine's."""

    async def opened(row: Row) -> None:
        await open_details(page, row)

    async def look() -> None:
        try:
            rows = await asyncio.to_thread(_read, page.engine)
        except LabError as error:
            rows, said.text = (), str(error)
        else:
            said.text = ""
        nodes.show([row for row in rows if row.kind == "node"])
        services.show([row for row in rows if row.kind == "service"])

    with ui.row().classes("items-center"):
        ui.button(_("Look again"), on_click=look).props("outline no-caps")
        said = ui.label().props("role=status")
    nodes = Table(_("Nodes"), opened, detail=_("Role"), state=True)
    services = Table(_("Services"), opened, detail=_("Image"), state=True)
    ui.timer(0, look, once=True)


def _read(engine: Engine) -> tuple[Row, ...]:
    with manager(engine) as asked:
        return swarm_rows(asked)
