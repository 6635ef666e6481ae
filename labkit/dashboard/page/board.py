"""The page: a header, and a tab for each kind of thing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nicegui import ui

from labkit.dashboard.page import (
    events_tab,
    objects_tab,
    status_tab,
    swarm_tab,
    templates_tab,
    users_tab,
)
from labkit.dashboard.page.doing import plain
from labkit.dashboard.page.guard import LOGIN
from labkit.translation import _

if TYPE_CHECKING:
    from labkit.dashboard.page.desk import Page

#: Seconds until a page whose session has ended goes, where nothing happens on the engine.
INTERVAL = 5.0
#: NiceGUI's own blue is too pale for white text on it, and any that is not is too dark for text on
#: black. Quasar's rules of colour are important, and of such the earliest layer's counts.
CSS = """
body { --q-primary: #1c5fa8 !important; --q-negative: #b3261e !important;
  --q-positive: #1b6e33 !important }
@layer theme {
  .body--dark .text-primary { color: #8ec5f5 !important }
  .body--dark .text-negative { color: #f2a19a !important }
  .body--dark .text-positive { color: #7fd99a !important }
}
.labkit-hidden, .q-loading-bar { display: none }
.labkit-wide { width: 100% }
.labkit-break { overflow-wrap: anywhere }
.labkit-term { min-width: 7rem }
.labkit-card { min-width: 16rem; flex: 1 }
.labkit-cards { display: grid; gap: 1rem; width: 100%;
  grid-template-columns: repeat(auto-fill, minmax(17rem, 1fr)) }
.labkit-bar { align-items: center }
.labkit-name { width: max-content; max-width: min(24rem, 45vw) }
.labkit-name .q-btn__content { overflow-wrap: anywhere; text-align: left; white-space: normal }
.labkit-tabs { max-width: 100% }
.labkit-progress { position: fixed; right: 1rem; bottom: 1rem; z-index: 7000; width: 22rem;
  max-width: calc(100vw - 2rem) }
.labkit-filter { width: 16rem }
.labkit-details { min-width: min(44rem, 90vw); max-width: 90vw }
.labkit-log { font: 13px/1.4 monospace; white-space: pre-wrap; overflow: auto; max-height: 16rem;
  width: 100%; border: 1px solid #8888; padding: .5rem; overflow-wrap: anywhere }
.labkit-terminal { width: 100%; height: calc(100vh - 7rem); overflow: hidden }
"""


def build(page: Page) -> None:
    """Build the page, and follow the engine until it is closed."""
    ui.add_css(CSS)
    _header(page)
    problem = ui.label().props("role=alert").classes("text-negative text-bold")
    panels = {
        "status": (_("Status"), status_tab.build),
        "templates": (_("Templates"), templates_tab.build),
        "containers": (_("Containers"), objects_tab.containers),
        "images": (_("Images"), objects_tab.images),
        "networks": (_("Networks"), objects_tab.networks),
        "volumes": (_("Volumes"), objects_tab.volumes),
        "events": (_("Events"), events_tab.build),
        swarm_tab.NAME: (_("Swarm"), swarm_tab.build),
        "users": (_("Users"), users_tab.build),
    }
    with ui.tabs().props("no-caps outside-arrows mobile-arrows").classes("labkit-tabs") as tabs:
        for name, (title, _build) in panels.items():
            ui.tab(name, title)
    tabs.on_value_change(lambda event: setattr(page, "tab", event.value))
    # All panels stay, so that what is typed in one is still there when one comes back to it.
    with (
        ui.tab_panels(tabs, value=page.tab, animated=False)
        .props("keep-alive")
        .classes("labkit-wide")
    ):
        for name, (_title, fill) in panels.items():
            with ui.tab_panel(name):
                fill(page)

    def stays() -> bool:
        over = page.over
        if over:
            ui.navigate.to(LOGIN)
        return not over

    def look() -> None:
        if not stays():
            return
        problem.text = plain(page.desk.problem)
        for one in page.looks:
            one(page.desk.view)

    client = ui.context.client

    def look_here() -> None:
        with client:
            look()

    def forget() -> None:
        page.desk.looking.remove(look_here)
        page.session.pages.discard(client.id)

    page.session.pages.add(client.id)
    page.desk.looking.append(look_here)
    client.on_delete(forget)
    look()
    ui.timer(INTERVAL, stays)


def _header(page: Page) -> None:
    dark = ui.dark_mode(value=None)

    async def other() -> None:
        shown = await ui.run_javascript("document.body.classList.contains('body--dark')")
        dark.value = not shown

    def leave() -> None:
        page.desk.sessions.end(page.session.key)
        ui.navigate.to(LOGIN)

    with ui.header().classes("labkit-bar"):
        ui.label(_("Docker dashboard")).classes("text-h6").props("role=heading aria-level=1")
        ui.space()
        with ui.row().classes("labkit-bar"):
            account = page.session.account
            ui.label(f"{account.name} ({account.role})").classes("labkit-break")
            ui.button(icon="contrast", on_click=other).props(
                f'flat round color=inherit aria-label="{_("Light or dark")}"'
            )
            ui.button(_("Log out"), on_click=leave).props("flat color=inherit no-caps")
