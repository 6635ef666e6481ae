"""Archives of images on their way from a browser and to it: too large for the page's connection."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from typing import TYPE_CHECKING

from nicegui import ui
from starlette.concurrency import run_in_threadpool
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route

from labkit.dashboard.operating import permit
from labkit.dashboard.page.guard import LOAD
from labkit.engine import transfer
from labkit.errors import LabError
from labkit.translation import _

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from labkit.dashboard.page.desk import Desk, Page

#: Bytes of an archive; and it must leave as much on the disk, for what is made of it.
LONGEST = 16 << 30


def arrivals(page: Page) -> str:
    """Let a page send archives; return the end of the address that takes them."""
    key = secrets.token_urlsafe(32)
    page.desk.loading[key] = page

    def forget() -> None:
        del page.desk.loading[key]
        page.arrived.clear()

    ui.context.client.on_delete(forget)
    return key


def routes(desk: Desk) -> list[Route]:
    """Return the routes; the guard lets only operators send anything."""

    async def load(request: Request) -> Response:
        page = desk.loading.get(request.path_params["key"])
        if page is None or page.session is not request.scope["labkit.session"]:
            return PlainTextResponse(_("This page is not open any more."), 403)
        room = min(LONGEST, shutil.disk_usage(desk.folder).free // 2)
        size, file = 0, tempfile.NamedTemporaryFile(dir=desk.folder)  # noqa: SIM115 - it stays
        async for chunk in request.stream():
            size += len(chunk)
            if size > room:
                return PlainTextResponse(_("The archive is too large."), 413)
            await run_in_threadpool(file.write, chunk)
        await run_in_threadpool(file.flush)
        page.arrived.append(file)
        return PlainTextResponse("")

    def save(request: Request) -> Response:
        """Send an image as `docker save` writes it."""
        name = request.query_params.get("image", "")
        try:
            permit(request.scope["labkit.session"].account)
            desk.engine.images.get(name)
        except LabError as error:
            return PlainTextResponse(str(error), 403)
        file = "".join(c if c.isalnum() or c in ".-" else "-" for c in name) or "image"
        return StreamingResponse(
            transfer.save(desk.engine, [name]),
            media_type="application/x-tar",
            headers={"Content-Disposition": f'attachment; filename="{file}.tar"'},
        )

    return [
        Route(LOAD + "{key}", load, methods=["POST"]),
        Route("/save", save, methods=["GET"]),
    ]
