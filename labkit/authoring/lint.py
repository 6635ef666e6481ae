"""The rules of the course that a machine can check; each finding names a line and what mends it.

Lessons:
    * the first code cell begins with `%load_ext labkit`;
    * at most five lines of text between two code cells. What counts: paragraphs and lists, as
      wide as JupyterLab shows them (100 characters). What does not: headings, tables, fenced
      blocks, images, and boxes (`>` quotes), which stand out by themselves;
    * a picture of what Docker does, `show.…`;
    * a summary and a clean-up section, both with a heading, and code in the latter;
    * its cells before the first section name each `lab-…` object that it makes, or a label of it,
      and so remove what an earlier run left; or they run `%reset_lab`;
    * `%exercise SLUG` for each exercise of the chapter.

Exercises:
    * the first code cell begins with `%load_ext labkit`; it has a solution region;
    * at least one wrong answer; each names an existing check and a hint of its own;
    * the last of each chapter but 00 is a repair.

Both: names of docker objects begin with `lab-`, of images with `lab/` (cells tagged `fails` may
show a refused name); no command sleeps for more than two seconds; a few words that say nothing.
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from itertools import pairwise, takewhile
from typing import TYPE_CHECKING

from labkit.authoring.commands import commands, created
from labkit.running import FAILS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from labkit.authoring.commands import Command
    from labkit.authoring.sources import Cell, Source, WrongAnswer
    from labkit.course import Chapter, Exercise

MOST_LINES = 5
WIDTH = 100
LONGEST_SLEEP = 2.0
WELCOME = 0
RESET = "%reset_lab"
LESSON_LABEL = "labkit.lesson="

_SUMMARY = re.compile(r"summary|what you can do now", re.IGNORECASE)
_CLEAN_UP = re.compile(r"clean[ -]?(ing )?up", re.IGNORECASE)
_EMPTY_WORDS = re.compile(
    r"\b(simply|obviously|seamless(?:ly)?|effortless(?:ly)?|powerful|blazing(?:ly)?|"
    r"needless to say|as we all know)\b",
    re.IGNORECASE,
)
_PICTURE = re.compile(r"^\s*show\.\w", re.MULTILINE)
_TEMPLATE = re.compile(r"[${}]")
_SECTION = re.compile(r"^## ", re.MULTILINE)
_NOT_PROSE = re.compile(r"^\s*(#|\||>|!\[|<|:::|---|\+\+\+|\[//\])")
_PYTHON_SLEEP = re.compile(r"\btime\.sleep\(\s*([\d.]+)\s*\)")


@dataclass(frozen=True, slots=True)
class Finding:
    """A broken rule: where, what, and what mends it; `problem` may name the place itself."""

    where: str
    problem: str
    mend: str

    def __str__(self) -> str:
        place = "" if self.problem.startswith(f"`{self.where}`") else f"{self.where}: "
        return f"{place}{self.problem} {self.mend}"


def lint_lesson(source: Source, chapter: Chapter) -> tuple[Finding, ...]:
    """Check a lesson's source against the rules."""
    return (
        *_first_cell(source),
        *_long_texts(source),
        *_picture(source),
        *_sections(source),
        *_leftovers(source),
        *_links(source, chapter),
        *_common(source),
    )


def lint_exercise(
    source: Source, exercise: Exercise, chapter: Chapter, checks: Collection[str]
) -> tuple[Finding, ...]:
    """Check an exercise's source against the rules.

    Args:
        source: The source, with balanced markers.
        exercise: Its entry of the manifest.
        chapter: The chapter that it belongs to.
        checks: The names of its checks; empty when that is not known.
    """
    return (
        *_first_cell(source),
        *_solution(source),
        *_wrong_answers(source, source.wrong_answers(), checks),
        *_repair(source.path, exercise, chapter),
        *_common(source),
    )


def _first_cell(source: Source) -> Iterator[Finding]:
    first = next((cell for cell in source.cells if cell.code), None)
    if first is None or first.source.split("\n", 1)[0].strip() != "%load_ext labkit":
        yield Finding(
            source.at(first.line if first else 1),
            "the first code cell does not load labkit.",
            "Begin it with `%load_ext labkit`.",
        )


def _picture(source: Source) -> Iterator[Finding]:
    if not any(cell.code and _PICTURE.search(cell.source) for cell in source.cells):
        yield Finding(
            source.at(1),
            "no cell draws anything.",
            "Draw what happens, by `show.engine()` or another.",
        )


def _long_texts(source: Source) -> Iterator[Finding]:
    places = [index for index, cell in enumerate(source.cells) if cell.code]
    for before, after in pairwise(places):
        between = source.cells[before + 1 : after]
        count = sum(prose_lines(cell.source) for cell in between)
        if count > MOST_LINES:
            yield Finding(
                source.at(between[0].line),
                f"{count} lines of text between two cells; at most {MOST_LINES} are read.",
                "Let a cell show a part of it, or take words out.",
            )


def prose_lines(text: str) -> int:
    """Count the lines of text in Markdown as JupyterLab shows them (see the module's docstring)."""
    count, fenced = 0, ""
    paragraph: list[str] = []

    def end_paragraph() -> int:
        lines = len(textwrap.wrap(" ".join(paragraph), WIDTH))
        paragraph.clear()
        return lines

    for line in text.splitlines():
        bare = line.strip()
        if fenced or bare.startswith(("```", "~~~")):
            if fenced and bare.startswith(fenced):
                fenced = ""
            elif not fenced:
                fenced = bare[:3]
            count += end_paragraph()
        elif not bare or _NOT_PROSE.match(line):
            count += end_paragraph()
        else:
            if re.match(r"([-*+]|\d+\.)\s", bare):
                count += end_paragraph()
            paragraph.append(bare)
    return count + end_paragraph()


