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
from labkit.dashboard.page.doing import complain_of_us, plain
from labkit.dashboard.page.guard import LOGIN
from labkit.translation import _

if TYPE_CHECKING:
    from labkit.dashboard.page.desk import Page

#: Seconds until a page whose session has ended goes, where nothing happens on the engine.
INTERVAL = 1.0
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
.body--dark .q-field__control { color: #8ec5f5 }
.labkit-hidden, .q-loading-bar { display: none }
.labkit-wide { width: 100% }
.labkit-break { overflow-wrap: anywhere }
.labkit-term { min-width: 7rem }
.labkit-card { min-width: 16rem; flex: 1 }
.labkit-cards { display: grid; gap: 1rem; width: 100%;
  grid-template-columns: repeat(auto-fill, minmax(17rem, 1fr)) }
.labkit-bar { align-items: center }
.labkit-item { width: 100%; padding: .25rem 0; border-bottom: 1px solid #8888;
  overflow-wrap: anywhere }
.labkit-item .labkit-name { max-width: 100% }
.labkit-image { width: 16rem }
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

#: Of `frame.py`; what it says is light or dark, and from whom else it comes does not matter.
LISTEN = """addEventListener('message', event => {
  if (event.source === parent && event.data && 'labkitDark' in event.data)
    emitEvent('labkit-dark', event.data.labkitDark === true);
});
if (parent !== window) parent.postMessage('labkit-dark?', '*');"""


def build(page: Page) -> None:
    """Build the page, and follow the engine until it is closed."""
    ui.on_exception(complain_of_us)
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

    _Following(page, problem).start()


class _Following:
    """Show what the engine holds and what becomes of it, as long as the session goes on."""

    def __init__(self, page: Page, problem: ui.label) -> None:
        self._page, self._problem = page, problem
        self._client = ui.context.client

    def start(self) -> None:
        self._page.session.pages.add(self._client.id)
        self._page.desk.looking.append(self._look_here)
        self._client.on_delete(self._forget)
        self._look()
        ui.timer(INTERVAL, self._stays)

    def _look_here(self) -> None:
        with self._client:
            try:
                self._look()
            except Exception as error:  # noqa: BLE001 - one page's fault is not another's
                self._client.handle_exception(error)

    def _look(self) -> None:
        if not self._stays():
            return
        self._problem.text = plain(self._page.desk.problem)
        for look in self._page.looks:
            look(self._page.desk.view)

    def _stays(self) -> bool:
        if not self._page.changes:
            for end in tuple(self._page.consoles):
                end()
        if not self._page.over:
            return True
        # The browser is told to go, and whether it does or not, there is nothing more to see.
        ui.navigate.to(LOGIN)
        self._forget()
        self._client.content.clear()
        return False

    def _forget(self) -> None:
        if self._look_here in self._page.desk.looking:
            self._page.desk.looking.remove(self._look_here)
        self._page.session.pages.discard(self._client.id)


def _header(page: Page) -> None:
    dark = ui.dark_mode(value=None)
    # A notebook says whether it is dark: what the browser prefers is something else.
    ui.on("labkit-dark", lambda event: dark.set_value(bool(event.args)))
    ui.run_javascript(LISTEN)

    async def other() -> None:
        shown = await ui.run_javascript("document.body.classList.contains('body--dark')")
        dark.value = not shown

    def leave() -> None:
        page.desk.sessions.end(page.session.key)
        page.desk.look()

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
