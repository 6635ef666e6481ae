"""What is made from verdicts: gradebook, CSV, JUnit, feedback, summary, explanation."""

from __future__ import annotations

import csv
import html
import io
import re
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest
import sqlalchemy as sa

from labkit.checking import CheckOutcome, Outcome
from labkit.errors import LabError
from labkit.grading import feedback, gradebook, reports
from labkit.grading.explain import explanation
from labkit.grading.publishing import publish
from labkit.grading.results import Results
from labkit.grading.summary import summarise
from labkit.grading.transcript import CellRun
from labkit.grading.verdicts import Evidence, Note, Status, Verdict

if TYPE_CHECKING:
    from pathlib import Path

SEEN = CheckOutcome("it_is_there", "`lab-a` is there.", Outcome.PASSED, "", "", 1, 1)
FAILED = CheckOutcome(
    "it_runs", "It <runs>.", Outcome.FAILED, "it `ended` <script>", "Use & `docker start`.", 2, 0
)
SKIPPED = CheckOutcome("it_answers", "It answers.", Outcome.SKIPPED, "not looked at", "", 1, 0)
HIDDEN = CheckOutcome(
    "secret", "It was not invented.", Outcome.FAILED, "it was invented", "SECRET", 0, 0, hidden=True
)

BOB = Verdict(
    student="bob",
    slug="tiny.first",
    title="First",
    status=Status.GRADED,
    kind="completed",
    points=4,
    earned=1,
    outcomes=(SEEN, FAILED, SKIPPED),
    notes=(Note("added cells", "1 cells were added."),),
    evidence=Evidence(
        cells=(CellRun("x-1", "1/0", "out\x1b[2J\n", "ZeroDivisionError: <b>by zero</b>", 0.1),),
        events=({"Type": "container", "Action": "create", "Actor": {"ID": "a" * 64}},),
        state={"containers": ["lab-a"]},
    ),
    submission="abc",
)
ADA = replace(BOB, student="=ada", earned=4, outcomes=(replace(SEEN, points=4, earned=4),))
CHEAT = replace(BOB, student="eve", earned=0, outcomes=(replace(SEEN, earned=0), HIDDEN), notes=())
EMPTY = replace(
    BOB,
    student="<b>Zoë 学生</b>",
    status=Status.REFUSED,
    kind="empty file",
    message="The file is empty.",
    earned=0,
    outcomes=(),
    evidence=Evidence(),
)
BROKEN = replace(
    EMPTY, student="dan", status=Status.FAULT, kind="grader", message="ValueError: SECRET"
)
ALL = (ADA, BOB, CHEAT, EMPTY, BROKEN)


def rows(url: str, table: str) -> list[dict[str, Any]]:
    engine = sa.create_engine(url)
    with closing(engine.raw_connection()):
        pass
    with engine.connect() as connection:
        found = connection.execute(sa.text(f'SELECT * FROM "{table}"')).mappings().all()  # noqa: S608
    engine.dispose()
    return [dict(row) for row in found]


def test_the_gradebook_has_each_submission_and_each_check(tmp_path: Path) -> None:
    url = gradebook.sqlite_url(tmp_path / "g.db")
    gradebook.write(url, ALL)
    submissions = {row["student"]: row for row in rows(url, "submission")}
    assert submissions["bob"] == {
        "student": "bob",
        "exercise": "tiny.first",
        "status": "graded",
        "kind": "completed",
        "message": "",
        "points": 4,
        "earned": 1,
        "content": "abc",
        "seconds": 0.0,
    }
    assert len(submissions) == 5
    checks = [row for row in rows(url, "check") if row["student"] == "bob"]
    assert [(c["place"], c["name"], c["outcome"], c["earned"]) for c in checks] == [
        (1, "it_is_there", "passed", 1),
        (2, "it_runs", "failed", 0),
        (3, "it_answers", "skipped", 0),
    ]


def test_writing_again_replaces_and_keeps_the_others(tmp_path: Path) -> None:
    url = gradebook.sqlite_url(tmp_path / "g.db")
    gradebook.write(url, (BOB, EMPTY))
    gradebook.write(url, (replace(BOB, earned=3, outcomes=(SEEN,)),))
    gradebook.write(url, ())
    assert {(r["student"], r["earned"]) for r in rows(url, "submission")} == {
        ("bob", 3),
        (EMPTY.student, 0),
    }
    assert len(rows(url, "check")) == 1


def test_text_that_a_database_cannot_keep_is_replaced(tmp_path: Path) -> None:
    url = gradebook.sqlite_url(tmp_path / "g.db")
    gradebook.write(url, (replace(BOB, outcomes=(replace(FAILED, found="a\0b\ud800"),)),))
    assert rows(url, "check")[0]["found"] == "a\N{REPLACEMENT CHARACTER}b?"


def test_a_database_that_refuses_is_said(tmp_path: Path) -> None:
    for url in (f"sqlite:///{tmp_path}/nowhere/g.db", "nonsense", "oddbase://x"):
        with pytest.raises(LabError, match=r"cannot be written.*verdicts are kept"):
            gradebook.write(url, ALL)


