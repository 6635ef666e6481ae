"""A class of submissions with what each is worth: right, partly right, wrong, and cheats.

Right answers, starters and wrong answers come from `solutions/`; what they earn stands here, and
so does everything about the cheats.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labkit.authoring.build import answered
from labkit.authoring.sources import Source
from labkit.checking import checks_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from labkit.course import Course, Exercise

STARTER, SOLUTION = "starter", "solution"

#: What each answer earns, and the check at which it fails first.
EARNED: dict[str, dict[str, int]] = {
    "welcome.hello": {
        SOLUTION: 3,
        STARTER: 0,
        "without_a_name": 0,
        "created_only": 1,
        "in_quotes": 1,
        "another_image": 1,
        "another_word": 2,
    },
    "welcome.tidy_up": {
        SOLUTION: 3,
        STARTER: 2,
        "stopped_only": 2,
        "everything_removed": 1,
        "kept_made_anew": 2,
        "all_stopped_then_removed": 2,
        "a_likeness": 2,
    },
    "containers.exit_code": {
        SOLUTION: 3,
        STARTER: 0,
        "exit_went_to_the_own_shell": 2,
        "removed_at_once": 0,
        "no_name": 0,
        "only_created": 0,
    },
    "containers.published": {
        SOLUTION: 3,
        STARTER: 0,
        "not_published": 0,
        "ports_the_wrong_way_round": 0,
        "another_port": 0,
        "options_after_the_image": 0,
        "in_the_foreground_and_interrupted": 1,
        "misspelt_command": 1,
    },
    "containers.page": {
        SOLUTION: 4,
        STARTER: 0,
        "the_neighbour": 0,
        "another_folder": 0,
        "nothing_kept": 3,
        "kept_too_late": 3,
        "a_mount": 0,
        "a_likeness": 2,
    },
}

HELLO = "!docker run --name lab-hello lab/shell echo hello"


@dataclass(frozen=True)
class Case:
    """A submission and its verdict.

    Attributes:
        check: The name of the check that fails first; empty when none does.
        kind: How its cells end.
        notes: What is noted of the file.
    """

    student: str
    slug: str
    content: bytes
    earned: int
    check: str = ""
    kind: str = "completed"
    notes: tuple[str, ...] = ()


def suite(course: Course) -> tuple[Case, ...]:
    """Return the whole class."""
    return (*_declared(course), *_cheats(course))


def hand_in(folder: Path, cases: Sequence[Case]) -> None:
    """Write the class's notebooks as they would come back."""
    for case in cases:
        path = folder / case.student / f"{case.slug}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(case.content)


def _declared(course: Course) -> Iterator[Case]:
    for slug, earned in EARNED.items():
        exercise = course.exercise(slug)
        source = Source.read(course.solution(exercise))
        wrong = {answer.name: answer for answer in source.wrong_answers()}
        assert earned.keys() == {SOLUTION, STARTER, *wrong}, slug
        for name, points in earned.items():
            check = ""
            if name == SOLUTION:
                content = _submitted(course, exercise, answered(source, exercise))
            elif name == STARTER:
                content = course.exercise_notebook(exercise).read_bytes()
                check = checks_of(exercise, course)[0].name
            else:
                made = answered(source, exercise, wrong[name].replaces)
                content, check = _submitted(course, exercise, made), wrong[name].check
            yield Case(name, slug, content, points, check)


def _submitted(course: Course, exercise: Exercise, made: Any) -> bytes:
    """Put answers into the notebook that was handed out."""
    notebook = json.loads(course.exercise_notebook(exercise).read_bytes())
    sources = {cell.id: cell.source for cell in made.cells}
    for cell in notebook["cells"]:
        if cell["metadata"]["nbgrader"]["solution"]:
            cell["source"] = sources[cell["id"]]
    return json.dumps(notebook).encode()


def written(course: Course, slug: str, answer: str, **changed: str) -> bytes:
    """An exercise with an answer in its first solution cell, and other cells changed by id."""
    notebook = json.loads(course.exercise_notebook(course.exercise(slug)).read_bytes())
    cells = {cell["id"].rpartition("-")[2]: cell for cell in notebook["cells"]}
    first = next(c for c in notebook["cells"] if c["metadata"]["nbgrader"]["solution"])
    first["source"] = answer
    for number, source in changed.items():
        cells[number.removeprefix("cell_")]["source"] = source
    return json.dumps(notebook).encode()


def _cheats(course: Course) -> Iterator[Case]:
    """What people who want points without work may try."""
    nothing = "container_is_there"

    def hello(answer: str, **changed: str) -> bytes:
        return written(course, "welcome.hello", answer, **changed)

    for student, answer in {
        "patches_the_checks": """
import labkit.checking, labkit.checks.welcome as checks
labkit.checking.run_checks = lambda *a, **k: None
checks.container_is_there = checks.container_has_run = lambda engine: None
checks.container_said_hello = lambda engine: None
""",
        "writes_the_checks": """
import labkit.checks.welcome as checks
open(checks.__file__, "w").write("")
""",
        "brings_an_own_docker": """
import os, pathlib
fake = pathlib.Path("docker"); fake.write_text("#!/bin/sh\\necho hello\\n"); fake.chmod(0o755)
os.environ["PATH"] = os.getcwd() + ":" + os.environ["PATH"]
!docker run --name lab-hello lab/shell echo hello
""",
        "writes_the_progress": """
import json, os, pathlib
from labkit.course import Course
work = pathlib.Path(os.environ.get("LABKIT_WORK", "."))
entry = {"attempts": 1, "earned": 3, "points": 3, "passed": True}
(work / "progress.json").write_text(json.dumps({"exercises": {"welcome.hello": entry}}))
""",
        "prints_a_verdict": "print('welcome.hello: passed, 3 of 3 points.')",
        "leads_elsewhere": """
import os
os.environ["DOCKER_HOST"] = "unix:///tmp/mine.sock"
!docker run --name lab-hello lab/shell echo hello
""",
        "answers_in_an_assertion": "raise AssertionError('but it is right')",
        "only_says_so": "# lab-hello is there and has said hello, believe me",
    }.items():
        yield Case(student, "welcome.hello", hello(answer), 0, nothing)
    changed = ("changed cell",)
    content = hello("", cell_06=HELLO)
    yield Case("answers_in_the_check", "welcome.hello", content, 0, nothing, notes=changed)
    content = hello(HELLO, cell_06="")
    yield Case("right_without_the_check", "welcome.hello", content, 3, notes=changed)
    forged = json.loads(hello(""))
    forged["cells"][-1]["metadata"]["nbgrader"]["points"] = 100
    forged["metadata"]["score"] = 100
    content = json.dumps(forged).encode()
    yield Case("forges_the_points", "welcome.hello", content, 0, nothing)
    content = written(course, "welcome.tidy_up", "", cell_04="!docker ps")
    left = "leftovers_are_gone"
    yield Case("changes_the_set_up", "welcome.tidy_up", content, 2, left, notes=changed)
    leaves = f"{HELLO}\nimport os\nos._exit(0)"
    yield Case("right_then_leaves", "welcome.hello", hello(leaves), 3, kind="exited")
