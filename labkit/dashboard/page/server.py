"""Serve the dashboard until it is told to stop."""

from __future__ import annotations

import contextlib
import html
import os
import socket
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labkit.dashboard.accounts import Account, Accounts, Role
from labkit.dashboard.hub import Hub
from labkit.dashboard.sessions import Sessions
from labkit.errors import DashboardError
from labkit.files import write_atomically
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from labkit.course import Course
    from labkit.engine import Engine

LOOPBACK = "127.0.0.1"
#: Seconds that a page has to come back after its connection broke off.
RECONNECT = 10.0
#: Seconds that open pages have when the dashboard is stopped.
GRACE = 2
DOOR = '<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0; url={}">\n'


class Dashboard:
    """A dashboard that listens already, so that its address is known, and serves when it is run.

    Args:
        engine: What it shows.
        course: Whose things are its own.
        port: Where on this machine it listens; 0 is any free port.

    Raises:
        DashboardError: The port is taken.
    """

    def __init__(self, engine: Engine, course: Course, *, port: int = 0) -> None:
        self._engine, self._course = engine, course
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind((LOOPBACK, port))
        except OSError as error:
            self._socket.close()
            raise DashboardError(
                _("Port {port} cannot be used: {why}.").format(port=port, why=error.strerror),
                hint=_("Choose another: `labkit dashboard --port 0` takes any that is free."),
            ) from error
        self.port: int = self._socket.getsockname()[1]
        self._door = course.work() / ".labkit" / f"dashboard-{self.port}.html"
        self._hub = Hub.around(os.environ, self.port)
        owner = Account(os.environ.get("JUPYTERHUB_USER") or _("you"), Role.OPERATOR)
        self.sessions = Sessions(
            Accounts.of(course), owner, other=self._hub.account if self._hub else None
        )
        self._server: Any = None

    @property
    def logs_in(self) -> bool:
        """Whether its addresses log in: not where a hub does that for all who come."""
        return self._hub is None or not self._hub.authorize

    def address(self) -> str:
        """Return an address that logs its owner in, once."""
        place = f"http://{LOOPBACK}:{self.port}/"
        return f"{place}enter?token={self.sessions.invite()}" if self.logs_in else place

    def door(self, address: str) -> Path:
        """Write a file that leads a browser to an address, and nobody else.

        Everybody on this machine sees the arguments of a program, and so an address among them.
        """
        write_atomically(self._door, DOOR.format(html.escape(address)).encode(), private=True)
        return self._door

    def address_by_hub(self) -> str:
        """Return the same for a browser that comes by JupyterHub; empty where there is none."""
        if self._hub is None or not self._hub.owner:
            return ""
        return f"{self._hub.prefix}/enter?token={self.sessions.invite()}"

    def run(self, ready: Callable[[], None]) -> None:
        """Serve until `stop`, or Ctrl-C; `ready` is called when pages can be opened."""
        with tempfile.TemporaryDirectory(prefix="labkit-dashboard-") as folder:
            # NiceGUI would make a folder in the current one.
            os.environ["NICEGUI_STORAGE_PATH"] = folder
            import uvicorn

            application = self._application(ready, Path(folder))
            config = uvicorn.Config(
                application,
                log_level="critical",  # a page that is closed while it loads is no error
                lifespan="on",
                ws="wsproto",
                timeout_graceful_shutdown=GRACE,
                server_header=False,
                # Anybody on this machine could say to be somewhere else.
                proxy_headers=self._hub is not None,
            )
            self._server = uvicorn.Server(config)
            try:
                with contextlib.suppress(KeyboardInterrupt):  # uvicorn passes it on at its end
                    self._server.run(sockets=[self._socket])
            finally:
                self._door.unlink(missing_ok=True)

    def stop(self) -> None:
        """End it; any thread may call this."""
        if self._server is not None:
            self._server.should_exit = True

    def _application(self, ready: Callable[[], None], folder: Path) -> Any:
        from fastapi import FastAPI
        from nicegui import ui

        from labkit.dashboard.page import archives, board
        from labkit.dashboard.page.desk import Desk, Page
        from labkit.dashboard.page.entrance import Entrance
        from labkit.dashboard.page.guard import Guard

        desk = Desk(self._engine, self._course, self.sessions, folder)

        @asynccontextmanager
        async def lifespan(_app: Any) -> AsyncIterator[None]:
            await desk.open()
            ready()
            yield
            await desk.close()

        entrance = Entrance(self.sessions, self.port, self._hub)
        application = FastAPI(lifespan=lifespan, openapi_url=None)
        application.router.routes.extend(entrance.routes())
        application.router.routes.extend(archives.routes(desk))

        @ui.page("/")
        def page() -> None:
            board.build(Page(desk, ui.context.client.request.scope["labkit.session"]))

        ui.run_with(
            application,
            title=_("Docker dashboard"),
            dark=None,
            language="en-US",
            reconnect_timeout=RECONNECT,
            tailwind=False,
            show_welcome_message=False,
        )
        application.add_middleware(Guard, sessions=self.sessions, port=self.port, hub=self._hub)
        return application
