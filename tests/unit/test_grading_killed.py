"""A grader that is killed at any moment loses nothing: the next run ends as if it had not been."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from labkit.errors import WaitTimeout
from labkit.grading.results import Results
from labkit.waiting import wait_until
from tests.unit.grading import HALF, RIGHT, WRONG, answered, built_course, hand_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from labkit.course import Course

ROOT = Path(__file__).parents[2]
STUDENTS = 150


@pytest.fixture
def course(tmp_path: Path) -> Course:
    made = built_course(tmp_path / "course")
    for n in range(STUDENTS):
        answer = (RIGHT, HALF, WRONG)[n % 3]
        hand_in(tmp_path / "class", f"s{n:03}/tiny.first.ipynb", answered(made, answer))
    return made


@pytest.fixture
def start(course: Course, tmp_path: Path) -> Callable[[Path], subprocess.Popen[bytes]]:
    """Start a grader that writes into a folder."""

    def started(out: Path) -> subprocess.Popen[bytes]:
        words = (sys.executable, "-m", "tests.unit.grader", course.root, tmp_path / "class", out, 2)
        return subprocess.Popen(list(map(str, words)), cwd=ROOT)

    return started


def results_in(folder: Path) -> list[dict[str, Any]]:
    return [verdict.result for verdict in Results(folder).all()]


def test_killed_graders_and_one_undisturbed_say_the_same(
    start: Callable[[Path], subprocess.Popen[bytes]], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    assert start(tmp_path / "undisturbed").wait() == 0
    seed = random.randrange(10**6)
    print(f"seed {seed}")  # noqa: T201 - shown when it fails
    moments = random.Random(seed)
    out = tmp_path / "killed"
    kills = 20 if request.config.getoption("--long") else 5
    for kill in range(kills):
        # Each is killed when a few more verdicts are there, and some in the midst of all the rest.
        wanted = min(STUDENTS, (kill + 1) * STUDENTS // kills + moments.randrange(-3, 4))
        grader = start(out)
        try:
            wait_until(
                lambda enough=wanted: len(list(out.glob("verdicts/*/*.json"))) >= enough,
                what="verdicts",
                timeout=30,
                interval=moments.uniform(0.001, 0.01),
            )
        except WaitTimeout:
            assert grader.poll() == 0
        grader.send_signal(signal.SIGKILL)
        grader.wait()
    assert start(out).wait() == 0
    assert results_in(out) == results_in(tmp_path / "undisturbed")
    assert len(results_in(out)) == STUDENTS
    assert [*out.glob("*/*/.*"), *out.glob(".*")] == [out / ".lock"]
    assert (out / "results.csv").read_text() == (tmp_path / "undisturbed/results.csv").read_text()


def test_two_graders_of_one_folder_wait_for_each_other(
    start: Callable[[Path], subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    both = [start(tmp_path / "out") for _ in range(2)]
    assert [grader.wait() for grader in both] == [0, 0]
    assert len(results_in(tmp_path / "out")) == STUDENTS
