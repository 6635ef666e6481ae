"""A question that the engine answers."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from labkit import show
from labkit.errors import NoSuchContainer
from labkit.quizzes import agrees

CLOSED: list[str] = []
ENGINE: Any = SimpleNamespace(
    cli_env=lambda: {"PATH": "/usr/bin:/bin"}, close=lambda: CLOSED.append("closed")
)


def pressed(quiz: Any, predicted: str) -> str:
    before = quiz.answers
    quiz._handle_custom_msg({"predicted": predicted}, [])
    assert quiz.answers == before + 1, "so the page knows that it need not wait"
    return str(quiz.found)


def test_the_answer_is_the_engine_s_and_is_taken_when_it_is_asked_for() -> None:
    asked: list[Any] = []
    quiz = show.quiz("How many?", lambda engine: asked.append(engine) or 3, "2", "3", engine=ENGINE)
    assert "Predict first." in pressed(quiz, " ")
    assert asked == []
    assert "so it is: <code>3</code>" in pressed(quiz, "3")
    assert "The engine says <code>3</code>" in pressed(quiz, "2")
    assert asked == [ENGINE, ENGINE]


def test_a_command_answers_and_anything_can_be_predicted() -> None:
    quiz = show.quiz("What?", "echo 'Exited <b>'", engine=ENGINE)
    assert "so it is: <code>Exited &lt;b&gt;</code>" in pressed(quiz, " exited  <B> ")


def test_a_command_that_fails_is_told() -> None:
    quiz = show.quiz("What?", "false", engine=ENGINE)
    assert "<code>false</code>" in pressed(quiz, "x")


def test_an_engine_that_refuses_is_told() -> None:
    def missing(_engine: Any) -> None:
        raise NoSuchContainer("lab-a")

    quiz = show.quiz("What?", missing, engine=ENGINE)
    assert "There is no container named" in pressed(quiz, "x")


def test_a_fault_of_our_own_is_told() -> None:
    quiz = show.quiz("What?", lambda _engine: {}["odd"], engine=ENGINE)
    assert "This is our fault, and not yours: <code>KeyError" in pressed(quiz, "x")


def test_no_connection_stays_open_while_nobody_asks() -> None:
    CLOSED.clear()
    quiz = show.quiz("How many?", lambda _engine: CLOSED.append("asked"), engine=ENGINE)
    pressed(quiz, "x")
    assert CLOSED == ["closed", "asked", "closed"]


def test_what_a_command_writes_for_a_terminal_is_shown_without_it() -> None:
    quiz = show.quiz("What?", "printf '\\033[31mred\\033[0m'", engine=ENGINE)
    assert "so it is: <code>red</code>" in pressed(quiz, "red")


def test_without_a_page_it_is_a_question_in_words() -> None:
    quiz = show.quiz("How <b>many</b>?", "docker ps", "1", "2", engine=ENGINE)
    text = "How <b>many</b>?\n  - 1\n  - 2\nThen run: docker ps"
    bundle, _metadata = quiz._repr_mimebundle_()
    assert bundle["text/plain"] == text
    assert "<b>many" not in bundle["text/html"]
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert "Then run" not in repr(show.quiz("How?", len, engine=ENGINE))


@pytest.mark.parametrize(
    ("predicted", "found", "right"),
    [("Running", "running\n", True), ("a  b", "a b", True), ("", "", False), ("1", "11", False)],
)
def test_a_prediction_is_compared_by_its_words(predicted: str, found: str, *, right: bool) -> None:
    assert agrees(predicted, found) == right
