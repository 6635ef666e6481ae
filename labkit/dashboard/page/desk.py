"""What all pages of one dashboard share: the engine, the course, logins, and the live view."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from labkit.dashboard.inventory import View, Watched
from labkit.dashboard.swarms import KeptManager
from labkit.errors import LabError
from labkit.live.following import Following

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from tempfile import _TemporaryFileWrapper

    from labkit.course import Course
    from labkit.dashboard.accounts import Account
    from labkit.dashboard.sessions import Session, Sessions
    from labkit.engine import Engine


@dataclass
class Desk:
    """One dashboard.

    Attributes:
        view: What the engine holds, as far as it is known.
        problem: Why it is not known any more; empty while the engine answers.
        looking: Called after each change, on the page's own thread; none of them raises anything.
        ends: Called when the dashboard ends: consoles that are open.
        folder: For files of this dashboard; it goes with it.
        loading: The pages that an archive may come from, by the end of its address.
    """

    engine: Engine
    course: Course
    sessions: Sessions
    folder: Path
    view: View = field(default_factory=View)
    problem: str = ""
    looking: list[Callable[[], None]] = field(default_factory=list)
    ends: set[Callable[[], None]] = field(default_factory=set)
    loading: dict[str, Page] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._following = Following(Watched(), self.engine, self._changed, value=self.view)
        self.swarm = KeptManager(self.engine)
        self._loop: asyncio.AbstractEventLoop | None = None

    async def open(self) -> None:
        """Begin to follow the engine."""
        self._loop = asyncio.get_running_loop()
        self._following.start()

    async def close(self) -> None:
        """End it, with its threads and connections."""
        await asyncio.gather(
            *map(asyncio.to_thread, [self._following.close, self.swarm.close, *self.ends])
        )

    def _changed(self, view: View, problem: str) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._show, view, problem)

    def _show(self, view: View, problem: str) -> None:
        self.view, self.problem = view, problem
        self.look()

    def look(self) -> None:
        """Let all pages look, also at whether their sessions go on."""
        for look in list(self.looking):
            look()


@dataclass
class Page:
    """One page of one session.

    Attributes:
        looks: Called with what the engine holds, at first and after each change.
        consoles: Called when its account may not change anything any more.
        arrived: Archives that it has sent; each file is gone when nobody has it any more.
        tab: The name of the tab that is shown.
    """

    desk: Desk
    session: Session
    looks: list[Callable[[View], None]] = field(default_factory=list)
    consoles: set[Callable[[], None]] = field(default_factory=set)
    arrived: list[_TemporaryFileWrapper[bytes]] = field(default_factory=list)
    tab: str = "status"

    @property
    def engine(self) -> Engine:
        """The engine that all pages show."""
        return self.desk.engine

    @property
    def account(self) -> Account | None:
        """Who looks at it now; None once the session has ended, or nobody knows any more."""
        with contextlib.suppress(LabError):
            found = self.desk.sessions.find(self.session.key)
            return found.account if found else None
        return None

    @property
    def over(self) -> bool:
        """Whether its session has ended, so that nothing must be told any more."""
        return self.account is None

    @property
    def changes(self) -> bool:
        """Whether to show what changes things; whether it may be done is asked again then."""
        account = self.account
        return account is not None and account.may_change
