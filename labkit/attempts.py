"""One attempt at an exercise: run its checks and note the outcome. All faces call this."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from labkit.checking import run_checks
from labkit.errors import LabError
from labkit.progress import Progress
from labkit.translation import _

if TYPE_CHECKING:
    from labkit.checking import CheckResult
    from labkit.course import Course
    from labkit.engine import Engine
    from labkit.progress import ExerciseProgress


@dataclass(frozen=True)
class Attempt:
    """A check run and what it did to the learner's progress.

    Attributes:
        warning: Why progress was not noted as it should have been; empty when it was.
    """

    result: CheckResult
    warning: str = ""


@dataclass(frozen=True)
class Hint:
    """A hint, its place from 1, and how many there are."""

    text: str
    place: int
    available: int


def attempt(engine: Engine, course: Course, slug: str) -> Attempt:
    """Check the exercise `slug` and note the outcome.

    What was not checked, or not to the end through our own fault, is no attempt.

    Raises:
        UnknownSlug: There is no such exercise.
        EngineUnreachable: There was no verdict; nothing was noted.
    """
    result = run_checks(engine, course.exercise(slug), course)
    if result.needs_unmet or result.at_fault:
        return Attempt(result)
    try:
        Progress(course.work()).record(result)
    except LabError as error:
        return Attempt(result, str(error))
    return Attempt(result)


def next_hint(course: Course, slug: str) -> Hint:
    """Return the next hint for an exercise, and count it as seen.

    Raises:
        UnknownSlug: There is no such exercise.
        LabError: It has no hints.
    """
    exercise = course.exercise(slug)
    if not exercise.hints:
        raise LabError(_("`{slug}` has no hints.").format(slug=slug))
    available = len(exercise.hints)
    place = Progress(course.work()).show_hint(slug, available)
    return Hint(exercise.hints[place], place + 1, available)


def status(progress: ExerciseProgress | None) -> str:
    """Say in a word how far an exercise is."""
    if progress is None or not progress.attempts:
        return _("new")
    return _("passed") if progress.passed else _("tried")


def status_of(course: Course, slug: str) -> str:
    """Say in a word how far the exercise `slug` is."""
    return status(Progress(course.work()).read().get(slug))
