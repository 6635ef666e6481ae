from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from labkit.authoring.build import build
from labkit.course import Course
from labkit.errors import EngineStartFailed, LabError
from labkit.grading.grade import Deadlines, grade, grade_one
from labkit.grading.results import Results, file_name
from labkit.grading.submissions import find
from labkit.grading.verdicts import Status, Verdict
from tests.unit.grading import HALF, RIGHT, WRONG, FakeDesks, answered, built_course, hand_in
from tests.unit.tiny_course import add_checks

if TYPE_CHECKING:
    from pathlib import Path

    from labkit.grading.grade import Graded

Grade = Callable[..., dict[str, Verdict]]


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Course:
    add_checks(monkeypatch)
    return built_course(tmp_path / "course")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "class"


@pytest.fixture
def results(tmp_path: Path) -> Results:
    return Results(tmp_path / "results")


@pytest.fixture
def run(course: Course, folder: Path, results: Results) -> Grade:
    """Hand answers in and grade them; the verdicts by student."""

    def graded(
        answers: dict[str, str], desks: FakeDesks | None = None, **settings: Any
    ) -> dict[str, Verdict]:
        for student, answer in answers.items():
            hand_in(folder, f"{student}/tiny.first.ipynb", answered(course, answer))
        judge = partial(grade_one, course, desks or FakeDesks(course), Deadlines())
        found = grade(course, find(folder, course), results, judge, **settings)
        return {verdict.student: verdict for verdict in found}

    return graded


def test_right_half_and_wrong_answers_get_their_points(run: Grade) -> None:
    verdicts = run({"ada": RIGHT, "bob": HALF, "cyd": WRONG, "dan": ""})
    assert {name: (v.status, v.kind, v.earned) for name, v in verdicts.items()} == {
        "ada": (Status.GRADED, "completed", 2),
        "bob": (Status.GRADED, "completed", 1),
        "cyd": (Status.GRADED, "completed", 0),
        "dan": (Status.GRADED, "completed", 0),
    }
    assert verdicts["ada"].passed
    assert verdicts["bob"].outcomes[1].hint == "Run `docker start lab-a`."


def test_a_verdict_keeps_its_evidence(run: Grade, results: Results) -> None:
    run({"ada": RIGHT})
    kept = results.explained("ada", "tiny.first")
    assert [cell.source for cell in kept.evidence.cells] == ["%load_ext labkit", RIGHT]
    assert kept.evidence.events == ({"Action": "create", "time": 1},)
    assert kept.evidence.state == {"containers": ["lab-a"]}


def test_a_container_that_could_change_the_engine_is_noted_and_takes_no_points(run: Grade) -> None:
    verdict = run({"ada": f"{RIGHT}\n!docker run --privileged lab/shell true"})["ada"]
    assert verdict.passed
    (note,) = verdict.notes
    assert (note.kind, "`lab-x`: --privileged." in note.message) == ("mighty container", True)


def test_a_verdict_is_read_as_it_was_written(run: Grade, results: Results) -> None:
    verdict = run({"Zoë 学生/.. <b>".replace("/", "_"): HALF}).popitem()[1]
    assert results.all() == (verdict,)
    assert Verdict.from_json(json.loads(json.dumps(verdict.as_json()))) == verdict


def test_a_deadline_is_said_and_what_was_done_before_counts(run: Grade) -> None:
    verdict = run({"ada": f"{RIGHT}\nwhile True: pass"})["ada"]
    assert (verdict.status, verdict.kind, verdict.earned) == (Status.GRADED, "cell deadline", 2)
    assert "120 s" in verdict.message


def test_an_engine_that_goes_with_the_answer_twice_is_its_work(run: Grade, course: Course) -> None:
    desks = FakeDesks(course)
    verdict = run({"ada": f"{RIGHT}; kill the engine"}, desks)["ada"]
    assert (verdict.kind, verdict.earned) == ("engine gone", 0)
    assert len(desks.handed_out) == 2


def test_a_desk_that_fails_is_no_ones_fault_but_ours(
    run: Grade, course: Course, results: Results
) -> None:
    broken = EngineStartFailed("It did not come up.")
    desks = FakeDesks(course, failing=[broken])
    assert run({"ada": RIGHT}, desks)["ada"].earned == 2
    desks = FakeDesks(course, failing=[broken, ValueError("x")])
    verdict = run({"bob": RIGHT}, desks)["bob"]
    assert (verdict.status, verdict.kind) == (Status.FAULT, "grader")
    assert verdict.message == "ValueError: x"
    assert run({})["bob"].earned == 2  # a fault is no verdict to keep
    assert len(results.all()) == 2


def test_a_fault_of_a_check_is_ours_and_takes_no_points(
    run: Grade, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_engine: Any) -> None:
        raise ZeroDivisionError

    spec = sys.modules["labkit.checks.tiny"].it_has_run.labkit_check
    broken.labkit_check = replace(spec, function=broken)  # type: ignore[attr-defined]
    monkeypatch.setattr(sys.modules["labkit.checks.tiny"], "it_has_run", broken)
    verdict = run({"ada": RIGHT})["ada"]
    assert (verdict.status, verdict.kind) == (Status.FAULT, "check")
    assert "ZeroDivisionError" in verdict.message