def test_a_missing_package_is_named_with_its_extra() -> None:
    error = gradebook.missing(ModuleNotFoundError(name="sqlalchemy"), "grading")
    assert str(error) == (
        "This needs `sqlalchemy`, which is not installed. "
        "Run `pip install -e '.[grading]'` in the course's folder."
    )


def test_csv_has_a_line_for_each_and_no_formula() -> None:
    lines = list(csv.DictReader(io.StringIO(reports.csv_text(ALL))))
    assert [line["student"] for line in lines] == [
        "'=ada",
        "bob",
        "eve",
        "<b>Zoë 学生</b>",
        "dan",
    ]
    assert (lines[1]["earned"], lines[1]["failed"]) == ("1", "it_runs it_answers")
    assert lines[3]["message"] == "The file is empty."


def test_junit_counts_what_it_holds() -> None:
    odd = replace(EMPTY, message="\x00\x1b odd \ud800", student="odd")
    root = ET.fromstring(reports.junit_xml((*ALL, odd)))  # noqa: S314 - our own
    (suite,) = root
    counts = {key: suite.get(key) for key in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": "9", "failures": "2", "errors": "3", "skipped": "1"}
    failure = suite.find("testcase[@classname='bob.tiny.first']/failure")
    assert failure is not None
    assert failure.get("message") == FAILED.found
    assert "Use & `docker start`." in (failure.text or "")


def words(page: str) -> str:
    return html.unescape(re.sub(r"<[^>]+>", "", page.partition("<body>")[2]))


def test_feedback_says_expected_found_hint_and_points() -> None:
    page = words(feedback.page(BOB))
    for part in (
        "bob",
        "1 of 4 points",
        "It <runs>.",
        "Found: it ended <script>.",
        "Next: Use & docker start.",
        "0/2",
        "(not looked at)",
        "1 cells were added.",
        "Code cell 1 ended with ZeroDivisionError: <b>by zero</b>.",
    ):
        assert part in page


def test_feedback_escapes_what_comes_from_outside() -> None:
    for verdict in ALL:
        page = feedback.page(replace(verdict, title="<img onerror=x>"))
        assert not re.search(r"<(script|img|b)\b", page)


def test_feedback_says_nothing_of_a_hidden_check() -> None:
    page = words(feedback.page(CHEAT))
    assert not any(word in page for word in ("secret", "SECRET", "invented"))
    assert "not accepted" in page
    assert "0/1" in page


def test_feedback_on_a_fault_of_ours_says_no_more_than_that() -> None:
    page = words(feedback.page(BROKEN))
    assert "no fault of yours" in page
    assert "SECRET" not in page
    assert "not graded" in page


def test_the_summary_says_the_same_in_text_and_picture() -> None:
    summary = summarise(ALL)
    text, picture = summary.text(), ET.fromstring(summary.svg())  # noqa: S314 - our own
    drawn = [element.text or "" for element in picture.iter() if element.text]
    assert "5 submissions of 5 students: 3 graded, 1 refused, 1 fault. 5 of 20 points." in text
    for bars in summary.parts:
        assert bars.title in text
        assert bars.title in drawn
        for name, number in bars.rows:
            assert re.search(rf"{re.escape(name)}\s+{number}\b", text)
            assert name in drawn
    assert summary.failed.rows == (
        ("tiny.first: it_runs", 1),
        ("tiny.first: secret (hidden)", 1),
    )
    assert dict(summary.points.rows)["20-29 %"] == 1
    assert dict(summary.points.rows)["90-100 %"] == 1
    assert summary.kinds.rows == (("fault: grader", 1), ("refused: empty file", 1))


def test_a_summary_of_nothing_is_a_sentence() -> None:
    assert "0 submissions of 0 students: none." in summarise(()).text()
    ET.fromstring(summarise(()).svg())  # noqa: S314 - our own


def test_an_explanation_shows_evidence_and_drives_no_terminal() -> None:
    text = explanation(replace(BOB, student="b\x1b[31mob"))
    assert "\x1b" not in text
    for part in (
        "b\\x1b[31mob  tiny.first  1 of 4 points",
        "  | 1/0",
        "  > out\\x1b[2J",
        "ZeroDivisionError",
        "container create aaaaaaaaaaaa",
        "containers: ['lab-a']",
    ):
        assert part in text
    assert "secret" in explanation(CHEAT)


def test_publishing_writes_all_files(tmp_path: Path) -> None:
    results = Results(tmp_path / "out")
    publish(results, (*ALL, replace(BOB, student="gus", message="half a pair: \ud800")))
    made = {str(p.relative_to(results.folder)) for p in results.folder.rglob("*") if p.is_file()}
    assert {"gradebook.db", "results.csv", "results.xml", "summary.txt", "summary.svg"} <= made
    assert "feedback/bob/tiny.first.html" in made
    assert len([name for name in made if name.startswith("feedback/")]) == 6
