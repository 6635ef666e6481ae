"""Find the notebooks of a class in a folder, and which exercise each one answers.

Two layouts, also mixed:

* `STUDENT/slug.ipynb`, or a student's whole workspace: `STUDENT/02_containers/published.ipynb`;
* nbgrader's `submitted/STUDENT/ASSIGNMENT/notebook.ipynb`, by its parent or by `submitted` itself.

The folder comes from people who may mean harm. Nothing in it is followed or opened here, but for
the notebook whose name alone does not tell the exercise.
"""

from __future__ import annotations

import os
import stat
import unicodedata
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from labkit.errors import LabError
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from labkit.course import Course, Exercise

NBGRADER = "submitted"
DEPTH = 4
#: Longer names would not leave room for what is added to them in the results.
LONGEST_NAME = 100


@dataclass(frozen=True)
class Problem:
    """Why a file cannot be graded.

    Attributes:
        kind: In a word or two, for machines: `empty file`.
        message: For its author: what is wrong, and what helps.
    """

    kind: str
    message: str


@dataclass(frozen=True)
class Submission:
    """A notebook that a student handed in.

    Attributes:
        slug: The exercise's, or the file's name where no exercise was recognised.
        exercise: None where none was recognised.
        problem: Why it is not even opened, or None.
    """

    student: str
    slug: str
    path: Path
    exercise: Exercise | None = None
    problem: Problem | None = None

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from all others."""
        return self.student, self.slug


def find(folder: Path, course: Course, *, slug: str = "") -> tuple[Submission, ...]:
    """List the submissions in a folder, by student and exercise.

    Args:
        folder: Where they are.
        course: Its exercises are looked for.
        slug: Take this exercise's only, and those of what it builds on.

    Raises:
        LabError: There is no such folder, or no submission in it.
        UnknownSlug: There is no such exercise.
    """
    wanted = (*course.chain(course.exercise(slug)), course.exercise(slug)) if slug else None
    if not folder.is_dir():
        raise LabError(
            _("There is no folder `{path}`.").format(path=folder),
            hint=_("Name the folder that holds one folder for each student."),
        )
    if (folder / NBGRADER).is_dir() and not (folder / NBGRADER).is_symlink():
        folder = folder / NBGRADER
    lessons = {lesson.stem for lesson in course.lessons}  # of a whole workspace
    found = [
        _submission(student, path, course)
        for student in _entries(folder)
        if stat.S_ISDIR(student.lstat().st_mode)
        for path in _notebooks(student, DEPTH)
        if path.stem not in lessons
    ]
    if wanted is not None:
        found = [submission for submission in found if submission.exercise in wanted]
    if not found:
        raise LabError(
            _("There is no submission in `{path}`.").format(path=folder),
            hint=_(
                "It should hold a folder for each student, with notebooks such as "
                "`STUDENT/welcome.hello.ipynb`."
            ),
        )
    return tuple(sorted(_told_apart(found), key=lambda submission: submission.key))


def _entries(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _notebooks(folder: Path, depth: int) -> Iterator[Path]:
    """Yield what is named as a notebook; links to folders are not followed."""
    for path in _entries(folder):
        if path.suffix.lower() == ".ipynb":
            yield path
        elif depth > 1 and stat.S_ISDIR(path.lstat().st_mode):
            yield from _notebooks(path, depth - 1)


def _submission(student: Path, path: Path, course: Course) -> Submission:
    inside = path.relative_to(student).with_suffix("")
    problem = _problem(student, path)
    exercise = _by_name(inside.parts, course)
    if exercise is None and problem is None:
        exercise = _by_content(path, course)
    slug = exercise.slug if exercise else readable("/".join(inside.parts))
    if exercise is None and problem is None:
        problem = Problem(
            "unknown exercise",
            _("No exercise of the course is named `{name}`, and no cell tells which it is.").format(
                name=slug
            ),
        )
    return Submission(readable(student.name), slug, path, exercise, problem)


def _problem(student: Path, path: Path) -> Problem | None:
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        return Problem(
            "symbolic link",
            _("`{name}` is a link to another file. Hand in the file itself.").format(
                name=readable(path.name)
            ),
        )
    if not stat.S_ISREG(mode):
        return Problem(
            "not a file",
            _("`{name}` is named as a notebook, but it is a folder or a device.").format(
                name=readable(path.name)
            ),
        )
    inside = path.relative_to(student.parent)
    if any(len(os.fsencode(part)) > LONGEST_NAME for part in inside.parts):
        return Problem(
            "name too long",
            _("A name of more than {n} bytes cannot be kept. Give it a shorter one.").format(
                n=LONGEST_NAME
            ),
        )
    return None


def _by_name(parts: tuple[str, ...], course: Course) -> Exercise | None:
    """Tell the exercise from the file's name, or from its folder's with it."""
    folder, name = (parts[-2] if len(parts) > 1 else ""), parts[-1]
    for exercise in course.exercises:
        stem = course.chapter_of(exercise).lesson.stem
        if name == exercise.slug or (name == exercise.name and folder in {exercise.chapter, stem}):
            return exercise
    return None


def _by_content(path: Path, course: Course) -> Exercise | None:
    """Tell the exercise from the ids of most of the cells, where no name does."""
    from labkit.grading.reading import cell_ids

    by_prefix = {exercise.slug.replace(".", "-"): exercise for exercise in course.exercises}
    ids = (found.rpartition("-")[0] for found in cell_ids(path))
    named = Counter(prefix for prefix in ids if prefix in by_prefix)
    return by_prefix[named.most_common(1)[0][0]] if named else None


def _told_apart(found: list[Submission]) -> Iterator[Submission]:
    """Refuse several notebooks of one student for one exercise: who could choose?"""
    times = Counter(submission.key for submission in found)
    seen: Counter[tuple[str, str]] = Counter()
    for submission in found:
        if times[submission.key] == 1:
            yield submission
            continue
        seen[submission.key] += 1
        others = ", ".join(
            f"`{readable(str(other.path.relative_to(other.path.parents[1])))}`"
            for other in found
            if other.key == submission.key and other is not submission
        )
        number = seen[submission.key]
        yield replace(
            submission,
            slug=submission.slug if number == 1 else f"{submission.slug} ({number})",
            problem=Problem(
                "two notebooks",
                _("There is another notebook for this exercise: {others}. Hand in one.").format(
                    others=others
                ),
            ),
        )


def readable(name: str) -> str:
    """Write a file's name as text that every file and database takes.

    One accented letter may be stored in two ways; here it is one. Bytes that are no text, and
    control characters, are shown as escapes.
    """
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    text = unicodedata.normalize("NFC", text)
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)
