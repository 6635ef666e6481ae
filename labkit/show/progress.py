"""Pull, push and build with a bar for each layer or step, in a notebook and on a terminal."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from labkit.engine import connect, steps
from labkit.show.boxes import Box, Picture
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from labkit.engine import Engine
    from labkit.engine.steps import Part

#: Seconds between two drawings.
INTERVAL = 0.1


def pull(reference: str, *, engine: Engine | None = None) -> None:
    """Pull an image, and show how far each of its layers is.

    Raises:
        EngineRequestFailed: The registry or the engine refused.
    """
    title = _("Pulling {reference}").format(reference=reference)
    nothing = Box(_("every layer was here already"))
    _show(title, _("layers"), steps.pull(engine or connect(), reference), nothing)


def push(reference: str, *, engine: Engine | None = None) -> None:
    """Push an image to the registry in its name, and show how far each of its layers is.

    Raises:
        EngineRequestFailed: The registry or the engine refused.
    """
    title = _("Pushing {reference}").format(reference=reference)
    _show(title, _("layers"), steps.push(engine or connect(), reference))


def build(folder: str | Path, name: str, *, engine: Engine | None = None) -> None:
    """Build a folder's Dockerfile with the classic builder, and show each step.

    Args:
        folder: The build context.
        name: What to call the image.
        engine: Where to build; None connects to the one that answers.

    Raises:
        EngineRequestFailed: A step failed.
    """
    title = _("Building {name}").format(name=name)
    _show(title, _("steps"), steps.build(engine or connect(), Path(folder), name))


def drawn(title: str, what: str, parts: Iterable[Part]) -> Picture:
    """Draw layers or steps below each other."""
    rows = tuple(Box(part.name, _state(part), share=part.share) for part in parts)
    return Picture(title, (Box(what, children=rows),) if rows else ())


def in_notebook() -> bool:
    """Tell whether what is shown is shown in a notebook, and not on a terminal."""
    return not sys.stdout.isatty() and "IPython" in sys.modules


def _state(part: Part) -> str:
    """Say how far a part is, also to who sees no bar."""
    if part.share is None or part.share in {0.0, 1.0}:
        return part.state
    return _("{state}, {share:.0%}").format(state=part.state, share=part.share)


def _show(
    title: str, what: str, stages: Iterator[tuple[Part, ...]], nothing: Box | None = None
) -> None:
    """Draw each stage in the same place, at most ten a second, and the last one always.

    Args:
        title: What goes on.
        what: What the parts are.
        stages: The parts, as they get further.
        nothing: What to draw where it went well without any.
    """
    parts: tuple[Part, ...] = ()
    due = 0.0
    with _place(drawn(title, what, ())) as draw:
        try:
            for parts in stages:
                if time.monotonic() >= due:
                    draw(drawn(title, what, parts))
                    due = time.monotonic() + INTERVAL
        finally:
            draw(drawn(title, what, parts))
        if nothing and not parts:
            draw(Picture(title, (nothing,)))


@contextmanager
def _place(first: Picture) -> Iterator[Callable[[Picture], None]]:
    """Give a place to draw in: an output of a notebook, or lines of a terminal."""
    if in_notebook():
        from IPython.display import display

        handle = display(first, display_id=True)  # type: ignore[no-untyped-call]
        if handle is not None:
            yield handle.update
            return
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    with Live(Text(repr(first)), console=Console(), auto_refresh=False) as live:
        yield lambda picture: live.update(Text(repr(picture)), refresh=True)
