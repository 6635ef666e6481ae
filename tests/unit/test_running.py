"""Notebooks run headless, in real kernels; no Docker is needed."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat.v4 as nbf
import psutil
import pytest

from labkit.course import Course
from labkit.running import run_lessons, run_notebook
from labkit.waiting import wait_until
from tests.unit.tiny_course import write_course

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nbformat import NotebookNode

    from labkit.running import CellReport, RunReport


def notebook(*cells: str | tuple[str, str]) -> NotebookNode:
    """Make a notebook of code cells; a pair is a tag and the code."""
    made: list[Any] = [nbf.new_markdown_cell("# Title")]
    for cell in cells:
        tags, source = ([cell[0]], cell[1]) if isinstance(cell, tuple) else ([], cell)
        made.append(nbf.new_code_cell(source, metadata={"tags": tags} if tags else {}))
    return nbf.new_notebook(cells=made)


def run(tmp_path: Path, *cells: str | tuple[str, str], **options: Any) -> RunReport:
    return run_notebook(notebook(*cells), cwd=tmp_path, **options)


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder for temporary files, with a name that is short enough for sockets below it."""
    with tempfile.TemporaryDirectory() as folder:
        monkeypatch.setattr("tempfile.tempdir", folder)
        yield Path(folder)


def children() -> set[int]:
    """Processes below this one; other tests may have some of their own."""
    return {
        process.pid
        for process in psutil.Process().children(recursive=True)
        if process.status() != psutil.STATUS_ZOMBIE
    }


def test_a_notebook_file_runs_from_top_to_bottom_and_is_not_changed(tmp_path: Path) -> None:
    path = tmp_path / "one.ipynb"
    nbformat_text = nbf.writes(notebook("x = 6", "print(7 * x)"))
    path.write_text(nbformat_text)
    heard: list[CellReport] = []
    report = run_notebook(path, cwd=tmp_path, on_cell=heard.append)
    assert (report.name, report.ok, report.error, report.finished) == ("one", True, "", True)
    assert [(cell.index, cell.output) for cell in report.cells] == [(1, ""), (2, "42\n")]
    assert tuple(heard) == report.cells
    assert path.read_text() == nbformat_text


def test_the_kernel_is_this_interpreter_and_its_programs_come_first(tmp_path: Path) -> None:
    report = run(
        tmp_path,
        "import os, sys; print(sys.executable, os.environ['PATH'].split(':')[0], os.getcwd())",
        "import os; print(os.environ['LAB_X'])",
        env={"LAB_X": "seen"},
    )
    here, programs, cwd = report.cells[0].output.split()
    assert (here, programs) == (sys.executable, str(Path(sys.executable).parent))
    assert tmp_path.samefile(cwd)
    assert report.cells[1].output == "seen\n"


@pytest.mark.parametrize("ending", ["pass", "import os; os._exit(1)"])
def test_a_kernel_takes_files_for_ports_and_leaves_none(temporary: Path, ending: str) -> None:
    count = "from pathlib import Path; print(len(list(Path().glob('*/socket-*'))))"
    report = run(temporary, count, ending)
    assert report.ok == (ending == "pass")
    assert report.cells[0].output.strip() == "5"
    assert list(temporary.iterdir()) == []


def test_an_exception_stops_the_run_and_is_told_with_its_cell(tmp_path: Path) -> None:
    report = run(tmp_path, "print('before')", "1/0", "print('never')")
    assert not report.ok
    assert not report.finished
    assert report.error == "Cell 3: ZeroDivisionError: division by zero"
    assert report.failed_cell is report.cells[-1]
    assert report.cells[-1].source == "1/0"
    assert "ZeroDivisionError" in report.cells[-1].output


def test_errors_can_be_passed_over_as_a_person_does(tmp_path: Path) -> None:
    report = run(tmp_path, "1/0", "print('on')", allow_errors=True)
    assert not report.ok
    assert report.finished
    assert report.cells[1].output == "on\n"


def test_a_shell_command_that_fails_is_noticed_though_ipython_is_silent(tmp_path: Path) -> None:
    report = run(tmp_path, "!sh -c 'exit 3'\n!echo fine")
    assert report.error == "Cell 2: `sh -c 'exit 3'` exited with 3."


def test_variables_in_shell_commands_still_expand(tmp_path: Path) -> None:
    report = run(tmp_path, "word = 'lab'\n!echo {word} $word")
    assert report.cells[0].output == "lab lab\n"


@pytest.mark.parametrize(
    "code",
    [
        "!false | cat",
        "!false || true",
        "!docker() { return 1; }; docker ps || true",
        "found = !false",
    ],
)
def test_a_failure_that_the_command_itself_takes_back_is_none(tmp_path: Path, code: str) -> None:
    assert run(tmp_path, code).ok


