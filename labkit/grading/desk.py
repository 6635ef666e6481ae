"""What grading asks of a desk, the place at which one submission is graded.

`labkit/grading/desks.py` has the real one, on a rootless engine of its own. Tests have others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager

    from labkit.checking import CheckResult
    from labkit.course import Exercise
    from labkit.grading.transcript import Cell, Transcript


class Desk(Protocol):
    """A fresh engine, and an account that runs cells on it; it is used for one submission.

    Its methods raise `EngineError` when its engine does not answer any more.
    """

    def run(
        self,
        cells: Sequence[Cell],
        *,
        files: Mapping[str, bytes],
        cell_deadline: float,
        deadline: float,
        reaches: Sequence[str] = (),
    ) -> Transcript:
        """Run cells as the learner, in one process that ends with the call.

        A cell that raises does not stop the following ones, as in `Run All Cells` of a person who
        goes on. Starting the process does not count against the deadlines.

        Args:
            cells: What to run.
            files: What lies in the working folder, by name.
            cell_deadline: Seconds that one cell may take.
            deadline: Seconds that all of them may take.
            reaches: Addresses beyond the engine, with ports, that are reached from now on.
        """

    def check(self, exercise: Exercise) -> CheckResult:
        """Run an exercise's checks as the grader, hidden ones too: `run_checks(…, hidden=True)`."""

    def events(self) -> tuple[dict[str, Any], ...]:
        """Return what the engine did since the desk was handed out, oldest first."""

    def doubts(self) -> tuple[str, ...]:
        """Name the containers that could have changed the engine itself, and why."""

    def final_state(self) -> dict[str, Any]:
        """Return the containers, images, networks and volumes that are there, as plain values."""


class Desks(Protocol):
    """A supply of desks for several workers."""

    def desk(self) -> AbstractContextManager[Desk]:
        """Hand out a fresh desk; it and all that was made at it is gone after the block.

        Blocks until one is ready. Several threads may ask.
        """
