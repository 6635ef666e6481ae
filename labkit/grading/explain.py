"""The evidence behind a verdict, as text for an instructor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labkit.rendering import outcome_word
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labkit.grading.verdicts import Verdict

MOST_EVENTS = 200


def explanation(verdict: Verdict) -> str:
    """Show a verdict, its checks, the cells that were run, the engine's events and its end."""
    return "\n".join(map(_plain, _lines(verdict)))


def _lines(verdict: Verdict) -> Iterator[str]:
    points = _("{earned} of {points} points").format(earned=verdict.earned, points=verdict.points)
    yield f"{verdict.student}  {verdict.slug}  {points}"
    said = f": {verdict.message}" if verdict.message else ""
    yield f"{verdict.status.value}, {verdict.kind}{said}"
    for note in verdict.notes:
        yield f"- {note.message}"
    for outcome in verdict.outcomes:
        hidden = f" ({_('hidden')})" if outcome.hidden else ""
        yield (
            f"  {outcome_word(outcome.outcome)}  {outcome.name}{hidden}: {outcome.expected} "
            f"({outcome.earned}/{outcome.points})"
        )
        if outcome.found:
            yield f"      {_('Found: {found}.').format(found=outcome.found)}"
        if outcome.hint:
            yield f"      {_('Next: {hint}').format(hint=outcome.hint)}"
    evidence = verdict.evidence
    yield _("Cells")
    for cell in evidence.cells:
        yield f"[{cell.id}]  {cell.seconds:.1f} s" + (f"  {cell.error}" if cell.error else "")
        yield from (f"  | {line}" for line in cell.source.splitlines())
        yield from (f"  > {line}" for line in cell.output.splitlines())
    yield _("Engine events")
    for event in evidence.events[:MOST_EVENTS]:
        yield f"  {_event(event)}"
    if (more := len(evidence.events) - MOST_EVENTS) > 0:
        yield _("  and {n} more").format(n=more)
    yield _("At the end")
    for kind, things in evidence.state.items():
        yield f"  {kind}: {things}"


def _event(event: dict[str, Any]) -> str:
    actor = event.get("Actor", {})
    name = actor.get("Attributes", {}).get("name") or actor.get("ID", "")[:12]
    return " ".join(str(part) for part in (event.get("Type", ""), event.get("Action", ""), name))


def _plain(line: str) -> str:
    """Show control characters as escapes: a learner's output must not drive the terminal."""
    return "".join(c if c.isprintable() or c == "\t" else f"\\x{ord(c):02x}" for c in line)
