from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from labkit import magics
from labkit.engine.ownership import Owned
from labkit.engine.snapshot import Item, Snapshot
from labkit.errors import EngineUnreachable
from labkit.progress import Progress
from labkit.resetting import ResetPlan
from tests.unit.two_chapters import open_course

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from labkit.course import Course

    Run = Callable[[str], str]


@pytest.fixture
def course(tmp_path: Path, work: Path, monkeypatch: pytest.MonkeyPatch) -> Course:
    made = open_course(tmp_path / "course", monkeypatch)
    assert made.work() == work
    return made


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, fake_engine: Any) -> Iterator[InteractiveShell]:
    """A shell with labkit loaded, on an engine that holds nothing."""
    fake_engine.snapshot = lambda: Snapshot({})
    monkeypatch.setattr(magics.KeptConnection, "engine", lambda _self: fake_engine)
    made = InteractiveShell.instance()
    made.extension_manager.load_extension("labkit")
    yield made
    made.extension_manager.unload_extension("labkit")
    InteractiveShell.clear_instance()


@pytest.fixture
def run(shell: InteractiveShell) -> Run:
    """Run a cell, and return the text of all that it shows."""

    def run_cell(cell: str) -> str:
        with capture_output() as shown:
            assert shell.run_cell(cell).success
        texts = [output.data["text/plain"] for output in shown.outputs]
        return "\n".join([shown.stdout, *texts]).strip()

    return run_cell


@pytest.fixture
def no_engine(monkeypatch: pytest.MonkeyPatch, shell: InteractiveShell) -> None:
    def refuse(_self: object) -> None:
        raise EngineUnreachable("unix:///x", "Connection refused")

    assert shell
    monkeypatch.setattr(magics.KeptConnection, "engine", refuse)


@pytest.mark.usefixtures("course")
def test_check_shows_the_same_words_in_html_and_text(shell: InteractiveShell) -> None:
    with capture_output() as shown:
        shell.run_cell("%check welcome.hello")
    (output,) = shown.outputs
    assert "There is no container named `lab-hello`" in output.data["text/plain"]
    assert "There is no container named <code>lab-hello</code>" in output.data["text/html"]


def test_check_notes_progress(course: Course, run: Run) -> None:
    run("%check welcome.hello")
    assert Progress(course.work()).read()["welcome.hello"].attempts == 1


@pytest.mark.usefixtures("course", "no_engine")
@pytest.mark.parametrize("cell", ["%check welcome.hello", "%reset_lab", "%reset_lab --dry-run"])
def test_an_engine_that_is_away_is_told_in_a_paragraph(run: Run, cell: str) -> None:
    assert run(cell).startswith("No Docker engine answers at `unix:///x`")


@pytest.mark.usefixtures("course")
@pytest.mark.parametrize(
    "cell", ["%check welcome.helo", "%hint welcome.helo", "%exercise welcome.helo"]
)
def test_an_unknown_slug_suggests_the_nearest(run: Run, cell: str) -> None:
    assert "Did you mean `welcome.hello`?" in run(cell)


@pytest.mark.usefixtures("course")
@pytest.mark.parametrize("cell", ["%check", "%changes perhaps", "%check a b"])
def test_wrong_use_is_told_with_the_help_that_there_is(run: Run, cell: str) -> None:
    said = run(cell)
    assert f"`{cell.split(maxsplit=1)[0]}?` shows how it is used." in said
    assert "Traceback" not in said


@pytest.mark.usefixtures("course")
def test_hints_come_one_at_a_time(run: Run) -> None:
    assert run("%hint welcome.hello") == "Hint 1 of 2: First hint."
    assert run("%hint welcome.hello") == "Hint 2 of 2: Second hint. There is no further hint."


