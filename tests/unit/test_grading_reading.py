from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import pytest

from labkit.course import Course
from labkit.grading.reading import LARGEST, Refused, content, read
from tests.unit.grading import ANSWER, RIGHT, answered, built_course, starter

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    return built_course(tmp_path_factory.mktemp("course"))


def source_of(course: Course, data: bytes) -> list[tuple[str, str]]:
    return [(c.id, c.source) for c in read(data, course.exercises[0], course).cells]


def notes_of(course: Course, data: bytes) -> list[str]:
    return [note.kind for note in read(data, course.exercises[0], course).notes]


def test_an_answer_is_run_between_the_courses_own_cells(course: Course) -> None:
    assert source_of(course, answered(course, RIGHT)) == [
        ("tiny-first-02", "%load_ext labkit"),
        (ANSWER, RIGHT),
    ]
    assert notes_of(course, answered(course, RIGHT)) == []


def cell(identifier: str, source: Any = "1", kind: str = "code", **metadata: Any) -> dict[str, Any]:
    found = {"id": identifier, "cell_type": kind, "source": source, "metadata": metadata}
    return found | ({"outputs": [], "execution_count": None} if kind == "code" else {})


def insert(place: int, *cells: dict[str, Any]) -> Callable[[Any], None]:
    def change(notebook: Any) -> None:
        notebook["cells"][place:place] = cells

    return change


def edit(place: int, **facts: Any) -> Callable[[Any], None]:
    return lambda notebook: notebook["cells"][place].update(facts)


def without(*ids: str) -> Callable[[Any], None]:
    def change(notebook: Any) -> None:
        notebook["cells"] = [c for c in notebook["cells"] if c["id"] not in ids]

    return change


def test_added_cells_run_where_they_stand(course: Course) -> None:
    data = answered(course, RIGHT, insert(3, cell("mine", "after"), cell("text", "x", "markdown")))
    assert [source for _id, source in source_of(course, data)] == [
        "%load_ext labkit",
        RIGHT,
        "after",
    ]
    assert notes_of(course, data) == ["added cells"]
    first = answered(course, RIGHT, insert(0, cell("mine", "before")))
    assert source_of(course, first)[0] == ("added-1", "before")


def test_the_courses_cells_are_run_as_the_course_has_them(course: Course) -> None:
    data = answered(course, RIGHT, edit(1, source="import labkit.checking; labkit.checking = 0"))
    assert source_of(course, data)[0] == ("tiny-first-02", "%load_ext labkit")
    assert notes_of(course, data) == ["changed cell"]
    data = answered(course, RIGHT, edit(3, source="import os; os._exit(0)"))
    assert [name for name, _source in source_of(course, data)] == ["tiny-first-02", ANSWER]


def test_a_missing_cell_of_the_courses_is_run_all_the_same_and_said(course: Course) -> None:
    data = answered(course, RIGHT, without("tiny-first-02"))
    assert source_of(course, data)[0] == ("tiny-first-02", "%load_ext labkit")
    assert notes_of(course, data) == ["missing cell"]


def test_an_answer_in_another_cell_counts_when_its_own_is_gone(course: Course) -> None:
    def change(notebook: Any) -> None:
        without(ANSWER)(notebook)
        insert(2, cell("mine", RIGHT))(notebook)

    data = answered(course, "", change)
    assert source_of(course, data)[1] == ("added-1", RIGHT)
    assert notes_of(course, data) == ["missing cell", "added cells"]


def test_an_answer_turned_into_text_is_not_run(course: Course) -> None:
    data = answered(course, RIGHT, edit(2, cell_type="markdown"))
    assert [name for name, _source in source_of(course, data)] == ["tiny-first-02"]
    assert notes_of(course, data) == ["cell type"]


def test_a_cell_that_is_there_twice_alike_is_run_once(course: Course) -> None:
    data = answered(course, RIGHT, lambda nb: nb["cells"].insert(3, nb["cells"][2]))
    assert [name for name, _source in source_of(course, data)] == ["tiny-first-02", ANSWER]
    assert notes_of(course, data) == ["repeated cell"]


def test_ids_that_an_older_program_dropped_are_found_in_nbgraders_metadata(course: Course) -> None:
    def change(notebook: Any) -> None:
        for one in notebook["cells"]:
            del one["id"]
        notebook["nbformat_minor"] = 4

    assert source_of(course, answered(course, RIGHT, change))[1] == (ANSWER, RIGHT)


def test_unicode_passes_through(course: Course) -> None:
    text = "print('héllo 学习 \U0001f433 \u202e')"
    assert source_of(course, b"\xef\xbb\xbf" + answered(course, text))[1] == (ANSWER, text)


def nbformat_three(course: Course) -> bytes:
    notebook = nbformat.convert(nbformat.reads(answered(course, RIGHT).decode(), 4), 3)
    return json.dumps(notebook).encode()


def of(change: Callable[[Any], Any]) -> Callable[[Course], bytes]:
    return lambda course: answered(course, RIGHT, change)


