"""What a lesson measures of several orchestrators, side by side."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from labkit.errors import LabError
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Iterator

LINES = "lines of configuration"
STATE = "where state lives"
#: The questions, as a lesson names them.
QUESTIONS = (LINES, "ready", "healed", "scaled 1 to 5", "updated", "rolled back", STATE)


@dataclass(frozen=True)
class Measured:
    """One answer.

    Attributes:
        text: As it is shown.
        amount: Seconds or lines; None for what is no number.
    """

    text: str
    amount: float | None = None


@dataclass
class Comparison:
    """Answers by question, and there by orchestrator; a cell that runs again replaces its own."""

    answers: dict[str, dict[str, Measured]] = field(
        default_factory=lambda: {question: {} for question in QUESTIONS}
    )

    def lines(self, who: str, path: str | Path) -> None:
        """Count the lines of a file that say something: no comments, and not brackets alone."""
        lines = (line.strip() for line in Path(path).read_text(encoding="utf-8").splitlines())
        count = sum(any(map(str.isalnum, line)) and not line.startswith("#") for line in lines)
        self._put(LINES, who, Measured(str(count), count))

    @contextmanager
    def timed(self, who: str, question: str, *, remark: str = "") -> Iterator[None]:
        """Measure how long a block takes; one that fails leaves no answer."""
        begun = time.monotonic()
        yield
        seconds = time.monotonic() - begun
        self._put(
            question, who, Measured(" ".join(filter(None, (f"{seconds:.1f} s", remark))), seconds)
        )

    def found(self, who: str, question: str, text: str) -> None:
        """Note what was found where nothing is counted."""
        self._put(question, who, Measured(text))

    @property
    def orchestrators(self) -> tuple[str, ...]:
        """Name those of which something is known, in the order in which it was."""
        return tuple(dict.fromkeys(who for row in self.answers.values() for who in row))

    def __repr__(self) -> str:
        """Write a table: a line for each question, a column for each orchestrator."""
        names = self.orchestrators
        rows = [("", *names)]
        for question, row in self.answers.items():
            rows.append((question, *(row[n].text if n in row else "-" for n in names)))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
        return "\n".join(lines)

    def _put(self, question: str, who: str, answer: Measured) -> None:
        if question not in self.answers:
            raise LabError(
                _("`{question}` is no question of this comparison.").format(question=question),
                hint=_("Take one of: {known}.").format(known=", ".join(self.answers)),
            )
        self.answers[question][who] = answer
