"""Build notebooks from their sources, byte for byte the same each time.

The only module that knows nbgrader. Its `ClearSolutions` takes the solutions out; what surrounds
it here makes up for three of its habits: it accepts a stray END without a word (so markers are
checked first), it has one stub for a whole notebook (so each cell's own language is passed), and
it empties a solution cell that has no region (so only cells with regions are called solutions).

An nbgrader course takes a built exercise as a *released* notebook: its solutions are out already,
so `generate_assignment` needs `c.ClearSolutions.enabled = False`.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labkit.authoring.sources import BEGIN, END, Source, is_marker
from labkit.errors import AuthoringError
from labkit.running import FAILS, MAY_FAIL

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from nbformat import NotebookNode

    from labkit.authoring.sources import Cell
    from labkit.course import Course, Exercise

#: What stands in place of a solution, by what the cell holds.
_STUBS = {
    "shell": "# Your commands here",
    "python": "# Your code here",
    "dockerfile": "# Your instructions here",
    "text": "# Your lines here",
    "html": "<!-- Your lines here -->",
}
_LOCKED = {"deletable": False, "editable": False}


@dataclass(frozen=True, slots=True)
class Built:
    """A notebook as it should be on disk."""

    path: Path
    source: Path
    content: bytes

    def outdated(self) -> bool:
        """Tell whether the file differs from what its source says."""
        return not self.path.is_file() or self.path.read_bytes() != self.content


def build(course: Course) -> tuple[Path, ...]:
    """Write the notebooks that changed, and remove built ones that no source stands behind.

    Returns:
        The files written or removed.

    Raises:
        AuthoringError: A source is missing or breaks a rule of the build; nothing is written.
    """
    from labkit.files import write_atomically

    notebooks = built(course)
    changed = [notebook for notebook in notebooks if notebook.outdated()]
    for notebook in changed:
        write_atomically(notebook.path, notebook.content)
    strays = stray_notebooks(course)
    for path in strays:
        path.unlink()
    return (*(notebook.path for notebook in changed), *strays)


def built(course: Course) -> tuple[Built, ...]:
    """Build all notebooks in memory.

    Raises:
        AuthoringError: A source is missing or breaks a rule of the build.
    """
    lessons = (
        Built(
            course.lesson_notebook(lesson),
            course.lesson_source(lesson),
            to_bytes(lesson_notebook(Source.read(course.lesson_source(lesson)), lesson.slug)),
        )
        for lesson in course.lessons
    )
    exercises = (
        Built(
            course.exercise_notebook(exercise),
            course.solution(exercise),
            to_bytes(starter(Source.read(course.solution(exercise)), exercise)),
        )
        for exercise in course.exercises
    )
    return (*lessons, *exercises)


def stray_notebooks(course: Course) -> tuple[Path, ...]:
    """List notebooks in the folders of built ones that `course.toml` does not name."""
    named = {course.lesson_notebook(lesson) for lesson in course.lessons}
    named |= {course.exercise_notebook(exercise) for exercise in course.exercises}
    found = [
        *(course.root / "notebooks").glob("*.ipynb"),
        *(course.root / "exercises").glob("**/*.ipynb"),
    ]
    return tuple(sorted(path for path in found if path not in named and not _hidden(path)))


def lesson_notebook(source: Source, slug: str) -> NotebookNode:
    """Build a lesson: its cells as they are, with pinned ids."""
    return _notebook(slug, [(cell, cell.source, {}) for cell in source.cells])


def starter(source: Source, exercise: Exercise) -> NotebookNode:
    """Build what a learner begins with: stubs where the solutions were, wrong answers gone.

    Raises:
        AuthoringError: The markers do not balance, or the last code cell does not check.
    """
    return _clear_solutions(marked(source, exercise))


def marked(source: Source, exercise: Exercise) -> NotebookNode:
    """Build what nbgrader makes a learner's notebook from: solutions between their markers.

    Raises:
        AuthoringError: The markers do not balance, or the last code cell does not check.
    """
    check_markers(source)
    cells = [cell for cell in source.cells if not cell.wrong]
    last = max((index for index, cell in enumerate(cells) if cell.code), default=-1)
    if last < 0 or cells[last].source.strip() != f"%check {exercise.slug}":
        raise AuthoringError(
            source.path, f"the last code cell must be `%check {exercise.slug}` and nothing else."
        )
    notebook = _notebook(
        exercise.slug,
        [
            (cell, cell.source, _nbgrader(cell, points=exercise.points if index == last else None))
            for index, cell in enumerate(cells)
        ],
    )
    for cell in notebook.cells:
        if "nbgrader" in cell.metadata:
            cell.metadata.nbgrader["grade_id"] = cell.id
    return notebook


def answered(
    source: Source, exercise: Exercise, replaced: dict[int, str] | None = None
) -> NotebookNode:
    """Build the exercise with its solution in place, or with a wrong answer in its stead.

    Args:
        source: The exercise's source.
        exercise: Gives the cells their ids.
        replaced: Code for some of the solution cells, by their index in `source.cells`.
    """
    check_markers(source)
    return _notebook(
        exercise.slug,
        [
            (cell, (replaced or {}).get(index, _unmarked(cell.source)), {})
            for index, cell in enumerate(source.cells)
            if not cell.wrong
        ],
    )


def to_bytes(notebook: NotebookNode) -> bytes:
    """Write a notebook as its file's content."""
    import nbformat

    text: str = nbformat.writes(notebook, version=4)  # type: ignore[no-untyped-call]
    return (text + "\n").encode()


