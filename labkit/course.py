"""The manifest `course.toml` as frozen values: chapters, lessons, exercises, images.

Only this module turns a slug into a path.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from labkit.errors import CourseError, LabError, UnknownSlug
from labkit.translation import _

MANIFEST = "course.toml"


@dataclass(frozen=True)
class CourseImage:
    """An image that lessons and exercises need.

    Attributes:
        name: Such as `lab/web`; its folder is `images/web`.
        why: One line on what it is for.
        needs: The course images that it is built on.
        on_demand: It is large and few lessons need it: it is obtained when something asks for it.
    """

    name: str
    why: str
    needs: tuple[str, ...] = ()
    on_demand: bool = False


@dataclass(frozen=True)
class Lesson:
    """A notebook that teaches; its slug is its chapter's.

    Attributes:
        minutes: How long it takes, reading and running.
        images: Course images it runs.
        needs: Names of probes; what is not met is said, not failed.
    """

    number: int
    slug: str
    title: str
    goal: str
    minutes: int
    images: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()

    @property
    def stem(self) -> str:
        """The name of its files, without suffix: `02_containers`."""
        return f"{self.number:02}_{self.slug}"


@dataclass(frozen=True)
class Exercise:
    """A task that checks prove.

    Attributes:
        slug: `chapter.exercise`.
        points: The sum of its checks' points.
        hints: From a nudge to nearly the answer.
        objects: Names or globs of what it makes on the engine.
        repair: Whether something broken is to be mended.
        builds_on: The slug of an earlier exercise, at whose end this one begins; or empty.
        reaches: What it may reach beyond the engine while it is graded, such as `192.0.2.7:5000`.
    """

    slug: str
    chapter: str
    title: str
    points: int
    hints: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()
    repair: bool = False
    builds_on: str = ""
    reaches: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The part of the slug after the dot."""
        return self.slug.partition(".")[2]


@dataclass(frozen=True)
class Chapter:
    """A lesson and its exercises."""

    lesson: Lesson
    exercises: tuple[Exercise, ...]

    @property
    def number(self) -> int:
        """Its place in the course."""
        return self.lesson.number

    @property
    def slug(self) -> str:
        """Its name in slugs and files."""
        return self.lesson.slug

    @property
    def title(self) -> str:
        """Its name for people."""
        return self.lesson.title


@dataclass(frozen=True)
class Course:
    """The whole course, and where its files are.

    Attributes:
        root: The folder that holds `course.toml`.
    """

    root: Path
    title: str
    images: tuple[CourseImage, ...]
    chapters: tuple[Chapter, ...]

    @classmethod
    def load(cls, root: Path | None = None) -> Course:
        """Read `course.toml`.

        Args:
            root: Its folder; None takes `LABKIT_COURSE`, else the nearest one at or above the
                working directory, else the one beside the installed package.

        Raises:
            CourseError: There is none, or it is wrong.
        """
        from labkit.manifest import read

        return read(root or find_root())

    @property
    def lessons(self) -> tuple[Lesson, ...]:
        """All lessons, in order."""
        return tuple(chapter.lesson for chapter in self.chapters)

    @cached_property
    def exercises(self) -> tuple[Exercise, ...]:
        """All exercises, in order."""
        return tuple(e for chapter in self.chapters for e in chapter.exercises)

    def lesson(self, slug: str) -> Lesson:
        """Find a lesson by its slug, its number (`02` or `2`) or its file's stem.

        Raises:
            UnknownSlug: There is none.
        """
        for lesson in self.lessons:
            if slug in {lesson.slug, lesson.stem, str(lesson.number), f"{lesson.number:02}"}:
                return lesson
        raise UnknownSlug(slug, self._nearest(slug, [lesson.slug for lesson in self.lessons]))

    def exercise(self, slug: str) -> Exercise:
        """Find an exercise by its slug.

        Raises:
            UnknownSlug: There is none; the error names the nearest.
            LabError: It is a lesson; the error names its exercises.
        """
        for exercise in self.exercises:
            if exercise.slug == slug:
                return exercise
        for chapter in self.chapters:
            if slug in {chapter.slug, chapter.lesson.stem}:
                names = ", ".join(f"`{e.slug}`" for e in chapter.exercises) or _("none")
                raise LabError(
                    _("`{slug}` is a lesson, not an exercise.").format(slug=slug),
                    hint=_("Its exercises: {names}.").format(names=names),
                )
        raise UnknownSlug(slug, self._nearest(slug, [e.slug for e in self.exercises]))

    def chapter_of(self, exercise: Exercise) -> Chapter:
        """Return the chapter that an exercise belongs to."""
        return next(c for c in self.chapters if c.slug == exercise.chapter)

    def after(self, exercise: Exercise) -> Exercise | None:
        """Return the exercise that follows, or None after the last."""
        place = self.exercises.index(exercise) + 1
        return self.exercises[place] if place < len(self.exercises) else None

    @property
    def image_tags(self) -> frozenset[str]:
        """The course images as the engine names them: `lab/web:latest`."""
        return frozenset(f"{image.name}:latest" for image in self.images)

    def chain(self, exercise: Exercise) -> tuple[Exercise, ...]:
        """Return the exercises that this one builds on, the first one first."""
        if not exercise.builds_on:
            return ()
        earlier = self.exercise(exercise.builds_on)
        return (*self.chain(earlier), earlier)

    # Paths. Folders and file names carry the chapter's number, slugs do not.

    def lesson_source(self, lesson: Lesson) -> Path:
        """`notebooks/02_containers.md`."""
        return self.root / "notebooks" / f"{lesson.stem}.md"

    def lesson_notebook(self, lesson: Lesson) -> Path:
        """`notebooks/02_containers.ipynb`."""
        return self.root / "notebooks" / f"{lesson.stem}.ipynb"

    def solution(self, exercise: Exercise) -> Path:
        """`solutions/02_containers/published.md`."""
        stem = self.chapter_of(exercise).lesson.stem
        return self.root / "solutions" / stem / f"{exercise.name}.md"

    def exercise_notebook(self, exercise: Exercise) -> Path:
        """`exercises/02_containers/published.ipynb`."""
        stem = self.chapter_of(exercise).lesson.stem
        return self.root / "exercises" / stem / f"{exercise.name}.ipynb"

    def image_folder(self, image: CourseImage) -> Path:
        """`images/web`."""
        return self.root / "images" / image.name.removeprefix("lab/")

    def work(self) -> Path:
        """Return the learner's folder: `LABKIT_WORK`, else `work/` beside the manifest."""
        return Path(os.environ.get("LABKIT_WORK") or self.root / "work")

    def _nearest(self, slug: str, names: list[str]) -> list[str]:
        from difflib import get_close_matches

        return get_close_matches(slug, names, n=2, cutoff=0.5) or [
            name for name in names if slug and name.endswith("." + slug)
        ]


def find_root() -> Path:
    """Find the folder of the course.

    Raises:
        CourseError: There is none.
        LabError: The working directory was removed.
    """
    if named := os.environ.get("LABKIT_COURSE"):
        return Path(named)
    try:
        here = Path.cwd()
    except OSError as error:
        raise LabError(
            _("The folder that you are in does not exist any more."),
            hint=_("Change into the course's folder with `cd`, then try again."),
        ) from error
    beside = Path(__file__).parents[1]
    for folder in (here, *here.parents, beside):
        if (folder / MANIFEST).is_file():
            return folder
    raise CourseError(
        here / MANIFEST,
        _("no course is here or above."),
        hint=_("Change into the course's folder, or set LABKIT_COURSE to it."),
    )
