"""A course of two chapters in a temporary folder, for tests of what learners use."""

from __future__ import annotations

import json
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from labkit.checking import CheckFailed, check
from labkit.course import Course

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

MANIFEST = """
title = "Docker, in short"

[[images]]
name = "lab/shell"
why = "a shell"

[[images]]
name = "lab/web"
why = "a web server"
from = ["lab/shell"]

[[chapters]]
number = 0
slug = "welcome"
title = "Welcome"
goal = "Begin."
minutes = 5
images = ["lab/shell"]

[[chapters.exercises]]
slug = "hello"
title = "Hello"
points = 3
hints = ["First hint.", "Second hint."]
objects = ["lab-hello", "lab/hello:*"]

[[chapters]]
number = 12
slug = "containers"
title = "Containers"
goal = "Go on."
minutes = 40

[[chapters.exercises]]
slug = "first_run"
title = "First run"
points = 2
images = ["lab/web"]

[[chapters.exercises]]
slug = "second_run"
title = "Second run"
points = 1
"""


def notebook(*sources: str, outputs: list[str] | None = None) -> bytes:
    """Write a notebook with these code cells, and with outputs when it was run."""
    cells = [
        {
            "id": f"cell-{number}",
            "cell_type": "code",
            "source": source,
            "metadata": {},
            "outputs": outputs or [],
            "execution_count": None,
        }
        for number, source in enumerate(sources)
    ]
    content = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(content).encode()


def write_course(root: Path) -> Course:
    """Write the manifest and a notebook for each lesson and exercise."""
    root.mkdir(exist_ok=True)
    (root / "course.toml").write_text(MANIFEST)
    course = Course.load(root)
    for path in (
        *map(course.lesson_notebook, course.lessons),
        *map(course.exercise_notebook, course.exercises),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(notebook("%load_ext labkit", f"# {path.stem}"))
    return course


@check("welcome.hello", points=1)
def it_is_there(engine: Any) -> None:
    """`lab-hello` is there."""
    engine.containers.get("lab-hello")


@check("welcome.hello", points=2, after=it_is_there)
def it_ended_well(engine: Any) -> None:
    """`lab-hello` ended <well>."""
    if code := engine.containers.get("lab-hello").exit_code:
        raise CheckFailed(f"it ended with {code}", hint="Run `docker logs lab-hello`.")


@check("containers.first_run", points=2)
def it_was_run(engine: Any) -> None:
    """`lab-web` is there."""
    engine.containers.get("lab-web")


def open_course(root: Path, monkeypatch: pytest.MonkeyPatch) -> Course:
    """Make a course in `root`, with its checks, the one that labkit finds."""
    add_checks(monkeypatch)
    made = write_course(root)
    monkeypatch.setenv("LABKIT_COURSE", str(made.root))
    return made


def add_checks(monkeypatch: pytest.MonkeyPatch, *functions: Any) -> None:
    """Make these functions the checks of both chapters; by default the three above."""
    for name, hidden in {
        "labkit.checks.welcome": False,
        "labkit.checks.containers": False,
        "labkit.hidden_checks.welcome": True,
    }.items():
        module = ModuleType(name)
        for function in functions or (it_is_there, it_ended_well, it_was_run):
            if function.labkit_check.hidden is hidden:
                setattr(module, function.__name__, function)
        monkeypatch.setitem(sys.modules, module.__name__, module)
