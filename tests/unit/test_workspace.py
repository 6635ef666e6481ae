from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from labkit.errors import CourseError, WorkspaceError
from labkit.workspace import Refresh, Workspace
from tests.unit.two_chapters import notebook, write_course

if TYPE_CHECKING:
    from pathlib import Path

    from labkit.course import Course, Exercise


@pytest.fixture
def course(tmp_path: Path, work: Path) -> Course:
    assert not work.exists()
    return write_course(tmp_path / "course")


@pytest.fixture
def workspace(course: Course) -> Workspace:
    return Workspace(course)


@pytest.fixture
def exercise(course: Course) -> Exercise:
    return course.exercise("welcome.hello")


def kept_beside(copy: Path) -> list[Path]:
    return [path for path in copy.parent.iterdir() if path.name.startswith(f"{copy.stem}.before-")]


def test_lessons_are_copied_and_exercises_only_when_started(
    workspace: Workspace, exercise: Exercise
) -> None:
    assert workspace.prepare() == Refresh(new=("00_welcome.ipynb", "12_containers.ipynb"))
    assert not workspace.exercise(exercise).exists()
    assert workspace.prepare() == Refresh()


def test_a_started_exercise_is_a_copy(
    course: Course, workspace: Workspace, exercise: Exercise
) -> None:
    started = workspace.start(exercise)
    assert started.new
    assert started.path == workspace.root / "exercises" / "00_welcome" / "hello.ipynb"
    assert started.path.read_bytes() == course.exercise_notebook(exercise).read_bytes()


def test_a_second_start_keeps_what_the_learner_wrote(
    workspace: Workspace, exercise: Exercise
) -> None:
    copy = workspace.start(exercise).path
    copy.write_bytes(mine := notebook("my own work"))
    assert not workspace.start(exercise).new
    assert copy.read_bytes() == mine


@pytest.mark.parametrize("touched", [False, True], ids=["as copied", "after running and saving"])
def test_an_update_refreshes_a_copy_whose_cells_are_as_they_were(
    course: Course, workspace: Workspace, exercise: Exercise, *, touched: bool
) -> None:
    copy = workspace.start(exercise).path
    workspace.prepare()
    if touched:
        copy.write_bytes(ran := notebook("%load_ext labkit", "# hello", outputs=["hello"]))
    course.exercise_notebook(exercise).write_bytes(new := notebook("a better text"))
    assert workspace.prepare() == Refresh(refreshed=("exercises/00_welcome/hello.ipynb",))
    assert copy.read_bytes() == new
    if touched:
        assert [path.read_bytes() for path in kept_beside(copy)] == [ran]


def test_an_update_keeps_an_edited_copy_and_says_so(
    course: Course, workspace: Workspace, exercise: Exercise
) -> None:
    copy = workspace.start(exercise).path
    workspace.prepare()
    copy.write_bytes(mine := notebook("my own work"))
    course.exercise_notebook(exercise).write_bytes(notebook("a better text"))
    assert workspace.prepare() == Refresh(kept=("exercises/00_welcome/hello.ipynb",))
    assert copy.read_bytes() == mine


def test_an_edited_copy_is_no_news_while_the_course_stays_as_it_is(
    workspace: Workspace, exercise: Exercise
) -> None:
    workspace.prepare()
    copy = workspace.start(exercise).path
    copy.write_bytes(mine := notebook("my own work"))
    assert workspace.prepare() == Refresh()
    assert copy.read_bytes() == mine


def test_an_edited_copy_is_kept_also_when_the_fingerprints_are_lost(
    course: Course, workspace: Workspace
) -> None:
    workspace.prepare()
    copy = workspace.lesson(course.lessons[0])
    copy.write_bytes(mine := notebook("my own work"))
    (workspace.root / ".labkit" / "copies.json").write_text("garbage")
    assert workspace.prepare().kept == ("00_welcome.ipynb",)
    assert copy.read_bytes() == mine


def test_a_deleted_lesson_comes_back(course: Course, workspace: Workspace) -> None:
    workspace.prepare()
    workspace.lesson(course.lessons[0]).unlink()
    assert workspace.prepare() == Refresh(new=("00_welcome.ipynb",))


def test_a_copy_that_is_no_notebook_is_named_with_the_command_that_mends(
    workspace: Workspace, exercise: Exercise
) -> None:
    copy = workspace.start(exercise).path
    copy.write_text("garbage")
    with pytest.raises(WorkspaceError, match=r"hello\.ipynb` is not a notebook") as caught:
        workspace.start(exercise)
    assert "`labkit reset welcome.hello`" in caught.value.hint
    assert copy.read_text() == "garbage"


