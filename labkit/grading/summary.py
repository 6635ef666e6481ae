"""How a class did, in text and in a picture that say the same."""

from __future__ import annotations

import html
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from labkit.checking import Outcome
from labkit.grading.verdicts import Status
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labkit.grading.verdicts import Verdict

MOST_CHECKS = 8
WIDTH, LABEL, ROW, GAP = 760, 300, 22, 48


@dataclass(frozen=True)
class Bars:
    """Numbers with names.

    Attributes:
        rows: Name and number, from top to bottom.
    """

    title: str
    rows: tuple[tuple[str, int], ...]

    def text(self) -> str:
        """Draw bars with letters."""
        most = max((number for _name, number in self.rows), default=0)
        width = max((len(name) for name, _number in self.rows), default=0)
        lines = [
            f"  {name.ljust(width)}  {number:4}  {'█' * round(30 * number / (most or 1))}".rstrip()
            for name, number in self.rows
        ]
        return "\n".join((self.title, *lines))

    def svg(self, top: int) -> str:
        """Draw bars, the title at `top`."""
        most = max((number for _name, number in self.rows), default=0) or 1
        parts = [f'<text x="10" y="{top}" font-weight="bold">{html.escape(self.title)}</text>']
        for place, (name, number) in enumerate(self.rows, start=1):
            y = top + place * ROW
            long = (WIDTH - LABEL - 60) * number / most
            parts += [
                f'<text x="{LABEL - 10}" y="{y}" text-anchor="end">{html.escape(name)}</text>',
                f'<rect x="{LABEL}" y="{y - 13}" width="{long:.0f}" height="16" fill="#4c78a8"/>',
                f'<text x="{LABEL + long + 6:.0f}" y="{y}">{number}</text>',
            ]
        return "\n".join(parts)


@dataclass(frozen=True)
class Summary:
    """How a class did.

    Attributes:
        statuses: How many submissions have each status.
        points: How many students earned 0-9 %, 10-19 % and so on of what they handed in.
        failed: The checks that most submissions failed first, and how many.
        kinds: What was not graded to its end, and how often.
    """

    submissions: int
    students: int
    earned: int
    possible: int
    statuses: dict[str, int]
    points: Bars
    failed: Bars
    kinds: Bars

    @property
    def parts(self) -> tuple[Bars, ...]:
        """What there is to be shown."""
        return tuple(bars for bars in (self.points, self.failed, self.kinds) if bars.rows)

    def as_json(self) -> dict[str, Any]:
        """Return plain values for `json.dumps`."""
        return asdict(self)

    def headline(self) -> str:
        """Say how many there are, and what they earned."""
        found = ", ".join(f"{number} {name}" for name, number in self.statuses.items())
        return _(
            "{submissions} submissions of {students} students: {found}. "
            "{earned} of {possible} points."
        ).format(
            submissions=self.submissions,
            students=self.students,
            found=found or _("none"),
            earned=self.earned,
            possible=self.possible,
        )

    def text(self) -> str:
        """Say it all in text."""
        return "\n\n".join((self.headline(), *(bars.text() for bars in self.parts))) + "\n"

    def svg(self) -> str:
        """Draw it all, as an SVG that stands alone."""
        top, drawn = 60, []
        for bars in self.parts:
            drawn.append(bars.svg(top))
            top += len(bars.rows) * ROW + GAP
        headline = html.escape(self.headline())
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top - 20}" '
            f'width="{WIDTH}" role="img" font-family="sans-serif" font-size="13">'
            f"<title>{headline}</title>"
            f'<rect width="100%" height="100%" fill="white"/>'
            f'<text x="10" y="26">{headline}</text>\n' + "\n".join(drawn) + "\n</svg>\n"
        )


def summarise(verdicts: Sequence[Verdict]) -> Summary:
    """Count what became of a class's submissions."""
    earned: defaultdict[str, int] = defaultdict(int)
    possible: defaultdict[str, int] = defaultdict(int)
    failed: Counter[str] = Counter()
    for verdict in verdicts:
        earned[verdict.student] += verdict.earned
        possible[verdict.student] += verdict.points
        failed.update(
            f"{verdict.slug}: {outcome.name}" + (f" ({_('hidden')})" if outcome.hidden else "")
            for outcome in verdict.outcomes
            if outcome.outcome is Outcome.FAILED
        )
    tenths = Counter(
        min(9, 10 * earned[student] // points) for student, points in possible.items() if points
    )
    spans = [(n, f"{10 * n}-{10 * n + 9} %" if n < 9 else "90-100 %") for n in range(10)]  # noqa: PLR2004 - ten tenths
    kinds = Counter(
        f"{verdict.status.value}: {verdict.kind}"
        for verdict in verdicts
        if (verdict.status, verdict.kind) != (Status.GRADED, "completed")
    )
    return Summary(
        submissions=len(verdicts),
        students=len(possible),
        earned=sum(earned.values()),
        possible=sum(possible.values()),
        statuses={s.value: n for s in Status if (n := sum(v.status is s for v in verdicts))},
        points=Bars(
            _("Students by the share of points that they earned"),
            tuple((name, tenths[n]) for n, name in spans) if tenths else (),
        ),
        failed=Bars(_("Checks that failed most often"), _most(failed, MOST_CHECKS)),
        kinds=Bars(_("Not graded, or not run to the end"), _most(kinds, None)),
    )


def _most(counted: Counter[str], most: int | None) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(counted.items(), key=lambda entry: (-entry[1], entry[0]))[:most])
