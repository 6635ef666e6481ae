"""The event log."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from nicegui import ui

from labkit.dashboard.page.tables import EMPTY
from labkit.translation import _

if TYPE_CHECKING:
    from labkit.dashboard.inventory import Event, View
    from labkit.dashboard.page.desk import Page


def build(page: Page) -> None:
    """Build it: newest first, with a filter, and a switch that holds it."""
    titles = {
        "time": _("Time"),
        "kind": _("Kind"),
        "action": _("What happened"),
        "name": _("To"),
        "detail": _("Details"),
    }
    with ui.row().classes("items-center"):
        words = (
            ui.input(_("Filter events")).props("dense clearable outlined").classes("labkit-filter")
        )
        held = ui.switch(_("Pause"))
    columns = [
        {"name": k, "label": label, "field": k, "align": "left"} for k, label in titles.items()
    ]
    table = ui.table(columns=columns, rows=[], row_key="number", pagination=25).classes(
        "labkit-wide"
    )
    table.props["no-data-label"] = _("Nothing has happened since the dashboard was started.")
    table.props("flat bordered")
    table.add_slot("no-data", EMPTY)
    words.bind_value_to(table, "filter")
    shown: list[tuple[Event, ...]] = []

    def look(view: View) -> None:
        if not held.value and shown != [view.events]:
            shown[:] = [view.events]
            table.rows = [
                {"number": len(view.events) - place, **asdict(event)}
                for place, event in enumerate(view.events)
            ]

    held.on_value_change(lambda: look(page.desk.view))
    page.looks.append(look)