def test_a_restart_keeps_the_old_copy_beside_the_new_one(
    course: Course, workspace: Workspace, exercise: Exercise
) -> None:
    copy = workspace.start(exercise).path
    copy.write_text("garbage")
    kept = workspace.restart(exercise)
    assert kept is not None
    assert kept.read_text() == "garbage"
    assert copy.read_bytes() == course.exercise_notebook(exercise).read_bytes()


def test_two_restarts_in_a_row_keep_both_old_copies(
    workspace: Workspace, exercise: Exercise
) -> None:
    copy = workspace.start(exercise).path
    for text in ("first", "second"):
        copy.write_text(text)
        workspace.restart(exercise)
    assert sorted(path.read_text() for path in kept_beside(copy)) == ["first", "second"]


def test_a_restart_of_an_untouched_copy_keeps_nothing(
    workspace: Workspace, exercise: Exercise
) -> None:
    assert workspace.restart(exercise) is None
    copy = workspace.start(exercise).path
    assert workspace.restart(exercise) is None
    assert kept_beside(copy) == []


@pytest.mark.parametrize("action", ["start", "restart"])
def test_a_missing_source_is_the_courses_fault_and_nothing_is_lost(
    course: Course, workspace: Workspace, exercise: Exercise, action: str
) -> None:
    if action == "restart":
        workspace.start(exercise).path.write_text("mine")
    course.exercise_notebook(exercise).unlink()
    with pytest.raises(CourseError, match=r"hello\.ipynb`: cannot be read") as caught:
        getattr(workspace, action)(exercise)
    assert "make build" in caught.value.hint
    if action == "restart":
        assert workspace.exercise(exercise).read_text() == "mine"


def test_copies_can_be_opened_as_notebooks(workspace: Workspace, course: Course) -> None:
    workspace.prepare()
    content = json.loads(workspace.lesson(course.lessons[0]).read_bytes())
    assert content["nbformat"] == 4


def test_a_lesson_that_the_course_names_but_has_not_is_named(
    course: Course, workspace: Workspace
) -> None:
    missing = course.lesson_notebook(course.lessons[1])
    missing.unlink()
    with pytest.raises(CourseError, match="cannot be read") as caught:
        workspace.prepare()
    assert caught.value.path == missing


def test_a_folder_in_the_place_of_a_copy_is_named_and_a_restart_keeps_it(
    course: Course, workspace: Workspace, exercise: Exercise
) -> None:
    copy = workspace.exercise(exercise)
    (copy / "mine").mkdir(parents=True)
    with pytest.raises(WorkspaceError, match="cannot be read: Is a directory") as caught:
        workspace.start(exercise)
    assert "`labkit reset welcome.hello`" in caught.value.hint
    kept = workspace.restart(exercise)
    assert kept is not None
    assert (kept / "mine").is_dir()
    assert copy.read_bytes() == course.exercise_notebook(exercise).read_bytes()


def test_a_folder_in_the_place_of_a_lesson_is_named(course: Course, workspace: Workspace) -> None:
    copy = workspace.lesson(course.lessons[0])
    copy.mkdir(parents=True)
    with pytest.raises(WorkspaceError, match="cannot be read: Is a directory") as caught:
        workspace.prepare()
    assert str(copy) in caught.value.message
    assert "out of the way" in caught.value.hint


@pytest.mark.parametrize("step", ["read_bytes", "replace"])
def test_a_copy_of_another_account_is_named_with_the_command_that_helps(
    workspace: Workspace, exercise: Exercise, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    copy = workspace.start(exercise).path
    copy.write_text("mine")
    allowed = getattr(type(copy), step)

    def refuse(path: Path, *arguments: Path) -> object:
        if path == copy:
            raise PermissionError(13, "Permission denied")
        return allowed(path, *arguments)

    monkeypatch.setattr(type(copy), step, refuse)
    with pytest.raises(WorkspaceError, match="Permission denied") as caught:
        workspace.restart(exercise)
    assert f'sudo chown -R "$USER" {copy.parent}' in caught.value.hint
    monkeypatch.undo()
    assert copy.read_text() == "mine"


def test_a_copy_nested_too_deep_is_no_notebook(workspace: Workspace, exercise: Exercise) -> None:
    copy = workspace.start(exercise).path
    copy.write_text('{"cells": ' + "[" * 100_000)
    with pytest.raises(WorkspaceError, match="is not a notebook any more"):
        workspace.start(exercise)


def test_the_task_is_the_text_of_the_exercises_notebook(
    course: Course, workspace: Workspace, exercise: Exercise
) -> None:
    cells = [
        {"cell_type": "markdown", "source": ["# Hello\n"]},
        {"cell_type": "code", "source": "%load_ext labkit"},
        {"cell_type": "markdown", "source": "Run a container."},
    ]
    course.exercise_notebook(exercise).write_text(json.dumps({"cells": cells}))
    assert workspace.task(exercise) == "# Hello\n\nRun a container."
