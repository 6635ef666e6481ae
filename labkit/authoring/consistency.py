"""Compare the manifest, the sources, the built notebooks and the checks with one another."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from labkit import node_registry, nodes
from labkit.authoring.build import built, check_markers, stray_notebooks
from labkit.authoring.lint import Finding, lint_exercise, lint_lesson
from labkit.authoring.sources import Source
from labkit.checking import checks_of
from labkit.engine import probes
from labkit.errors import AuthoringError, CourseError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from labkit.checking import Check
    from labkit.course import Course, Exercise, Lesson

BUILD = "Run `make build`."
#: What exercises of several chapters make.
MACHINES = {f"{nodes.PREFIX}*", node_registry.NAME, nodes.NETWORK}


def check(course: Course) -> tuple[Finding, ...]:
    """Find everything in the course's files that contradicts something else, or a rule."""
    missing = tuple(_missing(course))
    if missing:  # a source that is not there cannot be built or linted
        return (*missing, *_unnamed(course))
    return (
        *_unnamed(course),
        *_needs(course),
        *_shared_objects(course),
        *_rules(course),
        *_checks(course),
        *_outdated(course),
    )


def _missing(course: Course) -> Iterator[Finding]:
    wanted = [course.lesson_source(lesson) for lesson in course.lessons]
    wanted += [course.solution(exercise) for exercise in course.exercises]
    wanted += [course.image_folder(image) / "Dockerfile" for image in course.images]
    for path in wanted:
        if not path.is_file():
            yield Finding(
                _name(course, path),
                "course.toml names it, but it is not there.",
                "Write it, or take its entry out of course.toml.",
            )


def _unnamed(course: Course) -> Iterator[Finding]:
    named = {course.lesson_source(lesson) for lesson in course.lessons}
    named |= {course.solution(exercise) for exercise in course.exercises}
    folders = {course.image_folder(image) for image in course.images}
    found: list[Path] = [
        *sorted(_visible((course.root / "notebooks").glob("*.md"))),
        *sorted(_visible((course.root / "solutions").glob("**/*.md"))),
    ]
    images = [path for path in (course.root / "images").glob("*") if path.is_dir()]
    strays = [path for path in found if path not in named]
    strays += sorted(path for path in _visible(images) if path not in folders)
    for path in strays:
        yield Finding(
            _name(course, path),
            "course.toml does not name it.",
            "Add an entry for it, or remove it.",
        )
    for path in stray_notebooks(course):
        yield Finding(_name(course, path), "no source stands behind it.", BUILD)


def _needs(course: Course) -> Iterator[Finding]:
    entries: tuple[Lesson | Exercise, ...] = (*course.lessons, *course.exercises)
    for entry in entries:
        for name in entry.needs:
            if name not in probes.names():
                yield Finding(
                    "course.toml",
                    f"`{entry.slug}` needs `{name}`, and there is no probe of this name.",
                    f"There are {', '.join(f'`{probe}`' for probe in probes.names())}.",
                )


def _shared_objects(course: Course) -> Iterator[Finding]:
    """Beginning one chapter's exercise again must leave another chapter's work alone.

    The machines of the lessons on clusters are for all of them: each set-up cell empties them.
    """
    chapters: dict[str, str] = {}
    for exercise in course.exercises:
        for name in (name for name in exercise.objects if name not in MACHINES):
            owner = chapters.setdefault(name, exercise.chapter)
            if owner != exercise.chapter:
                yield Finding(
                    "course.toml",
                    f"`{name}` of `{exercise.slug}` belongs to an exercise of `{owner}`, too.",
                    "Give it another name.",
                )


def _rules(course: Course) -> Iterator[Finding]:
    for chapter in course.chapters:
        try:
            source = _source(course, course.lesson_source(chapter.lesson))
            yield from lint_lesson(source, chapter)
            yield from _unlisted_images(course, source, chapter.lesson)
        except AuthoringError as error:
            yield _from_error(error)
        for exercise in chapter.exercises:
            try:
                source = _source(course, course.solution(exercise))
                check_markers(source)
                names = [spec.name for spec in _specs(course, exercise)]
                yield from lint_exercise(source, exercise, chapter, names)
                yield from _unlisted_images(course, source, exercise)
            except AuthoringError as error:
                yield _from_error(error)


def _unlisted_images(course: Course, source: Source, entry: Lesson | Exercise) -> Iterator[Finding]:
    """Find course images that code names, and that nobody would see to before it runs."""
    for image in course.images:
        used = re.compile(rf"(?<![\w./-]){re.escape(image.name)}(?![\w./-]|:(?!latest\b))")
        lines = [cell.line for cell in source.cells if cell.code and used.search(cell.source)]
        if lines and image.name not in entry.images:
            yield Finding(
                source.at(lines[0]),
                f"`{image.name}` is used, and the `images` of `{entry.slug}` do not list it.",
                "Add it in course.toml.",
            )


def _checks(course: Course) -> Iterator[Finding]:
    for exercise in course.exercises:
        try:
            specs = checks_of(exercise, course, hidden=True)
        except CourseError as error:
            yield Finding(
                _name(course, error.path), error.problem, f'Write one: `@check("{exercise.slug}")`.'
            )
            continue
        points = sum(spec.points for spec in specs)
        if points != exercise.points:
            yield Finding(
                "course.toml",
                f"`{exercise.slug}` has {exercise.points} points, its checks give {points}.",
                "Make them equal.",
            )
        above: set[str] = set()
        for spec in specs:
            if spec.after is not None and spec.after not in above:
                yield Finding(
                    f"labkit/checks/{exercise.chapter}.py",
                    f"`{spec.name}` comes after `{spec.after}`, which is no check of "
                    f"`{exercise.slug}` above it.",
                    "Name one that stands above it, or move it down.",
                )
            if spec.hidden and (spec.points or spec.after is None):
                yield Finding(
                    f"labkit/hidden_checks/{exercise.chapter}.py",
                    f"the hidden check `{spec.name}` does not say which check it doubts.",
                    "Give it `after=`, and no points: what it doubts earns nothing when it fails.",
                )
            above.add(spec.name)
            if not spec.expected:
                yield Finding(
                    f"labkit/checks/{exercise.chapter}.py",
                    f"`{spec.name}` has no docstring.",
                    "Say in it what should be true.",
                )


def _outdated(course: Course) -> Iterator[Finding]:
    try:
        notebooks = built(course)
    except AuthoringError as error:
        yield _from_error(error)
        return
    for notebook in notebooks:
        if notebook.outdated():
            name = _name(course, notebook.path)
            yield Finding(name, f"`{name}` is outdated.", BUILD)


def _specs(course: Course, exercise: Exercise) -> tuple[Check, ...]:
    try:
        return checks_of(exercise, course, hidden=True)
    except CourseError:
        return ()  # `_checks` reports it


def _source(course: Course, path: Path) -> Source:
    """Read a source whose findings name it as one sees it from the course's folder."""
    return Source(path.relative_to(course.root), Source.read(path).cells)


def _from_error(error: AuthoringError) -> Finding:
    return Finding(str(error.path), error.problem, error.hint)


def _visible(paths: Iterable[Path]) -> list[Path]:
    return [path for path in paths if not path.name.startswith(".") and path.parent.name[:1] != "."]


def _name(course: Course, path: Path) -> str:
    return str(path.relative_to(course.root))
