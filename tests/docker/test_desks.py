from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from labkit.checking import Outcome
from labkit.errors import EngineError
from labkit.grading import desks as desks_module
from labkit.grading.desks import Desks
from labkit.grading.rootless_desk import MIB, Limits
from labkit.grading.transcript import Ending
from labkit.waiting import wait_until
from tests.docker.desks import run, skip_unable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labkit.course import Course
    from labkit.engine import Engine
    from labkit.grading.rootless_desk import RootlessDesk

SOLUTION = "!docker run --name lab-report lab/shell sh -c 'echo backup finished; exit 7'"


def test_a_right_answer_passes_and_leaves_evidence(desk: RootlessDesk, course: Course) -> None:
    transcript = run(desk, "%load_ext labkit", SOLUTION, "%check containers.exit_code")
    assert (transcript.ending, [cell.error for cell in transcript.cells]) == (
        Ending.COMPLETED,
        [None, None, None],
    )
    assert "backup finished" in transcript.cells[1].output
    assert "3 of 3 points" in transcript.cells[2].output
    result = desk.check(course.exercise("containers.exit_code"))
    assert result.passed
    assert result.earned == result.points == 3
    assert {"create", "start", "die"} <= {event["Action"] for event in desk.events()}
    state = desk.final_state()
    assert [row["name"] for row in state["containers"]] == ["lab-report"]
    assert "lab/shell:latest" in [row["name"] for row in state["images"]]


def test_each_desk_is_fresh(desks: Desks, course: Course) -> None:
    with desks.desk() as first:
        run(first, SOLUTION, "open('note', 'w').write('mine')", "!docker volume create lab-mine")
        assert first.check(course.exercise("containers.exit_code")).passed
    with desks.desk() as second:
        result = second.check(course.exercise("containers.exit_code"))
        assert result.outcomes[0].outcome is Outcome.FAILED
        assert "volumes" not in second.final_state()
        assert "note" not in run(second, "!ls").cells[0].output


def test_checks_reach_published_ports_and_hosts_do_not(desk: RootlessDesk, course: Course) -> None:
    answer = "!docker run --detach --name lab-site --publish 8084:80 lab/web"
    transcript = run(desk, answer, "!wget -qO- http://localhost:8084")
    result = desk.check(course.exercise("containers.published"))
    assert result.passed, (transcript, result)
    assert "<" in transcript.cells[1].output


def test_limits_of_containers_work_inside(desk: RootlessDesk) -> None:
    hog = "!docker run --memory 16m lab/shell dd if=/dev/zero of=/dev/null bs=40M; echo $?"
    assert "137" in run(desk, hog).cells[0].output


def test_errors_are_one_line_and_cells_go_on(desk: RootlessDesk) -> None:
    transcript = run(desk, "1 +", "x", "raise SystemExit(3)", "print('还在', '\\U0001f433')")
    errors = [cell.error or "" for cell in transcript.cells]
    assert [error.partition(":")[0] for error in errors] == [
        "SyntaxError", "NameError", "SystemExit", "",
    ]  # fmt: skip
    assert "Traceback" not in "".join(cell.output for cell in transcript.cells)
    assert transcript.cells[3].output == "还在 🐳\n"


def test_files_lie_in_the_working_folder(desk: RootlessDesk) -> None:
    from labkit.grading.transcript import Cell

    transcript = desk.run(
        [Cell("a", "print(open('data/x.txt').read())")],
        files={"data/x.txt": b"there"},
        cell_deadline=20,
        deadline=20,
    )
    assert transcript.cells[0].output == "there\n"


def test_input_fails_at_once(desk: RootlessDesk) -> None:
    (cell,) = run(desk, "input('Your name? ')").cells
    assert (cell.error or "").startswith("EOFError: nobody is here")


@pytest.fixture(scope="module")
def small_desks(engine: Engine, course: Course) -> Iterator[Desks]:
    """Desks at which a limit is soon reached."""
    skip_unable()
    limits = Limits(memory=256 * MIB, processes=40, output=MIB)
    with Desks(course, engine, limits=limits) as desks:
        yield desks


FOREVER = """
while True:
    try:
        while True:
            pass
    except BaseException:
        pass
"""
ENDINGS = {
    "an endless loop that swallows interrupts": (FOREVER, Ending.CELL_DEADLINE),
    "os._exit": ("import os; os._exit(0)", Ending.EXITED),
    "SIGKILL of itself": ("import os; os.kill(os.getpid(), 9)", Ending.EXITED),
    "a memory hog": ("x = []\nwhile True: x.append(bytearray(8 << 20))", Ending.MEMORY),
    "a fork bomb": (
        "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass",
        Ending.PROCESSES,
    ),
    "a million lines": ("while True: print('line after line ' * 10)", Ending.OUTPUT),
    "a line that never ends": ("while True: print('x' * 9999, end='')", Ending.OUTPUT),
    "no line to the grader": ("import os; os.closerange(3, 999)" + FOREVER, Ending.EXITED),
}  # fmt: skip


