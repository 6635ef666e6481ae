"""A question with a place for the prediction and a button that asks the engine."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import ipywidgets

from labkit.errors import LabError
from labkit.quizzes import agrees
from labkit.rendering import message_html
from labkit.translation import _

if TYPE_CHECKING:
    from labkit.engine import Engine
    from labkit.quizzes import Question


class Quiz(ipywidgets.VBox):  # type: ignore[misc]
    """A question to predict the answer of.

    Args:
        question: What is asked.
        engine: Who answers.
    """

    def __init__(self, question: Question, engine: Engine) -> None:
        self._question = question
        self._engine = engine
        wide = ipywidgets.Layout(width="auto")
        self._text = ipywidgets.HTML(f"<b>{escape(question.text)}</b>")
        if question.options:
            self._predicted = ipywidgets.RadioButtons(
                options=question.options, value=None, layout=wide
            )
        else:
            self._predicted = ipywidgets.Text(placeholder=_("Your prediction"))
        self._ask = ipywidgets.Button(
            description=_("Ask the engine"), layout=wide, button_style="primary"
        )
        self._found = ipywidgets.HTML()
        self._found.add_class("jp-RenderedHTMLCommon")
        self._ask.on_click(self._clicked)
        super().__init__([self._text, self._predicted, self._ask, self._found])

    def __repr__(self) -> str:
        """Write the question, what can be predicted, and how to ask without a page."""
        lines = [self._question.text, *(f"  - {option}" for option in self._question.options)]
        if isinstance(self._question.answer, str):
            lines.append(_("Then run: {command}").format(command=self._question.answer))
        return "\n".join(lines)

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        """Ask in words where no widgets are shown, and in a notebook that was saved."""
        forms = {"text/plain": repr(self), "text/html": f"<pre>{escape(repr(self))}</pre>"}
        return {**super()._repr_mimebundle_(**kwargs), **forms}

    def _clicked(self, _button: object) -> None:
        predicted = str(self._predicted.value or "")
        if not predicted.strip():
            self._found.value = message_html(_("Predict first."))
            return
        try:
            found = self._question.ask(self._engine)
        except LabError as error:
            self._found.value = message_html(str(error))
            return
        told = _("You predicted `{predicted}`, and so it is: `{found}`.")
        if not agrees(predicted, found):
            told = _("You predicted `{predicted}`. The engine says `{found}`.")
        self._found.value = message_html(told.format(predicted=predicted, found=found))
