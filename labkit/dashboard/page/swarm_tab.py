"""A swarm's nodes and services, followed while somebody looks at them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from nicegui import ui

from labkit.dashboard.page.details import open_details
from labkit.dashboard.page.doing import plain
from labkit.dashboard.page.tables import Table
from labkit.errors import LabError
from labkit.translation import _

if TYPE_CHECKING:
    from labkit.dashboard.inventory import Row
    from labkit.dashboard.page.desk import Page

#: Seconds between two looks: what becomes of tasks on other machines is no event of the engine.
INTERVAL = 0.7
NAME = "swarm"


def build(page: Page) -> None:
    """Build it."""

    async def opened(row: Row) -> None:
        await open_details(page, row)

    busy = False

    async def look() -> None:
        nonlocal busy
        if busy or page.tab != NAME or page.over:
            return
        busy = True
        try:
            rows = await asyncio.to_thread(page.desk.swarm.rows)
        except LabError as error:
            rows, said.text = (), plain(str(error))
        else:
            said.text = ""
        finally:
            busy = False
        tables.set_visibility(not said.text)
        nodes.show([row for row in rows if row.kind == "node"])
        services.show([row for row in rows if row.kind == "service"])

    said = ui.label(_("Asking for a swarm")).props("role=status")
    tables = ui.column().classes("labkit-wide")
    with tables:
        nodes = Table(
            _("Nodes"), opened, detail=_("Role"), empty=_("There are no nodes."), state=True
        )
        services = Table(
            _("Services"), opened, detail=_("Image"), empty=_("There are no services."), state=True
        )
    tables.set_visibility(False)
    ui.timer(INTERVAL, look)
