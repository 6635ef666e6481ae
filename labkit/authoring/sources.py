"""Sources: MyST notebooks, read into cells that know their line.

An exercise's source holds the task, the solution and wrong answers. A *solution cell* has regions
between `# BEGIN SOLUTION` and `# END SOLUTION`. A *wrong cell* has a `wrong` entry in its metadata
and follows the solution cell that it replaces; cells with one `wrong.name` are one wrong answer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from labkit.errors import AuthoringError

if TYPE_CHECKING:
    from pathlib import Path

BEGIN = "BEGIN SOLUTION"
END = "END SOLUTION"
_MARKER = re.compile(rf"^\s*(#|//|--|<!--)\s*({BEGIN}|{END})\s*(-->)?\s*$")


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a source.

    Attributes:
        kind: `code` or `markdown`.
        source: Its text.
        line: The line of the file at which `source` begins, from 1.
        metadata: From the source; `wrong` and `tags` mean something here.
    """

    kind: str
    source: str
    line: int
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def code(self) -> bool:
        """Whether it is a code cell."""
        return self.kind == "code"

    @property
    def wrong(self) -> bool:
        """Whether it is (part of) a wrong answer."""
        return "wrong" in self.metadata

    @property
    def solution(self) -> bool:
        """Whether it holds a solution region."""
        return self.code and not self.wrong and any(map(is_marker, self.source.splitlines()))

    @property
    def tags(self) -> tuple[str, ...]:
        """Its tags."""
        return tuple(self.metadata.get("tags", ()))


@dataclass(frozen=True, slots=True)
class WrongAnswer:
    """An answer that the checks must refuse, for one reason.

    Attributes:
        name: What went wrong, as an identifier.
        check: The name of the first check that must fail.
        hint: Text that the hint shown must contain.
        line: Where it is declared.
        replaces: For each solution cell that it replaces (an index into `Source.cells`), its code.
    """

    name: str
    check: str
    hint: str
    line: int
    replaces: dict[int, str]


@dataclass(frozen=True, slots=True)
class Source:
    """A source file, read.

    Attributes:
        path: The file.
        cells: Its cells, wrong cells included, in order.
    """

    path: Path
    cells: tuple[Cell, ...]

    @classmethod
    def read(cls, path: Path) -> Source:
        """Read a MyST notebook.

        Raises:
            AuthoringError: The file is missing, or not a MyST notebook.
        """
        from jupytext.myst import MystMetadataParsingError, myst_to_notebook

        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise AuthoringError(path, f"cannot be read: {reason}.") from error
        try:
            notebook = myst_to_notebook(text, add_source_map=True)
        except MystMetadataParsingError as error:
            raise AuthoringError(path, f"is not a MyST notebook: {error}.") from error
        starts = notebook.metadata["source_map"]
        lines = text.splitlines()
        return cls(
            path,
            tuple(
                Cell(cell.cell_type, cell.source, _first_line(lines, start, cell), cell.metadata)
                for cell, start in zip(notebook.cells, starts, strict=True)
            ),
        )

    def at(self, line: int) -> str:
        """Name a line of the file, as editors understand it."""
        return f"{self.path}:{line}"

    def wrong_answers(self) -> tuple[WrongAnswer, ...]:
        """Return the declared wrong answers, in the order of their first cells.

        Raises:
            AuthoringError: One is incomplete, contradicts itself or follows no solution cell.
        """
        found: dict[str, WrongAnswer] = {}
        solution: int | None = None
        for index, cell in enumerate(self.cells):
            if cell.solution:
                solution = index
            if not cell.wrong:
                continue
            if solution is None:
                raise AuthoringError(
                    self.at(cell.line), "a wrong cell must follow the solution cell it replaces."
                )
            answer = self._wrong_answer(cell, solution)
            first = found.setdefault(answer.name, answer)
            if (first.check, first.hint) != (answer.check, answer.hint):
                raise AuthoringError(
                    self.at(cell.line),
                    f"`{answer.name}` has another check or hint in line {first.line}.",
                )
            if first is not answer and solution in first.replaces:
                raise AuthoringError(
                    self.at(cell.line),
                    f"the wrong answer `{answer.name}` replaces this solution cell twice.",
                    hint="Put it into one cell, or give one of them another name.",
                )
            first.replaces.update(answer.replaces)
        return tuple(found.values())

    def _wrong_answer(self, cell: Cell, solution: int) -> WrongAnswer:
        entry = cell.metadata["wrong"]
        facts = entry if isinstance(entry, dict) else {}
        for key in ("name", "check", "hint"):
            if not isinstance(facts.get(key), str) or not facts[key].strip():
                raise AuthoringError(
                    self.at(cell.line), f"a wrong cell needs a text `{key}` below `wrong:`."
                )
        return WrongAnswer(
            facts["name"], facts["check"], facts["hint"], cell.line, {solution: cell.source}
        )


def is_marker(line: str) -> bool:
    """Tell whether a line opens or closes a solution region."""
    return bool(_MARKER.match(line))


def _first_line(lines: list[str], start: int, cell: Any) -> int:
    """Find the line at which a cell's text begins, below its metadata and blank lines.

    Args:
        lines: The file's lines.
        start: Where jupytext saw the cell begin, from 0; for code, the line below its fence.
        cell: The cell; its first line is looked for.
    """
    wanted = cell.source.split("\n", 1)[0].strip()
    for index in range(start, len(lines)):
        if wanted and lines[index].strip() == wanted:
            return index + 1
    return start + 1
