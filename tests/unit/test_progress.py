from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from labkit.checking import CheckOutcome, CheckResult, Outcome
from labkit.errors import ProgressCorrupt, WorkspaceError
from labkit.progress import ExerciseProgress, Progress

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def progress(tmp_path: Path) -> Progress:
    return Progress(tmp_path / "work")


def result(slug: str, *outcomes: Outcome) -> CheckResult:
    """A check run in which each check earns one point."""
    return CheckResult(
        slug,
        "A title",
        tuple(
            CheckOutcome(f"check_{n}", "It is so.", o, "", "", 1, int(o is Outcome.PASSED))
            for n, o in enumerate(outcomes)
        ),
    )


def test_nothing_done_is_no_progress_and_no_file(progress: Progress) -> None:
    assert progress.read() == {}
    assert not progress.path.exists()


def test_a_check_run_is_noted_with_its_best_points(progress: Progress) -> None:
    progress.record(result("a.b", Outcome.PASSED, Outcome.FAILED))
    progress.record(result("a.b", Outcome.FAILED, Outcome.FAILED))
    assert progress.read() == {"a.b": ExerciseProgress(attempts=2, earned=1)}


def test_a_pass_stays_a_pass(progress: Progress) -> None:
    passed = progress.record(result("a.b", Outcome.PASSED))
    assert passed.passed
    again = progress.record(result("a.b", Outcome.FAILED))
    assert again == ExerciseProgress(2, 1, passed.passed_at)


def test_exercises_do_not_mix(progress: Progress) -> None:
    progress.record(result("a.b", Outcome.PASSED))
    progress.record(result("a.c", Outcome.FAILED))
    assert {slug: entry.passed for slug, entry in progress.read().items()} == {
        "a.b": True,
        "a.c": False,
    }


def test_hints_come_one_after_the_other_and_the_last_one_stays(progress: Progress) -> None:
    assert [progress.show_hint("a.b", 2) for _ in range(4)] == [0, 1, 1, 1]
    assert progress.read()["a.b"].hints_seen == 2


def test_a_check_run_keeps_the_hints_seen(progress: Progress) -> None:
    progress.show_hint("a.b", 3)
    assert progress.record(result("a.b", Outcome.PASSED)).hints_seen == 1


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        pytest.param(b"[" * 100_000, id="deep"),
        b"\xff\xfe",
        b"[]",
        b"null",
        b'{"version": 2, "exercises": {}}',
        b'{"version": 1}',
        b'{"version": 1, "exercises": []}',
        b'{"version": 1, "exercises": {"a.b": 3}}',
        b'{"version": 1, "exercises": {"a.b": {"tries": 3}}}',
        b'{"version": 1, "exercises": {"a.b": {"attempts": "3"}}}',
    ],
)
def test_a_corrupt_file_is_kept_and_a_new_one_begins(progress: Progress, content: bytes) -> None:
    progress.path.parent.mkdir(parents=True)
    progress.path.write_bytes(content)
    with pytest.raises(ProgressCorrupt) as caught:
        progress.record(result("a.b", Outcome.PASSED))
    assert caught.value.kept_as.read_bytes() == content
    assert progress.read()["a.b"].attempts == 1


def test_a_second_corrupt_file_does_not_replace_the_first(progress: Progress) -> None:
    progress.path.parent.mkdir(parents=True)
    kept: list[Path] = []
    for content in ("first", "second"):
        progress.path.write_text(content)
        with pytest.raises(ProgressCorrupt) as caught:
            progress.read()
        kept.append(caught.value.kept_as)
    assert [path.read_text() for path in kept] == ["first", "second"]


def test_a_file_that_cannot_be_opened_is_named(progress: Progress) -> None:
    progress.path.mkdir(parents=True)
    with pytest.raises(WorkspaceError, match=r"progress\.json` cannot be read"):
        progress.read()


def test_the_file_is_readable_by_people(progress: Progress) -> None:
    progress.record(result("a.b", Outcome.PASSED))
    text = progress.path.read_text()
    assert text.endswith("}\n")
    assert json.loads(text)["version"] == 1


def test_a_corrupt_file_that_cannot_be_moved_is_named(
    progress: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object) -> None:
        raise PermissionError(13, "Permission denied")

    progress.path.parent.mkdir(parents=True)
    progress.path.write_text("{")
    monkeypatch.setattr(type(progress.path), "replace", refuse)
    with pytest.raises(WorkspaceError, match=r"progress\.json` cannot be written") as caught:
        progress.read()
    assert "sudo chown" in caught.value.hint