#: Each kind of file that is refused: how it is made, its kind, and words of its message.
REFUSED: dict[str, tuple[bytes | Callable[[Course], bytes], str, str]] = {
    "nothing": (b"", "empty file", "Save the notebook"),
    "blank": (b" \n\n", "empty file", "Save the notebook"),
    "zip": (b"PK\x03\x04rest", "another format", "a ZIP archive"),
    "gzip": (b"\x1f\x8brest", "another format", "a gzip archive"),
    "pdf": (b"%PDF-1.7", "another format", "a PDF"),
    "picture": (b"\x89PNG\r\n", "another format", "a picture"),
    "page": (b"<!DOCTYPE html>", "another format", "a web page"),
    "binary": (b"\x7fELF\0\0", "binary", "binary data"),
    "utf-16": ('{"cells": "é"}'.encode("utf-16-be").replace(b"\0", b"\xe9"), "not UTF-8", "UTF-8"),
    "half": (lambda c: answered(c, RIGHT)[:-40], "invalid JSON", "no valid JSON"),
    "a script": (b"print('hello')", "invalid JSON", "line 1"),
    "huge number": (b'{"nbformat": 1' + b"0" * 5000 + b"}", "invalid JSON", "no valid JSON"),
    "nested": (b"[" * 100_000, "nested too deep", "too deep"),
    "conflict": (
        b"{\n<<<<<<< HEAD\n1\n=======\n2\n>>>>>>> theirs\n}",
        "merge conflict",
        "Resolve it",
    ),
    "a list": (b"[]", "not a notebook", "no notebook"),
    "other JSON": (b'{"name": "x"}', "not a notebook", "no notebook"),
    "nbformat 3": (nbformat_three, "old format", "save it"),
    "nbformat 5": (of(lambda nb: nb.update(nbformat=5)), "unknown format", "4 is known"),
    "R": (
        of(lambda nb: nb["metadata"].update(kernelspec={"language": "R"})),
        "another language",
        "`R`",
    ),
    "cells as text": (of(lambda nb: nb.update(cells="x")), "malformed", "list of cells"),
    "cells of numbers": (of(lambda nb: nb.update(cells=[1, 2])), "malformed", "list of cells"),
    "source as number": (of(edit(2, source=5)), "malformed", "text of a cell"),
    "no cells": (of(lambda nb: nb.update(cells=[])), "no cells", "no cells"),
    "no code": (
        of(lambda nb: nb.update(cells=[cell("a", "hello", "markdown")])),
        "no code cells",
        "no code",
    ),
    "1000 cells": (
        of(lambda nb: nb.update(cells=nb["cells"] * 1000)),
        "too many cells",
        "at most 300",
    ),
    "a long cell": (lambda c: answered(c, "x" * 200_000), "cell too long", "at most 100000"),
    "two answers": (
        of(insert(3, cell(ANSWER, "something else"))),
        "duplicate cell",
        f"`{ANSWER}`",
    ),
    "foreign": (
        of(lambda nb: nb.update(cells=[cell("a", "print(1)"), cell("b", "print(2)")])),
        "no answer",
        f"`{ANSWER}`",
    ),
    "answer cut out": (of(without(ANSWER)), "no answer", "fresh copy"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_graded_is_refused_with_its_own_words(course: Course, name: str) -> None:
    made, kind, words = REFUSED[name]
    data = made if isinstance(made, bytes) else made(course)
    with pytest.raises(Refused) as refused:
        read(data, course.exercises[0], course)
    assert refused.value.problem.kind == kind
    assert words in refused.value.problem.message


def test_cells_of_another_exercise_are_named() -> None:
    real = Course.load(Path(__file__).parents[2])
    hello, tidy_up = real.exercise("welcome.hello"), real.exercise("welcome.tidy_up")
    with pytest.raises(Refused, match=r"`welcome\.tidy_up`, not of `welcome\.hello`") as refused:
        read(real.exercise_notebook(tidy_up).read_bytes(), hello, real)
    assert refused.value.problem.kind == "another exercise"


def test_every_exercise_of_the_course_is_read_as_it_is_handed_out() -> None:
    real = Course.load(Path(__file__).parents[2])
    for exercise in real.exercises:
        found = read(real.exercise_notebook(exercise).read_bytes(), exercise, real)
        assert found.notes == (), exercise.slug
        assert found.cells, exercise.slug


def test_a_file_of_50_mib_is_not_even_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "large.ipynb"
    with path.open("wb") as file:
        file.truncate(50 * 2**20)
    with pytest.raises(Refused, match=r"50 MiB.*Clear its outputs") as refused:
        content(path)
    assert refused.value.problem.kind == "too large"
    assert LARGEST < 50 * 2**20


def test_what_became_a_link_or_a_folder_meanwhile_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("{}")
    (tmp_path / "a.ipynb").symlink_to(tmp_path / "secret")
    for path in (tmp_path / "a.ipynb", tmp_path / "gone.ipynb"):
        with pytest.raises(Refused) as refused:
            content(path)
        assert refused.value.problem.kind == "unreadable"
    with pytest.raises(Refused):
        content(tmp_path)


def test_the_answer_of_the_starter_is_a_comment(course: Course) -> None:
    data = json.dumps(starter(course)).encode()
    (_load, answer) = source_of(course, data)
    assert answer[1].startswith("# Say it in one line.")
