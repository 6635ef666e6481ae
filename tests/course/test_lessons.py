"""Every lesson, top to bottom, on the real engine, over what a run that was broken off has left.

That run ends after a third of the lesson's cells; with `--long`, where the lesson would clean up.
That a lesson's first cells remove all that the whole of it makes is for `labkit.authoring.lint`.
"""

from __future__ import annotations

import json
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
import pytest
from pytest_notebook.nb_regression import NBRegressionFixture

from labkit.authoring.lint import is_clean_up
from labkit.course import Course
from labkit.kernel_sockets import SocketKernelManager
from labkit.kernels import OBSERVE, environment
from labkit.running import is_run, run_notebook, verdict, workspace_environment
from tests.remains import everything
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


@pytest.fixture(autouse=True)
def _kernels_take_no_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    """Among containers that come and go with their ports, one that is free may not stay so."""
    monkeypatch.setattr("jupyter_client.AsyncKernelManager", SocketKernelManager)


def test_a_lesson_runs_from_a_clean_engine_then_over_what_that_left_and_leaves_nothing(
    clean_engine: Engine,
    course: Course,
    lesson: Lesson,
    tmp_path: Path,
    pytestconfig: pytest.Config,
) -> None:
    before = everything(clean_engine)
    folder = tmp_path / "notebooks"
    folder.mkdir()
    journal = tmp_path / "journal"
    variables = workspace_environment(clean_engine, course, tmp_path / "work")
    as_in_jupyter = NBRegressionFixture(
        exec_cwd=str(folder),
        exec_env=environment(variables | keeping_a_journal(tmp_path, journal)),
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
    early = broken_off(notebook, almost_whole=pytestconfig.getoption("long"))
    report = run_notebook(early, cwd=folder, env=variables, timeout=CELL_TIMEOUT)
    assert report.ok, say(report)

    ran = as_in_jupyter.check(notebook)
    # Jupyter lets a `!command` that fails pass.
    for line, cell in zip(
        journal.read_text().splitlines(), filter(is_run, ran.nb_final.cells), strict=True
    ):
        commands = [(command, code) for command, code in json.loads(line)]
        assert verdict(cell, commands) == "", cell.source
    assert everything(clean_engine) - before == set()
    assert list(folder.iterdir()) == []


def say(report: RunReport) -> str:
    cell = report.failed_cell
    return f"{report.error}\n{cell.source}\n---\n{cell.output}" if cell else report.error


def broken_off(path: Path, *, almost_whole: bool) -> NotebookNode:
    """The lesson as far as a learner comes who goes away too early."""
    notebook = nbformat.read(path, as_version=4)
    if almost_whole:
        notebook.cells = list(takewhile(lambda cell: not cleans_up(cell), notebook.cells))
    else:
        notebook.cells = notebook.cells[: len(notebook.cells) // 3]
    return notebook


def cleans_up(cell: NotebookNode) -> bool:
    return cell.cell_type == "markdown" and is_clean_up(cell.source)


def keeping_a_journal(folder: Path, journal: Path) -> dict[str, str]:
    """What has a kernel write, for each cell, its shell commands and their exit codes."""
    startup = folder / "ipython" / "profile_default" / "startup" / "journal.py"
    startup.parent.mkdir(parents=True)
    startup.write_text(OBSERVE + JOURNAL.format(path=str(journal)))
    return {"IPYTHONDIR": str(folder / "ipython")}


JOURNAL = """
def _write():
    import json
    with open({path!r}, "a") as journal:
        json.dump(get_ipython()._labkit_commands, journal)
        journal.write("\\n")
    get_ipython()._labkit_commands.clear()
get_ipython().events.register("post_run_cell", lambda _result: _write())
"""
