from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import pytest

from labkit.checking import CheckFailed, Outcome, check, checks_of, run_checks
from labkit.engine.verdicts import ProbeResult, Verdict
from labkit.errors import CourseError, EngineRequestFailed, EngineUnreachable, WaitTimeout
from tests.unit.two_chapters import add_checks, write_course

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from labkit.checking import CheckResult
    from labkit.course import Course

RunChecks = "Callable[..., CheckResult]"


@pytest.fixture
def course(tmp_path: Path) -> Course:
    return write_course(tmp_path)


@pytest.fixture
def run(
    course: Course, fake_engine: Any, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., CheckResult]:
    """Run functions as the checks of `welcome.hello`."""

    def run_these(*functions: Any) -> CheckResult:
        add_checks(monkeypatch, *functions)
        return run_checks(fake_engine, course.exercise("welcome.hello"), course)

    return run_these


@check("welcome.hello", points=2)
def it_is_true(_engine: Any) -> None:
    """It is
    true.

    Why it matters to authors is not shown.
    """


@check("welcome.hello", points=1)
def it_is_false(_engine: Any) -> None:
    """It is false."""
    raise CheckFailed("it is true", hint="Turn it.")


@check("welcome.hello", points=1, after=it_is_false)
def it_depends(_engine: Any) -> None:
    """It depends."""


@check("welcome.hello", points=1, after=it_depends)
def it_depends_on_what_was_skipped(_engine: Any) -> None:
    """It depends on what was skipped."""


@check("welcome.hello", points=1)
def it_breaks(_engine: Any) -> None:
    """It breaks."""
    {}["nothing"]


@check("containers.first_run", points=1)
def it_is_of_another_exercise(_engine: Any) -> None:
    """It is of another exercise."""


@check("welcome.hello", points=1)
def a_container_is_there(engine: Any) -> None:
    """A container is there."""
    engine.containers.get("lab-web")


def test_a_passed_exercise_earns_its_points_and_names_the_next(run: RunChecks) -> None:
    result = run(it_is_true)
    (outcome,) = result.outcomes
    assert (outcome.outcome, outcome.found, outcome.hint) == (Outcome.PASSED, "", "")
    assert outcome.expected == "It is true."
    assert (result.earned, result.points, result.passed) == (2, 2, True)
    assert result.next_slug == "containers.first_run"


def test_a_failed_check_tells_what_was_found_and_the_next_step(run: RunChecks) -> None:
    result = run(it_is_true, it_is_false)
    failed = result.outcomes[1]
    assert (failed.outcome, failed.found, failed.hint) == (
        Outcome.FAILED,
        "it is true",
        "Turn it.",
    )
    assert (result.earned, result.points, result.passed) == (2, 3, False)


def test_what_depends_on_a_failed_check_is_skipped_all_the_way(run: RunChecks) -> None:
    result = run(it_is_false, it_depends, it_depends_on_what_was_skipped)
    assert [o.outcome for o in result.outcomes] == ["failed", "skipped", "skipped"]
    assert result.earned == 0


def test_a_check_that_breaks_is_our_fault_and_the_others_go_on(run: RunChecks) -> None:
    result = run(it_breaks, it_is_true)
    broken, fine = result.outcomes
    assert broken.outcome is Outcome.ERROR
    assert "KeyError" in broken.found
    assert "not yours" in broken.found
    assert "labkit doctor" in broken.hint
    assert fine.outcome is Outcome.PASSED
    assert result.at_fault
    assert not result.passed


def test_a_missing_object_is_a_failed_check_in_its_own_words(run: RunChecks) -> None:
    (outcome,) = run(a_container_is_there).outcomes
    assert outcome.outcome is Outcome.FAILED
    assert outcome.found == "There is no container named `lab-web`"


def test_a_time_out_is_a_failed_check(run: RunChecks) -> None:
    @check("welcome.hello", points=1)
    def it_answers(_engine: Any) -> None:
        """It answers."""
        raise WaitTimeout("an answer", 2, hint="Look at its logs.")

    (outcome,) = run(it_answers).outcomes
    assert (outcome.outcome, outcome.hint) == (Outcome.FAILED, "Look at its logs.")


def test_an_engine_that_goes_away_gives_no_verdict(run: RunChecks) -> None:
    @check("welcome.hello", points=1)
    def it_asks(_engine: Any) -> None:
        """It asks."""
        raise EngineUnreachable("unix:///x", "Connection refused")

    with pytest.raises(EngineUnreachable):
        run(it_is_true, it_asks)


def refused(status: int) -> Any:
    @check("welcome.hello", points=1)
    def its_log_is_read(_engine: Any) -> None:
        """Its log is read."""
        raise EngineRequestFailed("The engine refused: no log is kept.", status=status)

    return its_log_is_read


