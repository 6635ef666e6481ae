"""Exit codes and JSON of the commands that prove, and of those about the machine.

0 is good, 1 is not good, 2 is wrong use or our fault. With `--json`, standard output is one JSON
value and nothing else.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

import labkit.engine
from labkit.authoring import prove as proving
from labkit.authoring.prove import Proof, Step
from labkit.cli import main
from labkit.docker_config import course_config
from labkit.engine import contexts, nested, starting
from labkit.engine.ownership import Owned, Removal
from labkit.engine.starting import EngineStatus
from labkit.engine.verdicts import ProbeResult, Verdict
from labkit.nodes import NodeStatus
from labkit.resetting import ResetDone, ResetPlan
from tests.unit.two_chapters import open_course

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from labkit.course import Course

    Json = Callable[..., Any]


@pytest.fixture
def course(tmp_path: Path, work: Path, monkeypatch: pytest.MonkeyPatch) -> Course:
    made = open_course(tmp_path / "course", monkeypatch)
    assert made.work() == work
    return made


@pytest.fixture
def engine(fake_engine: Any, monkeypatch: pytest.MonkeyPatch, course: Course) -> Any:
    assert course
    fake_engine.cli_env = lambda: {"DOCKER_HOST": "unix:///nowhere.sock"}
    fake_engine.close = lambda: None
    monkeypatch.setattr(labkit.engine, "connect", lambda: fake_engine)
    monkeypatch.setattr(
        "labkit.resetting.plan_reset", lambda *_arguments: ResetPlan(None, None, ())
    )
    return fake_engine


@pytest.fixture
def json_of(capsys: pytest.CaptureFixture[str]) -> Json:
    """Run a command with `--json`; the exit code must be `code`, standard output one value."""

    def run(code: int, *arguments: str) -> Any:
        assert main([*arguments, "--json"]) == code
        return json.loads(capsys.readouterr().out)

    return run


# run


def test_run_reports_lessons_and_says_how_far_it_is_beside_the_result(
    engine: Any, make_image: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    engine.images.things["lab/shell"] = make_image("sha256:1")
    assert main(["run"]) == 0
    said = capsys.readouterr()
    assert [line.split()[:2] for line in said.out.splitlines()] == [
        ["good", "welcome"],
        ["good", "containers"],
    ]
    assert said.err.splitlines()[0] == "welcome  cell 1 of 2 (0%)"


def test_run_fails_where_an_image_is_missing(engine: Any, json_of: Json) -> None:
    assert not engine.images.things
    (report,) = json_of(1, "run", "welcome")
    assert (report["name"], report["ok"], report["finished"]) == ("welcome", False, False)
    assert "`lab/shell`. Run `labkit images ensure`." in report["error"]


def test_run_fails_with_a_lesson_that_fails(course: Course, engine: Any, json_of: Json) -> None:
    path = course.lesson_notebook(course.lesson("containers"))
    path.write_text(path.read_text().replace("# 12_containers", "1/0"))
    assert engine
    (report,) = json_of(1, "run", "12")
    assert "ZeroDivisionError" in report["error"]
    assert [cell["ok"] for cell in report["cells"]] == [True, False]


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("command", ["run", "prove"])
def test_what_does_not_exist_is_wrong_use(command: str, json_of: Json) -> None:
    assert "`nothing`" in json_of(2, command, "nothing")["error"]


# prove


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize(("ok", "code"), [(True, 0), (False, 1)])
def test_prove_says_which_exercise_and_which_run(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    json_of: Json,
    *,
    ok: bool,
    code: int,
) -> None:
    def prove(_engine: Any, _course: Any, slugs: list[str], *, progress: Any) -> tuple[Proof, ...]:
        steps = (Step("it starts", ok=True, found=""), Step("it ends", ok=ok, found="it goes on"))
        for step in steps:
            progress(slugs[0], step)
        return (Proof(slugs[0], steps),)

    monkeypatch.setattr(proving, "prove", prove)
    monkeypatch.setattr("labkit.cli.output.LINE_EVERY", 0)
    assert main(["prove", "welcome.hello", "containers.first_run"]) == code
    said = capsys.readouterr()
    assert f"{2 * ok} of 2 exercises are proved." in said.out
    assert "exercise" not in said.out.replace("exercises are proved", "")
    lines = said.err.splitlines()
    assert "welcome.hello  exercise 1 of 2, run 2 (0%)" in lines
    assert "containers.first_run  exercise 2 of 2, run 1 (50%)" in lines
    (proof,) = json_of(code, "prove", "welcome.hello")
    assert (proof["slug"], proof["ok"], len(proof["steps"])) == ("welcome.hello", ok, 2)


# reset


def test_reset_says_what_it_removed_and_what_it_could_not(
    engine: Any, json_of: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert engine
    things = (Owned("container", "lab-a", "1"), Owned("volume", "lab-v", "2"))
    refused: dict[Owned, str] = {}

    def reset(_engine: Any, _course: Any, plan: ResetPlan, *, progress: Any) -> ResetDone:
        for thing in plan.things:
            progress(thing)
        return ResetDone(Removal(things[:1], refused), None)

    monkeypatch.setattr(
        "labkit.resetting.plan_reset", lambda *_arguments: ResetPlan(None, None, things)
    )
    monkeypatch.setattr("labkit.resetting.reset", reset)
    assert json_of(0, "reset", "--dry-run")["objects"][0] == {"kind": "container", "name": "lab-a"}
    assert "`--yes`" in json_of(2, "reset")["hint"]
    assert json_of(0, "reset", "--yes") == {
        "removed": ["container lab-a"],
        "refused": {},
        "kept_as": None,
    }
    refused[things[1]] = "volume is in use"
    assert json_of(1, "reset", "--yes")["refused"] == {"volume lab-v": "volume is in use"}


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("words", [("nodes", "down"), ("reset",)])
def test_a_node_that_was_removed_in_another_way_leaves_no_context(
    course: Course, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = course_config(course.work())
    contexts.write(folder, nested.FIRST, "tcp://127.0.0.1:1", {})
    monkeypatch.setattr("labkit.nodes.plan_down", lambda _engine: ())
    assert main([*words, "--dry-run"]) == 0
    assert contexts.exists(folder, nested.FIRST)
    assert main([*words]) == 0
    assert not contexts.exists(folder, nested.FIRST)


# nodes


@pytest.mark.usefixtures("engine")
def test_nodes_that_do_not_run_are_listed_with_the_command_that_starts_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], json_of: Json
) -> None:
    found = [NodeStatus("lab-node-1", "ready", "10.213.0.101", "tcp://127.0.0.1:23761", "26.1")]
    monkeypatch.setattr("labkit.nodes.statuses", lambda _engine: found)
    assert main(["nodes", "list"]) == 0
    assert "`" not in capsys.readouterr().out
    found += [
        NodeStatus(f"lab-node-{n}", state, "", "") for n, state in ((2, "paused"), (3, "cut off"))
    ]
    assert main(["nodes", "list"]) == 1
    assert "`labkit nodes up 3`" in capsys.readouterr().out
    assert [node["state"] for node in json_of(1, "nodes", "list")] == ["ready", "paused", "cut off"]


# hint


@pytest.mark.usefixtures("course")
def test_a_hint_has_its_place(json_of: Json) -> None:
    assert json_of(0, "hint", "welcome.hello") == {
        "text": "First hint.",
        "place": 1,
        "available": 2,
    }
    assert "has no hints" in json_of(2, "hint", "containers.first_run")["error"]


# doctor


@pytest.fixture
def probes(monkeypatch: pytest.MonkeyPatch, engine: Any) -> dict[str, ProbeResult]:
    """The probes' results, in place of a real machine's."""
    results = {
        "engine": ProbeResult("engine", Verdict.GOOD, "It answers."),
        "disk": ProbeResult("disk", Verdict.GOOD, "There is room."),
        "ipvs": ProbeResult("ipvs", Verdict.ABSENT, "No IPVS.", cost="No mesh."),
    }
    assert engine
    monkeypatch.setattr("labkit.doctor.names", lambda: tuple(results))
    monkeypatch.setattr("labkit.doctor.probe", lambda name, _engine: results[name])
    monkeypatch.setattr("labkit.doctor.owned", lambda *_arguments, **_options: ())
    return results


def test_the_doctor_is_content_with_what_is_merely_absent(
    engine: Any, probes: dict[str, ProbeResult], make_image: Any, json_of: Json
) -> None:
    engine.images.things |= {name: make_image("sha256:1") for name in ("lab/shell", "lab/web")}
    results = json_of(0, "doctor")
    assert [r["name"] for r in results] == [*probes, "images", "leftovers"]
    assert set(results[0]) == {"name", "verdict", "said", "cost", "remedy"}
    assert [r["name"] for r in json_of(0, "doctor", "--short")] == ["engine", "images"]
    probes["disk"] = ProbeResult("disk", Verdict.BAD, "It is full.", remedy="Run `df`.")
    assert [r["name"] for r in json_of(1, "doctor", "--short")] == ["engine", "disk", "images"]


@pytest.mark.usefixtures("probes")
def test_the_doctor_names_missing_images_with_what_helps(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["doctor", "--short"]) == 1
    engine, images = capsys.readouterr().out.split("bad")
    assert engine.split()[:2] == ["good", "engine"]
    assert "Course images are missing: `lab/shell`, `lab/web`." in images
    assert "Run `labkit images ensure`." in images


# images


def test_images_list_fails_while_one_is_missing(
    engine: Any, make_image: Any, json_of: Json
) -> None:
    listed = json_of(1, "images", "list")
    assert [(image["name"], image["present"]) for image in listed] == [
        ("lab/shell", False),
        ("lab/web", False),
    ]
    engine.images.things |= {name: make_image("sha256:1") for name in ("lab/shell", "lab/web")}
    assert all(image["present"] for image in json_of(0, "images", "list"))


def test_images_ensure_and_pack_fail_for_what_cannot_be_had(
    engine: Any, json_of: Json, tmp_path: Path
) -> None:
    assert engine
    assert "`lab/nothing`" in json_of(2, "images", "ensure", "lab/nothing")["error"]
    assert "`lab/shell`" in json_of(2, "images", "pack", str(tmp_path / "x.tar"))["error"]
    assert not (tmp_path / "x.tar").exists()


# engine


@pytest.mark.parametrize(("running", "code"), [(True, 0), (False, 1)])
def test_engine_status(
    monkeypatch: pytest.MonkeyPatch, json_of: Json, *, running: bool, code: int
) -> None:
    status = EngineStatus(running, "unix:///x", problem="" if running else "None answers.")
    monkeypatch.setattr(starting, "engine_status", lambda: status)
    told = json_of(code, "engine", "status")
    assert (told["running"], told["endpoint"]) == (running, "unix:///x")


@pytest.mark.parametrize("stopped", [True, False])
def test_engine_stop(monkeypatch: pytest.MonkeyPatch, json_of: Json, *, stopped: bool) -> None:
    monkeypatch.setattr(starting, "stop_engine", lambda _say: stopped)
    assert json_of(0, "engine", "stop") == {"stopped": stopped}


def test_engine_start(monkeypatch: pytest.MonkeyPatch, json_of: Json, engine: Any) -> None:
    status = EngineStatus(running=True, endpoint="unix:///x", version="27.1")
    monkeypatch.setattr(starting, "ensure_engine", lambda _say: engine)
    monkeypatch.setattr(starting, "engine_status", lambda: status)
    assert json_of(0, "engine", "start")["version"] == "27.1"