@pytest.mark.parametrize(
    ("command", "ok"),
    [
        ("docker rm -f lab-a lab-b 2>/dev/null", True),
        ("docker rm --force lab-a", True),
        ("docker network rm lab-n 2> /dev/null", True),
        ("docker image rm -f lab/x >/dev/null 2>&1", True),
        ("docker rm lab-a", False),
        ("docker run lab/shell false 2>/dev/null", False),
        ("docker rm -f lab-a 2>/dev/null; false", False),
    ],
)
def test_removing_what_is_not_there_is_no_failure(
    tmp_path: Path, command: str, *, ok: bool
) -> None:
    docker = tmp_path / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text("#!/bin/sh\nexit 1\n")
    docker.chmod(0o755)
    code = f"import os; os.environ['PATH'] = '{docker.parent}:' + os.environ['PATH']"
    assert run(tmp_path, code, f"!{command}").ok is ok


def test_a_cell_tagged_fails_must_fail(tmp_path: Path) -> None:
    shown = run(tmp_path, ("fails", "!exit 1"), ("fails", "%%sh\nexit 1"), ("fails", "1/0"))
    assert shown.ok
    assert len(shown.cells) == 3
    promised = run(tmp_path, ("fails", "!true"))
    assert promised.error == "Cell 2: it is tagged `fails`, but nothing in it failed."


def test_a_cell_tagged_raises_exception_may_fail(tmp_path: Path) -> None:
    assert run(tmp_path, ("raises-exception", "1/0"), ("raises-exception", "!exit 1")).ok


def test_a_cell_that_takes_too_long_is_ended_with_all_it_started(tmp_path: Path) -> None:
    before = children()
    report = run(tmp_path, "!sleep 61", timeout=1, allow_errors=True)
    assert report.error == "Cell 2: it took more than 1 s."
    assert not report.finished
    assert children() <= before
    assert not [p for p in psutil.process_iter(["cmdline"]) if p.info["cmdline"] == ["sleep", "61"]]


def test_a_kernel_that_dies_is_reported(tmp_path: Path) -> None:
    before = children()
    report = run(tmp_path, "import os; os._exit(1)", "print('never')", allow_errors=True)
    assert report.error == "Cell 2: the kernel died."
    assert not report.finished
    assert children() <= before


def test_a_kernel_that_does_not_start_is_reported(temporary: Path) -> None:
    report = run_notebook(notebook("1"), cwd=temporary / "missing")
    assert not report.ok
    assert report.error.startswith("The kernel did not start: ")
    assert list(temporary.iterdir()) == []


def test_a_kernel_that_cannot_be_forked_is_reported(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_anything: object, **_more: object) -> None:
        raise RuntimeError("no more processes")

    monkeypatch.setattr("labkit.warm_kernels.WarmProvisioner.launch_kernel", refuse)
    before = children()
    report = run(temporary, "1")
    assert report.error == "The kernel did not start: no more processes"
    assert children() <= before
    assert list(temporary.iterdir()) == []


def test_ctrl_c_ends_the_run_and_leaves_no_kernel(tmp_path: Path) -> None:
    program = (
        "import nbformat.v4 as nbf, pathlib, signal\n"
        "from labkit.running import run_notebook\n"
        # Tests that run in the background have it ignored, and so would this process.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        'cell = nbf.new_code_cell(\'import os, time; open("pid", "w").write(str(os.getpid())); \''
        '\'os.rename("pid", "kernel"); time.sleep(60)\')\n'
        f"run_notebook(nbf.new_notebook(cells=[cell]), cwd=pathlib.Path({str(tmp_path)!r}))\n"
        "print('not interrupted')\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    told = tmp_path / "kernel"

    def kernel_runs() -> bool:
        assert process.poll() is None
        return told.exists()

    wait_until(kernel_runs, what="the kernel", timeout=30)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert out == ""
    assert err.rstrip().endswith("KeyboardInterrupt")
    assert process.returncode != 0
    assert not psutil.pid_exists(int(told.read_text()))


def test_a_run_needs_no_guard_in_the_script_that_asks_for_it(tmp_path: Path) -> None:
    script = tmp_path / "ask.py"
    script.write_text(
        "from pathlib import Path\n"
        "import nbformat.v4 as nbf\n"
        "from labkit.running import run_notebook\n"
        "cell = nbf.new_code_cell('print(__name__, __import__(\"sys\").argv[0])')\n"
        "report = run_notebook(nbf.new_notebook(cells=[cell]), cwd=Path())\n"
        "print('asked', report.ok, report.cells[0].output)\n"
    )
    done = subprocess.run(
        [sys.executable, script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["asked", "True", "__main__", "ipykernel_launcher"]
    assert done.stderr == ""


def test_a_lesson_on_a_cluster_does_not_build_its_image_in_a_cell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    course = write_course(tmp_path)
    manifest = tmp_path / "course.toml"
    manifest.write_text(
        manifest.read_text().replace("minutes = 5", 'minutes = 5\nneeds = ["cluster"]')
    )
    monkeypatch.setattr("labkit.engine.probes.unmet", lambda _needs, _engine: ())
    monkeypatch.setattr("labkit.checking.missing_images", lambda _engine, _names: "")
    monkeypatch.setattr(
        "labkit.cluster_ways.lacking", lambda _engine: "Run `labkit images ensure it`."
    )
    (report,) = run_lessons(object(), Course.load(course.root))  # type: ignore[arg-type]
    assert (report.ok, report.error, report.cells) == (False, "Run `labkit images ensure it`.", ())
