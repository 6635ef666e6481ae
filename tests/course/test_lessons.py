"""Every lesson, top to bottom, on the real engine: from a clean state and from a dirty one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
import pytest
from pytest_notebook.nb_regression import NBRegressionFixture

from labkit.authoring.lint import is_clean_up
from labkit.course import Course
from labkit.engine.ownership import owned
from labkit.kernels import environment
from labkit.running import run_lessons, run_notebook, unmet, workspace_environment

if TYPE_CHECKING:
    from labkit.course import Lesson
    from labkit.engine import Engine
    from labkit.running import RunReport

ROOT = Path(__file__).parents[2]
CELL_TIMEOUT = 300

pytestmark = [
    pytest.mark.course,
    pytest.mark.parametrize("lesson", Course.load(ROOT).lessons, ids=lambda lesson: lesson.slug),
]


@pytest.fixture(autouse=True)
def _needs(engine: Engine, lesson: Lesson) -> None:
    if missing := unmet(engine, lesson.needs):
        pytest.skip(missing)


def left_behind(engine: Engine, course: Course) -> list[str]:
    return [str(thing) for thing in owned(engine, keep_images=course.image_tags)]


def say(report: RunReport) -> str:
    cell = report.failed_cell
    return f"{report.error}\n{cell.source}\n---\n{cell.output}" if cell else report.error


def test_a_lesson_runs_from_a_clean_engine_and_leaves_nothing(
    clean_engine: Engine, course: Course, lesson: Lesson, tmp_path: Path
) -> None:
    as_in_jupyter = NBRegressionFixture(
        exec_cwd=str(tmp_path),
        exec_env=environment(workspace_environment(clean_engine, course, tmp_path)),
        exec_timeout=CELL_TIMEOUT,
        post_processors=(),
        diff_ignore=(
            "/cells/*/outputs",
            "/cells/*/execution_count",
            "/metadata/language_info",
            "/metadata/widgets",
        ),
    )
    as_in_jupyter.check(course.lesson_notebook(lesson))
    assert left_behind(clean_engine, course) == []


def test_a_lesson_runs_twice_in_a_row_also_over_what_an_interrupted_run_left(
    clean_engine: Engine, course: Course, lesson: Lesson, tmp_path: Path
) -> None:
    notebook = nbformat.read(course.lesson_notebook(lesson), as_version=4)
    last = max(
        index
        for index, cell in enumerate(notebook.cells)
        if cell.cell_type == "markdown" and is_clean_up(cell.source)
    )
    notebook.cells = notebook.cells[:last]
    env = workspace_environment(clean_engine, course, tmp_path)
    interrupted = run_notebook(notebook, cwd=tmp_path, env=env, timeout=CELL_TIMEOUT)
    assert interrupted.ok, say(interrupted)

    (again,) = run_lessons(clean_engine, course, [lesson.slug])
    assert again.ok, say(again)
    assert left_behind(clean_engine, course) == []
