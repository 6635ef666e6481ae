"""Write everything that is made from verdicts: gradebook, reports, summary and feedback."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labkit.files import write_atomically
from labkit.grading import feedback, gradebook, reports
from labkit.grading.summary import summarise

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from labkit.grading.results import Results
    from labkit.grading.summary import Summary
    from labkit.grading.verdicts import Verdict


def publish(results: Results, verdicts: Sequence[Verdict], *, database: str = "") -> Summary:
    """Write a class's files, and sum it up.

    Args:
        results: Where they are written.
        verdicts: What they are made from.
        database: The gradebook as a URL; else `gradebook.db` among the results.

    Raises:
        LabError: A file or the gradebook cannot be written, or a package for it is missing.
    """
    summary = summarise(verdicts)
    for name, text in {
        "results.csv": reports.csv_text(verdicts),
        "results.xml": reports.junit_xml(verdicts),
        "summary.txt": summary.text(),
        "summary.svg": summary.svg(),
    }.items():
        _write(results.folder / name, text)
    for verdict in verdicts:
        _write(results.feedback(verdict.student, verdict.slug), feedback.page(verdict))
    gradebook.write(database or gradebook.sqlite_url(results.folder / "gradebook.db"), verdicts)
    return summary


def _write(path: Path, text: str) -> None:
    """Write text that may hold halves of surrogate pairs, which no file can keep."""
    write_atomically(path, text.encode(errors="replace"))
