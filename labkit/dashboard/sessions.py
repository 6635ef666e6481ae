"""Who is logged in, and how: by an address that works once, or by a password.

Sessions live in memory and end with the dashboard. Wrong passwords make the next try wait, longer
each time, for the name that was tried and for the address that it came from. On this machine all
come from one address, so there it is not counted. A browser in which that name has logged in before
shows a token of that and is counted by itself: so nobody can keep it out by wrong passwords.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
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
#: The same where a hub said who it is: what it would say by then is not known.
LONGEST_BY_HUB = 3600.0
#: Seconds for which an address logs in.
LONGEST_INVITATION = 600.0
#: Wrong passwords before there is a wait; each further one doubles it, up to a minute.
FREE_TRIES = 3
LONGEST_WAIT = 60.0
#: Seconds without a try after which wrong ones do not count any more.
FORGOTTEN = 600.0
#: How many names and addresses are remembered.
MOST_TRIED = 1000


@dataclass
class Session:
    """One login.

    Attributes:
        by_password: Whether its account is in the file, and ends with it.
        until: When it ends by itself.
        key: The cookie's value.
        xsrf: What a request that changes something must bring besides the cookie.
        pages: The pages that were made for it; only these may open a connection.
    """

    account: Account
    by_password: bool
    until: float
    key: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    xsrf: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    pages: set[str] = field(default_factory=set)


class Throttle:
    """Counts wrong passwords for each name, address, or browser that is known."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        #: How many there were, and until when the next try has to wait.
        self._tried: dict[str, tuple[int, float]] = {}

    def begin(self, *keys: str) -> None:
        """Let a try pass, and count it as wrong until it is known to be right.

        So many tries at once are many.

        Raises:
            NotPermitted: It is too early.
        """
        with self._lock:
            left = max(self._known(key)[1] for key in keys) - self._clock()
            if left > 0:
                text = _("Too many wrong passwords. Try again in {seconds:.0f} s.")
                raise NotPermitted(text.format(seconds=max(left, 1)))
            for key in keys:
                count = self._known(key)[0] + 1
                doublings = min(count - FREE_TRIES, 10)
                wait = min(2.0**doublings, LONGEST_WAIT) if doublings >= 0 else 0.0
                self._tried.pop(key, None)  # what is counted last is forgotten last
                self._tried[key] = (count, self._clock() + wait)
            while len(self._tried) > MOST_TRIED:
                # Those first that nobody has to wait for any more, the oldest of them.
                over = (key for key, (_n, until) in self._tried.items() if until <= self._clock())
                del self._tried[next(over, next(iter(self._tried)))]

    def right(self, name: str, *addresses: str) -> None:
        """Forget a name's wrong ones; from the addresses others may have been tried."""
        with self._lock:
            self._tried.pop(name, None)
            for address in addresses:
                count, _until = self._tried.pop(address, (1, 0.0))
                if count > 1:
                    self._tried[address] = (count - 1, self._clock())

    def _known(self, key: str) -> tuple[int, float]:
        count, until = self._tried.get(key, (0, 0.0))
        return (0, 0.0) if self._clock() - until > FORGOTTEN else (count, until)


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
        #: Until when each is good.
        self._invitations: dict[str, float] = {}
        self._secret = secrets.token_bytes(32)
        self._sessions: dict[str, Session] = {}

    def invite(self) -> str:
        """Return a token that logs the owner in, once, and soon."""
        now = self._clock()
        self._invitations = {t: until for t, until in self._invitations.items() if until > now}
        token = secrets.token_urlsafe(32)
        self._invitations[token] = now + LONGEST_INVITATION
        return token

    def accept(self, token: str, session: Session | None = None) -> Session:
        """Log in by a token, which is used up by that.

        Args:
            token: From `invite`.
            session: What the browser has already; where it is the owner's, it goes on.

        Raises:
            NotPermitted: It is none, has been used, or is too old.
        """
        if self._invitations.pop(token, 0.0) <= self._clock():
            raise NotPermitted(
                _("This address has been used, is too old, or is not of this dashboard."),
                hint=_("Log in with a password, or start the dashboard anew."),
            )
        if session and session.account == self._owner and not session.by_password:
            return session
        return self._begin(self._owner, LONGEST, by_password=False)

    def log_in(self, name: str, password: str, address: str = "", known: str = "") -> Session:
        """Log in by a password.

        Args:
            name: Whose.
            password: Theirs.
            address: Where the try comes from; empty where all come from one.
            known: What `known` gave to the browser when that name logged in.

        Raises:
            NotPermitted: It is wrong, or there were too many wrong ones.
        """
        keys = [f"name {name}", *([f"address {address}"] if address else ())]
        if self._is_known(known, name):
            keys = [f"browser {known}"]
        self._throttle.begin(*keys)
        account = self.accounts.check(name, password)
        by_password = account is not None
        if account is None and self._other is not None:
            account = self._other(name, password)
        if account is None:
            raise NotPermitted(_("The name or the password is wrong."))
        self._throttle.right(*keys)
        if not by_password:
            return self.came_by_hub(account)
        return self._begin(account, LONGEST, by_password=True)

    def known(self, name: str) -> str:
        """Return what tells later that `name` has logged in in this browser."""
        mark = secrets.token_urlsafe(16)
        return f"{mark}.{self._signed(mark, name)}"

    def _is_known(self, known: str, name: str) -> bool:
        mark, _dot, signature = known.partition(".")
        return hmac.compare_digest(signature.encode(), self._signed(mark, name).encode())

    def _signed(self, mark: str, name: str) -> str:
        return hmac.new(self._secret, f"{mark} {name}".encode(), hashlib.sha256).hexdigest()

    def came_by_hub(self, account: Account) -> Session:
        """Log in somebody of whom a hub has said who it is."""
        return self._begin(account, LONGEST_BY_HUB, by_password=False)

    def find(self, key: str) -> Session | None:
        """Return the session of a cookie, with the role that its account has now.

        Raises:
            LabError: The accounts cannot be read.
        """
        session = self._sessions.get(key)
        if session is None:
            return None
        if session.by_password:
            account = self.accounts.find(session.account.name)
            if account is None or account.password != session.account.password:
                self.end(key)
                return None
            session.account = account
        if self._clock() > session.until:
            self.end(key)
            return None
        return session

    def end(self, key: str) -> None:
        """Log out."""
        self._sessions.pop(key, None)

    def _begin(self, account: Account, longest: float, *, by_password: bool) -> Session:
        session = Session(account, by_password, self._clock() + longest)
        self._sessions[session.key] = session
        return session
