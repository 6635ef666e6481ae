"""Watch what a cell does to the engine: two snapshots and their difference.

It never breaks a cell: where the engine is away it is silent, and where the engine hangs, or a
look fails in a way that nobody thought of, it switches itself off.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from labkit.engine.snapshot import changes
from labkit.errors import LabError
from labkit.translation import _

if TYPE_CHECKING:
    from labkit.engine import KeptConnection
    from labkit.engine.snapshot import Change, Snapshot

#: Seconds that one look may take before watching is switched off.
PATIENCE = 2


class Watcher:
    """Tells what changed between `begin` and `end`.

    Attributes:
        on: Whether it watches at all.
        notice: A sentence when it has just switched itself off, else empty.
    """

    def __init__(self, connection: KeptConnection) -> None:
        self._connection = connection
        self._before: Snapshot | None = None
        self.on = True
        self.notice = ""

    def begin(self) -> None:
        """Look at the engine before a cell."""
        self.notice = ""
        self._before = self._look()

    def end(self) -> tuple[Change, ...]:
        """Look again, and return what changed since `begin`."""
        before, self._before = self._before, None
        if before is None:
            return ()
        after = self._look()
        return changes(before, after) if after is not None else ()

    def _look(self) -> Snapshot | None:
        if not self.on:
            return None
        started = time.monotonic()
        try:
            return self._connection.engine().snapshot()
        except LabError:
            self._connection.lost()
            if time.monotonic() - started >= PATIENCE:
                self._switch_off(_("The engine takes long to answer"))
        except Exception as error:  # noqa: BLE001 - the cell must go on, whatever it is
            self._switch_off(
                _("The engine could not be looked at ({error})").format(error=repr(error))
            )
        return None

    def _switch_off(self, why: str) -> None:
        self.on = False
        self.notice = _(
            "{why}, so changes are no longer shown. `%changes on` shows them again."
        ).format(why=why)