@pytest.mark.parametrize("name", ENDINGS)
def test_what_ends_a_run(small_desks: Desks, name: str) -> None:
    source, ending = ENDINGS[name]
    # Only what never ends by itself needs to be short of time.
    cell = 4 if ending in {Ending.CELL_DEADLINE, Ending.PROCESSES} else 60
    with small_desks.desk() as desk:
        transcript = run(desk, "print('before')", source, "print('after')", cell=cell)
        assert (transcript.ending, len(transcript.cells)) == (ending, 2)
        assert transcript.message
        assert transcript.cells[0].output == "before\n"
        assert len(transcript.cells[1].output) < 100_000
        assert desk.engine.containers.list() == (), "the engine has outlived it"


def test_the_whole_deadline_counts_over_cells(desk: RootlessDesk) -> None:
    transcript = run(desk, "!sleep 1", "!sleep 60", cell=30, whole=3)
    assert transcript.ending is Ending.DEADLINE


def test_a_full_disk_is_said(engine: Engine, course: Course) -> None:
    skip_unable()
    with Desks(course, engine, limits=Limits(disk=32 * MIB)) as desks, desks.desk() as desk:
        transcript = run(
            desk, "with open('x', 'wb') as f:\n    while True: f.write(bytes(1 << 20))"
        )
        assert "No space left" in (transcript.cells[0].error or "")
        assert transcript.ending is Ending.DISK


def test_an_older_kernel_gets_file_systems_in_files(
    engine: Engine, course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    skip_unable()
    monkeypatch.setattr(desks_module, "_memory_keeps_attributes", lambda: False)
    fill = "!docker run -v lab-big:/big lab/shell dd if=/dev/zero of=/big/x bs=1M"
    with Desks(course, engine, limits=Limits(disk=48 * MIB)) as desks:
        with desks.desk() as desk:
            mounts = run(desk, SOLUTION, "!grep /var/lib/docker /proc/mounts").cells[1].output
            assert " ext4 " in mounts
            assert desk.check(course.exercise("containers.exit_code")).passed
        with desks.desk() as desk:
            transcript = run(desk, fill)
            assert "No space left" in transcript.cells[0].output
            assert transcript.ending is Ending.DISK
    wait_until(lambda: "labkit" not in loop_files(), what="the files to be gone", timeout=5)


def loop_files() -> str:
    """Name the files that block devices of this machine are made of."""
    return "".join(path.read_text() for path in Path("/sys/block").glob("loop*/loop/backing_file"))


def test_containers_are_bounded_together(engine: Engine, course: Course) -> None:
    skip_unable()
    limits = Limits(containers=64 * MIB, container_processes=40)
    hog = "!docker run lab/shell dd if=/dev/zero of=/dev/null bs=100M; echo ended: $?"
    bomb = "!docker run lab/shell sh -c 'for i in $(seq 80); do sleep 9 & done'"
    with Desks(course, engine, limits=limits) as desks, desks.desk() as desk:
        transcript = run(desk, hog, bomb)
        assert "ended: 137" in transcript.cells[0].output
        assert "can't fork" in transcript.cells[1].output
        assert desk.engine.version(), "the engine is not one of those that were stopped"


def test_nothing_outlives_the_cells(desk: RootlessDesk) -> None:
    transcript = run(
        desk,
        "import subprocess, os\n"
        "subprocess.Popen(['sh', '-c', 'trap \"\" HUP TERM; setsid sleep 999 & sleep 999'],"
        " start_new_session=True)\nprint('started')",
    )
    assert (transcript.ending, transcript.cells[0].output) == (Ending.COMPLETED, "started\n")
    learner = desk._slot.group.child("learner")
    wait_until(lambda: not learner.pids(), what="the last process to be gone", timeout=5)


@pytest.mark.parametrize(
    "source",
    [
        "!docker run --privileged --pid=host lab/shell sh -c 'kill -9 $(pidof dockerd)'",
        "!docker run --privileged --pid=host lab/shell kill -TERM 1",
    ],
    ids=["dockerd killed", "the first process ended"],
)
def test_an_engine_that_the_learner_ends_is_said(desks: Desks, course: Course, source: str) -> None:
    with desks.desk() as desk:
        transcript = run(desk, source)
        assert transcript.ending is Ending.ENGINE_GONE
        with pytest.raises(EngineError):
            desk.check(course.exercise("containers.exit_code"))


def test_a_socket_that_the_learner_removes_is_the_learners_own(
    desk: RootlessDesk, course: Course
) -> None:
    run(desk, SOLUTION, "!rm /run/docker.sock")
    assert desk.check(course.exercise("containers.exit_code")).passed
