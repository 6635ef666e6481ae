"""JupyterHub, where one has started the dashboard, or the server that it runs in.

As a service of the hub (`c.JupyterHub.services`) the dashboard sends people to the hub to log in.
In somebody's own server they come by jupyter-server-proxy: the owner by the address that works
once, others, with whom the server is shared, by a token of the hub in place of a password.

Whose server it is, the hub's administrators, and its group `labkit-operators` may change; all
others may look. A token counts only if it lets its owner in here: one that was made for another
service does not, or that service could come in with it.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from labkit.dashboard.accounts import Account, Role

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Seconds that a hub has to answer.
PATIENCE = 5.0
#: The hub's group of those who may change.
GROUP = "labkit-operators"


@dataclass(frozen=True)
class Hub:
    """A hub, and the dashboard's place in it.

    Attributes:
        api: Where it answers programs.
        prefix: What the path of the dashboard begins with for people who come by the hub.
        owner: Whose server the dashboard runs in; empty for a service.
        scopes: Rights of which one must be in a token that counts.
        authorize: Where people log in for a service; empty in somebody's server.
        callback: Where the hub sends them back to.
    """

    api: str
    prefix: str
    owner: str = ""
    scopes: frozenset[str] = frozenset()
    authorize: str = ""
    callback: str = ""
    client: str = ""
    secret: str = field(default="", repr=False)

    @classmethod
    def around(cls, environment: Mapping[str, str], port: int) -> Hub | None:
        """Find the hub that started this, for a dashboard at `port`; None where there is none."""
        api = environment.get("JUPYTERHUB_API_URL", "").rstrip("/")
        place = environment.get("JUPYTERHUB_SERVICE_PREFIX", "").rstrip("/")
        if not api.startswith(("http://", "https://")):
            return None
        scopes = frozenset(json.loads(environment.get("JUPYTERHUB_OAUTH_ACCESS_SCOPES", "[]")))
        owner = environment.get("JUPYTERHUB_USER", "")
        if owner:
            return cls(api, f"{place}/proxy/{port}", owner, scopes)
        base = environment.get("JUPYTERHUB_HOST", "") + environment.get("JUPYTERHUB_BASE_URL", "/")
        return cls(
            api,
            place,
            scopes=scopes,
            authorize=f"{base}hub/api/oauth2/authorize",
            callback=environment.get("JUPYTERHUB_OAUTH_CALLBACK_URL", f"{place}/oauth_callback"),
            client=environment.get("JUPYTERHUB_CLIENT_ID", ""),
            secret=environment.get("JUPYTERHUB_API_TOKEN", ""),
        )

    def account(self, name: str, token: str) -> Account | None:
        """Return the account of a token; None where it is not that person's, or not for here."""
        account = self._account(token)
        return account if account and account.name == name else None

    def login(self, state: str) -> str:
        """Return the address at which somebody logs in, who then comes back with `state`."""
        asked = {
            "client_id": self.client,
            "redirect_uri": self.callback,
            "response_type": "code",
            "state": state,
        }
        return f"{self.authorize}?{urlencode(asked)}"

    def came_back(self, code: str) -> Account | None:
        """Return the account of somebody whom the hub sent back with a code."""
        asked = {
            "client_id": self.client,
            "client_secret": self.secret,
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.callback,
        }
        told = self._ask("oauth2/token", data=urlencode(asked).encode())
        return self._account(str(told.get("access_token", "")))

    def _account(self, token: str) -> Account | None:
        if not (token.isascii() and token.isalnum()):
            return None
        told = self._ask("user", headers={"Authorization": f"token {token}"})
        name, rights = told.get("name"), set(told.get("scopes") or ())
        if told.get("kind") != "user" or not isinstance(name, str) or not self.scopes & rights:
            return None
        changes = name == self.owner or told.get("admin") is True
        changes = changes or GROUP in (told.get("groups") or ())
        return Account(name, Role.OPERATOR if changes else Role.VIEWER)

    def _ask(self, path: str, **options: Any) -> dict[str, Any]:
        """Ask the hub; nothing where it refuses or does not answer."""
        asked = urllib.request.Request(f"{self.api}/{path}", **options)  # noqa: S310 - see `around`
        try:
            with urllib.request.urlopen(asked, timeout=PATIENCE) as reply:  # noqa: S310 - as above
                told = json.load(reply)
        except (OSError, ValueError):
            return {}
        return told if isinstance(told, dict) else {}
