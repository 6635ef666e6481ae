"""Templates: press, and an application is there."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from nicegui import ui

from labkit.dashboard.page.doing import Steps, ask, complain, done_slowly, quietly
from labkit.dashboard.quick import belongings, deploy, take_away, templates
from labkit.errors import LabError
from labkit.translation import _

if TYPE_CHECKING:
    from labkit.dashboard.inventory import View
    from labkit.dashboard.page.desk import Page
    from labkit.dashboard.quick import Template
    from labkit.engine.transfer import Report


def build(page: Page) -> None:
    """Build a card for each template."""
    with ui.element().classes("labkit-cards"):
        for template in templates():
            _card(page, template)


def _card(page: Page, template: Template) -> None:
    course = page.desk.course

    async def up() -> None:
        def work(show: Report) -> None:
            deploy(
                page.engine, course, page.account, template, progress=Steps(show), say=quietly(show)
            )

        await done_slowly(template.title, _("{} is up").format(template.title), work)

    async def down() -> None:
        try:
            goes = await asyncio.to_thread(belongings, page.engine, template)
        except LabError as error:
            complain(error)
            return
        if not await ask(_("Take away {}?").format(template.title), goes):
            return

        def work(show: Report) -> None:
            take_away(page.engine, course, page.account, template, say=quietly(show))

        await done_slowly(template.title, _("{} is gone").format(template.title), work)

    buttons: list[ui.button] = []
    with ui.card().classes("labkit-card"):
        ui.label(template.title).classes("text-h6").props("role=heading aria-level=2")
        ui.label(template.text)
        there = ui.label().classes("labkit-break")
        ui.space()
        if page.changes:
            with ui.row():
                ui.button(_("Deploy"), on_click=up).props(
                    f'no-caps aria-label="{_("Deploy")} {template.title}"'
                )
                away = ui.button(_("Take away"), color="negative", on_click=down).props(
                    f'no-caps outline aria-label="{_("Take away")} {template.title}"'
                )
                buttons.append(away)

    def look(view: View) -> None:
        mine = [r for r in view.of("container") if r.name.startswith(template.project + "-")]
        ports = " ".join(row.detail for row in mine if row.detail)
        text = _("{count} containers {ports}").format(count=len(mine), ports=ports)
        there.text = text if mine else _("not deployed")
        for button in buttons:
            button.set_visibility(bool(mine))

    page.looks.append(look)
