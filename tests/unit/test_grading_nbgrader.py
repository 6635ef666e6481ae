"""nbgrader's own API reads back what was written into its gradebook."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from labkit.grading import nbgrader_gradebook
from tests.unit.grading import built_course
from tests.unit.test_grading_outputs import BOB, BROKEN, EMPTY

if TYPE_CHECKING:
    from pathlib import Path

    from labkit.course import Course

api = pytest.importorskip("nbgrader.api")
pytestmark = pytest.mark.filterwarnings("ignore")  # of nbgrader's own dependencies


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    return built_course(tmp_path_factory.mktemp("course"))


@pytest.fixture(scope="module")
def written(course: Course, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gradebook that was made from nothing: nbgrader takes seconds for that."""
    path = tmp_path_factory.mktemp("nbgrader") / "gradebook.db"
    unknown = replace(EMPTY, student="x", slug="Untitled")
    nbgrader_gradebook.write(path, (BOB, EMPTY, BROKEN, unknown), course)
    return path


def scores(path: Path, assignment: str) -> dict[str, tuple[float, float]]:
    with api.Gradebook(f"sqlite:///{path}") as book:
        return {
            one.student.id: (one.score, one.max_score)
            for one in book.assignment_submissions(assignment)
        }


def test_scores_are_read_back(written: Path) -> None:
    assert scores(written, "07_tiny") == {"bob": (1, 2), EMPTY.student: (0, 2)}
    with api.Gradebook(f"sqlite:///{written}") as book:
        grade = book.find_grade("tiny-first-04", "first", "07_tiny", "bob")
        assert (grade.auto_score, grade.manual_score, grade.needs_manual_grade) == (1, None, False)
        assert [c.name for c in book.find_notebook("first", "07_tiny").solution_cells] == [
            "tiny-first-03"
        ]


def test_a_score_given_by_a_person_stays(course: Course, written: Path, tmp_path: Path) -> None:
    path = tmp_path / "gradebook.db"
    shutil.copyfile(written, path)
    with api.Gradebook(f"sqlite:///{path}") as book:
        book.find_grade("tiny-first-04", "first", "07_tiny", "bob").manual_score = 2.0
        book.db.commit()
    nbgrader_gradebook.write(path, (replace(BOB, earned=0),), course)
    assert scores(path, "07_tiny")["bob"] == (2, 2)


def test_an_assignment_that_an_instructor_named_is_used(
    course: Course, written: Path, tmp_path: Path
) -> None:
    path = tmp_path / "gradebook.db"
    shutil.copyfile(written, path)
    with api.Gradebook(f"sqlite:///{path}") as book:
        book.remove_assignment("07_tiny")
        book.add_assignment("week 1")
        book.add_notebook("homework", "week 1")
        book.add_grade_cell("tiny-first-04", "homework", "week 1", max_score=2, cell_type="code")
    nbgrader_gradebook.write(path, (BOB,), course)
    assert scores(path, "week 1") == {"bob": (1, 2)}