@pytest.mark.parametrize("status", [404, 409, 501])
def test_what_the_engine_refuses_is_a_failed_check_in_its_words(
    run: RunChecks, status: int
) -> None:
    first, second = run(refused(status), it_is_true).outcomes
    assert (first.outcome, first.found) == (
        Outcome.FAILED,
        "The engine refused: no log is kept",
    )
    assert "docker inspect" in first.hint
    assert second.outcome is Outcome.PASSED


def test_a_fault_of_the_engine_gives_no_verdict(run: RunChecks) -> None:
    with pytest.raises(EngineRequestFailed):
        run(refused(500))


@pytest.mark.parametrize("below", [(it_depends, it_is_false), (it_depends,)])
def test_a_check_that_waits_for_none_above_it_is_the_courses_fault(
    run: RunChecks, below: tuple[Any, ...]
) -> None:
    with pytest.raises(CourseError, match="`it_depends` waits for `it_is_false`"):
        run(it_is_true, *below)


def test_a_missing_course_image_is_named_instead_of_what_fails_without_it(
    course: Course, fake_engine: Any, make_image: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_checks(monkeypatch)
    exercise = course.exercise("containers.first_run")
    result = run_checks(fake_engine, exercise, course)
    assert result.needs_unmet == (
        "The engine lacks course images: `lab/web`. Run `labkit images ensure`.",
    )
    assert result.outcomes == ()
    fake_engine.images.things["lab/web"] = make_image("sha256:1")
    result = run_checks(fake_engine, exercise, course)
    assert result.needs_unmet == ()
    assert [o.outcome for o in result.outcomes] == [Outcome.FAILED]


def test_checks_of_other_exercises_are_left_out(run: RunChecks) -> None:
    assert [o.name for o in run(it_is_of_another_exercise, it_is_true).outcomes] == ["it_is_true"]


def test_an_exercise_without_checks_is_the_courses_fault(course: Course) -> None:
    orphan = dataclasses.replace(course.exercises[0], slug="nowhere.x", chapter="nowhere")
    with pytest.raises(CourseError, match=r"`nowhere\.x` has no checks"):
        checks_of(orphan, course)


def test_a_checks_module_that_does_not_import_is_not_taken_for_a_missing_one(
    course: Course, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "broken.py").write_text("import no_such_package_anywhere\n")
    monkeypatch.setattr("labkit.checks.__path__", [str(tmp_path)])
    broken = dataclasses.replace(course.exercises[0], slug="broken.x", chapter="broken")
    with pytest.raises(ModuleNotFoundError, match="no_such_package_anywhere"):
        checks_of(broken, course)


def test_a_result_is_json(run: RunChecks) -> None:
    told = json.loads(json.dumps(run(it_is_true, it_is_false).as_json()))
    assert (told["slug"], told["earned"], told["points"], told["passed"]) == (
        "welcome.hello",
        2,
        3,
        False,
    )
    assert told["outcomes"][1]["found"] == "it is true"


def test_nothing_is_checked_where_this_machine_lacks_what_is_needed(
    course: Course, fake_engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(name: str, _engine: object) -> ProbeResult:
        return ProbeResult(name, Verdict.ABSENT, "No IPVS here.", cost="Meshes do not work.")

    monkeypatch.setattr("labkit.engine.probes.probe", absent)
    welcome, *others = course.chapters
    hello = dataclasses.replace(welcome.exercises[0], needs=("ipvs",))
    welcome = dataclasses.replace(welcome, exercises=(hello,))
    needy = dataclasses.replace(course, chapters=(welcome, *others))
    result = run_checks(fake_engine, hello, needy)
    assert result.needs_unmet == ("No IPVS here. Meshes do not work.",)
    assert result.outcomes == ()
    assert not result.passed


def test_every_check_of_the_course_says_what_should_be_true() -> None:
    from labkit.course import Course

    course = Course.load()
    for exercise in course.exercises:
        for spec in checks_of(exercise, course):
            assert spec.expected.endswith("."), f"{spec.slug} {spec.name}: {spec.expected!r}"


@check("welcome.hello", after=it_is_true, hidden=True)
def it_is_honest(_engine: Any) -> None:
    """It was not invented."""
    raise CheckFailed("it was invented", hint="Ask how.")


def test_a_learner_sees_nothing_of_a_hidden_check(run: Callable[..., CheckResult]) -> None:
    result = run(it_is_true, it_is_honest)
    assert [outcome.name for outcome in result.outcomes] == ["it_is_true"]
    assert result.passed
    assert result.earned == 2


def test_a_hidden_check_takes_the_points_of_the_one_it_doubts(
    course: Course, fake_engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_checks(monkeypatch, it_is_true, it_is_honest, it_is_false)
    result = run_checks(fake_engine, course.exercise("welcome.hello"), course, hidden=True)
    doubted, _other, hidden = result.outcomes
    assert (doubted.outcome, doubted.earned) == (Outcome.PASSED, 0)
    assert (hidden.outcome, hidden.hidden, hidden.points) == (Outcome.FAILED, True, 0)
    assert not result.passed
    assert (result.earned, result.points) == (0, 3)
