"""A picture that changes while it is looked at.

It follows the engine from the moment that a kernel displays it until the last page has put it away.
A terminal, and a notebook that was saved, have the picture of a moment.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import anywidget
import traitlets

from labkit.errors import LabError
from labkit.live.following import Following
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Callable

    from labkit.engine import Engine
    from labkit.live.following import Subject

T = TypeVar("T")

#: Frames that are sent to a page that does not say that it has seen any. A page that was closed
#: says nothing, and one that waits for a kernel that is busy is told about this half a minute.
WINDOW = 300
#: A page that has not said anything yet.
SOMEBODY = ""


class Drawing(Protocol):
    """What a live view shows: a `Picture` or `Lines`."""

    def html(self, *, buttons: bool = False) -> str:
        """Draw it."""


class LiveView(anywidget.AnyWidget, Generic[T]):
    """A drawing of a value that follows the engine.

    Args:
        subject: What to follow.
        engine: Where.
        draw: Makes a drawing of the value.
        opened: Makes a drawing of the box whose title was pressed; None if nothing opens.
        lines: Whether there are lines to filter.
    """

    _esm = Path(__file__).with_name("live_view.js")
    _css = Path(__file__).with_name("live_view.css")

    picture = traitlets.Unicode().tag(sync=True)
    note = traitlets.Unicode().tag(sync=True)
    frame = traitlets.Int().tag(sync=True)
    lines = traitlets.Bool().tag(sync=True)
    words = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        subject: Subject[T],
        engine: Engine,
        draw: Callable[[T], Drawing],
        *,
        opened: Callable[[str], Drawing] | None = None,
        lines: bool = False,
    ) -> None:
        self._subject = subject
        self._engine = engine
        self._draw = draw
        self._opened = opened
        self._value = subject.read(engine, None)
        self._drawing = draw(self._value)
        self._following: Following[T] | None = None
        self._seen: dict[str, int] = {}
        self._pages = threading.Lock()
        engine.close()  # it opens again by itself; until somebody looks, nothing stays open
        super().__init__(picture=self._drawing.html(buttons=True), lines=lines, words=_words())
        self.on_msg(self._said)

    def __repr__(self) -> str:
        """Write what is shown as text."""
        return repr(self._drawing)

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Offer the live view, and a picture of this moment where it cannot be shown."""
        bundle, metadata = super()._repr_mimebundle_(**kwargs) or ({}, {})
        # A kernel that is busy hears of its pages too late, and what it does is what is looked at.
        if getattr(self.comm, "kernel", None) is not None:
            self._watched_by(SOMEBODY)
        return {**bundle, "text/html": self._drawing.html()}, metadata

    @property
    def following(self) -> bool:
        """Whether it follows the engine now."""
        return self._following is not None

    def still(self) -> Drawing:
        """Return what it shows now, as a picture that stays so, and close the view."""
        self.close()
        return self._drawing

    def close(self) -> None:
        """Stop following, and take the view away from all pages."""
        self._stop()
        super().close()

    def _said(self, _widget: object, message: dict[str, Any], _buffers: object) -> None:
        """Answer a page: it shows the view, has drawn a frame, put the view away, opened a box."""
        page, what = message["page"], message["what"]
        if what == "gone":
            self._unwatched_by(page)
            return
        self._watched_by(page)
        if what == "open" and self._opened is not None:
            details = self._details(self._opened, message["key"])
            self.send({"page": page, "details": details})
            self._engine.close()

    def _watched_by(self, page: str) -> None:
        with self._pages:
            self._seen.pop(SOMEBODY, None)
            self._seen[page] = self.frame
        if self._following is None:
            self._following = Following(
                self._subject, self._engine, self._changed, value=self._value
            )
            self._following.start()

    def _unwatched_by(self, page: str) -> None:
        with self._pages:
            self._seen.pop(page, None)
            watched = bool(self._seen)
        if not watched:
            self._stop()

    @staticmethod
    def _details(opened: Callable[[str], Drawing], key: str) -> str:
        try:
            return opened(key).html()
        except LabError as error:
            from labkit.rendering import message_html

            return message_html(str(error))

    def _changed(self, value: T, problem: str) -> None:
        """Send a frame to all pages; forget those that have long said nothing."""
        with self._pages:
            still = {page: at for page, at in self._seen.items() if at > self.frame - WINDOW}
            self._seen = still
        if not still:
            self._stop()
            return
        self._value, self._drawing = value, self._draw(value)
        with self.hold_sync():
            self.picture = self._drawing.html(buttons=True)
            self.note = problem
            self.frame += 1

    def _stop(self) -> None:
        following, self._following = self._following, None
        if following is not None:
            following.close()


def _words() -> dict[str, str]:
    """What the page says by itself."""
    return {
        "pause": _("Pause"),
        "filter": _("Only lines with"),
        "close": _("Close"),
        "ended": _("The kernel that drew this has gone. Run the cell again to follow the engine."),
    }
