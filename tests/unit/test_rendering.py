from __future__ import annotations

import dataclasses
import html
import re
from typing import TYPE_CHECKING, Any

import pytest

from labkit import rendering
from labkit.attempts import Attempt, Hint
from labkit.checking import CheckOutcome, CheckResult, Outcome
from labkit.engine.ownership import Owned, Removal
from labkit.engine.snapshot import Change, Item
from labkit.progress import ExerciseProgress
from labkit.rendering import Style
from labkit.resetting import ResetDone, ResetPlan
from tests.unit.two_chapters import write_course

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE = "<img src=x onerror=alert(1)> & `<b>code</b>`"

PASSED = CheckOutcome("a", "It is there.", Outcome.PASSED, "", "", 1, 1)
FAILED = CheckOutcome("b", "It runs.", Outcome.FAILED, "it ended", "Run `docker logs x`.", 2, 0)
SKIPPED = CheckOutcome("c", "It answers.", Outcome.SKIPPED, "not looked at", "", 1, 0)
FAULT = CheckOutcome("d", "It is well.", Outcome.ERROR, "KeyError", "Run `labkit doctor`.", 1, 0)


def attempt(*outcomes: CheckOutcome, warning: str = "", **facts: Any) -> Attempt:
    result = CheckResult("welcome.hello", "Hello", outcomes, **facts)
    return Attempt(result, warning)


def words_of(markup: str) -> set[str]:
    """What a reader of the HTML sees, as words."""
    text = re.sub(r"<[^>]*>", " ", markup)
    return set(re.findall(r"[\w/-]+", html.unescape(text)))


def test_an_attempt_shows_each_check_with_what_was_found_and_the_next_step() -> None:
    text = rendering.attempt_text(attempt(PASSED, FAILED, SKIPPED, FAULT))
    assert text.splitlines()[0] == "welcome.hello  Hello"
    for part in (
        "passed     It is there.  (1/1)",
        "failed     It runs.  (0/2)",
        "Found: it ended.",
        "Next: Run `docker logs x`.",
        "skipped    It answers.  (0/1)",
        "(not looked at)",
        "our fault  It is well.  (0/1)",
        "1 of 5 points.",
        "`%hint welcome.hello`",
    ):
        assert part in text


def test_a_notebook_shows_what_a_terminal_shows() -> None:
    shown = attempt(PASSED, FAILED, SKIPPED, FAULT, warning="Progress was not noted.")
    in_terminal = set(re.findall(r"[\w/-]+", rendering.attempt_text(shown)))
    assert in_terminal <= words_of(rendering.attempt_html(shown))


@pytest.mark.parametrize(
    ("following", "said"),
    [
        (
            "containers.first_run",
            "Next exercise: `%exercise containers.first_run`, or `labkit start",
        ),
        ("", "That was the last exercise."),
    ],
)
def test_a_pass_says_what_comes_next(following: str, said: str) -> None:
    text = rendering.attempt_text(attempt(PASSED, next_slug=following))
    assert said in text
    assert "%hint" not in text


def test_what_this_machine_lacks_is_a_sentence_and_no_failure() -> None:
    text = rendering.attempt_text(attempt(needs_unmet=("No IPVS: meshes do not work.",)))
    assert "Not here: No IPVS: meshes do not work." in text
    assert "points" not in text


def test_colours_are_for_terminals_only() -> None:
    shown = attempt(PASSED, FAILED)
    plain = rendering.attempt_text(shown)
    coloured = rendering.attempt_text(shown, Style(colours=True))
    assert "\x1b" not in plain
    assert re.sub(r"\x1b\[\d+m", "", coloured) == plain


def test_everything_from_outside_is_escaped(tmp_path: Path) -> None:
    outcome = dataclasses.replace(FAILED, expected=HOSTILE, found=HOSTILE, hint=HOSTILE)
    course = write_course(tmp_path)
    exercise = dataclasses.replace(course.exercises[0], title=HOSTILE)
    result = CheckResult(HOSTILE, HOSTILE, (outcome,), (HOSTILE,), HOSTILE)
    for markup in (
        rendering.attempt_html(Attempt(result, HOSTILE)),
        rendering.exercise_html(exercise, '"><script>', "new"),
        rendering.changes_html([Change("+", Item("container", "1", HOSTILE))]),
        rendering.message_html(HOSTILE),
    ):
        assert "<img" not in markup
        assert "<script" not in markup
        assert "<b>code" not in markup


def test_backticks_become_code() -> None:
    assert "<code>docker ps</code>" in rendering.message_html("Run `docker ps`.")


def test_a_hint_tells_its_place() -> None:
    assert rendering.hint_text(Hint("Look.", 1, 3)) == "Hint 1 of 3: Look."


def test_the_course_is_listed_with_progress(tmp_path: Path) -> None:
    progress = {
        "welcome.hello": ExerciseProgress(attempts=2, earned=3, passed_at="2026-01-01"),
        "containers.first_run": ExerciseProgress(attempts=1, earned=1),
    }
    text = rendering.course_text(write_course(tmp_path), progress)
    assert "00  Welcome  (5 min)" in text
    assert re.search(r"passed +welcome\.hello +3/3  Hello", text)
    assert re.search(r"tried +containers\.first_run +1/2", text)
    assert re.search(r"new +containers\.second_run +0/1", text)
    assert text.endswith("4 of 6 points.")


def test_points_of_exercises_that_the_course_has_no_more_do_not_count(tmp_path: Path) -> None:
    progress = {"gone.long_ago": ExerciseProgress(attempts=1, earned=50)}
    text = rendering.course_text(write_course(tmp_path), progress)
    assert text.endswith("\n0 of 6 points.")


def test_a_reset_plan_lists_exactly_what_would_go(tmp_path: Path) -> None:
    things = (Owned("container", "lab-a", "1"), Owned("image", "lab/a:1", "lab/a:1"))
    text = rendering.reset_plan_text(
        ResetPlan(None, tmp_path / "exercises" / "00_welcome" / "hello.ipynb", things)
    )
    assert text.splitlines()[:3] == [
        "This would be removed:",
        "  container lab-a",
        "  image lab/a:1",
    ]
    assert "`exercises/00_welcome/hello.ipynb` would begin again" in text


def test_an_empty_reset_plan_says_so() -> None:
    assert "Nothing" in rendering.reset_plan_text(ResetPlan(None, None, ()))


def test_a_reset_tells_what_went_and_what_the_engine_refused(tmp_path: Path) -> None:
    gone, stays = Owned("container", "lab-a", "1"), Owned("image", "lab/a:1", "lab/a:1")
    done = ResetDone(Removal((gone,), {stays: "it is in use"}), tmp_path / "kept.ipynb")
    text = rendering.reset_done_text(done)
    assert "- container lab-a" in text
    assert "! image lab/a:1 is still there: it is in use" in text
    assert f"`{tmp_path / 'kept.ipynb'}`" in text
