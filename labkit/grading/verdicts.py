"""Verdicts: what one submission is worth, and why."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from labkit.checking import CheckOutcome
from labkit.grading.transcript import CellRun

if TYPE_CHECKING:
    from collections.abc import Mapping


class Status(StrEnum):
    """What kind of answer a verdict is."""

    GRADED = "graded"  # the cells were run and the checks answered; `kind` says how they ended
    REFUSED = "refused"  # the file itself cannot be graded; `kind` says why
    BLOCKED = "blocked"  # an exercise that it builds on has not passed
    NOT_HERE = "not here"  # this machine lacks what the exercise needs
    FAULT = "fault"  # ours; it is graded again by the next run


@dataclass(frozen=True)
class Note:
    """Something about a submission that an instructor may want to know.

    Attributes:
        kind: In a word or two, for machines: `missing cell`.
        message: A sentence, for people.
    """

    kind: str
    message: str


@dataclass(frozen=True)
class Evidence:
    """What a verdict stands on.

    Attributes:
        cells: What was run, and what came of it.
        events: What the engine did meanwhile, oldest first.
        state: What was on the engine at the end.
    """

    cells: tuple[CellRun, ...] = ()
    events: tuple[dict[str, Any], ...] = ()
    state: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Verdict:
    """What became of one submission.

    Attributes:
        slug: The exercise; where none was recognised, the file's name.
        kind: How the cells ended, or why there is no grade: a word or two, for machines.
        message: `kind` as a sentence for people; empty when there is nothing to say.
        outcomes: All checks, hidden ones too.
        submission: SHA-256 of the file.
        course: A digest of what it was graded by.
        seconds: What grading it took.
    """

    student: str
    slug: str
    title: str
    status: Status
    kind: str
    message: str = ""
    points: int = 0
    earned: int = 0
    outcomes: tuple[CheckOutcome, ...] = ()
    notes: tuple[Note, ...] = ()
    evidence: Evidence = Evidence()
    submission: str = ""
    course: str = ""
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        """Whether it earned all its points."""
        return self.status is Status.GRADED and self.earned == self.points > 0

    @property
    def result(self) -> dict[str, Any]:
        """What must be the same whenever the same submission is graded: no times, no IDs."""
        return {
            **{name: getattr(self, name) for name in ("student", "slug", "status", "kind")},
            "points": self.points,
            "earned": self.earned,
            "checks": {outcome.name: outcome.outcome.value for outcome in self.outcomes},
            "notes": sorted(note.kind for note in self.notes),
        }

    def as_json(self) -> dict[str, Any]:
        """Return plain values for `json.dumps`."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Verdict:
        """Read what `as_json` wrote.

        Raises:
            KeyError, TypeError, ValueError: It is something else.
        """
        evidence = value["evidence"]
        return cls(
            **{
                **value,
                "status": Status(value["status"]),
                "outcomes": tuple(map(CheckOutcome.from_json, value["outcomes"])),
                "notes": tuple(Note(**one) for one in value["notes"]),
                "evidence": Evidence(
                    tuple(CellRun(**one) for one in evidence["cells"]),
                    tuple(evidence["events"]),
                    evidence["state"],
                ),
            }
        )
