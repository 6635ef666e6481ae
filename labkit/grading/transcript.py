"""What is run at a desk, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True)
class Cell:
    """A code cell that is to be run."""

    id: str
    source: str
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class CellRun:
    """What came of one cell.

    Attributes:
        output: What it printed, as text; bounded, and it says how much was cut.
        error: The exception as one line, such as `NameError: name 'x' is not defined`; None when
            there was none.
    """

    id: str
    source: str
    output: str
    error: str | None
    seconds: float


class Ending(StrEnum):
    """Why no more cells were run."""

    COMPLETED = "completed"
    CELL_DEADLINE = "cell deadline"
    DEADLINE = "deadline"
    EXITED = "exited"  # os._exit, SIGKILL of itself
    MEMORY = "memory"
    OUTPUT = "output"
    DISK = "disk"
    PROCESSES = "processes"
    ENGINE_GONE = "engine gone"


@dataclass(frozen=True)
class Transcript:
    """What came of the cells.

    Attributes:
        cells: Those that were started, in order; the last one may have been cut short.
        message: A sentence on an ending other than `COMPLETED`; else empty.
    """

    cells: tuple[CellRun, ...]
    ending: Ending = Ending.COMPLETED
    message: str = ""
