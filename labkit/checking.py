"""Checks: what should be true of the engine, and what was found instead.

A check is a function of `labkit/checks/CHAPTER.py` that takes the engine and returns nothing when
all is well. Its docstring says what should be true; it raises `CheckFailed` with what was found
and the next step. Any other error than labkit's own is our fault, and the learner is told so.
"""

from __future__ import annotations

import importlib
import inspect
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self, TypeVar

from labkit.errors import (
    CourseError,
    EngineError,
    EngineRequestFailed,
    NoSuchObject,
    RegistryError,
    WaitTimeout,
)
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from labkit.course import Course, Exercise
    from labkit.engine import Engine

    CheckFunction = Callable[[Engine], None]
    F = TypeVar("F", bound=CheckFunction)

NOT_IMPLEMENTED = 501


class CheckFailed(Exception):
    """What was found is not what the exercise asks for.

    Attributes:
        found: What was found, as a sentence without its full stop.
        hint: The next step.
    """

    def __init__(self, found: str, *, hint: str = "") -> None:
        super().__init__(found)
        self.found = found
        self.hint = hint


class Outcome(StrEnum):
    """How a check ended; `ERROR` is our fault."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    ERROR = "error"


@dataclass(frozen=True)
class Check:
    """One check of an exercise.

    Attributes:
        slug: The exercise it belongs to.
        after: The check that must pass before this one makes sense.
        hidden: Only the grader runs it, and what it says is for the instructor. When it fails,
            the check that it comes after earns nothing.
    """

    slug: str
    name: str
    points: int
    after: str | None
    function: CheckFunction
    hidden: bool = False

    @property
    def expected(self) -> str:
        """What should be true, from the docstring's first paragraph."""
        text = (inspect.getdoc(self.function) or "").partition("\n\n")[0]
        return _(" ".join(text.split()))


