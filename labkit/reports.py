"""What the command line says of the machine and of proofs, as plain text."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from labkit.engine.snapshot import size
from labkit.engine.verdicts import Verdict
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labkit.authoring.prove import Proof, Step
    from labkit.engine.starting import EngineStatus
    from labkit.engine.verdicts import ProbeResult
    from labkit.images import ImageStatus, Obtained
    from labkit.rendering import Style
    from labkit.running import RunReport

#: Columns of a probe's sentences; with its verdict and name before them, a line fits a notebook.
WIDTH = 68


def probe_text(result: ProbeResult, style: Style) -> str:
    """Show a probe's line: good, bad with what mends it, or not here with what it costs."""
    word, colour = {
        Verdict.GOOD: (_("good"), "good"),
        Verdict.BAD: (_("bad"), "bad"),
        Verdict.ABSENT: (_("not here"), "quiet"),
        Verdict.ERROR: (_("our fault"), "fault"),
    }[result.verdict]
    sentences = (result.said, result.cost, result.remedy)
    text = " ".join(sentence for sentence in sentences if sentence)
    first, *more = textwrap.wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False)
    lines = [f"{style.paint(colour, word.ljust(9))}  {result.name.ljust(13)}  {first}"]
    return "\n".join((*lines, *(f"{'':26}{line}" for line in more)))


def engine_text(status: EngineStatus) -> str:
    """Say which engine answers, or why none does."""
    if not status.running:
        return status.problem
    rows = {
        _("engine"): _("Docker Engine {version}").format(version=status.version),
        _("endpoint"): status.endpoint,
        _("started by"): status.started_by,
        _("data"): status.data_root,
        _("log"): status.log,
        _("process"): str(status.pid or ""),
    }
    return "\n".join(f"{name.ljust(11)} {value}" for name, value in rows.items() if value)


def image_text(status: ImageStatus, style: Style) -> str:
    """Show whether a course image is here."""
    if not status.present and status.on_demand:
        word, colour = _("later"), "good"
    elif not status.present:
        word, colour = _("missing"), "bad"
    elif status.outdated:
        word, colour = _("outdated"), "fault"
    else:
        word, colour = _("here"), "good"
    amount = size(status.size) if status.present else "-"
    origin = f" ({status.source})" if status.source else ""
    painted = style.paint(colour, word.ljust(8))
    return f"{painted}  {status.name.ljust(12)}  {amount.rjust(8)}  {status.why}{origin}"


def obtained_text(obtained: Obtained) -> str:
    """Say how an image was obtained."""
    name, amount = obtained.name.ljust(12), size(obtained.size).rjust(8)
    return f"{name}  {amount}  {obtained.way}: {obtained.source}"


def run_text(report: RunReport, style: Style) -> str:
    """Say what became of a lesson that was executed."""
    if report.not_here:
        return _("not here  {name}: {why}").format(name=report.name, why=report.not_here)
    word, colour = (_("good"), "good") if report.ok else (_("failed"), "bad")
    count = _("{cells} cells, {seconds:.1f} s").format(
        cells=len(report.cells), seconds=report.seconds
    )
    line = f"{style.paint(colour, word.ljust(8))}  {report.name}  ({count})"
    return line if report.ok else f"{line}\n{report.error}"


def step_text(slug: str, step: Step, style: Style) -> str:
    """Show one part of a proof."""
    word, colour = (_("holds"), "good") if step.ok else (_("fails"), "bad")
    line = f"{style.paint(colour, word.ljust(6))}  {slug}: {step.claim}"
    return line if step.ok else f"{line}\n        {step.found}"


def proofs_text(proofs: Sequence[Proof]) -> str:
    """Sum proofs up."""
    lines = [
        _("not here  {slug}: {why}").format(slug=proof.slug, why=proof.not_here)
        for proof in proofs
        if proof.not_here
    ]
    good = sum(proof.ok and not proof.not_here for proof in proofs)
    lines.append(_("{good} of {all} exercises are proved.").format(good=good, all=len(proofs)))
    return "\n".join(lines)
