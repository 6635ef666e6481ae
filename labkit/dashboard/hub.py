"""Accounts of JupyterHub, where a hub has started the server that this runs in.

Somebody logs in with a token of the hub (Hub Control Panel, Token) in place of a password. Whose
server it is, and the hub's administrators, may change; all others of the hub may look.
"""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

from labkit.dashboard.accounts import Account, Role

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Seconds that a hub has to answer.
PATIENCE = 5.0


def hub_account(
    name: str, token: str, environment: Mapping[str, str] = os.environ
) -> Account | None:
    """Ask the hub whose token it is; None without a hub, and where it is not that person's."""
    address = environment.get("JUPYTERHUB_API_URL", "")
    if not address.startswith(("http://", "https://")) or not (token.isascii() and token.isalnum()):
        return None
    asked = urllib.request.Request(  # noqa: S310 - see above
        f"{address.rstrip('/')}/user", headers={"Authorization": f"token {token}"}
    )
    try:
        with urllib.request.urlopen(asked, timeout=PATIENCE) as reply:  # noqa: S310 - see above
            told = json.load(reply)
    except (OSError, ValueError):
        return None
    if not isinstance(told, dict) or told.get("name") != name or told.get("kind") != "user":
        return None
    changes = told.get("admin") is True or name == environment.get("JUPYTERHUB_USER")
    return Account(name, Role.OPERATOR if changes else Role.VIEWER)