def test_what_the_machine_lacks_is_said(run: Grade, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labkit.checking.missing_images", lambda *_: "No image.")
    verdict = run({"ada": WRONG})["ada"]
    assert (verdict.status, verdict.message) == (Status.NOT_HERE, "No image.")


def test_a_refused_file_gets_no_desk(run: Grade, course: Course, folder: Path) -> None:
    hand_in(folder, "eve/tiny.first.ipynb", b"")
    hand_in(folder, "eve/Untitled.ipynb", b"{}")
    desks = FakeDesks(course)
    verdict = run({}, desks)["eve"]
    assert (verdict.status, verdict.earned) == (Status.REFUSED, 0)
    assert desks.handed_out == []


def test_what_has_a_verdict_is_not_graded_again(
    run: Grade, course: Course, results: Results
) -> None:
    run({"ada": RIGHT, "bob": WRONG})
    told: list[Graded] = []
    desks = FakeDesks(course)
    run({"bob": HALF}, desks, progress=told.append)
    assert {(t.verdict.student, t.kept) for t in told} == {("ada", True), ("bob", False)}
    assert len(desks.handed_out) == 1
    assert {v.student: v.earned for v in results.all()} == {"ada": 2, "bob": 1}
    run({}, desks, again=True)
    assert len(desks.handed_out) == 3


def test_another_course_grades_again(run: Grade, course: Course) -> None:
    run({"ada": RIGHT})
    checks = course.root / "labkit" / "checks"
    checks.mkdir(parents=True)
    (checks / "tiny.py").write_text("# stricter")
    desks = FakeDesks(course)
    run({}, desks)
    assert len(desks.handed_out) == 1


def test_half_a_verdict_is_none(run: Grade, results: Results) -> None:
    run({"ada": RIGHT})
    path = results.folder / "verdicts" / "ada" / "tiny.first.json"
    path.write_bytes(path.read_bytes()[:100])
    (path.parent / ".tiny.first.json.left").write_text("by a killed one")
    with results.held():
        assert results.all() == ()
        assert run({})["ada"].earned == 2
    assert [p.name for p in path.parent.iterdir()] == ["tiny.first.json"]


@pytest.mark.parametrize("workers", [1, 4])
def test_workers_agree_whatever_their_number(run: Grade, course: Course, workers: int) -> None:
    answers = [RIGHT, HALF, WRONG]
    desks = FakeDesks(course)
    verdicts = run({f"s{n:02}": answers[n % 3] for n in range(24)}, desks, workers=workers)
    assert [v.earned for v in verdicts.values()] == [2, 1, 0] * 8
    assert desks.most_at_once <= workers


def test_an_interrupt_leaves_what_is_done(run: Grade, results: Results) -> None:
    seen = threading.Event()

    def interrupt(_graded: Graded) -> None:
        seen.set()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run({"ada": RIGHT, "bob": RIGHT}, progress=interrupt)
    assert seen.is_set()
    assert results.all()


def test_names_of_files_differ_where_names_do() -> None:
    names = ["a/b", "a%2Fb", "a b", ".a", "%2Ea", "学", "a:b", "a\\b"]
    made = [file_name(name) for name in names]
    assert len(set(made)) == len(names)
    assert not any("/" in name or name.startswith(".") for name in made)


def test_an_unknown_verdict_names_those_there_are(run: Grade, results: Results) -> None:
    run({"ada": RIGHT})
    with pytest.raises(LabError, match=r"`tiny\.first`"):
        results.explained("ada", "x.y")
    with pytest.raises(LabError, match="`ada`"):
        results.explained("bob", "x.y")


@pytest.fixture
def chained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Course:
    """A course with a second exercise that begins where the first one ends."""
    made = built_course(tmp_path / "chained")
    manifest = made.root / "course.toml"
    entry = manifest.read_text().partition("[[chapters.exercises]]")[2]
    second = entry.replace('"first"', '"second"\nbuilds_on = "tiny.first"')
    manifest.write_text(f"{manifest.read_text()}\n[[chapters.exercises]]{second}")
    source = made.root / "solutions" / "07_tiny" / "first.md"
    source.with_name("second.md").write_text(source.read_text().replace("y.first", "y.second"))
    add_checks(monkeypatch)
    module = sys.modules["labkit.checks.tiny"]
    spec = replace(module.it_is_there.labkit_check, slug="tiny.second", points=2)

    def again(engine: Any) -> None:
        spec.function(engine)

    again.labkit_check = spec  # type: ignore[attr-defined]
    monkeypatch.setattr(module, "again", again, raising=False)
    course = Course.load(made.root)
    build(course)
    return course


@pytest.mark.parametrize(
    ("first", "status", "why"),
    [
        (RIGHT, Status.GRADED, ""),
        (HALF, Status.BLOCKED, "it was only created"),
        (None, Status.BLOCKED, "The file is empty"),
    ],
)
def test_an_exercise_that_builds_on_another_begins_where_that_one_ends(
    chained: Course, folder: Path, results: Results, first: str | None, status: Status, why: str
) -> None:
    second = chained.exercises[1]
    content = chained.exercise_notebook(second).read_bytes()
    hand_in(folder, "ada/tiny.second.ipynb", content)
    if first is not None:
        hand_in(folder, "ada/tiny.first.ipynb", answered(chained, first))
    desks = FakeDesks(chained)
    judge = partial(grade_one, chained, desks, Deadlines())
    found = find(folder, chained, slug="tiny.second")
    verdict = grade(chained, found, results, judge)[-1]
    assert (verdict.slug, verdict.status) == ("tiny.second", status), verdict.message
    assert why in verdict.message
    if first == RIGHT:
        assert verdict.passed  # what the first one made is there
        assert [cell.id for cell in desks.handed_out[-1].ran][1::2] == [
            "tiny-first-03",
            "tiny-second-03",
        ]
        hand_in(folder, "ada/tiny.first.ipynb", answered(chained, WRONG))
        assert grade(chained, found, results, judge)[-1].status is Status.BLOCKED
