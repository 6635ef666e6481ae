"""A class of ten with three exercises each, graded here and by what would be used without labkit.

The peers are the same cells as a plain Python script on a shared engine, one after the other,
nbgrader's autograde in one batch, and otter run, one after the other. A peer's engine is cleaned
between two submissions, as one must.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import otter
from benchmarks.measuring import Finding
from labkit.authoring.build import answered
from labkit.authoring.sources import Source
from labkit.engine.ownership import owned, remove
from labkit.grading import reading
from labkit.grading.desks import Desks
from labkit.grading.grade import Deadlines, grade, grade_one
from labkit.grading.results import Results
from labkit.grading.submissions import find

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from labkit.course import Course
    from labkit.engine import Engine

EXERCISES = ("welcome.hello", "containers.exit_code", "containers.published")
STUDENTS = 10
ASSIGNMENT = "three"
CHECK = """
from pathlib import Path
from labkit.checking import run_checks
from labkit.course import Course
from labkit.engine import connect
course = Course.load(Path({root!r}))
print(run_checks(connect(), course.exercise({slug!r}), course).earned)
"""


def run(engine: Engine, course: Course) -> Iterator[Finding]:
    """Time each way once, on the same notebooks."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        submitted = folder / "submitted"
        hand_in(course, submitted, STUDENTS)
        ours = _seconds(partial(graded, engine, course, submitted, folder / "results", workers=2))
        script = _seconds(partial(_as_scripts, engine, course, submitted))
        batch = _nbgrader(engine, course, folder)
        otters = otter.seconds(
            engine, course, submitted, folder / "otter", partial(_clean, engine, course)
        )
    number = STUDENTS * len(EXERCISES)
    for what, peer, target in (
        ("plain script", script, 1.0),
        ("nbgrader", batch, 1 / 3),
        ("otter run", otters, 1 / 3),
    ):
        yield Finding(
            f"labkit grade, 2 workers / {what}",
            ours / peer,
            target,
            f"{ours / number:.2f} s / {peer / number:.2f} s for each submission",
        )


def hand_in(course: Course, folder: Path, students: int, slugs: Sequence[str] = EXERCISES) -> None:
    """Write right and wrong answers in turn."""
    for slug in slugs:
        exercise = course.exercise(slug)
        source = Source.read(course.solution(exercise))
        wrong = [answered(source, exercise, answer.replaces) for answer in source.wrong_answers()]
        made = [answered(source, exercise), *wrong]
        for student in range(students):
            notebook = json.loads(course.exercise_notebook(exercise).read_bytes())
            answers = {cell.id: cell.source for cell in made[student % len(made)].cells}
            for cell in notebook["cells"]:
                if cell["metadata"]["nbgrader"]["solution"]:
                    cell["source"] = answers[cell["id"]]
            path = folder / f"s{student:03}" / ASSIGNMENT / f"{slug}.ipynb"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(notebook))


def graded(engine: Engine, course: Course, submitted: Path, out: Path, *, workers: int) -> None:
    """Grade a class; making the first engine's data root counts, too."""
    with Desks(course, engine, workers=workers) as desks:
        judge = partial(grade_one, course, desks, Deadlines())
        verdicts = grade(course, find(submitted, course), Results(out), judge, workers=workers)
    if faults := [verdict for verdict in verdicts if verdict.status != "graded"]:
        raise SystemExit(f"{faults[0].student}: {faults[0].message}")


def _as_scripts(engine: Engine, course: Course, submitted: Path) -> None:
    for submission in find(submitted, course):
        if submission.exercise is None:
            raise SystemExit(submission.slug)
        cells = reading.read(submission.path.read_bytes(), submission.exercise, course).cells
        program = "\n".join(map(_plain, (cell.source for cell in cells)))
        check = CHECK.format(root=str(course.root), slug=submission.slug)
        with tempfile.TemporaryDirectory() as work:
            subprocess.run(
                [sys.executable, "-c", program + check],
                cwd=work,
                env={**os.environ, **engine.cli_env()},
                check=True,
                capture_output=True,
            )
        _clean(engine, course)


def _plain(cell: str) -> str:
    """Turn `!commands` into Python; these exercises have nothing else."""
    lines = (line[1:] for line in cell.splitlines() if line.startswith("!"))
    return "\n".join(f"__import__('subprocess').run({line!r}, shell=True)" for line in lines)


def _nbgrader(engine: Engine, course: Course, folder: Path) -> float:
    """Time `nbgrader autograde` on the same notebooks; making the assignment does not count."""
    for slug in EXERCISES:
        path = folder / "source" / ASSIGNMENT / f"{slug}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(course.exercise_notebook(course.exercise(slug)).read_bytes())
    (folder / "nbgrader_config.py").write_text(
        "c = get_config()\nc.ClearSolutions.enabled = False\n"
    )
    environment = {**os.environ, **engine.cli_env(), "LABKIT_COURSE": str(course.root)}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    nbgrader = [sys.executable, "-m", "nbgrader"]
    command = partial(subprocess.run, cwd=folder, env=environment, capture_output=True)
    command([*nbgrader, "generate_assignment", ASSIGNMENT], check=True)
    seconds = _seconds(partial(command, [*nbgrader, "autograde", ASSIGNMENT], check=False))
    if not list((folder / "autograded").glob("*/*/*.ipynb")):
        raise SystemExit("nbgrader has graded nothing.")
    _clean(engine, course)
    return seconds


def _clean(engine: Engine, course: Course) -> None:
    remove(engine, owned(engine, keep_images=course.image_tags))


def _seconds(work: partial[object]) -> float:
    begun = time.monotonic()
    work()
    return time.monotonic() - begun
