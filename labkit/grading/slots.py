"""The places for desks on this machine, and what a grader that was killed left in them.

A slot is a number: its user ids, its control group, its folder. A live grader holds a lock on each
of its own, so a slot whose lock is free belongs to nobody, whatever lies in it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from labkit.engine.cgroups import Group, hierarchies
from labkit.engine.rootless import IDS
from labkit.errors import LabError
from labkit.files import locked
from labkit.translation import _

#: Short, since sockets lie in it.
FOLDER = Path("/run/labkit/desks")
GROUPS = "labkit-grade"
#: From here to 2^31, no distribution gives user ids to anybody.
FIRST_ID, IDS_OF_A_SLOT, SLOTS = 0x70000000, 0x10000, 256


@dataclass(frozen=True)
class Slot:
    """A place for a desk, held by this process until it is given back.

    Attributes:
        lock: The open lock file.
    """

    number: int
    lock: int

    @property
    def folder(self) -> Path:
        """Where its socket lies; the engine's root is mounted there, for the engine alone."""
        return FOLDER / str(self.number)

    @property
    def base(self) -> int:
        """The first of its user ids."""
        return FIRST_ID + self.number * IDS_OF_A_SLOT

    @property
    def checker(self) -> int:
        """The user id that checks run as: the slot's own, and none of the engine's."""
        return self.base + IDS

    @property
    def group(self) -> Group:
        """Its control group."""
        return _group(self.number)

    def give_back(self) -> None:
        """Remove all of it that is left; its processes are ended."""
        self.group.remove()
        with locked(FOLDER / "lock"):
            _remove(self.number)
            os.close(self.lock)


def claim() -> Slot:
    """Take a place that nobody has.

    Raises:
        LabError: All are taken.
    """
    with locked(FOLDER / "lock"):
        for number in range(SLOTS):
            if (lock := _lock(number)) is not None:
                shutil.rmtree(FOLDER / str(number), ignore_errors=True)
                (FOLDER / str(number)).mkdir(mode=0o711)
                return Slot(number, lock)
    raise LabError(_("All {count} places for desks are taken.").format(count=SLOTS))


def sweep() -> tuple[int, ...]:
    """Remove what graders that were killed left behind, and say which places it was in."""
    swept = []
    with locked(FOLDER / "lock"):
        for file in FOLDER.glob("*.lock"):
            number = int(file.stem)
            if (lock := _lock(number)) is not None:
                _group(number).remove()
                _remove(number)
                os.close(lock)
                swept.append(number)
    return tuple(sorted(swept))


def _group(number: int) -> Group:
    return Group(hierarchies(), f"{GROUPS}/{number}")


def _lock(number: int) -> int | None:
    file = os.open(FOLDER / f"{number}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return None
    return file


def _remove(number: int) -> None:
    shutil.rmtree(FOLDER / str(number), ignore_errors=True)
    (FOLDER / f"{number}.lock").unlink(missing_ok=True)
    for tree in hierarchies():
        with suppress(OSError):  # other desks are in it
            (tree.place / GROUPS).rmdir()
