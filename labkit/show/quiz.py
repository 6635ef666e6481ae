"""A question to the learner that the engine answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labkit.engine import connect
from labkit.quizzes import Question

if TYPE_CHECKING:
    from collections.abc import Callable

    from labkit.engine import Engine
    from labkit.widgets.quiz import Quiz


def quiz(
    question: str,
    answer: str | Callable[[Engine], object],
    *options: str,
    engine: Engine | None = None,
) -> Quiz:
    """Ask for a prediction; the answer is taken from the engine when it is wanted.

    Args:
        question: What is asked.
        answer: A command, or a function of the engine.
        *options: What can be predicted; none lets anything be written.
        engine: Who answers; None connects to the one that does.
    """
    from labkit.widgets.quiz import Quiz

    return Quiz(Question(question, answer, options), engine or connect())
