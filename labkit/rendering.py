"""Results as plain text and as HTML; every face shows these and nothing else.

Plain text is complete: it is what terminals, exported notebooks and screen readers get. HTML takes
its colours from JupyterLab's theme and escapes everything that comes from outside.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labkit.attempts import status
from labkit.checking import Outcome
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from labkit.attempts import Attempt, Hint
    from labkit.checking import CheckOutcome
    from labkit.course import Course, Exercise
    from labkit.engine.snapshot import Change
    from labkit.progress import ExerciseProgress
    from labkit.resetting import ResetDone, ResetPlan


@dataclass(frozen=True)
class Style:
    """How words are coloured on a terminal; plain text without colours."""

    colours: bool = False

    def paint(self, colour: str, text: str) -> str:
        """Colour `text`; `colour` is one of the keys of `_ANSI`."""
        return f"\x1b[{_ANSI[colour]}m{text}\x1b[0m" if self.colours else text


_ANSI = {"good": "32", "bad": "31", "fault": "35", "quiet": "2", "bold": "1"}
_COLOUR = {
    Outcome.PASSED: "good",
    Outcome.FAILED: "bad",
    Outcome.SKIPPED: "quiet",
    Outcome.ERROR: "fault",
}


def _readable(theme_colour: str) -> str:
    """Mix a theme's colour with its text colour: the theme's green alone is too pale to read."""
    return f"color-mix(in srgb, var({theme_colour}) 70%, var(--jp-content-font-color0))"


_THEME = {
    "good": _readable("--jp-success-color1"),
    "bad": _readable("--jp-error-color1"),
    "fault": _readable("--jp-warn-color1"),
    "quiet": "var(--jp-content-font-color2)",
}
#: Puts the text of an output in line with that of its cell, and makes a widget's text as large.
_INSET = (
    "padding-left:8px;font-size:var(--jp-content-font-size1);"
    "line-height:var(--jp-content-line-height)"
)


class Shown:
    """A result that a notebook shows as HTML and everything else as text."""

    def __init__(self, text: str, html: str | None = None) -> None:
        self._text = text
        self._html = html if html is not None else message_html(text)

    def __repr__(self) -> str:
        return self._text

    def _repr_html_(self) -> str:
        return self._html


def outcome_word(outcome: Outcome) -> str:
    """Return the word that a learner reads for an outcome."""
    return {
        Outcome.PASSED: _("passed"),
        Outcome.FAILED: _("failed"),
        Outcome.SKIPPED: _("skipped"),
        Outcome.ERROR: _("our fault"),
    }[outcome]


def attempt_text(attempt: Attempt, style: Style = Style()) -> str:
    """Show a check run: each check, what was found, the hint, the points, what comes next."""
    result = attempt.result
    lines = [style.paint("bold", f"{result.slug}  {result.title}")]
    width = max((len(outcome_word(o)) for o in Outcome), default=0)
    for o in result.outcomes:
        word = style.paint(_COLOUR[o.outcome], outcome_word(o.outcome).ljust(width))
        lines.append(f"  {word}  {o.expected}  ({o.earned}/{o.points})")
        indent = " " * (width + 4)
        if o.found:
            lines.append(f"{indent}{_found(o)}")
        if o.hint:
            lines.append(f"{indent}{_('Next:')} {o.hint}")
    lines += [style.paint("quiet", line) for line in _closing_lines(attempt)]
    return "\n".join(lines)


def attempt_html(attempt: Attempt) -> str:
    """The same as `attempt_text`, for a notebook."""
    result = attempt.result
    rows = "".join(
        f'<tr><td style="color:{_THEME[_COLOUR[o.outcome]]};font-weight:bold;'
        f'vertical-align:top;text-align:left">{code_html(outcome_word(o.outcome))}</td>'
        f'<td style="text-align:left">{code_html(o.expected)}'
        + (f"<br>{code_html(_found(o))}" if o.found else "")
        + (f"<br><b>{code_html(_('Next:'))}</b> {code_html(o.hint)}" if o.hint else "")
        + f'</td><td style="vertical-align:top">{o.earned}/{o.points}</td></tr>'
        for o in result.outcomes
    )
    closing = "<br>".join(code_html(line) for line in _closing_lines(attempt))
    return (
        f'<div class="labkit-check" role="status" style="{_INSET}"><b>{code_html(result.slug)}</b> '
        f'{code_html(result.title)}<table style="margin:4px 0">{rows}</table>{closing}</div>'
    )


def _found(outcome: CheckOutcome) -> str:
    if outcome.outcome is Outcome.SKIPPED:
        return f"({outcome.found})"
    return _("Found: {found}.").format(found=outcome.found)


def _closing_lines(attempt: Attempt) -> Iterable[str]:
    result = attempt.result
    for sentence in result.needs_unmet:
        yield _("Not here: {sentence}").format(sentence=sentence)
    if result.outcomes:
        yield _("{earned} of {points} points.").format(earned=result.earned, points=result.points)
    if result.passed and result.next_slug:
        yield _(
            "Next exercise: `%exercise {slug}`, or `labkit start {slug}` in a terminal."
        ).format(slug=result.next_slug)
    elif result.passed:
        yield _("That was the last exercise. `labkit list` shows what is still open.")
    elif result.outcomes:
        yield _(
            "Change something and check again. `%hint {slug}` helps, or `labkit hint {slug}` in a "
            "terminal."
        ).format(slug=result.slug)
    if attempt.warning:
        yield attempt.warning


def hint_text(hint: Hint) -> str:
    """Show a hint and its place."""
    place = _("Hint {place} of {available}:").format(place=hint.place, available=hint.available)
    last = _(" There is no further hint.") if hint.place == hint.available else ""
    return f"{place} {hint.text}{last}"


def exercise_text(exercise: Exercise, href: str, status: str) -> str:
    """Name an exercise, its points, how far it is, and where its notebook is."""
    return _("Exercise {title} ({points} points, {status}): open `{href}`").format(
        title=exercise.title, points=exercise.points, status=status, href=href
    )


def exercise_html(exercise: Exercise, href: str, status: str) -> str:
    """The same as `exercise_text`, with a link.

    Args:
        exercise: Which.
        href: Its notebook, as seen from the notebook that shows the link: JupyterLab opens it
            in a tab of its own, as long as the link asks for no new window.
        status: How far it is.
    """
    about = _("{points} points, {status}").format(points=exercise.points, status=status)
    return (
        f'<div class="labkit-exercise" style="{_INSET}"><b>{html.escape(_("Exercise"))}</b> '
        f'<a href="{html.escape(href)}">{html.escape(exercise.title)}</a> '
        f"({html.escape(about)})</div>"
    )


def changes_text(changes: Sequence[Change]) -> str:
    """One line for each change: `+ container lab-web  running  8080->80`."""
    return "\n".join(str(change) for change in changes)


def changes_html(changes: Sequence[Change]) -> str:
    """The same as `changes_text`, quiet."""
    style = f"color:{_THEME['quiet']};{_INSET};font-size:85%;margin:0"
    return f'<pre class="labkit-changes" style="{style}">{html.escape(changes_text(changes))}</pre>'


def course_text(
    course: Course,
    progress: Mapping[str, ExerciseProgress],
    style: Style = Style(),
) -> str:
    """List lessons and exercises with the learner's progress."""
    lines = [style.paint("bold", course.title)]
    width = max((len(e.slug) for e in course.exercises), default=0)
    for chapter in course.chapters:
        lesson = chapter.lesson
        minutes = _("{n} min").format(n=lesson.minutes)
        lines.append(f"\n{lesson.number:02}  {style.paint('bold', lesson.title)}  ({minutes})")
        lines.append(style.paint("quiet", f"    {lesson.goal}"))
        for exercise in chapter.exercises:
            entry = progress.get(exercise.slug)
            word = status(entry)
            colour = "good" if entry and entry.passed else "quiet"
            earned = entry.earned if entry else 0
            lines.append(
                f"    {style.paint(colour, word.ljust(7))} {exercise.slug.ljust(width)}  "
                f"{earned}/{exercise.points}  {exercise.title}"
            )
    earned = sum(progress[e.slug].earned for e in course.exercises if e.slug in progress)
    total = sum(exercise.points for exercise in course.exercises)
    lines.append("\n" + _("{earned} of {total} points.").format(earned=earned, total=total))
    return "\n".join(lines)


