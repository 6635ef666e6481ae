"""What a probe says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from labkit.translation import _


class Verdict(StrEnum):
    """How a probe turned out."""

    GOOD = "good"
    BAD = "bad"
    ABSENT = "absent"
    ERROR = "error"


@dataclass(frozen=True)
class ProbeResult:
    """What a probe found out about the engine or this machine.

    Attributes:
        name: The probe's name, as in `needs = ["ipvs"]`.
        verdict: `GOOD`; `BAD`, which `remedy` mends; `ABSENT`, which costs the learner `cost`;
            `ERROR`, when the probe itself failed.
        said: What was found, a sentence.
        cost: What the learner goes without, a sentence.
        remedy: What to do, with the command.
    """

    name: str
    verdict: Verdict
    said: str
    cost: str = ""
    remedy: str = ""


def failed(name: str, error: Exception) -> ProbeResult:
    """Report a probe that failed, so that it does not stop the others."""
    said = _("The probe itself failed: {error}.").format(
        error=f"{type(error).__name__}: {str(error).rstrip('.')}"
    )
    return ProbeResult(name, Verdict.ERROR, said, remedy=_("Report this as a fault of the course."))
