"""What a lesson measures, as a table and as a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from labkit import comparing, show
from labkit.comparing import Comparison
from labkit.errors import LabError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Comparison:
    clock = iter([10.0, 12.0, 20.0, 28.0])
    monkeypatch.setattr(comparing.time, "monotonic", lambda: next(clock))
    file = tmp_path / "compose.yaml"
    file.write_text("# why\nservices:\n\n  api:\n    image: lab/api\n")
    table = Comparison()
    table.lines("Compose", file)
    with table.timed("Compose", "ready"):
        pass
    with table.timed("Swarm", "ready", remark="by itself"):
        pass
    table.found("Swarm", comparing.STATE, "a volume")
    return table


def test_a_table_has_a_line_for_each_question_and_a_column_for_each_orchestrator(
    table: Comparison,
) -> None:
    lines = repr(table).splitlines()
    assert lines[0].split() == ["Compose", "Swarm"]
    assert len(lines) == 1 + len(comparing.QUESTIONS)
    assert lines[1].split() == ["lines", "of", "configuration", "3", "-"]
    assert lines[2].split() == ["ready", "2.0", "s", "8.0", "s", "by", "itself"]
    assert lines[-1].endswith("-        a volume")
    assert len({line.index(cell) for line, cell in zip(lines[1:3], ("3", "2.0"), strict=True)}) == 1


def test_a_line_counts_when_it_says_something(tmp_path: Path) -> None:
    file = tmp_path / "tasks.json"
    file.write_text('[\n  {\n    "family": "db"\n  }\n]\n\n# why\n---\n')
    table = Comparison()
    table.lines("ECS", file)
    assert table.answers[comparing.LINES]["ECS"].amount == 1


def test_a_picture_shows_what_was_measured_and_nothing_else(table: Comparison) -> None:
    picture = show.comparison(table)
    assert [box.title for box in picture.boxes] == [comparing.LINES, "ready", comparing.STATE]
    ready = picture.boxes[1].children
    assert [(box.title, box.share, box.mark) for box in ready] == [
        ("Compose", 0.25, "Compose"),
        ("Swarm", 1.0, "Swarm"),
    ]
    assert picture.boxes[2].children[0].share is None


def test_what_fails_is_not_measured_and_a_second_try_replaces_the_first() -> None:
    table = Comparison()
    with pytest.raises(ZeroDivisionError), table.timed("Compose", "ready"):
        raise ZeroDivisionError
    assert table.orchestrators == ()
    for remark in ("first", "second"):
        with table.timed("Compose", "ready", remark=remark):
            pass
    assert "second" in table.answers["ready"]["Compose"].text


def test_a_question_that_nobody_asks_is_refused() -> None:
    with pytest.raises(LabError, match="updated"):
        Comparison().found("Compose", "update", "x")
