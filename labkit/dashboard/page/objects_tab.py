"""Containers, images, networks and volumes: tables, and the forms that make new ones."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from nicegui import ui

from labkit.dashboard import carrying, operating
from labkit.dashboard.page.archives import arrivals
from labkit.dashboard.page.details import open_details
from labkit.dashboard.page.doing import complain, done, done_by_name
from labkit.dashboard.page.guard import LOAD, XSRF_HEADER
from labkit.dashboard.page.tables import Table
from labkit.engine.making import Port, Wanted
from labkit.errors import DashboardError, LabError
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Callable

    from nicegui.events import GenericEventArguments

    from labkit.dashboard.inventory import Row
    from labkit.dashboard.page.desk import Page
    from labkit.engine.transfer import Report


def containers(page: Page) -> None:
    """Build the containers' panel."""
    if page.changes:
        with ui.expansion(_("New container")).classes("labkit-wide"):
            _new_container(page)
    _table(
        page,
        "container",
        _("Containers"),
        _("There are no containers."),
        detail=_("Ports"),
        state=True,
    )


def images(page: Page) -> None:
    """Build the images' panel."""
    if page.changes:
        with ui.row().classes("items-start"):
            _pull(page)
            _load(page)
    _table(page, "image", _("Images"), _("There are no images."), detail=_("Size"))


def networks(page: Page) -> None:
    """Build the networks' panel."""
    if page.changes:
        _new(page, _("New network"), operating.create_network)
    _table(page, "network", _("Networks"), _("There are no networks."), detail=_("Driver"))


def volumes(page: Page) -> None:
    """Build the volumes' panel."""
    if page.changes:
        _new(page, _("New volume"), operating.create_volume)
    _table(page, "volume", _("Volumes"), _("There are no volumes."))


def wanted(fields: dict[str, str]) -> Wanted:
    """Read what was filled in: `image`, `name`, `command`, `ports`, `network`, `volumes`.

    Raises:
        DashboardError: A port or a volume is not written as Docker writes it, or a quote is open.
    """
    try:
        return Wanted(
            name=fields["name"].strip(),
            image=fields["image"].strip(),
            command=tuple(shlex.split(fields["command"])),
            ports=tuple(map(_port, fields["ports"].split())),
            network=fields["network"].strip(),
            volumes=tuple(map(_mount, fields["volumes"].split())),
            labels=operating.LABELS,
        )
    except ValueError as error:
        raise DashboardError(
            _("This cannot be read: {why}.").format(why=error),
            hint=_("Write ports as `8080:80`, volumes as `lab-data:/data`."),
        ) from error


def _port(text: str) -> Port:
    host, _colon, inner = text.rpartition(":")
    return Port(int(inner), int(host or 0), address="127.0.0.1")


def _mount(text: str) -> tuple[str, str]:
    name, _colon, target = text.partition(":")
    if not target.startswith("/") or not name.startswith("lab-"):
        raise ValueError(text)
    return name, target


def _table(
    page: Page, kind: str, title: str, empty: str, *, detail: str = "", state: bool = False
) -> None:
    async def opened(row: Row) -> None:
        await open_details(page, row)

    table = Table(title, opened, detail=detail, empty=empty, state=state)
    page.looks.append(lambda view: table.show(view.of(kind)))


def _new_container(page: Page) -> None:
    labels = {
        "image": _("Image"),
        "name": _("Name"),
        "command": _("Command"),
        "ports": _("Ports, such as 8080:80"),
        "network": _("Network"),
        "volumes": _("Volumes, such as lab-data:/data"),
    }
    begun = {"image": "lab/web", "name": "lab-"}
    with ui.row():
        fields = {
            key: ui.input(label, value=begun.get(key, "")).props("outlined dense")
            for key, label in labels.items()
        }

    async def pressed() -> None:
        try:
            asked = wanted({key: field.value or "" for key, field in fields.items()})
        except LabError as error:
            complain(error)
            return
        said = _("`{name}` is started").format(name=asked.name)
        await done(said, operating.create_container, page.engine, page.account, asked)

    ui.button(_("Create and start"), on_click=pressed).props("no-caps")


def _new(page: Page, title: str, create: Callable[..., None]) -> None:
    with ui.row().classes("items-center"):
        name = ui.input(title, value="lab-").props("outlined dense")

        async def pressed() -> None:
            asked = (name.value or "").strip()
            said = _("`{name}` is made").format(name=asked)
            await done(said, create, page.engine, page.account, asked)

        ui.button(_("Create"), on_click=pressed).props("no-caps")


def _pull(page: Page) -> None:
    name = ui.input(_("Image, such as debian:12")).props("outlined dense").classes("labkit-image")

    async def pressed() -> None:
        reference = carrying.whole(name.value or "")

        def work(typed: frozenset[str], show: Report) -> None:
            carrying.pull(page.engine, page.account, reference, typed, show)

        if reference:
            said = _("`{name}` is pulled").format(name=reference)
            await done_by_name(_("Pull"), said, work)

    ui.button(_("Pull"), on_click=pressed).props("no-caps")


def _load(page: Page) -> None:
    async def uploaded() -> None:
        upload.reset()  # else the same file would not be taken again
        if not page.arrived:
            return
        with page.arrived.pop(0) as file:

            def work(typed: frozenset[str], show: Report) -> None:
                carrying.load(page.engine, page.account, Path(file.name), typed, show)

            await done_by_name(_("Load"), _("the archive is loaded"), work)

    def failed(event: GenericEventArguments) -> None:
        upload.reset()
        complain(DashboardError(str(event.args or _("The archive did not arrive."))))

    # Quasar's own list of files cannot be used without a mouse, so a button stands for it.
    upload = ui.upload(auto_upload=True).props("send-raw").classes("labkit-hidden")
    upload.props["url"] = LOAD + arrivals(page)
    upload.props["headers"] = [{"name": XSRF_HEADER, "value": page.session.xsrf}]
    upload.on("uploaded", uploaded, args=[])
    upload.on("failed", failed, js_handler="(told) => emit(told.xhr.responseText)")
    ui.button(_("Load an archive")).props("outline no-caps").on(
        "click", js_handler=f"() => getElement({upload.id}).$refs.qRef.pickFiles()"
    )
