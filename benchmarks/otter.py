"""`otter run` on handed-in notebooks, in an environment that only this benchmark uses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from functools import partial
from typing import TYPE_CHECKING

from labkit.errors import LabError
from labkit.grading.submissions import find

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from labkit.course import Course
    from labkit.engine import Engine

#: Otter, and what a kernel needs for labkit's checks.
PACKAGES = ("otter-grader==7.0.0", "docker>=7.1", "ipykernel>=6.29")
TEST = """
from otter.test_files import test_case

OK_FORMAT = False
name = {slug!r}
points = {points}

@test_case(points={points})
def checks_pass():
    from pathlib import Path
    from labkit.checking import run_checks
    from labkit.course import Course
    from labkit.engine import connect
    course = Course.load(Path({root!r}))
    assert run_checks(connect(), course.exercise({slug!r}), course).passed
"""


def environment(root: Path) -> Path:
    """Make the environment in `.venv-otter`, unless it is there, and return its programs.

    Raises:
        LabError: Otter cannot be installed; it says what pip said.
    """
    folder = root / ".venv-otter"
    programs = folder / "bin"
    if not (programs / "otter").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        pip = [str(programs / "python"), "-m", "pip", "install", "--quiet", *PACKAGES]
        installed = subprocess.run(pip, capture_output=True, text=True, check=False)
        if installed.returncode:
            raise LabError(f"Otter cannot be installed: {installed.stderr[-2000:]}")
    return programs


def seconds(
    engine: Engine, course: Course, submitted: Path, folder: Path, clean: Callable[[], None]
) -> float:
    """Grade one notebook after the other, and say how long it took.

    Args:
        engine: All of them work on it.
        course: Its checks are run.
        submitted: The notebooks.
        folder: An empty one for configuration and results.
        clean: Cleans the engine between two notebooks, as one must; it counts.
    """
    programs = environment(course.root)
    variables = {**os.environ, **engine.cli_env(), "LABKIT_COURSE": str(course.root)}
    variables["PATH"] = f"{programs}:{variables['PATH']}"
    variables["PYTHONPATH"] = str(course.root)
    call = partial(subprocess.run, env=variables, capture_output=True, text=True, check=True)
    submissions = find(submitted, course)
    for slug in {submission.slug for submission in submissions}:
        tests = folder / slug / "tests"
        tests.mkdir(parents=True)
        points = course.exercise(slug).points
        test = TEST.format(slug=slug, points=points, root=str(course.root))
        (tests / f"{slug.replace('.', '_')}.py").write_text(test)
        call(
            [programs / "otter", "generate", "--tests-dir", "tests", "--output-path", "grader.zip",
             "--no-config", "--no-requirements", "--no-environment"],
            cwd=tests.parent,
        )  # fmt: skip
    begun = time.monotonic()
    marks = set()
    for submission in submissions:
        place = folder / submission.slug
        call(
            [programs / "otter", "run", "--no-logo", "--autograder", "grader.zip", submission.path],
            cwd=place,
        )
        results = json.loads((place / "results.json").read_text())
        marks.add(max(test["score"] for test in results["tests"] if "score" in test))
        clean()
    took = time.monotonic() - begun
    if len(marks) == 1:
        raise LabError(f"Otter gave all submissions the same mark, {marks}.")
    return took
