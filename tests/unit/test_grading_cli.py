"""`labkit grade` from its arguments to its files, at desks without engines."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

import labkit.engine
from labkit.cli import main
from labkit.grading import seeding
from tests.unit.grading import HALF, RIGHT, WRONG, FakeDesks, answered, built_course, hand_in
from tests.unit.tiny_course import add_checks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from labkit.course import Course


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Course:
    add_checks(monkeypatch)
    made = built_course(tmp_path / "course")
    monkeypatch.setenv("LABKIT_COURSE", str(made.root))
    return made


@pytest.fixture
def folder(tmp_path: Path, course: Course) -> Path:
    folder = tmp_path / "class"
    for student, answer in {"ada": RIGHT, "bob": HALF, "cyd": WRONG}.items():
        hand_in(folder, f"{student}/tiny.first.ipynb", answered(course, answer))
    return folder


@pytest.fixture(autouse=True)
def desks(course: Course, monkeypatch: pytest.MonkeyPatch) -> FakeDesks:
    """Desks without engines in place of the real ones."""
    fake = FakeDesks(course)

    @contextmanager
    def made(*_arguments: Any, workers: int) -> Iterator[FakeDesks]:
        assert workers > 0
        yield fake

    module = ModuleType("labkit.grading.desks")
    module.Desks = made  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(labkit.engine, "connect", lambda: None)
    return fake


def test_a_folder_becomes_results(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "results"
    assert main(["grade", str(folder), "--out", str(out)]) == 0
    said = capsys.readouterr()
    assert "3 submissions of 3 students: 3 graded. 3 of 6 points." in said.out
    assert "tiny.first: it_is_there" in said.out
    assert "grading" in said.err
    assert "of 3" in said.err
    assert (out / "results.csv").read_text().splitlines()[1].startswith("ada,tiny.first,graded")


def test_json_is_one_value_and_has_no_evidence(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["grade", str(folder), "--out", str(tmp_path / "r"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [(v["student"], v["earned"]) for v in found["verdicts"]] == [
        ("ada", 2),
        ("bob", 1),
        ("cyd", 0),
    ]
    assert found["verdicts"][0]["evidence"]["cells"] == []
    assert found["summary"]["earned"] == 3


def test_a_verdict_is_explained_afterwards(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "r")
    main(["grade", str(folder), "--out", out])
    capsys.readouterr()
    assert main(["grade", "--out", out, "--explain", "bob", "tiny.first"]) == 0
    assert f"  | {HALF}" in capsys.readouterr().out
    assert main(["grade", "--out", out, "--explain", "bob", "tiny.first", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["evidence"]["state"] == {"containers": ["lab-a"]}
    assert main(["grade", "--out", out, "--explain", "eve", "tiny.first"]) == 2


def test_a_fault_of_ours_is_not_good(
    folder: Path, tmp_path: Path, desks: FakeDesks, capsys: pytest.CaptureFixture[str]
) -> None:
    desks.failing = [ValueError("x") for _ in range(2)]
    out = str(tmp_path / "r")
    assert main(["grade", str(folder), "--out", out, "--workers", "1"]) == 1
    assert "fault: grader" in capsys.readouterr().out
    assert main(["grade", str(folder), "--out", out]) == 0
    assert len(desks.handed_out) == 2 + 2 + 1  # the one with a fault was tried twice, and again


def test_wrong_use_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["grade", str(tmp_path)]) == 2
    assert "Where do the results go?" in capsys.readouterr().err
    assert main(["grade", "--out", str(tmp_path)]) == 2
    assert "Which submissions?" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["grade", "x", "--out", "y", "--workers", "0"])
    assert main(["grade", str(tmp_path / "none"), "--out", str(tmp_path / "r")]) == 2


def test_what_grading_keeps_is_removed_unless_a_grader_uses_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(seeding, "FOLDER", tmp_path / "kept")
    assert main(["grade", "--clean"]) == 0
    assert "keeps nothing" in capsys.readouterr().out
    for name in ("old", "half.part", "used"):
        (seeding.FOLDER / name / "data").mkdir(parents=True)
        (seeding.FOLDER / name / "data" / "layer").write_bytes(bytes(100_000))
    template = seeding.Template(used := seeding.FOLDER / "used", seeding._hold(used))
    assert main(["grade", "--clean", "--dry-run"]) == 0
    assert f"Would remove `{seeding.FOLDER / 'old'}` (102" in capsys.readouterr().out
    assert main(["grade", "--clean", "--json"]) == 0
    removed = json.loads(capsys.readouterr().out)["removed"]
    assert set(removed) == {str(seeding.FOLDER / name) for name in ("old", "half.part")}
    assert {path.name for path in seeding.FOLDER.iterdir()} == {"used", "lock"}
    template.release()
    main(["grade", "--clean"])
    assert {path.name for path in seeding.FOLDER.iterdir()} == {"lock"}


def test_verdicts_stay_when_the_gradebook_refuses(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "r"
    assert main(["grade", str(folder), "--out", str(out), "--gradebook", "sqlite:////no/x"]) == 2
    assert "--gradebook" in capsys.readouterr().err
    assert len(list(out.glob("verdicts/*/*.json"))) == 3
