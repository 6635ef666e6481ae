"""Time two things side by side."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Finding:
    """What was measured, and how much it may be.

    Attributes:
        what: What was measured, and against what.
        value: A ratio, or a number of `unit`.
        target: The most that `value` may be.
        unit: Empty for a ratio.
        detail: The two medians.
    """

    what: str
    value: float
    target: float
    detail: str
    unit: str = ""

    @property
    def holds(self) -> bool:
        """Whether the target is met."""
        return self.value <= self.target

    def __str__(self) -> str:
        verdict = "holds" if self.holds else "MISSED"
        value = f"{self.value:.2f}{self.unit}"
        return f"{verdict:6}  {value:>9} (at most {self.target:g})  {self.what}: {self.detail}"


def ratio(
    what: str,
    ours: Callable[[], object],
    peer: Callable[[], object],
    *,
    target: float,
    repetitions: int,
    before_each: Callable[[], object] = lambda: None,
) -> Finding:
    """Run both in turn, after one run of each that does not count, and compare the medians.

    Args:
        what: For people.
        ours: What labkit does.
        peer: What it stands on.
        target: The most that the ratio may be.
        repetitions: How often each is measured.
        before_each: Prepares one run of either; not measured.
    """
    seconds: tuple[list[float], list[float]] = ([], [])
    for repetition in range(repetitions + 1):
        for function, times in zip((ours, peer), seconds, strict=True):
            before_each()
            began = time.perf_counter()
            function()
            if repetition:
                times.append(time.perf_counter() - began)
    mine, other = map(statistics.median, seconds)
    detail = f"{mine * 1000:.1f} ms against {other * 1000:.1f} ms, medians of {repetitions}"
    return Finding(what, mine / other, target, detail)