@dataclass(frozen=True)
class CheckOutcome:
    """What became of one check.

    Attributes:
        expected: What should be true.
        found: What was found; empty when passed.
        hint: The next step; empty when passed.
        earned: `points` when passed, else 0; 0 also where a hidden check contradicts it.
    """

    name: str
    expected: str
    outcome: Outcome
    found: str
    hint: str
    points: int
    earned: int
    hidden: bool = False

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read what `asdict` made of one.

        Raises:
            KeyError, TypeError, ValueError: It is something else.
        """
        return cls(**{**value, "outcome": Outcome(value["outcome"])})


@dataclass(frozen=True)
class CheckResult:
    """What became of an exercise's checks.

    Attributes:
        needs_unmet: A sentence for each thing this machine lacks; then nothing was checked.
        next_slug: The exercise that follows, or empty.
    """

    slug: str
    title: str
    outcomes: tuple[CheckOutcome, ...]
    needs_unmet: tuple[str, ...] = ()
    next_slug: str = ""

    @property
    def points(self) -> int:
        """What can be earned."""
        return sum(outcome.points for outcome in self.outcomes)

    @property
    def earned(self) -> int:
        """What was earned."""
        return sum(outcome.earned for outcome in self.outcomes)

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return bool(self.outcomes) and all(o.outcome is Outcome.PASSED for o in self.outcomes)

    @property
    def at_fault(self) -> bool:
        """Whether a check failed through our own fault."""
        return any(o.outcome is Outcome.ERROR for o in self.outcomes)

    def as_json(self) -> dict[str, Any]:
        """Return plain values for `json.dumps`."""
        sums = {"points": self.points, "earned": self.earned, "passed": self.passed}
        return {**asdict(self), **sums}


def first_not_passed(outcomes: Iterable[CheckOutcome]) -> CheckOutcome | None:
    """Return the first check that failed, was skipped or is at fault, or None."""
    return next((o for o in outcomes if o.outcome is not Outcome.PASSED), None)


def check(
    slug: str, *, points: int = 0, after: CheckFunction | None = None, hidden: bool = False
) -> Callable[[F], F]:
    """Make a function a check of the exercise `slug`.

    Args:
        slug: `chapter.exercise`.
        points: What it earns; a hidden one earns nothing.
        after: A check above it; when that one does not pass, this one is skipped.
        hidden: Only the grader runs it; when it fails, `after` earns nothing.
    """

    def mark(function: F) -> F:
        name = function.__name__
        spec = Check(slug, name, points, after.__name__ if after else None, function, hidden)
        function.labkit_check = spec  # type: ignore[attr-defined]
        return function

    return mark


def checks_of(exercise: Exercise, course: Course, *, hidden: bool = False) -> tuple[Check, ...]:
    """Return an exercise's checks, in the order of their module.

    Args:
        exercise: Whose checks.
        course: It belongs to this one.
        hidden: Hidden ones too, from `labkit/hidden_checks/`, which a course that is handed out
            may come without.

    Raises:
        CourseError: It has none, or one waits for a check that does not run before it.
    """
    found = _checks_in(f"labkit.checks.{exercise.chapter}", exercise, hidden=False)
    path = course.root / "labkit" / "checks" / f"{exercise.chapter}.py"
    if not found:
        raise CourseError(path, _("exercise `{slug}` has no checks.").format(slug=exercise.slug))
    if hidden:
        name = f"labkit.hidden_checks.{exercise.chapter}"
        found = (*found, *_checks_in(name, exercise, hidden=True))
    names = [spec.name for spec in found]
    for place, spec in enumerate(found):
        if spec.after and spec.after not in names[:place]:
            raise CourseError(
                path,
                _("`{name}` waits for `{after}`, which is no check of `{slug}` above it.").format(
                    name=spec.name, after=spec.after, slug=spec.slug
                ),
            )
    return found


def _checks_in(name: str, exercise: Exercise, *, hidden: bool) -> tuple[Check, ...]:
    """Take a module's checks of one kind: the hidden ones' imports the visible ones, too."""
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if not error.name or not f"{name}.".startswith(f"{error.name}."):
            raise
        return ()
    specs = (getattr(item, "labkit_check", None) for item in vars(module).values())
    checks = (spec for spec in specs if isinstance(spec, Check) and spec.hidden is hidden)
    return tuple(spec for spec in checks if spec.slug == exercise.slug)


def missing_images(engine: Engine, names: Iterable[str]) -> str:
    """Say which of these course images the engine lacks and what helps, or nothing."""
    missing = ", ".join(f"`{name}`" for name in names if not engine.images.exists(name))
    if not missing:
        return ""
    return _("The engine lacks course images: {names}. Run `labkit images ensure`.").format(
        names=missing
    )


def run_checks(
    engine: Engine,
    exercise: Exercise,
    course: Course,
    *,
    hidden: bool = False,
    met: Collection[str] = (),
) -> CheckResult:
    """Run an exercise's checks against the engine; nothing on it is changed.

    Args:
        engine: Where the learner worked.
        exercise: Whose checks.
        course: It belongs to this one.
        hidden: Run hidden checks, too: for the grader, and for the proof of an exercise.
        met: Needs that are known to be met, where a probe would look in the wrong place.

    Raises:
        EngineUnreachable: The engine went away; a verdict would be a lie.
    """
    following = course.after(exercise)
    lacking: tuple[str, ...] = ()
    if exercise.needs:  # few have any, and the probes take a moment to import
        from labkit.engine.probes import unmet

        lacking = unmet([need for need in exercise.needs if need not in met], engine)
    outcomes: dict[str, CheckOutcome] = {}
    if not lacking:
        for spec in checks_of(exercise, course, hidden=hidden):
            outcomes[spec.name] = ended = _run(engine, spec, outcomes)
            if spec.hidden and spec.after and ended.outcome is Outcome.FAILED:
                outcomes[spec.after] = replace(outcomes[spec.after], earned=0)
    # Looked for last, because most checks pass, and each look costs as much as a check.
    failed = any(outcome.outcome is not Outcome.PASSED for outcome in outcomes.values())
    if failed and (missing := missing_images(engine, exercise.images)):
        lacking, outcomes = (missing,), {}
    return CheckResult(
        exercise.slug,
        exercise.title,
        tuple(outcomes.values()),
        lacking,
        following.slug if following else "",
    )


def _run(engine: Engine, spec: Check, earlier: dict[str, CheckOutcome]) -> CheckOutcome:
    def end(outcome: Outcome, found: str = "", hint: str = "") -> CheckOutcome:
        earned = spec.points if outcome is Outcome.PASSED else 0
        return CheckOutcome(
            spec.name, spec.expected, outcome, found, hint, spec.points, earned, spec.hidden
        )

    if spec.after and earlier[spec.after].outcome is not Outcome.PASSED:
        return end(Outcome.SKIPPED, _("not looked at until the check before it passes"))
    try:
        spec.function(engine)
    except CheckFailed as failure:
        return end(Outcome.FAILED, failure.found, failure.hint)
    except (NoSuchObject, RegistryError, WaitTimeout) as error:
        there = _(
            "Run the exercise's first cells, if you have not. `docker ps --all` and "
            "`docker image ls` show what there is."
        )
        return end(Outcome.FAILED, error.message.rstrip("."), error.hint or there)
    except EngineRequestFailed as error:
        if not _is_a_refusal(error):
            raise
        inspected = _("`docker inspect NAME` shows how it was made.")
        return end(Outcome.FAILED, error.message.rstrip("."), error.hint or inspected)
    except EngineError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever else a check raises is our fault
        found = _("the check itself failed ({error}); this is a fault of the course, not yours")
        return end(
            Outcome.ERROR,
            found.format(error=f"{type(error).__name__}: {error}"),
            _("Run `labkit doctor`, and report what it says together with this message."),
        )
    return end(Outcome.PASSED)


def _is_a_refusal(error: EngineRequestFailed) -> bool:
    """Tell what the learner's own object makes impossible from a fault of the engine."""
    status = error.status or 0
    return 400 <= status < 500 or status == NOT_IMPLEMENTED  # noqa: PLR2004 - HTTP's classes
