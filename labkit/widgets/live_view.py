"""A picture that changes while it is looked at.

It follows the engine from the moment that a kernel displays it until the last page has put it away.
A terminal, and a notebook that was saved, have the picture of a moment.
"""

from __future__ import annotations

import threading
import time
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

#: Every which frame a page answers, as `live_view.js` has it, and how many seconds it may take.
#: A page that was closed never does; a kernel without subshells hears none while a cell runs.
SEEN_EVERY = 10
PATIENCE = 60.0
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
    stopped = traitlets.Bool().tag(sync=True)
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
        #: The pages, and since when each owes an answer.
        self._pages: dict[str, float | None] = {}
        self._changing = threading.Lock()
        engine.close()  # it opens again by itself; until somebody looks, nothing stays open
        super().__init__(picture=self._drawing.html(buttons=True), lines=lines, words=_words())
        self.on_msg(self._said)

    def __repr__(self) -> str:
        """Write what is shown as text."""
        return repr(self._drawing)

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Offer the live view, and a picture of this moment where it cannot be shown."""
        bundle, metadata = super()._repr_mimebundle_(**kwargs) or ({}, {})
        # A page may take a while to speak, and what the kernel does meanwhile is what is looked at.
        if getattr(self.comm, "kernel", None) is not None:
            self._watched_by(SOMEBODY)
        return {**bundle, "text/html": self._drawing.html()}, metadata

    @property
    def following(self) -> bool:
        """Whether it follows the engine now."""
        return self._following is not None and self._following.alive

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
            key = message["key"]
            details = self._details(self._opened, key, again=message["again"])
            self.send({"page": page, "key": key, "details": details})
            self._engine.close()

    def _watched_by(self, page: str) -> None:
        # JupyterLab's pages speak to the kernel on several threads.
        with self._changing:
            self._pages.pop(SOMEBODY, None)
            self._pages[page] = None
            if not self.following:
                self._following = Following(
                    self._subject, self._engine, self._changed, value=self._value
                )
                self._following.start()

    def _unwatched_by(self, page: str) -> None:
        with self._changing:
            self._pages.pop(page, None)
            following = None if self._pages else self._taken()
        if following is not None:
            following.close()

    @staticmethod
    def _details(opened: Callable[[str], Drawing], key: str, *, again: bool) -> str:
        """Draw an object; where it is drawn again and has gone meanwhile, what was drawn stays."""
        try:
            return opened(key).html()
        except LabError as error:
            from labkit.rendering import message_html

            return "" if again else message_html(str(error))

    def _changed(self, value: T, problem: str) -> None:
        """Send a frame to all pages; stop when none of them has answered for long."""
        with self._changing:
            now, answered = time.monotonic(), (self.frame + 1) % SEEN_EVERY == 0
            for page, since in tuple(self._pages.items()):
                if since is not None and now - since > PATIENCE:
                    del self._pages[page]
                elif since is None and (answered or page == SOMEBODY):
                    self._pages[page] = now
            following = None if self._pages else self._taken()
            if following is None and not self._pages:
                return
        try:
            self._put(value, problem, stopped=following is not None)
        finally:
            if following is not None:
                following.close()

    def _put(self, value: T, problem: str, *, stopped: bool) -> None:
        with self.hold_sync():
            # First, so that a value that cannot be drawn does not leave a picture that looks true.
            self.stopped = stopped
            self.note = _stopped() if stopped else problem
            self.frame += 1
            drawing = self._draw(value)
            self._value, self._drawing, self.picture = value, drawing, drawing.html(buttons=True)

    def _stop(self) -> None:
        with self._changing:
            following = self._taken()
        if following is not None:
            following.close()

    def _taken(self) -> Following[T] | None:
        """Take what follows away; whoever takes it closes it, without holding up the others."""
        following, self._following = self._following, None
        return following


def _stopped() -> str:
    return _("No page has answered for long, so this has stopped. Run the cell again to go on.")


def _words() -> dict[str, str]:
    """What the page says by itself."""
    return {
        "pause": _("Pause"),
        "filter": _("Only lines with"),
        "close": _("Close"),
        "details": _("What the engine knows of it"),
        "gone": _("It is gone. This is what was known of it."),
        "ended": _("The kernel that drew this has gone. Run the cell again to follow the engine."),
    }
