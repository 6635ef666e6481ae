from __future__ import annotations

import re
from pathlib import Path

import pytest

from labkit.course import Course, find_root
from labkit.errors import CourseError, LabError, UnknownSlug
from tests.unit.two_chapters import MANIFEST, write_course


@pytest.fixture
def course(tmp_path: Path) -> Course:
    return write_course(tmp_path)


def refusal(root: Path, manifest: str) -> CourseError:
    (root / "course.toml").write_text(manifest)
    with pytest.raises(CourseError) as caught:
        Course.load(root)
    assert str(root / "course.toml") in caught.value.message
    return caught.value


def test_chapters_lessons_and_exercises_are_read_in_order(course: Course) -> None:
    assert [lesson.stem for lesson in course.lessons] == ["00_welcome", "12_containers"]
    assert [exercise.slug for exercise in course.exercises] == [
        "welcome.hello",
        "containers.first_run",
        "containers.second_run",
    ]
    assert course.exercise("welcome.hello").hints == ("First hint.", "Second hint.")
    assert course.image_tags == {"lab/shell:latest", "lab/web:latest"}


def test_slugs_become_paths(course: Course) -> None:
    lesson, exercise = course.lesson("containers"), course.exercise("containers.first_run")
    paths = {
        course.lesson_source(lesson): "notebooks/12_containers.md",
        course.lesson_notebook(lesson): "notebooks/12_containers.ipynb",
        course.solution(exercise): "solutions/12_containers/first_run.md",
        course.exercise_notebook(exercise): "exercises/12_containers/first_run.ipynb",
        course.image_folder(course.images[1]): "images/web",
    }
    for path, expected in paths.items():
        assert path == course.root / expected


@pytest.mark.parametrize("name", ["welcome", "0", "00", "00_welcome"])
def test_a_lesson_has_several_names(course: Course, name: str) -> None:
    assert course.lesson(name).title == "Welcome"


@pytest.mark.parametrize(
    ("asked", "nearest"),
    [
        ("container.first_run", "containers.first_run"),
        ("containers.fist_run", "containers.first_run"),
        ("hello", "welcome.hello"),
    ],
)
def test_an_unknown_exercise_suggests_the_nearest(course: Course, asked: str, nearest: str) -> None:
    with pytest.raises(UnknownSlug, match=f"`{asked}`") as caught:
        course.exercise(asked)
    assert nearest in caught.value.nearest


@pytest.mark.parametrize("asked", ["", "zzz", "."])
def test_a_name_like_no_other_suggests_the_list(course: Course, asked: str) -> None:
    with pytest.raises(UnknownSlug) as caught:
        course.exercise(asked)
    assert "labkit list" in caught.value.hint


def test_an_unknown_lesson_suggests_the_nearest(course: Course) -> None:
    with pytest.raises(UnknownSlug) as caught:
        course.lesson("container")
    assert caught.value.nearest == ("containers",)


def test_the_last_exercise_has_none_after_it(course: Course) -> None:
    first, second, third = course.exercises
    assert (course.after(first), course.after(second)) == (second, third)
    assert course.after(third) is None


@pytest.mark.parametrize(
    ("manifest", "problem"),
    [
        ("title = ", "is not TOML"),
        ("", "`title`"),
        (MANIFEST.replace("points = 3", 'points = "3"'), "`points`"),
        (MANIFEST.replace("points = 3", "points = true"), "`points`"),
        (MANIFEST.replace('title = "Hello"', ""), "exercise `welcome.hello` needs a text `title`"),
        (MANIFEST.replace('["First hint.", "Second hint."]', '"one"'), "`hints` is a list"),
        (MANIFEST.replace('name = "lab/web"', 'name = "web"'), "begins with `lab/`"),
        (MANIFEST.replace('images = ["lab/web"]', 'images = ["lab/wen"]'), "`lab/wen`"),
        (MANIFEST.replace('"lab-hello"', '"hello"'), "`hello` begins neither"),
        (
            MANIFEST.replace("objects =", 'reaches = ["example.org:80"]\nobjects ='),
            "`welcome.hello` reaches `example.org:80`",
        ),
        (MANIFEST.replace('"second_run"', '"first_run"'), "`containers.first_run` is named twice"),
        (MANIFEST.replace('slug = "containers"', 'slug = "welcome"'), "named twice"),
        ('title = "t"\nchapters = ["x"]', "`chapters` is a list of tables"),
        ('title = "t"\nimages = "x"', "`images` is a list of tables"),
    ],
)
def test_a_wrong_manifest_is_refused_with_the_entry_at_fault(
    tmp_path: Path, manifest: str, problem: str
) -> None:
    assert problem in refusal(tmp_path, manifest).problem


def test_a_missing_manifest_says_why(tmp_path: Path) -> None:
    with pytest.raises(CourseError, match="No such file"):
        Course.load(tmp_path)


def test_the_course_is_found_from_a_folder_inside_it(
    course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LABKIT_COURSE", raising=False)
    monkeypatch.chdir(course.root / "notebooks")
    assert find_root() == course.root


def test_a_named_course_goes_before_the_folder(
    course: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABKIT_COURSE", str(tmp_path / "other"))
    monkeypatch.chdir(course.root)
    assert find_root() == tmp_path / "other"


def test_work_lies_beside_the_manifest_unless_named(
    course: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LABKIT_WORK", raising=False)
    assert course.work() == course.root / "work"
    monkeypatch.setenv("LABKIT_WORK", str(tmp_path / "mine"))
    assert course.work() == tmp_path / "mine"


def test_the_readme_names_exercises_that_are_there() -> None:
    root = Path(__file__).parents[2]
    course = Course.load(root)
    chapters = "|".join(chapter.slug for chapter in course.chapters)
    named = re.findall(rf"\b(?:{chapters})\.[a-z_]+\b", (root / "README.md").read_text())
    assert named
    for slug in named:
        course.exercise(slug)


@pytest.mark.parametrize("slug", ["containers", "12_containers"])
def test_a_lesson_is_no_exercise_and_leads_to_its_own(tmp_path: Path, slug: str) -> None:
    with pytest.raises(LabError, match=f"`{slug}` is a lesson") as caught:
        write_course(tmp_path / "course").exercise(slug)
    assert caught.value.hint == ("Its exercises: `containers.first_run`, `containers.second_run`.")


def test_a_folder_that_was_removed_under_ones_feet_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.delenv("LABKIT_COURSE", raising=False)
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(LabError, match="does not exist any more") as caught:
        Course.load()
    assert "`cd`" in caught.value.hint
