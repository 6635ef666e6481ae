"""One object: what it is, what it wrote, and what can be done to it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from nicegui import ui

from labkit.dashboard import carrying
from labkit.dashboard.operating import ACTIONS, Change, needs_name
from labkit.dashboard.page.doing import ask, ask_name, change, complain, done_slowly
from labkit.dashboard.page.guard import LOGIN
from labkit.dashboard.page.terminal import open_terminal
from labkit.errors import DashboardError, LabError, NameNotTyped
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Callable

    from labkit.dashboard.inventory import Row
    from labkit.dashboard.page.desk import Page
    from labkit.engine import Engine
    from labkit.engine.transfer import Report

LOG_LINES = 200
#: Of a service; a slip of the finger shall not fill a machine.
MOST_TASKS = 50
#: Networks that it does not let go.
OF_THE_ENGINE = ("bridge", "host", "none")


def facts(engine: Engine, row: Row) -> dict[str, str]:
    """Ask what people want to know of an object first."""
    if row.kind == "container":
        container = engine.containers.get(row.key)
        config = container.attrs.get("Config") or {}
        command = [*(config.get("Entrypoint") or ()), *(config.get("Cmd") or ())]
        return {
            _("Image"): str(config.get("Image", "")),
            _("Command"): " ".join(command),
            _("Networks"): ", ".join(container.attrs["NetworkSettings"].get("Networks") or {}),
            _("Mounts"): ", ".join(
                f"{mount.get('Name') or mount.get('Source')} on {mount['Destination']}"
                for mount in container.attrs.get("Mounts") or ()
            ),
        }
    if row.kind == "image":
        steps = engine.images.history(row.key)
        return {_("Steps"): str(len(steps)), _("ID"): engine.images.get(row.key).id}
    if row.kind == "network":
        attrs = engine.networks.get(row.key).attrs
        subnets = ((attrs.get("IPAM") or {}).get("Config")) or ()
        inside = (attrs.get("Containers") or {}).values()
        return {
            _("Subnet"): ", ".join(subnet.get("Subnet", "") for subnet in subnets),
            _("Containers"): ", ".join(sorted(one["Name"] for one in inside)),
        }
    if row.kind == "volume":
        attrs = engine.volumes.get(row.key).attrs
        return {key: str(attrs.get(key, "")) for key in ("Driver", "Mountpoint")}
    return {}


def fitting(row: Row) -> tuple[str, ...]:
    """Leave out what cannot be done in the state that an object is in."""
    if row.kind == "network" and row.name in OF_THE_ENGINE:
        return ()
    if row.kind == "service" and row.tasks is None:  # one on each node
        return ("remove",)
    if row.kind != "container":
        return ACTIONS[row.kind]
    if row.state.startswith("running"):
        return ("stop", "restart", "pause", "kill", "remove", "console")
    return ("unpause", "kill", "remove") if row.state == "paused" else ("start", "remove")


async def open_details(page: Page, row: Row) -> None:
    """Show an object over the page."""
    if page.over:
        ui.navigate.to(LOGIN)
        return
    try:
        known = await asyncio.to_thread(facts, page.engine, row)
        logs = ""
        if row.kind == "container":
            logs = await asyncio.to_thread(_logs, page.engine, row.key)
    except LabError as error:
        complain(error)
        return
    with ui.dialog() as dialog, ui.card().classes("labkit-details"):
        ui.label(row.name).classes("text-h6 labkit-break").props("role=heading aria-level=2")
        ui.label(" · ".join(filter(None, (row.kind, row.state, row.detail))))
        if not row.ours:
            ui.label(_("This is not the course's: to change it, its name must be typed."))
        for title, text in known.items():
            with ui.row().classes("no-wrap"):
                ui.label(title).classes("text-bold labkit-term")
                ui.label(text or "-").classes("labkit-break")
        if row.kind == "container":
            ui.label(_("Log, the last {count} lines").format(count=LOG_LINES)).classes("text-bold")
            ui.label(logs or _("nothing was written")).classes("labkit-log").props("tabindex=0")
        with ui.row():
            if page.changes:
                _buttons(page, row, dialog.close)
            ui.button(_("Close"), on_click=dialog.close).props("flat no-caps autofocus")
    dialog.props["aria-label"] = row.name
    dialog.on("hide", dialog.delete)
    dialog.open()


def _buttons(page: Page, row: Row, close: Callable[[], object]) -> None:
    client = ui.context.client

    def button(action: str) -> None:
        async def pressed() -> None:
            asked = count.value if count else 0
            if asked is None or not 0 <= asked <= most:
                complain(DashboardError(_("Say how many tasks, {} at most.").format(most)))
                return
            number = int(asked)
            close()
            with client:  # what comes next outlives the buttons
                await _act(page, row, action, number)

        ui.button(action, on_click=pressed).props(
            "no-caps " + ("color=negative" if action in {"remove", "kill"} else "outline")
        )

    count, most = None, MOST_TASKS
    if row.tasks is not None:
        most = max(most, row.tasks)
        count = ui.number(_("Tasks"), value=row.tasks, min=0, max=most, precision=0)
        count.props("dense outlined")
    for action in fitting(row):
        button(action)


async def _act(page: Page, row: Row, action: str, number: int) -> None:
    if action == "console":
        typed = await ask_name(NameNotTyped(row.name)) if needs_name(row, action) else ""
        await open_terminal(page, row, typed)
    elif action == "push":
        await _push(page, row.name)
    elif action == "save":
        ui.navigate.to(f"/save?{urlencode({'image': row.key})}")
    elif action != "remove" or not row.ours or await ask(*_loss(row)):
        said = _("{action} {name}: done").format(action=action, name=row.name)
        wanted = Change(row.kind, row.key, action, number)
        await change(page, wanted, said)


async def _push(page: Page, name: str) -> None:
    def work(show: Report) -> None:
        carrying.push(page.engine, page.account, name, show)

    await done_slowly(_("Push"), _("`{name}` is pushed").format(name=name), work)


def _loss(row: Row) -> tuple[str, tuple[str, ...]]:
    """Ask whether an object shall go, and say what goes with it; a foreign one asks by its name."""
    more = {
        "container": _("What it wrote goes with it, and its volumes that have no name."),
        "image": _("The image itself goes when this is its last name."),
        "volume": _("All that is in it goes with it."),
        "service": _("Its tasks end."),
    }
    question = _("Remove {kind} {name}?").format(kind=row.kind, name=row.name)
    return question, tuple(filter(None, (more.get(row.kind, ""),)))


def _logs(engine: Engine, key: str) -> str:
    return engine.containers.logs(key, tail=LOG_LINES)
