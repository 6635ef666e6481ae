"""Lets through only what comes from a page of this dashboard, for somebody who is logged in.

It stands before everything else, as ASGI middleware. Against other pages in the same browser:

- The host must be a name of this machine, at any port (`ssh -L` may lead here from another), or
  another host's name could be made to lead here. Behind JupyterHub it may be any: nobody knows the
  hub's name, and a cookie is for one name only.
- A request that changes something, and each WebSocket, must come from this very origin.
- A request that changes something must bring the session's XSRF token besides the cookie, and come
  from an operator.
- A WebSocket, by which all buttons work, must name a page that was made for its session. What comes
  over it later is not looked at here: each change asks for its account itself.
- What the page loads comes from here alone, and only pages of this machine may frame it.
"""

from __future__ import annotations

import hmac
import re
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from starlette.responses import PlainTextResponse, RedirectResponse

from labkit.dashboard.operating import permit
from labkit.errors import LabError
from labkit.translation import _

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from labkit.dashboard.hub import Hub
    from labkit.dashboard.sessions import Session, Sessions

XSRF_HEADER = "x-xsrf-token"
LOGIN, ENTER = "/login", "/enter"
#: To JupyterHub, and back from there.
TO_HUB, FROM_HUB = "/hub", "/oauth_callback"
#: What somebody may ask for who is not logged in.
PUBLIC = (LOGIN, ENTER, TO_HUB, FROM_HUB)
SOCKETS = "/_nicegui_ws/"
#: Where archives of images go; the only other place that takes anything.
LOAD = "/load/"
#: The names of this machine.
HOST = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?", re.ASCII)
PREFIX_HEADER = "x-forwarded-prefix"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; "
    "frame-ancestors 'self' http://localhost:* http://127.0.0.1:*"
)
HEADERS = {
    b"content-security-policy": POLICY.encode(),
    b"x-content-type-options": b"nosniff",
    # With `no-referrer` a browser would not say where a form comes from.
    b"referrer-policy": b"same-origin",
}


class Guard:
    """The middleware.

    Args:
        app: What it stands before; it finds its session in `scope["session"]`.
        sessions: Who is logged in.
        port: Where the dashboard listens.
        hub: JupyterHub, if it comes by one.
    """

    def __init__(self, app: ASGIApp, sessions: Sessions, port: int, hub: Hub | None = None) -> None:
        self._app = app
        self._sessions = sessions
        self._hub = hub
        self.cookie = cookie_name(port)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request pass, or answer it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): v.decode("latin-1") for name, v in scope["headers"]}
        scope = self._placed(scope, headers.get(PREFIX_HEADER, ""))
        try:
            session = self._session(headers)
            refusal = self._refusal(scope, headers, session)
        except LabError as error:  # or the accounts cannot be read
            session, refusal = None, str(error)
        if scope["type"] == "websocket":
            if refusal or session is None:
                await receive()
                await send({"type": "websocket.close", "code": 1008})
                return
        elif refusal:
            await PlainTextResponse(refusal, 403)(scope, receive, send)
            return
        elif session is None and scope["path"] not in PUBLIC:
            await RedirectResponse(scope["labkit.prefix"] + LOGIN, 303)(scope, receive, send)
            return
        scope["labkit.session"] = session
        await self._app(scope, receive, _hardened(send))

    def _placed(self, scope: Scope, told: str) -> Scope:
        """Take the hub's part off a path; NiceGUI finds it in a header, which only we set."""
        prefix, path = "", scope["path"]
        if self._hub is not None:
            # The hub's own proxy leaves its part in the path, jupyter-server-proxy puts it here.
            inside = path.startswith(f"{self._hub.prefix}/")
            prefix = self._hub.prefix if inside or told == self._hub.prefix else ""
            path = path.removeprefix(self._hub.prefix) if inside else path
        name = PREFIX_HEADER.encode()
        headers = [(key, value) for key, value in scope["headers"] if key != name]
        headers += [(name, prefix.encode())] if prefix else []
        raw = path.encode()
        return {**scope, "path": path, "raw_path": raw, "headers": headers, "labkit.prefix": prefix}

    def _session(self, headers: dict[str, str]) -> Session | None:
        try:
            cookies: SimpleCookie = SimpleCookie(headers.get("cookie", ""))
        except CookieError:
            return None
        sent = cookies.get(self.cookie)
        return self._sessions.find(sent.value) if sent else None

    def _refusal(self, scope: Scope, headers: dict[str, str], session: Session | None) -> str:
        """Say why a request does not pass; empty when it does, or must log in first.

        Raises:
            NotPermitted: It would change something, and its account may not.
        """
        host, origin = headers.get("host", ""), headers.get("origin")
        if HOST.fullmatch(host) is None and self._hub is None:
            return _("This is not a name of the dashboard.")
        own = {f"http://{host}", *([f"https://{host}"] if self._hub else ())}
        if scope["type"] == "websocket":
            pages = parse_qs(scope["query_string"].decode("latin-1")).get("client_id", [""])
            here = origin in own and session is not None and pages[-1] in session.pages
            return "" if here else _("This connection does not come from a page of the dashboard.")
        if scope["path"].startswith(SOCKETS):
            return _("The dashboard needs WebSockets.")
        if scope["method"] in SAFE:
            return ""
        if origin not in {*own, None}:
            return _("This request comes from another page.")
        # The login's form has a token of its own.
        return "" if scope["path"] == LOGIN else _refused_write(scope["path"], headers, session)


def _refused_write(path: str, headers: dict[str, str], session: Session | None) -> str:
    """Say why a request that changes something does not pass.

    Raises:
        NotPermitted: Its account may not.
    """
    sent = headers.get(XSRF_HEADER, "").encode()
    if session is None or not hmac.compare_digest(sent, session.xsrf.encode()):
        return _("The page's token is missing.")
    permit(session.account)
    return "" if path.startswith(LOAD) else _("There is nothing to write here.")


def cookie_name(port: int) -> str:
    """Return the cookie's name: a browser keeps one set of cookies for all ports of a host."""
    return f"labkit-dashboard-{port}"


def _hardened(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            known = {name.lower() for name, _value in message.get("headers", ())}
            more: list[Any] = [(n, v) for n, v in HEADERS.items() if n not in known]
            message = {**message, "headers": [*message.get("headers", ()), *more]}
        await send(message)

    return sending
