"""What tests of grading share: a course, notebooks handed in, and a desk without an engine."""

from __future__ import annotations

import copy
import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from labkit.authoring.build import build
from labkit.checking import run_checks
from labkit.grading.transcript import CellRun, Ending, Transcript
from tests.unit.conftest import FakeEngine, a_container
from tests.unit.tiny_course import write_course

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from labkit.checking import CheckResult
    from labkit.course import Course, Exercise
    from labkit.engine import Container
    from labkit.grading.transcript import Cell

RIGHT = "!docker run --name lab-a lab/shell true"
HALF = "!docker create --name lab-a lab/shell true"
WRONG = "!docker run --name lab-b lab/shell true"
ANSWER = "tiny-first-03"


def built_course(folder: Path) -> Course:
    """The tiny course, with its notebooks."""
    folder.mkdir(parents=True, exist_ok=True)
    course = write_course(folder)
    build(course)
    return course


def starter(course: Course) -> dict[str, Any]:
    """The exercise as it is handed out."""
    found: dict[str, Any] = json.loads(course.exercise_notebook(course.exercises[0]).read_bytes())
    return found


def answered(course: Course, answer: str, change: Callable[[Any], Any] | None = None) -> bytes:
    """The exercise with an answer, and perhaps something else changed."""
    notebook = copy.deepcopy(starter(course))
    for cell in notebook["cells"]:
        if cell["id"] == ANSWER:
            cell["source"] = answer
    if change is not None:
        notebook = change(notebook) or notebook
    return json.dumps(notebook).encode()


def hand_in(folder: Path, name: str, content: bytes) -> Path:
    """Put a file into a folder of submissions; `name` is `student/file.ipynb`."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@dataclass
class FakeDesk:
    """Knows what the three answers do, and runs nothing."""

    exercise_course: Course
    ran: list[Cell] = field(default_factory=list)
    engine: FakeEngine = field(default_factory=FakeEngine)

    def run(self, cells: Sequence[Cell], **_settings: Any) -> Transcript:
        self.ran += cells
        runs = tuple(CellRun(cell.id, cell.source, "", None, 0.0) for cell in cells)
        for cell in cells:
            if RIGHT in cell.source or HALF in cell.source:
                state = {"Status": "created"} if HALF in cell.source else {}
                self.engine.containers.things["lab-a"] = container(**state)
            if "kill the engine" in cell.source:
                return Transcript(runs, Ending.ENGINE_GONE, "connection refused")
            if "while True" in cell.source:
                return Transcript(runs, Ending.CELL_DEADLINE, "A cell took more than 120 s.")
        return Transcript(runs)

    def check(self, exercise: Exercise) -> CheckResult:
        return run_checks(self.engine, exercise, self.exercise_course, hidden=True)

    def events(self) -> tuple[dict[str, Any], ...]:
        return ({"Action": "create", "time": 1},)

    def doubts(self) -> tuple[str, ...]:
        return ("`lab-x`: --privileged",) if "--privileged" in str(self.ran) else ()

    def final_state(self) -> dict[str, Any]:
        return {"containers": sorted(self.engine.containers.things)}


def container(**state: Any) -> Container:
    return a_container("lab-a", **state)


class FakeDesks:
    """Hands out fake desks and counts them; `failing` of them raise first."""

    def __init__(self, course: Course, failing: Sequence[Exception] = ()) -> None:
        self.course = course
        self.failing = list(failing)
        self.handed_out: list[FakeDesk] = []
        self.most_at_once = self.now = 0
        self._lock = threading.Lock()

    @contextmanager
    def desk(self) -> Iterator[FakeDesk]:
        with self._lock:
            self.now += 1
            self.most_at_once = max(self.most_at_once, self.now)
            desk = FakeDesk(self.course)
            desk.engine.images.things["lab/shell"] = None  # type: ignore[assignment]
            self.handed_out.append(desk)
        try:
            if self.failing:
                raise self.failing.pop(0)
            yield desk
        finally:
            with self._lock:
                self.now -= 1
