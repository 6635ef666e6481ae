"""Ask the engine in plain HTTP: what every Docker client does, without one."""

from __future__ import annotations

import http.client
import json
import socket
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from labkit.engine.connect import connect
from labkit.engine.translate import unreachable
from labkit.errors import LabError
from labkit.translation import _

#: Creating a container may take the engine some seconds; streams are not for this client.
SECONDS = 30.0


@dataclass(frozen=True)
class RawAnswer:
    """An engine's answer to one request.

    Attributes:
        status: The HTTP status code.
        reason: Its words, such as `Created`.
        headers: The answer's headers.
        body: The parsed JSON, or the text where it is none.
    """

    status: int
    reason: str
    headers: dict[str, str] = field(repr=False)
    body: Any

    def __repr__(self) -> str:
        """Write the status line and the body, as one reads them."""
        text = self.body if isinstance(self.body, str) else json.dumps(self.body, indent=2)
        return f"HTTP {self.status} {self.reason}\n{text}".rstrip()


def ask(method: str, path: str, body: Any = None, *, endpoint: str = "") -> RawAnswer:
    """Send one HTTP request to the engine and read its whole answer.

    Args:
        method: Such as `GET`.
        path: Such as `/containers/json`; a version may stand before it: `/v1.41/…`.
        body: What to send as JSON; None sends nothing.
        endpoint: The engine's address; empty for the one that answers.

    Returns:
        The answer, also when the engine refuses: the status tells.

    Raises:
        EngineUnreachable: Nothing answers there in HTTP.
        LabError: The address is neither a socket's nor of TCP without TLS.
    """
    address = endpoint or _found()
    connection = _connection(address)
    sent = None if body is None else json.dumps(body)
    headers = {"Host": "docker"} if body is None else {"Host": "docker", **_JSON}
    try:
        connection.request(method, path, sent, headers)
        reply = connection.getresponse()
        text = reply.read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        raise unreachable(address, error) from error
    finally:
        connection.close()
    return RawAnswer(reply.status, reply.reason, dict(reply.getheaders()), _parsed(text))


_JSON = {"Content-Type": "application/json"}


def _found() -> str:
    engine = connect()
    engine.close()
    return engine.endpoint


def _connection(endpoint: str) -> http.client.HTTPConnection:
    if endpoint.startswith("unix://"):
        return _SocketConnection(endpoint.removeprefix("unix://"))
    parts = urlsplit(endpoint)
    if parts.scheme in {"tcp", "http"} and parts.hostname:
        return http.client.HTTPConnection(parts.hostname, parts.port or 2375, timeout=SECONDS)
    raise LabError(
        _("`{endpoint}` cannot be asked in plain HTTP.").format(endpoint=endpoint),
        hint=_("Use the `docker` command, which speaks to it over TLS or ssh."),
    )


class _SocketConnection(http.client.HTTPConnection):
    """HTTP over a socket file instead of TCP."""

    def __init__(self, path: str) -> None:
        super().__init__("docker", timeout=SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
