"""Write the exercises as a course that nbgrader generates assignments from.

A chapter is an assignment, an exercise one of its notebooks. What nbgrader makes from it carries
the same cell ids as `exercises/`, so `labkit grade` grades what comes back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from labkit.authoring.build import marked, to_bytes
from labkit.authoring.sources import Source
from labkit.files import write_atomically

if TYPE_CHECKING:
    from pathlib import Path

    from labkit.course import Course

#: A stub that is a comment in whatever a cell holds; nbgrader's own would raise an error.
CONFIG = """c = get_config()  # noqa: F821 - nbgrader brings it
c.ClearSolutions.code_stub = {"python": "# Your answer here"}
"""


def write(course: Course, folder: Path) -> tuple[Path, ...]:
    """Write `nbgrader_config.py`, unless there is one, and a notebook for each exercise.

    Raises:
        AuthoringError: A source breaks a rule of the build.
        WorkspaceError: A file cannot be written.
    """
    notebooks = {
        folder
        / "source"
        / course.chapter_of(exercise).lesson.stem
        / f"{exercise.name}.ipynb": to_bytes(
            marked(Source.read(course.solution(exercise)), exercise)
        )
        for exercise in course.exercises
    }
    for path, content in notebooks.items():
        write_atomically(path, content)
    config = folder / "nbgrader_config.py"
    if not config.exists():
        write_atomically(config, CONFIG.encode())
    return tuple(notebooks)
