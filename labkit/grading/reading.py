"""Read a submitted notebook as a file that may be anything, and say which cells are to be run.

What the course locks (set-up cells) is run as the course has it, whatever the file says. The
learner's are the solution cells, which are known by their ids, and cells that were added; these run
where they stand. The last cell, the check, is not run: the grader checks.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labkit.errors import LabError
from labkit.grading.submissions import Problem
from labkit.grading.transcript import Cell
from labkit.grading.verdicts import Note
from labkit.translation import _

if TYPE_CHECKING:
    from pathlib import Path

    from labkit.course import Course, Exercise

MIB = 2**20
LARGEST = 10 * MIB
LONGEST_CELL = 100_000
MOST_CELLS = 300
FORMAT = 4


class Refused(LabError):
    """A file cannot be graded.

    Attributes:
        problem: Why.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.problem = Problem(kind, message)


@dataclass(frozen=True)
class Reading:
    """What a submission says is to be run.

    Attributes:
        cells: In order; the course's own among them.
        notes: How it differs from what was handed out, beyond the answers.
    """

    cells: tuple[Cell, ...]
    notes: tuple[Note, ...] = ()


def content(path: Path) -> bytes:
    """Read a file that its author may have made to do harm.

    Raises:
        Refused: It is no plain file of a reasonable size.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise Refused(
            "unreadable", _("The file cannot be read: {why}.").format(why=error.strerror)
        ) from error
    facts = os.fstat(handle)
    if not stat.S_ISREG(facts.st_mode):
        os.close(handle)
        raise Refused("not a file", _("This is a folder or a device, not a notebook."))
    with os.fdopen(handle, "rb") as file:
        data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise Refused(
            "too large",
            _("The file has {size} MiB; at most {most} are read. Clear its outputs.").format(
                size=facts.st_size // MIB, most=LARGEST // MIB
            ),
        )
    return data


def digest(data: bytes) -> str:
    """Return what tells one content from another."""
    return hashlib.sha256(data).hexdigest()


def read(data: bytes, exercise: Exercise, course: Course) -> Reading:
    """Say what is to be run of a submission.

    Raises:
        Refused: It is no notebook, or not one of this exercise.
    """
    submitted = _cells(_notebook(data))
    handed_out = _cells(json.loads(course.exercise_notebook(exercise).read_bytes()))
    return _merged(submitted, handed_out, exercise, course)


def cell_ids(path: Path) -> tuple[str, ...]:
    """Return the ids of a notebook's cells; none when it is no notebook."""
    try:
        return tuple(cell.id for cell in _cells(_notebook(content(path))))
    except Refused:
        return ()


@dataclass(frozen=True)
class _FileCell:
    """A cell as it stands in a file; `solution` and `grade` are nbgrader's words."""

    id: str
    code: bool
    source: str
    tags: tuple[str, ...]
    solution: bool
    grade: bool


def _notebook(data: bytes) -> dict[str, Any]:
    """Take the file's content for a notebook, or say what else it is."""
    if not data.strip():
        raise Refused("empty file", _("The file is empty. Save the notebook, and hand it in."))
    for beginning, what in {
        b"PK\x03\x04": _("a ZIP archive"),
        b"\x1f\x8b": _("a gzip archive"),
        b"%PDF": _("a PDF"),
        b"\x89PNG": _("a picture"),
        b"<": _("a web page"),
    }.items():
        if data.lstrip().startswith(beginning):
            raise Refused(
                "another format",
                _("The file is {what}, not a notebook. Hand in the `.ipynb` file itself.").format(
                    what=what
                ),
            )
    if b"\0" in data:
        raise Refused("binary", _("The file is binary data, not a notebook."))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refused(
            "not UTF-8", _("The file is not text in UTF-8, as every notebook is.")
        ) from error
    if "\n<<<<<<<" in text and "\n>>>>>>>" in text:
        raise Refused(
            "merge conflict", _("The file has marks of a merge conflict in it. Resolve it.")
        )
    try:
        value = json.loads(text)
    except RecursionError as error:
        raise Refused("nested too deep", _("The file is nested too deep.")) from error
    except ValueError as error:
        raise Refused(
            "invalid JSON",
            _("The file is no valid JSON, as every notebook is: {why}.").format(why=error),
        ) from error
    return _of_this_format(value)


def _of_this_format(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict) or not isinstance(value.get("nbformat"), int):
        raise Refused("not a notebook", _("The file is JSON, but no notebook."))
    version = value["nbformat"]
    if version < FORMAT:
        raise Refused(
            "old format",
            _("The notebook has the old format {n}. Open it in JupyterLab and save it.").format(
                n=version
            ),
        )
    if version > FORMAT:
        raise Refused(
            "unknown format", _("The notebook has format {n}; 4 is known.").format(n=version)
        )
    metadata = value.get("metadata")
    kernel = metadata.get("kernelspec") if isinstance(metadata, dict) else None
    language = kernel.get("language") if isinstance(kernel, dict) else None
    if isinstance(language, str) and language.lower() != "python":
        raise Refused(
            "another language",
            _("The notebook is for the kernel `{name}`; the course's are for Python.").format(
                name=language
            ),
        )
    return value