def is_clean_up(text: str) -> bool:
    """Tell whether Markdown opens a clean-up section, which ends every lesson."""
    return any(_CLEAN_UP.search(line) for line in text.splitlines() if line.startswith("#"))


def _sections(source: Source) -> Iterator[Finding]:
    texts = [cell.source for cell in source.cells if not cell.code]
    headings = [line for text in texts for line in text.splitlines() if line.startswith("#")]
    if not any(map(_SUMMARY.search, headings)):
        yield Finding(str(source.path), "the lesson has no summary.", "Add a section `## Summary`.")
    last = [i for i, cell in enumerate(source.cells) if not cell.code and is_clean_up(cell.source)]
    if not last or not any(cell.code for cell in source.cells[last[-1] :]):
        yield Finding(
            str(source.path),
            "the lesson does not end with a clean-up.",
            "Add a section `## Clean up` with a cell that removes all it made.",
        )


def _leftovers(source: Source) -> Iterator[Finding]:
    before = takewhile(lambda cell: cell.code or not _SECTION.search(cell.source), source.cells)
    opening = "\n".join(cell.source for cell in before if cell.code)
    if RESET in opening:
        return
    made: dict[str, Command] = {}
    for cell in source.cells:
        for command in commands(cell):
            for name in created(command):
                if name.startswith("lab-") and not _TEMPLATE.search(name):
                    made.setdefault(name, command)
    for name, command in made.items():
        by_label = any(w.startswith(LESSON_LABEL) and w in opening for w in command.words)
        if not re.search(rf"{re.escape(name)}(?![\w-])", opening) and not by_label:
            yield Finding(
                source.at(command.line),
                f"`{name}` may be there from an earlier run.",
                "Remove it in a cell before the first section.",
            )


def _links(source: Source, chapter: Chapter) -> Iterator[Finding]:
    lines = {line.strip() for cell in source.cells if cell.code for line in cell.source.split("\n")}
    for exercise in chapter.exercises:
        if f"%exercise {exercise.slug}" not in lines:
            yield Finding(
                str(source.path),
                f"the lesson does not lead to its exercise `{exercise.slug}`.",
                f"Add a cell with `%exercise {exercise.slug}`.",
            )


def _solution(source: Source) -> Iterator[Finding]:
    if not any(cell.solution for cell in source.cells):
        yield Finding(
            str(source.path),
            "the exercise has no solution.",
            "Put `# BEGIN SOLUTION` and `# END SOLUTION` around it.",
        )


def _wrong_answers(
    source: Source, answers: tuple[WrongAnswer, ...], checks: Collection[str]
) -> Iterator[Finding]:
    if not answers:
        yield Finding(
            str(source.path),
            "the exercise declares no wrong answer.",
            "Add a cell with `wrong:` metadata below the solution (see CONTRIBUTING.md).",
        )
    for answer in answers:
        where = source.at(answer.line)
        if checks and answer.check not in checks:
            yield Finding(
                where,
                f"`{answer.name}` should fail at `{answer.check}`, which is no check of it.",
                f"Its checks are {', '.join(f'`{name}`' for name in checks)}.",
            )
        for other in answers:
            if other is not answer and answer.hint.casefold() in other.hint.casefold():
                yield Finding(
                    where,
                    f"the hint of `{answer.name}` is also found in that of `{other.name}`.",
                    "Give each wrong answer a hint of its own.",
                )


def _repair(path: Path, exercise: Exercise, chapter: Chapter) -> Iterator[Finding]:
    last = chapter.exercises[-1] == exercise
    if last and chapter.number != WELCOME and not exercise.repair:
        yield Finding(
            str(path),
            f"the last exercise of chapter `{chapter.slug}` is not a repair.",
            "Break something in a set-up cell, and set `repair = true` in course.toml.",
        )


def _common(source: Source) -> Iterator[Finding]:
    for cell in source.cells:
        if cell.code:
            yield from _names(source, cell)
            yield from _sleeps(source, cell)
        else:
            yield from _words(source, cell)


def _names(source: Source, cell: Cell) -> Iterator[Finding]:
    if FAILS in cell.tags:
        return
    for command in commands(cell):
        for name in created(command):
            if not name.startswith(("lab-", "lab/")) and not _TEMPLATE.search(name):
                yield Finding(
                    source.at(command.line),
                    f"`{name}` is not a name of the course; a reset would leave it behind.",
                    "Begin it with `lab-`, an image's with `lab/`.",
                )


def _sleeps(source: Source, cell: Cell) -> Iterator[Finding]:
    naps = [
        (command.line, command.words[1])
        for command in commands(cell)
        if command.words[0] == "sleep" and len(command.words) > 1
    ]
    naps += [
        (line, found[1])
        for line, text in enumerate(cell.source.splitlines(), start=cell.line)
        if (found := _PYTHON_SLEEP.search(text))
    ]
    for line, seconds in naps:
        if not re.fullmatch(r"[\d.]+", seconds) or float(seconds) > LONGEST_SLEEP:
            yield Finding(
                source.at(line),
                f"a cell sleeps for {seconds} s.",
                "Wait for what it waits for, for instance with `docker wait`.",
            )


def _words(source: Source, cell: Cell) -> Iterator[Finding]:
    for number, line in enumerate(cell.source.splitlines(), start=cell.line):
        for found in _EMPTY_WORDS.finditer(re.sub(r"`[^`]*`", "", line)):
            yield Finding(source.at(number), f"“{found[0]}” says nothing.", "Take it out.")
