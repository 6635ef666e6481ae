from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from labkit.errors import LabError, UnknownSlug
from labkit.grading.submissions import find, readable
from tests.unit.grading import RIGHT, answered, built_course, hand_in

if TYPE_CHECKING:
    from pathlib import Path

    from labkit.course import Course


@pytest.fixture
def course(tmp_path: Path) -> Course:
    return built_course(tmp_path / "course")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "class"
    folder.mkdir()
    return folder


@pytest.mark.parametrize(
    "name",
    [
        "ada/tiny.first.ipynb",
        "ada/07_tiny/first.ipynb",
        "ada/tiny/first.ipynb",
        "ada/work/07_tiny/first.ipynb",
        "submitted/ada/07_tiny/first.ipynb",
        "ada/anything at all.ipynb",
        "ada/tiny.first (1).IPYNB",
    ],
)
def test_each_layout_names_student_and_exercise(course: Course, folder: Path, name: str) -> None:
    path = hand_in(folder, name, answered(course, RIGHT))
    (found,) = find(folder, course)
    assert (found.student, found.slug, found.path) == ("ada", "tiny.first", path)
    assert found.exercise is course.exercises[0]
    assert found.problem is None


def test_what_is_no_submission_is_passed_over(course: Course, folder: Path) -> None:
    hand_in(folder, "ada/tiny.first.ipynb", b"")
    hand_in(folder, "ada/.ipynb_checkpoints/tiny.first.ipynb", b"")
    hand_in(folder, "ada/07_tiny.ipynb", b"the lesson, of a whole workspace")
    hand_in(folder, "ada/notes.txt", b"")
    hand_in(folder, ".git/x/tiny.first.ipynb", b"")
    hand_in(folder, "README.md", b"")
    assert [found.key for found in find(folder, course)] == [("ada", "tiny.first")]


def kinds(folder: Path, course: Course) -> dict[str, str]:
    return {s.slug: s.problem.kind if s.problem else "" for s in find(folder, course)}


def test_a_link_is_not_followed(course: Course, folder: Path, tmp_path: Path) -> None:
    secret = hand_in(tmp_path, "secret.ipynb", answered(course, RIGHT))
    (folder / "ada").mkdir()
    (folder / "ada" / "tiny.first.ipynb").symlink_to(secret)
    (folder / "eve").symlink_to(tmp_path)
    (folder / "ada" / "deep").symlink_to(tmp_path)
    assert kinds(folder, course) == {"tiny.first": "symbolic link"}


def test_a_device_and_a_folder_are_no_notebooks(course: Course, folder: Path) -> None:
    (folder / "ada" / "tiny.first.ipynb").mkdir(parents=True)
    assert kinds(folder, course) == {"tiny.first": "not a file"}
    (folder / "ada" / "tiny.first.ipynb").rmdir()
    os.mkfifo(folder / "ada" / "tiny.first.ipynb")
    assert kinds(folder, course) == {"tiny.first": "not a file"}


def test_two_notebooks_for_one_exercise_are_both_refused(course: Course, folder: Path) -> None:
    hand_in(folder, "ada/tiny.first.ipynb", b"")
    hand_in(folder, "ada/tiny/first.ipynb", b"")
    found = find(folder, course)
    assert [s.slug for s in found] == ["tiny.first", "tiny.first (2)"]
    assert {s.problem.kind for s in found if s.problem} == {"two notebooks"}
    assert found[0].problem
    assert "`tiny/first.ipynb`" in found[0].problem.message or (
        "`ada/tiny.first.ipynb`" in found[0].problem.message
    )


def test_a_name_that_tells_nothing_is_said(course: Course, folder: Path) -> None:
    hand_in(folder, "ada/Untitled.ipynb", b"{}")
    assert kinds(folder, course) == {"Untitled": "unknown exercise"}


def test_a_name_that_cannot_be_kept_is_refused(course: Course, folder: Path) -> None:
    hand_in(folder, f"{'x' * 120}/tiny.first.ipynb", b"")
    assert kinds(folder, course) == {"tiny.first": "name too long"}


def test_names_are_text_whatever_their_bytes(course: Course, folder: Path) -> None:
    assert readable("Zoe\u0308") == readable("Zo\u00eb") == "Zo\u00eb"
    assert readable(os.fsdecode(b"a\xff\n")) == "a\\xff\\x0a"
    hand_in(folder, os.fsdecode(b"\xff\xfe") + "/tiny.first.ipynb", b"")
    hand_in(folder, "../class/-rf;\n<b>学生/tiny.first.ipynb", b"")
    assert {s.student for s in find(folder, course)} == {"\\xff\\xfe", "-rf;\\x0a<b>学生"}


def test_only_one_exercise_is_taken_when_asked(course: Course, folder: Path) -> None:
    hand_in(folder, "ada/tiny.first.ipynb", b"")
    hand_in(folder, "ada/other.ipynb", b"")
    assert [s.slug for s in find(folder, course, slug="tiny.first")] == ["tiny.first"]
    with pytest.raises(UnknownSlug):
        find(folder, course, slug="tiny.second")


def test_an_empty_folder_and_none_are_said(course: Course, folder: Path) -> None:
    with pytest.raises(LabError, match=r"no submission.*a folder for each student"):
        find(folder, course)
    with pytest.raises(LabError, match="no folder"):
        find(folder / "nowhere", course)