def _cells(notebook: dict[str, Any]) -> tuple[_FileCell, ...]:
    listed = notebook.get("cells")
    if not isinstance(listed, list) or not all(isinstance(cell, dict) for cell in listed):
        raise Refused("malformed", _("The notebook's list of cells is broken."))
    if not listed:
        raise Refused("no cells", _("The notebook has no cells."))
    if len(listed) > MOST_CELLS:
        raise Refused(
            "too many cells",
            _("The notebook has {n} cells; at most {most} are run.").format(
                n=len(listed), most=MOST_CELLS
            ),
        )
    return tuple(map(_cell, listed))


def _cell(cell: dict[str, Any]) -> _FileCell:
    source = cell.get("source", "")
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if not isinstance(source, str):
        raise Refused("malformed", _("The text of a cell is broken."))
    if len(source) > LONGEST_CELL:
        raise Refused(
            "cell too long",
            _("A cell has {n} characters; at most {most} are run.").format(
                n=len(source), most=LONGEST_CELL
            ),
        )
    metadata = cell.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    facts = metadata.get("nbgrader")
    facts = facts if isinstance(facts, dict) else {}
    tags = metadata.get("tags")
    # An older notebook has no ids; nbgrader's is kept by all that know nothing of it.
    identifier = cell.get("id") or facts.get("grade_id")
    return _FileCell(
        id=identifier if isinstance(identifier, str) else "",
        code=cell.get("cell_type") == "code",
        source=source,
        tags=tuple(map(str, tags)) if isinstance(tags, list) else (),
        solution=facts.get("solution") is True,
        grade=facts.get("grade") is True,
    )


def _merged(
    submitted: tuple[_FileCell, ...],
    handed_out: tuple[_FileCell, ...],
    exercise: Exercise,
    course: Course,
) -> Reading:
    """Put the learner's cells into the course's notebook."""
    known = {cell.id: cell for cell in handed_out}
    _belongs(submitted, known, exercise, course)
    notes: list[Note] = []
    answers: dict[str, str] = {}
    added: dict[str, list[Cell]] = {}
    place, number = "", 0
    for cell in submitted:
        original = known.get(cell.id)
        if original is None:
            if cell.code and cell.source.strip():
                number += 1
                own = Cell(f"added-{number}", cell.source, cell.tags)
                added.setdefault(place, []).append(own)
            continue
        place = cell.id
        source = cell.source if cell.code else ""
        if answers.setdefault(cell.id, source) != source:
            raise Refused(
                "duplicate cell",
                _("There are two different cells with the id `{id}`. Keep one.").format(id=cell.id),
            )
        notes += _differences(cell, original)
    notes += [
        Note("missing cell", _("Cell `{id}` is missing.").format(id=cell.id))
        for cell in handed_out
        if cell.code and cell.id not in answers and not cell.grade
    ]
    twice = Counter(cell.id for cell in submitted if cell.id in known)
    notes += [
        Note("repeated cell", _("Cell `{id}` is there {n} times.").format(id=name, n=times))
        for name, times in twice.items()
        if times > 1
    ]
    if number:
        notes.append(Note("added cells", _("{n} cells were added.").format(n=number)))
    cells = [*added.get("", [])]
    for cell in handed_out:
        source = answers.get(cell.id, "") if cell.solution else cell.source
        if cell.code and not cell.grade and source.strip():
            cells.append(Cell(cell.id, source, cell.tags))
        cells += added.get(cell.id, [])
    return Reading(tuple(cells), tuple(notes))


def _belongs(
    submitted: tuple[_FileCell, ...],
    known: dict[str, _FileCell],
    exercise: Exercise,
    course: Course,
) -> None:
    """Refuse a notebook in which no cell is known where an answer could be.

    Raises:
        Refused: It says whose cells they are.
    """
    if not any(cell.code for cell in submitted):
        raise Refused("no code cells", _("The notebook has no code cells."))
    solutions = {cell.id for cell in known.values() if cell.solution}
    ids = {cell.id for cell in submitted}
    if ids & solutions:
        return
    prefixes = {name.rpartition("-")[0] for name in ids}
    for other in course.exercises:
        if other is not exercise and other.slug.replace(".", "-") in prefixes:
            raise Refused(
                "another exercise",
                _("The cells are those of `{other}`, not of `{slug}`.").format(
                    other=other.slug, slug=exercise.slug
                ),
            )
    if not any(cell.code and cell.id not in known for cell in submitted) or not ids & known.keys():
        missing = ", ".join(f"`{name}`" for name in sorted(solutions))
        raise Refused(
            "no answer",
            _(
                "No cell is one that an answer belongs in ({missing}). Take a fresh copy of the "
                "exercise, and copy the answer into it."
            ).format(missing=missing),
        )


def _differences(cell: _FileCell, original: _FileCell) -> list[Note]:
    """Say how a cell of the course was changed where it should not be."""
    if original.code and not cell.code:
        return [Note("cell type", _("Cell `{id}` is no code cell any more.").format(id=cell.id))]
    if original.code and not original.solution and cell.source != original.source:
        return [
            Note(
                "changed cell",
                _("Cell `{id}` was changed; the course's own was run.").format(id=cell.id),
            )
        ]
    return []
