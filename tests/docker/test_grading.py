"""A class is graded on rootless engines: each verdict is the expected one, in any order."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from labkit.checking import Outcome
from labkit.grading import slots
from labkit.grading.cluster import cluster
from labkit.grading.desks import Desks
from labkit.grading.grade import Deadlines, grade, grade_one
from labkit.grading.publishing import publish
from labkit.grading.results import Results
from labkit.grading.submissions import find
from labkit.grading.verdicts import Status
from labkit.waiting import wait_until
from tests.docker.desks import skip_unable
from tests.grading.suite import HELLO, Case, hand_in, suite, written
from tests.grading.workers import two_workers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labkit.course import Course
    from labkit.engine import Engine
    from labkit.grading.verdicts import Verdict

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def cases(course: Course) -> tuple[Case, ...]:
    found = suite(course)
    assert len(found) >= 40
    return found


@pytest.fixture(scope="module")
def desks(course: Course, engine: Engine) -> Iterator[Desks]:
    skip_unable()
    with Desks(course, engine, workers=4) as made:
        yield made


def verdicts_on(
    course: Course, desks: Desks, folder: Path, *, workers: int, cell: float = 60
) -> tuple[Verdict, ...]:
    """Grade what was handed in, in a random order."""
    judge = partial(grade_one, course, desks, Deadlines(cell=cell, whole=2 * cell))
    submissions = list(find(folder / "class", course))
    random.shuffle(submissions)
    found = grade(course, submissions, Results(folder / "results"), judge, workers=workers)
    return tuple(sorted(found, key=lambda verdict: (verdict.student, verdict.slug)))


def expected(case: Case) -> dict[str, Any]:
    return {
        "student": case.student,
        "slug": case.slug,
        "status": Status.GRADED,
        "kind": case.kind,
        "earned": case.earned,
        "notes": list(case.notes),
        "first failed": case.check,
    }


def found(verdict: Verdict) -> dict[str, Any]:
    failed = [o.name for o in verdict.outcomes if o.outcome is not Outcome.PASSED]
    keys = ("student", "slug", "status", "kind", "earned", "notes")
    return {key: verdict.result[key] for key in keys} | {"first failed": (failed or [""])[0]}


def test_the_class_gets_the_expected_verdicts_with_any_number_of_workers_in_any_order(
    course: Course,
    desks: Desks,
    cases: tuple[Case, ...],
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    """In short: one half with one worker, the other with four. Long: all with both, five times."""
    shuffled = random.sample(cases, len(cases))
    parts = [(shuffled[:16], 1), (shuffled[16:], 4)]
    if request.config.getoption("--long"):
        parts = [(shuffled, 1), (shuffled, 4)] * 5
    for number, (part, workers) in enumerate(parts):
        folder = tmp_path / str(number)
        hand_in(folder / "class", part)
        verdicts = verdicts_on(course, desks, folder, workers=workers)
        wanted = sorted(part, key=lambda case: (case.student, case.slug))
        assert [found(v) for v in verdicts] == [expected(case) for case in wanted]


def test_two_workers_of_a_cluster_have_desks_of_their_own(
    course: Course,
    engine: Engine,
    cases: tuple[Case, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    skip_unable()
    few = sorted(cases, key=lambda case: case.slug != "welcome.hello")[:6]
    hand_in(tmp_path / "class", few)
    for name, value in {"LABKIT_COURSE": str(course.root), **engine.cli_env()}.items():
        monkeypatch.setenv(name, value)
    results = Results(tmp_path / "results")
    with (
        two_workers(tmp_path) as local,
        cluster(local.scheduler_address, Deadlines()) as (judge, workers),
    ):
        verdicts = grade(course, find(tmp_path / "class", course), results, judge, workers=workers)
    wanted = sorted(few, key=lambda case: (case.student, case.slug))
    assert [found(verdict) for verdict in verdicts] == [expected(case) for case in wanted]


#: What people do to a grader, after they have answered; how it ends; and what is said of it.
UNRULY = {
    "an_endless_loop": ("while True: pass", "cell deadline", "more than 10 s"),
    "a_loop_that_goes_on_when_interrupted": (
        "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
        "cell deadline",
        "more than 10 s",
    ),
    "an_exit_without_a_word": ("import os; os._exit(3)", "exited", "exit code 3"),
    "a_kill_of_itself": ("import os; os.kill(os.getpid(), 9)", "exited", "SIGKILL"),
    "a_memory_hog": ("x = [bytearray(2**27) for _ in range(64)]", "memory", "more memory"),
    "a_disk_filler": ("!dd if=/dev/zero of=big bs=1M count=4000", "disk", "filled the disk"),
    "a_flood_of_lines": (
        "for _ in range(1000): print('line\\n' * 20_000, end='')",
        "output",
        "printed more",
    ),
    "a_fork_bomb": ("import os\nwhile True: os.fork()", "memory or processes", "than they may"),
    "a_question": ("input('Your name? ')", "completed", ""),
    "an_unknown_image": ("!docker run --name lab-x nowhere/nothing", "completed", ""),
    "what_outlives_the_cell": (
        "import subprocess; subprocess.Popen(['sleep', '600'], start_new_session=True)",
        "completed",
        "",
    ),
    "a_socket_deleted": ("import os; os.remove('/run/docker.sock')", "completed", ""),
    "text_of_all_kinds": (
        "print('学生 \U0001f433 \u202e \\x00 \\x1b[2J'); raise ValueError('\\ud800')",
        "completed",
        "",
    ),
}


def test_unruly_notebooks_get_a_verdict_with_its_reason(
    course: Course, desks: Desks, tmp_path: Path
) -> None:
    verdicts: list[Verdict] = []
    for seconds, endless in ((10, True), (60, False)):
        folder = tmp_path / str(seconds)
        for name, (code, kind, _words) in UNRULY.items():
            if (kind == "cell deadline") is endless:
                content = written(course, "welcome.hello", f"{HELLO}\n{code}")
                hand_in(folder / "class", (Case(name, "welcome.hello", content, 3),))
        verdicts += verdicts_on(course, desks, folder, workers=4, cell=seconds)
    assert {v.student for v in verdicts} == UNRULY.keys()
    for verdict in verdicts:
        _code, kind, words = UNRULY[verdict.student]
        assert verdict.status is Status.GRADED, verdict.student
        assert verdict.kind in kind.split(" or "), verdict.student
        assert words in verdict.message
        assert verdict.earned == 3, verdict.student  # what was done before counts
    publish(Results(tmp_path / "results"), verdicts)


def test_a_killed_grader_leaves_nothing_behind_and_loses_nothing(
    engine: Engine,
    cases: tuple[Case, ...],
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    skip_unable()
    few = tuple(case for case in cases if case.slug == "welcome.hello")[:10]
    hand_in(tmp_path / "class", few)
    out = tmp_path / "results"
    command = [sys.executable, "-m", "labkit", "grade", str(tmp_path / "class"), "--out", str(out)]
    environment = {**os.environ, **engine.cli_env()}
    kills = 20 if request.config.getoption("--long") else 2
    for kill in range(kills):
        grader = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
        enough = kill * len(few) // kills
        wait_until(
            lambda enough=enough: len(list(out.glob("verdicts/*/*.json"))) >= enough,
            what="verdicts",
            timeout=60,
            interval=random.uniform(0.001, 0.1),
        )
        with suppress(subprocess.TimeoutExpired):
            grader.wait(random.uniform(0, 1))
        grader.send_signal(signal.SIGKILL)
        grader.wait()
    done = subprocess.run(command, cwd=ROOT, env=environment, check=False, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert [found(v) for v in Results(out).all()] == [
        expected(case) for case in sorted(few, key=lambda case: case.student)
    ]
    assert slots.sweep() == ()
