"""Who is logged in, and how: by an address that works once, or by a password.

Sessions live in memory and end with the dashboard. Wrong passwords make the next try wait, longer
each time, for the name that was tried and for the address that it came from.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from labkit.errors import NotPermitted
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Callable

    from labkit.dashboard.accounts import Account, Accounts

#: Seconds after which somebody has to log in again.
LONGEST = 12 * 3600.0
#: Wrong passwords before there is a wait; each further one doubles it, up to a minute.
FREE_TRIES = 3
LONGEST_WAIT = 60.0
#: How many names and addresses are remembered.
MOST_TRIED = 1000


@dataclass
class Session:
    """One login.

    Attributes:
        by_password: Whether its account is in the file, and ends with it.
        key: The cookie's value.
        xsrf: What a request that changes something must bring besides the cookie.
        pages: The pages that were made for it; only these may open a connection.
    """

    account: Account
    by_password: bool
    born: float
    key: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    xsrf: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    pages: set[str] = field(default_factory=set)


class Throttle:
    """Counts wrong passwords for each name and address."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._tried: dict[str, tuple[int, float]] = {}

    def ask(self, *keys: str) -> None:
        """Let a try pass.

        Raises:
            NotPermitted: It is too early.
        """
        left = max(self._tried.get(key, (0, 0.0))[1] for key in keys) - self._clock()
        if left > 0:
            text = _("Too many wrong passwords. Try again in {seconds:.0f} s.")
            raise NotPermitted(text.format(seconds=max(left, 1)))

    def wrong(self, *keys: str) -> None:
        """Note a wrong password."""
        for key in keys:
            count = self._tried.pop(key, (0, 0.0))[0] + 1
            doublings = min(count - FREE_TRIES, 10)
            wait = min(2.0**doublings, LONGEST_WAIT) if doublings >= 0 else 0.0
            self._tried[key] = (count, self._clock() + wait)
        while len(self._tried) > MOST_TRIED:
            del self._tried[next(iter(self._tried))]

    def right(self, *keys: str) -> None:
        """Forget the wrong ones."""
        for key in keys:
            self._tried.pop(key, None)


class Sessions:
    """All logins of one dashboard.

    Args:
        accounts: The password file.
        owner: Who started the dashboard.
        other: Asked for a name and a password that the file does not know, such as a hub.
        clock: Seconds.
    """

    def __init__(
        self,
        accounts: Accounts,
        owner: Account,
        *,
        other: Callable[[str, str], Account | None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.accounts = accounts
        self._owner = owner
        self._other = other
        self._clock = clock
        self._throttle = Throttle(clock)
        self._invitations: set[str] = set()
        self._sessions: dict[str, Session] = {}

    def invite(self) -> str:
        """Return a token that logs the owner in, once."""
        token = secrets.token_urlsafe(32)
        self._invitations.add(token)
        return token

    def accept(self, token: str) -> Session:
        """Log in by a token.

        Raises:
            NotPermitted: It is none, or has been used.
        """
        if token not in self._invitations:
            raise NotPermitted(
                _("This address has been used, or is not of this dashboard."),
                hint=_("Log in with a password, or start the dashboard anew."),
            )
        self._invitations.remove(token)
        return self._begin(self._owner, by_password=False)

    def log_in(self, name: str, password: str, address: str) -> Session:
        """Log in by a password.

        Raises:
            NotPermitted: It is wrong, or there were too many wrong ones.
        """
        keys = (f"name {name}", f"address {address}")
        self._throttle.ask(*keys)
        # Counted before it is checked, so that many tries at once are many.
        self._throttle.wrong(*keys)
        account = self.accounts.check(name, password)
        by_password = account is not None
        if account is None and self._other is not None:
            account = self._other(name, password)
        if account is None:
            raise NotPermitted(_("The name or the password is wrong."))
        self._throttle.right(*keys)
        return self._begin(account, by_password=by_password)

    def find(self, key: str) -> Session | None:
        """Return the session of a cookie, with the role that its account has now."""
        session = self._sessions.get(key)
        if session is None:
            return None
        if session.by_password:
            account = self.accounts.find(session.account.name)
            if account is None:
                self.end(key)
                return None
            session.account = account
        if self._clock() - session.born > LONGEST:
            self.end(key)
            return None
        return session

    def end(self, key: str) -> None:
        """Log out."""
        self._sessions.pop(key, None)

    def _begin(self, account: Account, *, by_password: bool) -> Session:
        session = Session(account, by_password, self._clock())
        self._sessions[session.key] = session
        return session
