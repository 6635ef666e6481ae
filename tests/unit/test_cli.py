from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

import labkit.engine
from labkit import __version__
from labkit.checking import check
from labkit.cli import main
from labkit.errors import EngineUnreachable
from labkit.progress import Progress
from tests.unit.two_chapters import add_checks, open_course

if TYPE_CHECKING:
    from pathlib import Path

    from labkit.course import Course


@pytest.fixture
def course(tmp_path: Path, work: Path, monkeypatch: pytest.MonkeyPatch) -> Course:
    made = open_course(tmp_path / "course", monkeypatch)
    assert made.work() == work
    return made


@pytest.fixture
def engine(fake_engine: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Answers in place of a real one."""
    monkeypatch.setattr(labkit.engine, "connect", lambda: fake_engine)
    return fake_engine


@pytest.fixture
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise EngineUnreachable("unix:///x", "Connection refused")

    monkeypatch.setattr(labkit.engine, "connect", refuse)


@pytest.mark.usefixtures("course")
@pytest.mark.parametrize(
    ("state", "code", "said"),
    [
        ({}, 0, "3 of 3 points."),
        ({"ExitCode": 7}, 1, "it ended with 7"),
        (None, 1, "There is no container named `lab-hello`"),
    ],
)
def test_check_exits_with_the_verdict(
    engine: Any,
    make_container: Any,
    capsys: pytest.CaptureFixture[str],
    state: dict[str, Any] | None,
    code: int,
    said: str,
) -> None:
    if state is not None:
        engine.containers.things["lab-hello"] = make_container("lab-hello", **state)
    assert main(["check", "welcome.hello"]) == code
    assert said in capsys.readouterr().out


@pytest.mark.usefixtures("engine")
def test_check_notes_progress(course: Course) -> None:
    main(["check", "welcome.hello"])
    assert Progress(course.work()).read()["welcome.hello"].attempts == 1


@pytest.mark.usefixtures("course", "engine")
def test_check_prints_json_for_machines(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "welcome.hello", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["passed"], told["points"], told["warning"]) == (False, 3, "")
    assert [o["outcome"] for o in told["outcomes"]] == ["failed", "skipped"]


@pytest.mark.usefixtures("course", "engine")
def test_a_check_that_breaks_exits_with_our_fault(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @check("welcome.hello", points=3)
    def it_breaks(_engine: Any) -> None:
        """It breaks."""
        raise ZeroDivisionError

    add_checks(monkeypatch, it_breaks)
    assert main(["check", "welcome.hello"]) == 2
    assert "our fault" in capsys.readouterr().out


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("lacking", [True, False])
def test_what_was_not_checked_to_the_end_is_no_attempt(
    course: Course, monkeypatch: pytest.MonkeyPatch, *, lacking: bool
) -> None:
    @check("welcome.hello", points=3)
    def it_breaks(_engine: Any) -> None:
        """It breaks."""
        raise ZeroDivisionError

    add_checks(monkeypatch, it_breaks)
    main(["check", "containers.first_run" if lacking else "welcome.hello"])
    assert Progress(course.work()).read() == {}


@pytest.mark.usefixtures("course", "engine")
def test_a_missing_course_image_is_said_with_the_command_that_helps(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["check", "containers.first_run"]) == 1
    said = capsys.readouterr().out
    assert "Not here: The engine lacks course images: `lab/web`." in said
    assert "Run `labkit images ensure`." in said


@pytest.mark.usefixtures("course", "no_engine")
def test_an_unknown_slug_is_said_before_the_engine_is_looked_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["check", "welcome.helo"]) == 2
    assert "Did you mean `welcome.hello`?" in capsys.readouterr().err


@pytest.mark.usefixtures("course", "no_engine")
@pytest.mark.parametrize("command", [["check", "welcome.hello"], ["reset"]])
def test_an_error_is_one_paragraph_without_a_traceback(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("labkit: No Docker engine answers at `unix:///x`")
    assert "Traceback" not in said.err
    assert len(said.err.splitlines()) == 1


@pytest.mark.usefixtures("course", "no_engine")
def test_an_error_is_json_for_machines(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "welcome.hello", "--json"]) == 2
    told = json.loads(capsys.readouterr().out)
    assert "`unix:///x`" in told["error"]
    assert "labkit engine start" in told["hint"]


def test_list_shows_progress_in_text_and_json(
    course: Course, capsys: pytest.CaptureFixture[str]
) -> None:
    Progress(course.work()).show_hint("welcome.hello", 2)
    assert main(["list"]) == 0
    assert "0 of 6 points." in capsys.readouterr().out
    assert main(["list", "--json"]) == 0
    first = json.loads(capsys.readouterr().out)["chapters"][0]
    assert (first["slug"], first["exercises"][0]["hints_seen"]) == ("welcome", 1)


def test_start_copies_once(course: Course, capsys: pytest.CaptureFixture[str]) -> None:
    copy = course.work() / "exercises" / "00_welcome" / "hello.ipynb"
    assert main(["start", "welcome.hello"]) == 0
    assert f"Copied to {copy}." in capsys.readouterr().out
    assert main(["start", "welcome.hello"]) == 0
    assert "Already there" in capsys.readouterr().out
    assert main(["start", "welcome.hello", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "path": str(copy),
        "new": False,
        "task": "",
        "warning": "",
    }


def test_start_shows_the_task_before_the_path(
    course: Course, capsys: pytest.CaptureFixture[str]
) -> None:
    source = course.exercise_notebook(course.exercise("welcome.hello"))
    cells = [{"cell_type": "markdown", "source": ["# Hello\n", "\n", "Run it."]}]
    source.write_text(json.dumps({"cells": cells}))
    assert main(["start", "welcome.hello"]) == 0
    assert capsys.readouterr().out.startswith("# Hello\n\nRun it.\n\nCopied to ")


@pytest.mark.usefixtures("course", "engine")
def test_start_warns_of_a_missing_image_beside_the_result(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["start", "containers.first_run"]) == 0
    said = capsys.readouterr()
    assert "Copied to" in said.out
    assert said.err.strip().endswith("`lab/web`. Run `labkit images ensure`.")


@pytest.mark.usefixtures("course", "no_engine")
def test_start_copies_also_where_no_engine_answers_and_says_so(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["start", "containers.first_run", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["new"]
    assert "No Docker engine answers" in told["warning"]


@pytest.mark.usefixtures("course", "no_engine")
@pytest.mark.parametrize("command", ["check", "start", "hint"])
def test_a_lesson_in_the_place_of_an_exercise_leads_to_its_exercises(
    capsys: pytest.CaptureFixture[str], command: str
) -> None:
    assert main([command, "containers"]) == 2
    said = capsys.readouterr().err
    assert "`containers` is a lesson, not an exercise." in said
    assert "`containers.second_run`" in said


@pytest.mark.parametrize("arguments", [[], ["engine"], ["images"]])
def test_a_command_without_its_command_shows_all_help(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert f"usage: labkit{' ' if arguments else ''}{' '.join(arguments)}" in said.err
    assert "commands:" in said.err


@pytest.mark.usefixtures("course")
def test_hints_come_one_at_a_time(capsys: pytest.CaptureFixture[str]) -> None:
    last = "Hint 2 of 2: Second hint. There is no further hint."
    for expected in ("Hint 1 of 2: First hint.", last, last):
        assert main(["hint", "welcome.hello"]) == 0
        assert capsys.readouterr().out.strip() == expected


def test_what_nobody_expected_is_our_fault_and_no_verdict(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def break_down() -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr("labkit.course.find_root", break_down)
    assert main(["list"]) == 2
    assert "a fault of the course, not yours: RuntimeError: boom." in capsys.readouterr().err
    assert main(["list", "--json"]) == 2
    assert "RuntimeError: boom" in json.loads(capsys.readouterr().out)["error"]


@pytest.mark.usefixtures("course")
def test_an_exercise_without_hints_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["hint", "containers.first_run"]) == 2
    assert "`containers.first_run` has no hints" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["chekc"], ["check"], ["check", "a.b", "--jsno"]])
def test_wrong_use_exits_with_2_and_the_usage(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage: labkit" in capsys.readouterr().err


def test_the_version_is_labkits(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"labkit {__version__}\n"


@pytest.mark.parametrize("command", ["list", "start", "check", "hint", "reset"])
def test_the_help_of_a_command_has_examples(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main([command, "--help"])
    assert f"labkit {command}" in capsys.readouterr().out.partition("examples:")[2]


@pytest.mark.usefixtures("course")
def test_ctrl_c_exits_with_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(labkit.engine, "connect", interrupt)
    assert main(["check", "welcome.hello"]) == 130
    assert "stopped" in capsys.readouterr().err


@pytest.mark.usefixtures("course", "engine")
@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_colours_follow_the_terminal_and_no_color(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    no_color: str,
    *,
    coloured: bool,
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("NO_COLOR", no_color)
    main(["check", "welcome.hello"])
    assert ("\x1b[" in capsys.readouterr().out) is coloured
