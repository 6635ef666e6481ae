"""Ports of this machine that nobody listens on."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from labkit.errors import LabError
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Sequence

HOST = "127.0.0.1"


def first_free(ports: Sequence[int], *, what: str, hint: str) -> int:
    """Return the first of these ports that nobody listens on.

    Args:
        ports: In the order in which they are tried.
        what: Who needs it, for the message.
        hint: The next step, for the message.

    Raises:
        LabError: All of them are taken.
    """
    for port in ports:
        with socket.socket() as server:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                server.bind((HOST, port))
            except OSError:
                continue
            return port
    raise LabError(
        _("No port from {first} to {last} is free for {what}.").format(
            first=ports[0], last=ports[-1], what=what
        ),
        hint=hint,
    )
