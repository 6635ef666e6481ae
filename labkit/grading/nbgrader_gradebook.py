"""Write verdicts into nbgrader's own gradebook, through nbgrader's own API.

An exercise is a notebook of the assignment that its chapter is (`02_containers`), unless the
gradebook knows it from another one. Its points are the automatic score of its last cell, `%check`;
a score that a person has given stays.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from labkit.errors import LabError
from labkit.grading.gradebook import missing, sqlite_url
from labkit.grading.verdicts import Status
from labkit.kernels import environment
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from labkit.course import Course, Exercise
    from labkit.grading.verdicts import Verdict


def write(path: Path, verdicts: Sequence[Verdict], course: Course) -> None:
    """Write the points of graded and refused submissions.

    Args:
        path: The gradebook, made when there is none.
        verdicts: Those of no exercise, and those that are no grade, are left out.
        course: Where the exercises are.

    Raises:
        LabError: nbgrader is not installed, or the gradebook does not take a verdict.
    """
    try:
        from nbgrader.api import Gradebook, InvalidEntry, MissingEntry
    except ModuleNotFoundError as error:
        raise missing(error, "nbgrader") from error

    exercises = {exercise.slug: exercise for exercise in course.exercises}
    judged = {Status.GRADED, Status.REFUSED}
    taken = [v for v in verdicts if v.status in judged and v.slug in exercises]
    # nbgrader runs `alembic`, which lies beside the interpreter and need not be on PATH.
    on_path = patch.dict(os.environ, PATH=environment()["PATH"])
    try:
        with on_path, Gradebook(sqlite_url(path)) as book:
            chapters = {exercises[verdict.slug].chapter for verdict in taken}
            handed_out = [e for e in course.exercises if e.chapter in chapters]
            places = _places(book, handed_out, course)
            for verdict in taken:
                _write(book, verdict, *places[verdict.slug])
            book.db.commit()
    except (InvalidEntry, MissingEntry) as error:
        raise LabError(
            _("nbgrader's gradebook `{path}` does not take it: {error}").format(
                path=path, error=error
            ),
            hint=_("Was the assignment made from an older course? Make it anew, then try again."),
        ) from error


def _places(
    book: Any, exercises: Iterable[Exercise], course: Course
) -> dict[str, tuple[str, str, str]]:
    """Find, or make, each exercise's assignment, notebook and grade cell."""
    known = {
        cell.name: (assignment.name, notebook.name, cell.name)
        for assignment in book.assignments
        for notebook in assignment.notebooks
        for cell in notebook.grade_cells
    }
    found = {}
    for exercise in exercises:
        solutions, grade = _cells(exercise, course)
        if grade not in known:
            assignment = course.chapter_of(exercise).lesson.stem
            where = (exercise.name, assignment)
            book.update_or_create_assignment(assignment)
            book.update_or_create_notebook(*where)
            book.update_or_create_grade_cell(
                grade, *where, max_score=exercise.points, cell_type="code"
            )
            for solution in solutions:
                book.update_or_create_solution_cell(solution, *where)
            known[grade] = (assignment, exercise.name, grade)
        found[exercise.slug] = known[grade]
    return found


def _cells(exercise: Exercise, course: Course) -> tuple[list[str], str]:
    """Return the ids of an exercise's solution cells, and of the cell that carries the points."""
    import nbformat

    notebook = nbformat.read(course.exercise_notebook(exercise), as_version=4)  # type: ignore[no-untyped-call]
    facts = [cell.metadata.nbgrader for cell in notebook.cells]
    grade = next(fact["grade_id"] for fact in facts if fact["grade"])
    return [fact["grade_id"] for fact in facts if fact["solution"]], grade


def _write(book: Any, verdict: Verdict, assignment: str, notebook: str, cell: str) -> None:
    book.update_or_create_student(verdict.student)
    book.update_or_create_submission(assignment, verdict.student)
    grade = book.find_grade(cell, notebook, assignment, verdict.student)
    grade.auto_score = float(verdict.earned)
    grade.needs_manual_grade = False