def reset_plan_text(plan: ResetPlan) -> str:
    """List exactly what a reset would remove."""
    if plan.empty:
        return _("Nothing of the course is there to remove.")
    lines = [_("This would be removed:")] if plan.things else []
    lines += [f"  {thing}" for thing in plan.things]
    if plan.copy:
        lines.append(
            _("`{name}` would begin again; your version is kept beside it.").format(
                name="/".join(plan.copy.parts[-3:])
            )
        )
    return "\n".join(lines)


def reset_done_text(done: ResetDone) -> str:
    """Say what a reset removed, and what the engine would not remove."""
    removed = done.removal.removed
    lines = [f"- {thing}" for thing in removed] or [_("Nothing was there to remove.")]
    lines += [
        _("! {thing} is still there: {why}").format(thing=thing, why=why)
        for thing, why in done.removal.refused.items()
    ]
    if done.kept_as:
        lines.append(_("Your version is kept as `{path}`.").format(path=done.kept_as))
        lines.append(
            _("A notebook that is open shows it, until `File > Reload Notebook from Disk`.")
        )
    return "\n".join(lines)


def message_html(text: str) -> str:
    """Show a sentence, with backticks as code."""
    style = f"white-space:pre-wrap;{_INSET}"
    return f'<div class="labkit-message" role="status" style="{style}">{code_html(text)}</div>'


def code_html(text: str) -> str:
    """Escape, then show backticks as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text)).replace("\n", "<br>")
