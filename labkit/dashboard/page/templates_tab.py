"""Templates: press, and an application is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nicegui import ui

from labkit.dashboard.page.doing import Steps, done_slowly
from labkit.dashboard.quick import deploy, take_away, templates
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Callable

    from labkit.dashboard.inventory import View
    from labkit.dashboard.page.desk import Page
    from labkit.dashboard.quick import Template


def build(page: Page) -> None:
    """Build a card for each template."""
    with ui.row().classes("labkit-wide items-stretch"):
        for template in templates():
            _card(page, template)


def _card(page: Page, template: Template) -> None:
    course = page.desk.course

    async def up() -> None:
        def work(show: Callable[[str], None]) -> None:
            deploy(page.engine, course, page.account, template, progress=Steps(show), say=show)

        await done_slowly(template.title, _("{} is up").format(template.title), work)

    async def down() -> None:
        def work(show: Callable[[str], None]) -> None:
            take_away(page.engine, course, page.account, template, say=show)

        await done_slowly(template.title, _("{} is gone").format(template.title), work)

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
                ui.button(_("Take away"), color="negative", on_click=down).props(
                    f'no-caps outline aria-label="{_("Take away")} {template.title}"'
                )

    def look(view: View) -> None:
        mine = [r for r in view.of("container") if r.name.startswith(template.project + "-")]
        ports = " ".join(row.detail for row in mine if row.detail)
        text = _("{count} containers {ports}").format(count=len(mine), ports=ports)
        there.text = text if mine else _("not deployed")

    page.looks.append(look)
