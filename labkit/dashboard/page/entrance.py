"""Logging in: a form, and the address that works once."""

from __future__ import annotations

import hmac
import html
import secrets
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, RedirectResponse
from starlette.routing import Route

from labkit.dashboard.page.guard import ENTER, LOGIN, cookie_name
from labkit.errors import LabError
from labkit.translation import _

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from labkit.dashboard.sessions import Session, Sessions

FORM_TOKEN = "labkit-login"  # noqa: S105 - a cookie's name
NO_STORE = {"Cache-Control": "no-store"}
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }}
main {{ max-width: 22rem; margin: 12vh auto; padding: 0 1rem }}
label, input, button {{ display: block; width: 100%; box-sizing: border-box; font: inherit }}
input {{ margin: 0 0 1rem; padding: .5rem }}
button {{ padding: .6rem; cursor: pointer }}
[role=alert] {{ border-left: 4px solid #c62828; padding-left: .75rem }}
</style>
</head>
<body><main><h1>{title}</h1>{body}</main></body>
</html>
"""
FORM = """{alert}
<form method="post" action="/login">
<input type="hidden" name="token" value="{token}">
<label for="name">{name}</label>
<input id="name" name="name" autocomplete="username" required autofocus>
<label for="password">{password}</label>
<input id="password" name="password" type="password" autocomplete="current-password" required>
<button>{button}</button>
</form>
"""
#: A link that the browser follows by itself. A redirect would not do: a request that another page
#: began (a notebook) does not send the cookie, which is for this site alone.
ONWARD = '<meta http-equiv="refresh" content="0; url=/"><p><a href="/">{text}</a></p>'


class Entrance:
    """The routes.

    Args:
        sessions: Where people are logged in.
        port: Where the dashboard listens.
    """

    def __init__(self, sessions: Sessions, port: int) -> None:
        self._sessions = sessions
        self._cookie = cookie_name(port)

    def routes(self) -> list[Route]:
        """Return them."""
        return [
            Route(ENTER, self.enter, methods=["GET"]),
            Route(LOGIN, self.show, methods=["GET"]),
            Route(LOGIN, self.log_in, methods=["POST"]),
        ]

    async def enter(self, request: Request) -> Response:
        """Log the owner in by the token of the address."""
        onward = _page(ONWARD.format(text=html.escape(_("Go on"))), 200)
        if request.scope["labkit.session"] is None:  # else an old address does, too
            try:
                session = self._sessions.accept(request.query_params.get("token", ""))
            except LabError as error:
                return self._form(str(error), 403)
            self._keep(onward, session)
        return onward

    async def show(self, _request: Request) -> Response:
        """Show the form."""
        return self._form("", 200)

    async def log_in(self, request: Request) -> Response:
        """Log in by name and password."""
        form = await request.form()
        name, password, token = (str(form.get(key, "")) for key in ("name", "password", "token"))
        known = request.cookies.get(FORM_TOKEN, "")
        if not known or not hmac.compare_digest(token.encode(), known.encode()):
            return self._form(_("The form was too old. Try again."), 403)
        address = request.client.host if request.client else ""
        try:
            session = await run_in_threadpool(self._sessions.log_in, name, password, address)
        except LabError as error:
            return self._form(str(error), 403)
        response: Response = RedirectResponse("/", 303)
        self._keep(response, session)
        return response

    def _form(self, alert: str, status: int) -> Response:
        token = secrets.token_urlsafe(32)
        body = FORM.format(
            alert=f'<p role="alert">{html.escape(alert)}</p>' if alert else "",
            token=token,
            name=html.escape(_("Name")),
            password=html.escape(_("Password")),
            button=html.escape(_("Log in")),
        )
        response = _page(body, status)
        response.set_cookie(FORM_TOKEN, token, httponly=True, samesite="strict", path=LOGIN)
        return response

    def _keep(self, response: Response, session: Session) -> None:
        response.set_cookie(self._cookie, session.key, httponly=True, samesite="strict")


def _page(body: str, status: int) -> Response:
    title = html.escape(_("Docker dashboard"))
    return HTMLResponse(PAGE.format(title=title, body=body), status, NO_STORE)
