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
from labkit.engine.probes import unmet
from labkit.kernels import environment
from labkit.running import run_notebook, workspace_environment

if TYPE_CHECKING:
    from nbformat import NotebookNode

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
    if missing := unmet(lesson.needs, engine):
        pytest.skip(" ".join(missing))


def left_behind(engine: Engine, course: Course) -> list[str]:
    return [str(thing) for thing in owned(engine, keep_images=course.image_tags)]


def say(report: RunReport) -> str:
    cell = report.failed_cell
    return f"{report.error}\n{cell.source}\n---\n{cell.output}" if cell else report.error


def test_a_lesson_runs_from_a_clean_engine_then_over_what_that_left_and_leaves_nothing(
    clean_engine: Engine, course: Course, lesson: Lesson, tmp_path: Path
) -> None:
    notebook = course.lesson_notebook(lesson)
    variables = workspace_environment(clean_engine, course, tmp_path)
    interrupted = run_notebook(
        before_its_clean_up(notebook), cwd=tmp_path, env=variables, timeout=CELL_TIMEOUT
    )
    assert interrupted.ok, say(interrupted)

    as_in_jupyter = NBRegressionFixture(
        exec_cwd=str(tmp_path),
        exec_env=environment(variables),
        exec_timeout=CELL_TIMEOUT,
        post_processors=(),
        diff_ignore=(
            "/cells/*/outputs",
            "/cells/*/execution_count",
            "/metadata/language_info",
            "/metadata/widgets",
        ),
    )
    as_in_jupyter.check(notebook)
    assert left_behind(clean_engine, course) == []


def before_its_clean_up(path: Path) -> NotebookNode:
    """The lesson as far as a learner comes who goes home too early."""
    notebook = nbformat.read(path, as_version=4)
    last = max(
        index
        for index, cell in enumerate(notebook.cells)
        if cell.cell_type == "markdown" and is_clean_up(cell.source)
    )
    notebook.cells = notebook.cells[:last]
    return notebook