def check_markers(source: Source) -> None:
    """Refuse solution regions that do not open and close in turn within one code cell.

    Raises:
        AuthoringError: It names the line.
    """
    for cell in source.cells:
        opened: int | None = None
        for number, line in enumerate(cell.source.splitlines(), start=cell.line):
            where = source.at(number)
            if BEGIN not in line and END not in line:
                continue
            if not is_marker(line):  # nbgrader would take any line with these words for one
                raise AuthoringError(where, f"`# {BEGIN}` and `# {END}` need a line of their own.")
            if not cell.code or cell.wrong:
                raise AuthoringError(where, "a solution region belongs in a solution's code cell.")
            if BEGIN in line and opened is not None:
                raise AuthoringError(
                    where, f"`# {BEGIN}`, but line {opened} has begun one already."
                )
            if END in line and opened is None:
                raise AuthoringError(
                    where, f"`# {END}` without a `# {BEGIN}` above it in its cell."
                )
            opened = number if BEGIN in line else None
        if opened is not None:
            where = source.at(opened)
            raise AuthoringError(where, f"`# {BEGIN}` without a `# {END}` below it in its cell.")


def _notebook(slug: str, cells: Sequence[tuple[Cell, str, dict[str, Any]]]) -> NotebookNode:
    """Make a notebook whose every byte follows from the source."""
    from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

    made = []
    for number, (cell, text, extra) in enumerate(cells, start=1):
        new: Any = new_code_cell if cell.code else new_markdown_cell
        metadata = {**copy.deepcopy(dict(cell.metadata)), **extra}
        if FAILS in cell.tags:  # so that "Run All" and nbclient go on after it
            metadata["tags"] = sorted({*cell.tags, MAY_FAIL})
        made.append(new(source=text, metadata=metadata, id=f"{slug.replace('.', '-')}-{number:02}"))
    notebook: NotebookNode = new_notebook(  # type: ignore[no-untyped-call]
        cells=made,
        metadata={
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
    )
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return notebook


def _nbgrader(cell: Cell, *, points: int | None) -> dict[str, Any]:
    """Return the metadata by which nbgrader knows a cell; `points` only for the check's cell."""
    facts: dict[str, Any] = {
        "schema_version": 3,
        "solution": cell.solution,
        "grade": points is not None,
        "locked": not cell.solution,
        "task": False,
    }
    if points is not None:
        facts["points"] = points
    return {"nbgrader": facts, **({"deletable": False} if cell.solution else _LOCKED)}


def _clear_solutions(notebook: NotebookNode) -> NotebookNode:
    from nbgrader.preprocessors import ClearSolutions

    clear = ClearSolutions(code_stub=dict(_STUBS))
    for index, cell in enumerate(notebook.cells):
        if cell.metadata.nbgrader["solution"]:
            clear.preprocess_cell(cell, {"language": _language(cell.source)}, index)
    return notebook


def _language(source: str) -> str:
    """Tell what a cell holds, a key of `_STUBS`: by its magic, else by the commands in it."""
    lines = _unmarked(source).splitlines()
    first = lines[0].split() if lines else []
    if first and first[0] == "%%writefile":
        name = first[-1].rpartition("/")[2].lower()
        if "dockerfile" in name:
            return "dockerfile"
        return "html" if name.endswith((".html", ".xml")) else "text"
    commands = any(line.lstrip().startswith(("!", "%")) for line in lines)
    return "shell" if commands else "python"


def _unmarked(source: str) -> str:
    return "\n".join(line for line in source.split("\n") if not is_marker(line))


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts[-3:])
