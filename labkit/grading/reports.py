"""Verdicts as CSV for spreadsheets and as JUnit XML for CI, for instructors: hidden checks too."""

from __future__ import annotations

import csv
import io
import re
from itertools import groupby
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from labkit.checking import Outcome
from labkit.grading.verdicts import Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from labkit.checking import CheckOutcome
    from labkit.grading.verdicts import Verdict

COLUMNS = ("student", "exercise", "status", "kind", "earned", "points", "failed", "message")
#: What XML 1.0 cannot say, not even as an escape.
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def csv_text(verdicts: Iterable[Verdict]) -> str:
    """Write one line for each verdict."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for verdict in verdicts:
        failed = [o.name for o in verdict.outcomes if o.outcome is not Outcome.PASSED]
        row = (
            *(verdict.student, verdict.slug, verdict.status.value, verdict.kind),
            *(verdict.earned, verdict.points, " ".join(failed), verdict.message),
        )
        writer.writerow([_harmless(cell) if isinstance(cell, str) else cell for cell in row])
    return out.getvalue()


def _harmless(cell: str) -> str:
    """Keep a spreadsheet from taking a student's text for a formula."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


def junit_xml(verdicts: Sequence[Verdict]) -> str:
    """Write a suite for each exercise, and in it a case for each student's checks."""
    root = ET.Element("testsuites", name="labkit grade")
    by_exercise = sorted(verdicts, key=lambda verdict: (verdict.slug, verdict.student))
    for slug, group in groupby(by_exercise, key=lambda verdict: verdict.slug):
        suite = ET.SubElement(root, "testsuite", name=_xml(slug))
        for verdict in group:
            _cases(suite, verdict)
        for attribute, tag in {
            "tests": "testcase",
            "failures": "testcase/failure",
            "errors": "testcase/error",
            "skipped": "testcase/skipped",
        }.items():
            suite.set(attribute, str(len(suite.findall(tag))))
    ET.indent(root)
    text: str = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'


def _cases(suite: ET.Element, verdict: Verdict) -> None:
    of = _xml(f"{verdict.student}.{verdict.slug}")
    if verdict.status is not Status.GRADED or not verdict.outcomes:
        case = ET.SubElement(suite, "testcase", classname=of, name=verdict.status.value)
        ET.SubElement(case, "error", type=verdict.kind, message=_xml(verdict.message))
    for outcome in verdict.outcomes:
        case = ET.SubElement(suite, "testcase", classname=of, name=outcome.name)
        case.set("time", f"{verdict.seconds / len(verdict.outcomes):.3f}")
        tag = {
            Outcome.FAILED: "failure",
            Outcome.ERROR: "error",
            Outcome.SKIPPED: "skipped",
        }.get(outcome.outcome)
        if tag:
            ET.SubElement(case, tag, message=_xml(outcome.found)).text = _told(outcome)


def _told(outcome: CheckOutcome) -> str:
    return _xml("\n".join(filter(None, (outcome.expected, outcome.found, outcome.hint))))


def _xml(text: str) -> str:
    return _NO_XML.sub("\N{REPLACEMENT CHARACTER}", text)
