"""What is built can be handed to an nbgrader course as it is."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from labkit.authoring.__main__ import main
from labkit.authoring.build import built, starter
from labkit.authoring.sources import Source
from labkit.course import Course
from labkit.grading.reading import read
from tests.unit.tiny_course import write_course

nbgraderformat = pytest.importorskip("nbgrader.nbgraderformat")


def test_cells_are_a_solution_a_check_or_read_only(tmp_path: Path) -> None:
    course = write_course(tmp_path)
    exercise = course.exercises[0]
    cells = starter(Source.read(course.solution(exercise)), exercise).cells
    facts = [cell.metadata.nbgrader for cell in cells]
    assert all(fact["schema_version"] == 3 and fact["task"] is False for fact in facts)
    assert [fact["grade_id"] for fact in facts] == [cell.id for cell in cells]
    assert [(f["solution"], f["locked"], f["grade"]) for f in facts] == [
        (False, True, False),
        (False, True, False),
        (True, False, False),
        (False, True, True),
    ]
    assert facts[-1]["points"] == exercise.points
    assert [cell.metadata.get("editable", True) for cell in cells] == [False, False, True, False]


def test_nbgrader_finds_the_metadata_valid(tmp_path: Path) -> None:
    course = write_course(tmp_path)
    exercise = course.exercises[0]
    notebook = starter(Source.read(course.solution(exercise)), exercise)
    validator = nbgraderformat.MetadataValidator()
    validator.validate_nb(notebook)
    for cell in notebook.cells:
        validator.validate_cell(cell)


@pytest.mark.filterwarnings("ignore")  # of nbgrader's own dependencies
def test_generate_assignment_takes_a_built_exercise_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import nbformat
    from nbgrader.apps import NbGraderAPI
    from traitlets.config import Config

    (tmp_path / "course").mkdir()
    course = write_course(tmp_path / "course")
    content = built(course)[-1].content
    handed = tmp_path / "grading" / "source" / "07_tiny" / "first.ipynb"
    handed.parent.mkdir(parents=True)
    handed.write_bytes(content)

    # nbgrader runs a program of its environment by its bare name.
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    config = Config()
    config.CourseDirectory.root = str(tmp_path / "grading")
    config.CourseDirectory.db_url = f"sqlite:///{tmp_path}/grades.db"
    config.ClearSolutions.enabled = False
    result = NbGraderAPI(config=config).generate_assignment("07_tiny")

    assert result["success"], result
    released = nbformat.read(tmp_path / "grading/release/07_tiny/first.ipynb", as_version=4)
    before = nbformat.reads(content.decode(), as_version=4)
    assert [cell.source for cell in released.cells] == [cell.source for cell in before.cells]


@pytest.mark.filterwarnings("ignore")  # of nbgrader's own dependencies
def test_generate_assignment_makes_gradable_notebooks_of_our_solutions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nbgrader.apps import NbGraderAPI
    from traitlets.config.loader import PyFileConfigLoader

    real = Course.load(Path(__file__).parents[2])
    folder = tmp_path / "grading"
    assert main(["nbgrader", str(folder)]) == 0

    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    config = PyFileConfigLoader("nbgrader_config.py", str(folder)).load_config()
    config.CourseDirectory.root = str(folder)
    config.CourseDirectory.db_url = f"sqlite:///{tmp_path}/grades.db"
    result = NbGraderAPI(config=config).generate_assignment("00_welcome")

    assert result["success"], result
    for exercise in real.chapters[0].exercises:
        released = (folder / f"release/00_welcome/{exercise.name}.ipynb").read_bytes()
        assert b"SOLUTION" not in released
        found = read(released, exercise, real)
        assert found.notes == ()
        assert [cell.source for cell in found.cells][-1] == "# Your answer here"
