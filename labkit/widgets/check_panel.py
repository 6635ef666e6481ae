"""A panel for one exercise: check, next hint, begin again.

It shows what `%check` and `%hint` show. Every button has a magic that does the same, for people
who would rather type, and for notebooks that are read without a kernel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets

from labkit import attempts, rendering, resetting
from labkit.engine import KeptConnection
from labkit.errors import EngineUnreachable, LabError
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Callable

    from labkit.course import Course
    from labkit.resetting import ResetPlan


def check_panel(course: Course, slug: str) -> ipywidgets.VBox:
    """Build the panel of the exercise `slug`.

    Raises:
        UnknownSlug: There is no such exercise.
    """
    return _CheckPanel(course, slug)


class _CheckPanel(ipywidgets.VBox):  # type: ignore[misc]
    def __init__(self, course: Course, slug: str) -> None:
        self._course = course
        self._connection = KeptConnection()
        self._asked: ResetPlan | None = None
        self._exercise = exercise = course.exercise(slug)
        about = f"{exercise.title} ({attempts.status_of(course, slug)})"
        self._shown = ipywidgets.HTML(rendering.message_html(about))
        self._shown.add_class("jp-RenderedHTMLCommon")  # JupyterLab's look for code and tables
        self._check = self._button(_("Check"), self._do_check, f"%check {slug}", style="primary")
        hint = self._button(_("Hint"), self._do_hint, f"%hint {slug}")
        hint.layout.display = None if exercise.hints else "none"
        again = self._button(_("Begin again"), self._ask, f"%reset_lab {slug}")
        self._questions = (
            self._button(
                _("Remove and begin again"),
                self._do_reset,
                _("Does what is listed below"),
                style="danger",
            ),
            self._button(_("Keep everything"), self._do_nothing, _("Changes nothing")),
        )
        self._show_questions(shown=False)
        buttons = ipywidgets.HBox([self._check, hint, again, *self._questions])
        super().__init__([buttons, self._shown])

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        """Name the magics where no widgets are shown."""
        instead = _(
            "Exercise {title}: `%check {slug}` checks it, `%hint {slug}` shows a hint, "
            "`%reset_lab {slug}` begins again."
        ).format(title=self._exercise.title, slug=self._exercise.slug)
        return {**super()._repr_mimebundle_(**kwargs), "text/plain": instead}

    def _button(
        self, text: str, action: Callable[[], str], tooltip: str, *, style: str = ""
    ) -> ipywidgets.Button:
        """Make a button that shows what `action` returns, as HTML."""
        layout = ipywidgets.Layout(width="auto")
        made = ipywidgets.Button(
            description=text, button_style=style, tooltip=tooltip, layout=layout
        )

        def clicked(_button: ipywidgets.Button) -> None:
            # Not disabled meanwhile: that would take the focus from people who use the keyboard.
            made.icon = "hourglass-half"
            self._show_questions(shown=False)
            try:
                self._shown.value = action()
            except LabError as error:
                if isinstance(error, EngineUnreachable):
                    self._connection.lost()
                self._shown.value = rendering.message_html(str(error))
            finally:
                made.icon = ""

        made.on_click(clicked)
        return made

    def _show_questions(self, *, shown: bool) -> None:
        for button in self._questions:
            button.layout.display = None if shown else "none"

    def _do_check(self) -> str:
        done = attempts.attempt(self._connection.engine(), self._course, self._exercise.slug)
        return rendering.attempt_html(done)

    def _do_hint(self) -> str:
        hint = attempts.next_hint(self._course, self._exercise.slug)
        return rendering.message_html(rendering.hint_text(hint))

    def _ask(self) -> str:
        engine = self._connection.engine()
        self._asked = plan = resetting.plan_reset(engine, self._course, self._exercise.slug)
        self._show_questions(shown=not plan.empty)
        return rendering.message_html(rendering.reset_plan_text(plan))

    def _do_reset(self) -> str:
        self._check.focus()  # the button that had it is gone
        plan, self._asked = self._asked, None
        if plan is None:  # a second click: it was done
            return str(self._shown.value)
        done = resetting.reset(self._connection.engine(), self._course, plan)
        return rendering.message_html(rendering.reset_done_text(done))

    def _do_nothing(self) -> str:
        self._check.focus()
        return rendering.message_html(_("Nothing was removed."))
