"""What a course declares of an exercise holds at desks: what it builds on, and what it reaches."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from labkit.course import MANIFEST, Course
from labkit.grading.desks import Desks
from labkit.grading.grade import Deadlines, grade, grade_one
from labkit.grading.results import Results
from labkit.grading.submissions import find
from labkit.grading.verdicts import Status
from tests.docker.desks import skip_unable
from tests.docker.listener import FETCH, PORT, SECRET, THERE, listening
from tests.grading.suite import HELLO, Case, hand_in, written

if TYPE_CHECKING:
    from labkit.engine import Engine
    from labkit.grading.verdicts import Verdict

FIRST, SECOND = "welcome.hello", "containers.exit_code"
DECLARED = f"""
builds_on = "{FIRST}"
reaches = ["{THERE}:{PORT}"]
"""
ANSWER = "!docker run --name lab-report lab/shell sh -c 'echo backup finished; exit 7'"
FROM_A_CONTAINER = f"!docker run --rm lab/shell nc -w 2 {THERE} {PORT} < /dev/null"
ANOTHER_PORT = FETCH.replace(str(PORT), str(PORT + 1))


@pytest.fixture(scope="module")
def verdicts(
    course: Course, engine: Engine, tmp_path_factory: pytest.TempPathFactory
) -> dict[tuple[str, str], Verdict]:
    """Two students, of whom one has not solved what the second exercise builds on."""
    skip_unable()
    folder = tmp_path_factory.mktemp("declared")
    root = folder / "course"
    root.mkdir()
    for name in ("exercises", "images", "labkit", "notebooks", "solutions"):
        (root / name).symlink_to(course.root / name)
    entry = f'slug = "{SECOND.partition(".")[2]}"\n'
    text = (course.root / MANIFEST).read_text(encoding="utf-8")
    assert text.count(entry) == 1
    (root / MANIFEST).write_text(text.replace(entry, entry + DECLARED), encoding="utf-8")
    changed = Course.load(root)

    second = f"{ANSWER}\n{FROM_A_CONTAINER}\n{FETCH}\n{ANOTHER_PORT}"
    answers = {
        ("ada", FIRST): f"{HELLO}\n{FETCH}",
        ("bob", FIRST): "!docker create --name lab-hello lab/shell echo hello",
        ("ada", SECOND): second,
        ("bob", SECOND): second,
    }
    cases = [
        Case(student, slug, written(changed, slug, answer), 0)
        for (student, slug), answer in answers.items()
    ]
    hand_in(folder / "class", cases)
    with listening(), Desks(changed, engine, workers=2) as desks:
        judge = partial(grade_one, changed, desks, Deadlines())
        found = grade(
            changed, find(folder / "class", changed), Results(folder / "out"), judge, workers=2
        )
    return {(verdict.student, verdict.slug): verdict for verdict in found}


def printed(verdict: Verdict) -> str:
    return "".join(cell.output for cell in verdict.evidence.cells)


def test_who_solves_both_passes_both(verdicts: dict[tuple[str, str], Verdict]) -> None:
    assert verdicts["ada", FIRST].passed
    assert verdicts["ada", SECOND].passed


def test_the_second_is_blocked_where_the_first_has_not_passed(
    verdicts: dict[tuple[str, str], Verdict],
) -> None:
    blocked = verdicts["bob", SECOND]
    assert (blocked.status, blocked.kind) == (Status.BLOCKED, "earlier exercise")
    assert FIRST in blocked.message
    assert ANSWER not in "".join(cell.source for cell in blocked.evidence.cells)
    assert verdicts["bob", FIRST].status is Status.GRADED


def test_what_is_declared_is_reached_and_nothing_else(
    verdicts: dict[tuple[str, str], Verdict],
) -> None:
    assert printed(verdicts["ada", SECOND]).count(SECRET) == 2, "from a container and from a cell"
    errors = [cell.error or "" for cell in verdicts["ada", SECOND].evidence.cells]
    assert "ConnectionRefusedError" in errors[-1]
    assert SECRET not in printed(verdicts["ada", FIRST]), "it declares nothing"
