from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from labkit.engine.cgroups import hierarchies
from labkit.engine.processes import command_line
from labkit.grading import slots
from labkit.grading.desks import Desks
from labkit.waiting import wait_until
from tests.docker.desks import left_over, run, skip_unable

if TYPE_CHECKING:
    from labkit.course import Course
    from labkit.engine import Engine

#: Places of their own, so that a grader at work on this machine is not taken for a left-over.
PLACES = {
    "FOLDER": Path("/run/labkit/test-desks"), "GROUPS": "labkit-test", "FIRST_ID": 0x78000000,
}  # fmt: skip
KILLED = """
import sys
from pathlib import Path
from labkit.course import Course
from labkit.engine import connect
from labkit.grading import slots
from labkit.grading.desks import Desks
from labkit.grading.transcript import Cell
slots.FOLDER, slots.GROUPS, slots.FIRST_ID = Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
with Desks(Course.load(Path(sys.argv[1])), connect()) as desks, desks.desk() as desk:
    desk.run([Cell("a", "!docker run -d lab/web")], cell_deadline=20, deadline=20)
    print(desks._process.pid, flush=True)
    desk.run([Cell("b", "while True: pass")], cell_deadline=60, deadline=60)
"""


@pytest.fixture(autouse=True)
def places(monkeypatch: pytest.MonkeyPatch) -> None:
    skip_unable()
    for name, value in PLACES.items():
        monkeypatch.setattr(slots, name, value)


def test_everything_is_gone_after_the_block(engine: Engine, course: Course) -> None:
    with Desks(course, engine) as desks, desks.desk() as desk:
        run(desk, "!docker run --detach --restart always --name lab-site lab/web")
        assert {"folder", "group", "process"} <= {kind for kind, _what in left_over()}
    assert left_over() == []


def test_everything_is_gone_after_an_error(engine: Engine, course: Course) -> None:
    class Trouble(Exception):
        pass

    def trouble() -> None:
        with Desks(course, engine) as desks, desks.desk() as desk:
            run(desk, "!docker run --detach --restart always --name lab-site lab/web")
            raise Trouble

    with pytest.raises(Trouble):
        trouble()
    assert left_over() == []


def test_an_engine_ends_with_the_process_that_keeps_it(engine: Engine, course: Course) -> None:
    with Desks(course, engine) as desks, desks.desk() as desk:
        run(desk, "!docker run --detach lab/web")
        daemons = [
            process
            for process in psutil.Process(desks._process.pid).children(recursive=True)
            if process.name() == "dockerd"
        ]
        assert daemons
        for daemon in daemons:
            keeper = daemon.parent().parent()
            keeper.kill()
        _gone, alive = psutil.wait_procs(daemons, timeout=20)
        assert alive == []


def test_a_killed_grader_leaves_no_process_and_the_next_removes_the_rest(
    engine: Engine, course: Course
) -> None:
    places = [str(value) for value in PLACES.values()]
    grader = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(course.root), *places],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with grader:
        assert grader.stdout
        warm = int(grader.stdout.readline())
        assert "process" in {kind for kind, _what in left_over()}
        os.kill(grader.pid, signal.SIGKILL)
    wait_until(
        lambda: not command_line(warm) and "process" not in {kind for kind, _w in left_over()},
        what="the processes to end",
        timeout=10,
        state=lambda: str(left_over()),
    )
    assert {kind for kind, _what in left_over()} == {"folder", "group"}
    with Desks(course, engine):
        pass
    assert left_over() == []
    assert not any(Path(tree.place, slots.GROUPS).exists() for tree in hierarchies())
