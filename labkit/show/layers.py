"""The layers of images: what each weighs, which instruction made it, which are shared."""

from __future__ import annotations

from itertools import zip_longest
from textwrap import shorten
from typing import TYPE_CHECKING

from labkit.engine import connect
from labkit.engine.snapshot import size
from labkit.show.boxes import Box, Picture
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labkit.engine import Engine
    from labkit.engine.objects import HistoryEntry

LONGEST_STEP = 70
#: Instructions that change an image's configuration and make no layer.
SETTINGS = {
    "ARG", "CMD", "ENTRYPOINT", "ENV", "EXPOSE", "HEALTHCHECK", "LABEL", "MAINTAINER", "ONBUILD",
    "SHELL", "STOPSIGNAL", "USER", "VOLUME",
}  # fmt: skip


def layers(*images: str, engine: Engine | None = None) -> Picture:
    """Draw images side by side, the top layer first; a layer that several have is marked.

    Args:
        *images: Their names.
        engine: Where they are; None connects to the one that answers.

    Raises:
        NoSuchImage: The engine does not have one of them.
    """
    asked = engine or connect()
    largest = max((asked.images.get(name).size for name in images), default=0) or 1
    boxes = tuple(_image(asked, name, largest) for name in images)
    # What images share is at their lower ends, and so side by side.
    return Picture(_("Layers, from the top; sizes of what each adds"), boxes, standing=True)


def _image(engine: Engine, name: str, largest: int) -> Box:
    image = engine.images.get(name)
    steps = _made_layers(engine.images.history(name), len(image.layers))
    return Box(
        name,
        _("image"),
        (size(image.size),),
        tuple(
            _layer(digest, step, largest)
            for digest, step in zip_longest(reversed(image.layers), steps)
        ),
    )


def _made_layers(history: Sequence[HistoryEntry], count: int) -> tuple[HistoryEntry, ...]:
    """Return the steps that made the layers, at most `count`.

    The engine does not say which step made which layer. A step that wrote something made one; of
    those that wrote nothing, some did (`RUN true`) and some did not (`ENV`).
    """
    made = [step for step in history if step.size or _verb(step) not in SETTINGS]
    while len(made) > count and (idle := next((s for s in made if not s.size), None)):
        made.remove(idle)
    return tuple(made[:count])


def _layer(digest: str, step: HistoryEntry | None, largest: int) -> Box:
    if step is None:
        return Box(_("a layer"), _("of a step that the history does not name"), mark=digest)
    words = shorten(step.instruction or step.comment, LONGEST_STEP, placeholder=" …")
    return Box(size(step.size), words, share=step.size / largest, mark=digest)


def _verb(step: HistoryEntry) -> str:
    return step.instruction.partition(" ")[0]
