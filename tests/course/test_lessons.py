"""Every lesson, top to bottom, on the real engine: from a clean state and from a dirty one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import pytest
from pytest_notebook.nb_regression import NBRegressionFixture

from labkit.authoring.lint import is_clean_up
from labkit.course import Course
from labkit.engine.objects import listed_name, listed_tags
from labkit.kernels import environment
from labkit.running import run_notebook, workspace_environment
from tests.skips import skip_without

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
    skip_without(lesson.needs, engine)


def test_a_lesson_runs_from_a_clean_engine_then_over_what_that_left_and_leaves_nothing(
    clean_engine: Engine, course: Course, lesson: Lesson, tmp_path: Path
) -> None:
    before = everything(clean_engine)
    folder = tmp_path / "notebooks"
    folder.mkdir()
    variables = workspace_environment(clean_engine, course, tmp_path / "work")
    as_in_jupyter = NBRegressionFixture(
        exec_cwd=str(folder),
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
    notebook = course.lesson_notebook(lesson)
    interrupted = tmp_path / notebook.name
    nbformat.write(before_its_clean_up(notebook), interrupted)
    as_in_jupyter.check(interrupted)

    # This one also finds a `!command` that fails, which Jupyter lets pass.
    report = run_notebook(notebook, cwd=folder, env=variables, timeout=CELL_TIMEOUT)
    assert report.ok, say(report)
    assert everything(clean_engine) - before == set()
    assert list(folder.iterdir()) == []


def everything(engine: Engine) -> set[str]:
    """All that is on the engine, whoever made it."""
    api: Any = engine.client.api
    listed = (
        *(f"container {listed_name(line)} {line['Id']}" for line in api.containers(all=True)),
        *(f"network {line['Name']} {line['Id']}" for line in api.networks()),
        *(f"volume {line['Name']}" for line in api.volumes()["Volumes"] or ()),
        *(f"image {listed_tags(line)} {line['Id']}" for line in api.images()),
    )
    return set(listed)


def say(report: RunReport) -> str:
    cell = report.failed_cell
    return f"{report.error}\n{cell.source}\n---\n{cell.output}" if cell else report.error


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
