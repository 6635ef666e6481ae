"""A question with a place for the prediction and a button that asks the engine."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from labkit.errors import LabError
from labkit.escapes import plain
from labkit.quizzes import agrees
from labkit.rendering import message_html
from labkit.translation import _

if TYPE_CHECKING:
    from labkit.engine import Engine
    from labkit.quizzes import Question


class Quiz(anywidget.AnyWidget):
    """A question to predict the answer of.

    Args:
        question: What is asked.
        engine: Who answers; connected while it is asked, and not before or after.
    """

    _esm = Path(__file__).with_name("quiz.js")
    _css = Path(__file__).with_name("live_view.css")

    text = traitlets.Unicode().tag(sync=True)
    options: traitlets.List[str] = traitlets.List().tag(sync=True)
    words = traitlets.Dict().tag(sync=True)
    found = traitlets.Unicode().tag(sync=True)
    answers = traitlets.Int().tag(sync=True)

    def __init__(self, question: Question, engine: Engine) -> None:
        self._question = question
        self._engine = engine
        engine.close()  # it opens again by itself
        super().__init__(text=question.text, options=list(question.options), words=_words())
        self.on_msg(self._said)

    def __repr__(self) -> str:
        """Write the question, what can be predicted, and how to ask without a page."""
        lines = [self._question.text, *(f"  - {option}" for option in self._question.options)]
        if isinstance(self._question.answer, str):
            lines.append(_("Then run: {command}").format(command=self._question.answer))
        return "\n".join(lines)

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Ask in words where no widgets are shown, and in a notebook that was saved."""
        bundle, metadata = super()._repr_mimebundle_(**kwargs) or ({}, {})
        forms = {"text/plain": repr(self), "text/html": f"<pre>{escape(repr(self))}</pre>"}
        return {**bundle, **forms}, metadata

    def _said(self, _widget: object, message: dict[str, Any], _buffers: object) -> None:
        """Answer a page that asks."""
        answer = self._answer(message["predicted"])
        with self.hold_sync():
            self.found = message_html(answer)
            self.answers += 1

    def _answer(self, predicted: str) -> str:
        if not predicted.strip():
            return _("Predict first.")
        try:
            found = plain(self._question.ask(self._engine))
        except LabError as error:
            return str(error)
        except Exception as error:  # noqa: BLE001 - without a word, one would wait for ever
            return _("This is our fault, and not yours: `{error}`.").format(error=repr(error))
        finally:
            self._engine.close()
        told = _("You predicted `{predicted}`, and so it is: `{found}`.")
        if not agrees(predicted, found):
            told = _("You predicted `{predicted}`. The engine says `{found}`.")
        return told.format(predicted=predicted, found=found)


def _words() -> dict[str, str]:
    """What the page says by itself."""
    return {
        "prediction": _("Your prediction"),
        "ask": _("Ask the engine"),
        "waiting": _("The engine is asked …"),
        "ended": _("The kernel that would ask has gone. Run the cell again."),
    }
