"""Logging in: a form, and the address that works once."""

from __future__ import annotations

import hmac
import html
import secrets
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, RedirectResponse
from starlette.routing import Route

from labkit.dashboard.page.guard import ENTER, FROM_HUB, LOGIN, TO_HUB, cookie_name
from labkit.errors import LabError
from labkit.translation import _

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from labkit.dashboard.hub import Hub
    from labkit.dashboard.sessions import Session, Sessions

FORM_TOKEN = "labkit-login"  # noqa: S105 - a cookie's name
HUB_STATE = "labkit-hub"
#: Bytes of a form, and fields: a name, a password and a token take less.
LONGEST_FORM, MOST_FIELDS = 8192, 8
#: Seconds for which a browser is known.
KNOWN_FOR = 30 * 24 * 3600
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
<form method="post" action="login">
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
ONWARD = '<meta http-equiv="refresh" content="0; url=./"><p><a href="./">{text}</a></p>'


HUB = '<p><a href="hub">{text}</a></p>'


class Entrance:
    """The routes.

    Args:
        sessions: Where people are logged in.
        port: Where the dashboard listens.
        hub: JupyterHub, if it comes by one.
    """

    def __init__(self, sessions: Sessions, port: int, hub: Hub | None = None) -> None:
        self._sessions = sessions
        self._hub = hub
        self._cookie = cookie_name(port)
        self._known = f"labkit-known-{port}"

    def routes(self) -> list[Route]:
        """Return them."""
        return [
            Route(ENTER, self.enter, methods=["GET"]),
            Route(LOGIN, self.show, methods=["GET"]),
            Route(LOGIN, self.log_in, methods=["POST"]),
            Route(TO_HUB, self.to_hub, methods=["GET"]),
            Route(FROM_HUB, self.from_hub, methods=["GET"]),
        ]

    async def enter(self, request: Request) -> Response:
        """Log the owner in by the token of the address."""
        onward = _page(ONWARD.format(text=html.escape(_("Go on"))), 200)
        had = request.scope["labkit.session"]
        try:
            session = self._sessions.accept(request.query_params.get("token", ""), had)
        except LabError as error:
            # Who is logged in may come by an old address: a notebook's frame does that.
            return onward if had else self._form(request, str(error), 403)
        self._keep(request, onward, session)
        return onward

    async def to_hub(self, request: Request) -> Response:
        """Send somebody to JupyterHub to log in."""
        if self._hub is None or not self._hub.authorize:
            return self._form(request, "", 404)
        state = secrets.token_urlsafe(32)
        response = RedirectResponse(self._hub.login(state), 303)
        # The hub may send them on to somebody else's page, from where no strict cookie comes back.
        response.set_cookie(
            HUB_STATE,
            state,
            max_age=600,
            httponly=True,
            samesite="lax",
            path=_path(request),
            secure=_is_secure(request),
        )
        return response

    async def from_hub(self, request: Request) -> Response:
        """Log in somebody whom JupyterHub sent back."""
        state, known = request.query_params.get("state", ""), request.cookies.get(HUB_STATE, "")
        account = None
        if self._hub and known and hmac.compare_digest(state.encode(), known.encode()):
            code = request.query_params.get("code", "")
            account = await run_in_threadpool(self._hub.came_back, code)
        if account is None:
            return self._form(request, _("JupyterHub did not let you in here."), 403)
        onward = _page(ONWARD.format(text=html.escape(_("Go on"))), 200)
        onward.delete_cookie(HUB_STATE, path=_path(request))
        self._keep(request, onward, self._sessions.came_by_hub(account))
        return onward

    async def show(self, request: Request) -> Response:
        """Show the form."""
        return self._form(request, "", 200)

    async def log_in(self, request: Request) -> Response:
        """Log in by name and password."""
        form = await _fields(request)
        if form is None:
            return self._form(request, _("The form is too long."), 413)
        name, password, token = (form.get(key, "") for key in ("name", "password", "token"))
        known = request.cookies.get(FORM_TOKEN, "")
        if not known or not hmac.compare_digest(token.encode(), known.encode()):
            return self._form(request, _("The form was too old. Try again."), 403)
        # Only a hub's proxy says where somebody is; without one all are on this machine.
        address = request.client.host if request.client and self._hub else ""
        before = request.cookies.get(self._known, "")
        try:
            session = await run_in_threadpool(
                self._sessions.log_in, name, password, address, before
            )
        except LabError as error:
            return self._form(request, str(error), 403)
        response: Response = RedirectResponse(_path(request), 303)
        self._keep(request, response, session)
        response.set_cookie(
            self._known,
            self._sessions.known(name),
            max_age=KNOWN_FOR,
            httponly=True,
            samesite="strict",
            path=_login_path(request),
            secure=_is_secure(request),
        )
        return response

    def _form(self, request: Request, alert: str, status: int) -> Response:
        # The same again: a browser that asks for an icon is led here, too, while a form is open.
        token = request.cookies.get(FORM_TOKEN) or secrets.token_urlsafe(32)
        body = FORM.format(
            alert=f'<p role="alert">{html.escape(alert)}</p>' if alert else "",
            token=html.escape(token),
            name=html.escape(_("Name")),
            password=html.escape(_("Password")),
            button=html.escape(_("Log in")),
        )
        if self._hub is not None and self._hub.authorize:
            body = HUB.format(text=html.escape(_("Log in with JupyterHub"))) + body
        response = _page(body, status)
        response.set_cookie(
            FORM_TOKEN,
            token,
            httponly=True,
            samesite="strict",
            path=_login_path(request),
            secure=_is_secure(request),
        )
        return response

    def _keep(self, request: Request, response: Response, session: Session) -> None:
        response.set_cookie(
            self._cookie,
            session.key,
            httponly=True,
            samesite="strict",
            path=_path(request),
            secure=_is_secure(request),
        )


def _path(request: Request) -> str:
    """Return the path of the page itself."""
    return f"{request.scope['labkit.prefix']}/"


def _login_path(request: Request) -> str:
    return f"{request.scope['labkit.prefix']}{LOGIN}"


def _is_secure(request: Request) -> bool:
    """Tell whether the browser came by HTTPS, to a proxy."""
    return request.headers.get("x-forwarded-proto", "").startswith("https")


async def _fields(request: Request) -> dict[str, str] | None:
    """Read a form; None where it is longer than ours, which is not read to its end."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LONGEST_FORM:
            return None
    try:
        fields = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        return None
    return {name: values[-1] for name, values in fields.items()}


def _page(body: str, status: int) -> Response:
    title = html.escape(_("Docker dashboard"))
    return HTMLResponse(PAGE.format(title=title, body=body), status, NO_STORE)
