"""What the linter found in a Dockerfile, as plain text."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from labkit.translation import _

if TYPE_CHECKING:
    from labkit.dockerfiles import Reading
    from labkit.rendering import Style

_COLOUR = {"error": "bad", "warning": "fault"}


def reading_text(reading: Reading, style: Style) -> str:
    """Show each line that broke a rule: the line, what is wrong, and what that leads to."""
    if not reading.findings:
        return _("`{path}`: no findings. What the image does, only a run shows.").format(
            path=reading.path
        )
    count = len(reading.findings)
    headline = _("`{path}`: {count} finding(s)").format(path=reading.path, count=count)
    blocks = [style.paint("bold", headline)]
    for (number, text), findings in groupby(reading.findings, key=lambda f: (f.line, f.text)):
        lines = [_("line {number}: `{text}`").format(number=number, text=text)]
        for finding in findings:
            word = style.paint(_COLOUR.get(finding.severity, "quiet"), _word(finding.severity))
            lines.append(f"    {word} {finding.code}: {finding.what}")
            lines += [f"    {finding.why}"] if finding.why else []
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def _word(severity: str) -> str:
    words = {"error": _("error"), "warning": _("warning"), "info": _("info"), "style": _("style")}
    return words.get(severity, severity)
