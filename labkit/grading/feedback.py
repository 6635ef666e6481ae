"""What a submission's author is shown: one page, without hidden checks and without tracebacks.

The template escapes everything; only backticks become `<code>`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labkit.checking import Outcome
from labkit.grading.gradebook import missing
from labkit.grading.verdicts import Status
from labkit.rendering import code_html, outcome_word
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jinja2 import Template

    from labkit.checking import CheckOutcome
    from labkit.grading.verdicts import Verdict

LONGEST_ERROR = 300


def page(verdict: Verdict) -> str:
    """Write the page.

    Raises:
        LabError: Jinja is not installed.
    """
    visible = [outcome for outcome in verdict.outcomes if not outcome.hidden]
    judged = verdict.status is Status.GRADED
    return _template().render(
        title=verdict.title,
        student=verdict.student,
        slug=verdict.slug,
        points=_("{earned} of {points} points").format(earned=verdict.earned, points=verdict.points)
        if judged or verdict.status is Status.REFUSED
        else _("not graded"),
        said=list(_said(verdict)),
        checks=[_check(outcome) for outcome in visible] if judged else [],
        notes=[note.message for note in verdict.notes],
    )


def _said(verdict: Verdict) -> Iterator[str]:
    if verdict.status is Status.FAULT:
        yield _("It could not be graded. That is no fault of yours; it will be graded again.")
    elif verdict.message:
        yield verdict.message
    if verdict.status is not Status.GRADED:
        return
    for number, cell in enumerate(verdict.evidence.cells, start=1):
        if cell.error:
            yield _("Code cell {number} ended with `{error}`.").format(
                number=number, error=cell.error[:LONGEST_ERROR].replace("`", "'")
            )


def _check(outcome: CheckOutcome) -> dict[str, Any]:
    said = []
    doubted = outcome.outcome is Outcome.PASSED and outcome.earned < outcome.points
    if doubted:
        said.append(_("It looks so, but a closer look does not bear it out: no points."))
    if outcome.outcome is Outcome.SKIPPED:
        said.append(f"({outcome.found})")
    elif outcome.found:
        said.append(_("Found: {found}.").format(found=outcome.found))
    if outcome.hint:
        said.append(_("Next: {hint}").format(hint=outcome.hint))
    return {
        "kind": "failed" if doubted else outcome.outcome.value,
        "word": _("not accepted") if doubted else outcome_word(outcome.outcome),
        "expected": outcome.expected,
        "points": f"{outcome.earned}/{outcome.points}",
        "said": said,
    }


@cache
def _template() -> Template:
    try:
        from jinja2 import Environment, StrictUndefined
        from markupsafe import Markup
    except ModuleNotFoundError as error:
        raise missing(error, "grading") from error

    pages = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    pages.filters["code"] = lambda text: Markup(code_html(text))  # noqa: S704 - it escapes first
    return pages.from_string(Path(__file__).with_name("feedback.html").read_text("utf-8"))