@pytest.mark.usefixtures("course")
def test_lint_shows_findings_in_the_dockerfile_of_a_folder(run: Run, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM lab/shell\nCMD date\n")
    assert "line 2: `CMD date`" in run(f"%lint {tmp_path}")
    assert "cannot be read" in run(f"%lint {tmp_path}/nothing")


def test_exercise_copies_it_and_links_to_it(course: Course, shell: InteractiveShell) -> None:
    with capture_output() as shown:
        shell.run_cell("%exercise welcome.hello")
    (output,) = shown.outputs
    assert "exercises/00_welcome/hello.ipynb" in output.data["text/html"]
    assert (course.work() / "exercises" / "00_welcome" / "hello.ipynb").is_file()


@pytest.mark.usefixtures("course")
def test_a_dry_run_of_a_reset_only_lists(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = ResetPlan(None, None, (Owned("container", "lab-a", "1"),))
    monkeypatch.setattr(magics.resetting, "plan_reset", lambda *_arguments: plan)
    monkeypatch.setattr(magics.resetting, "reset", lambda *_arguments: pytest.fail("it removed"))
    assert "container lab-a" in run("%reset_lab --dry-run")


def test_a_reset_is_carried_out_also_when_only_contexts_of_nodes_are_left(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, carried_out = ResetPlan(None, None, ()), list[ResetPlan]()
    monkeypatch.setattr(magics.resetting, "plan_reset", lambda *_arguments: plan)
    monkeypatch.setattr(
        magics.resetting, "reset", lambda _engine, _course, plan: carried_out.append(plan)
    )
    assert "Nothing of the course" in run("%reset_lab --dry-run")
    assert carried_out == []
    assert "Nothing of the course" in run("%reset_lab")
    assert carried_out == [plan]


def test_what_a_cell_changed_is_shown_after_it(run: Run, fake_engine: Any) -> None:
    looks = [
        Snapshot({}),
        Snapshot({("container", "1"): Item("container", "1", "lab-web", "running")}),
    ]
    fake_engine.snapshot = lambda: looks.pop(0)
    assert run("print('from the cell')") == "from the cell\n\n+ container lab-web  running"


def test_changes_can_be_switched_off_and_on(run: Run, fake_engine: Any) -> None:
    asked: list[int] = []

    def snapshot() -> Snapshot:
        asked.append(1)
        return Snapshot({})

    fake_engine.snapshot = snapshot
    run("%changes off")
    looks_until_then = len(asked)
    run("1 + 1")
    assert len(asked) == looks_until_then
    run("%changes on")
    run("1 + 1")
    assert len(asked) == looks_until_then + 2


@pytest.mark.usefixtures("no_engine")
def test_a_cell_runs_the_same_without_an_engine(run: Run) -> None:
    assert run("print('fine')") == "fine"


def test_loading_twice_shows_each_change_once(shell: InteractiveShell) -> None:
    magics.load(shell)
    hooks = [hook.__name__ for hook in shell.events.callbacks["post_run_cell"]]
    assert hooks.count("after_cell") == 1


def test_loading_again_says_nothing_and_unloading_works_after_it(
    run: Run, shell: InteractiveShell
) -> None:
    assert run("%load_ext labkit") == ""
    assert run("%load_ext labkit\nprint(2)") == "2"
    assert run("%unload_ext labkit") == ""
    assert "LabMagics" not in shell.magics_manager.registry


@pytest.mark.usefixtures("course")
@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("!false lab/shell echo hi", True),
        ("!false lab/shell:latest lab/web", True),
        ("%%sh\nfalse lab/shell", True),
        ("!true lab/shell", False),
        ("!false lab/shellac mylab/shell lab/made-here", False),
    ],
)
def test_a_cell_that_fails_for_a_course_image_says_which(
    shell: InteractiveShell, cell: str, *, said: bool
) -> None:
    with capture_output() as shown:
        shell.run_cell(cell)
    texts = [output.data["text/plain"] for output in shown.outputs]
    assert any("The engine lacks course images: `lab/shell`" in text for text in texts) is said


@pytest.mark.usefixtures("course")
def test_a_cell_that_fails_for_another_reason_is_left_alone(
    shell: InteractiveShell, fake_engine: Any, make_image: Any
) -> None:
    fake_engine.images.things["lab/shell"] = make_image("sha256:1")
    with capture_output() as shown:
        shell.run_cell("!false lab/shell")
    assert shown.outputs == []


def test_unloading_leaves_nothing_behind(shell: InteractiveShell) -> None:
    magics.unload(shell)
    assert "check" not in shell.magics_manager.magics["line"]
    assert not any(
        getattr(hook, "__name__", "") in {"before_cell", "after_cell"}
        for hooks in shell.events.callbacks.values()
        for hook in hooks
    )
    magics.unload(shell)  # twice does no harm


@pytest.mark.parametrize(
    "name", ["check", "panel", "hint", "exercise", "lint", "reset_lab", "changes"]
)
def test_each_magic_documents_itself(shell: InteractiveShell, name: str) -> None:
    magic = shell.find_line_magic(name)
    assert magic is not None
    assert f"%{name}" in (magic.__doc__ or "")


def test_a_link_leads_to_the_exercise_also_after_cd(
    shell: InteractiveShell, course: Course, tmp_path: Path
) -> None:
    slug = course.exercises[0].slug
    with capture_output() as here:
        shell.run_cell(f"%exercise {slug}")
    with capture_output() as elsewhere:
        shell.run_cell(f"%cd -q {tmp_path}")
        shell.run_cell(f"%exercise {slug}")
        shell.run_cell("%cd -q -")
    links = [shown.outputs[-1].data["text/html"] for shown in (here, elsewhere)]
    assert "href" in links[0]
    assert links[0] == links[1]


def test_compose_writes_plain_lines_until_the_extension_is_unloaded(
    monkeypatch: pytest.MonkeyPatch, shell: InteractiveShell
) -> None:
    assert os.environ["COMPOSE_PROGRESS"] == "plain"
    shell.extension_manager.unload_extension("labkit")
    assert "COMPOSE_PROGRESS" not in os.environ
    monkeypatch.setenv("COMPOSE_PROGRESS", "quiet")
    shell.extension_manager.load_extension("labkit")
    assert os.environ["COMPOSE_PROGRESS"] == "quiet"
    shell.extension_manager.unload_extension("labkit")
    assert os.environ["COMPOSE_PROGRESS"] == "quiet"
