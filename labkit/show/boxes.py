"""Boxes inside boxes: one value that is drawn in a notebook and written as a tree elsewhere.

What Docker keeps is nested: layers in an image, containers on a network, blobs in a repository.
So one kind of picture serves them all. The tree is complete: whatever the picture shows is in it.
"""

from __future__ import annotations

import html
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.tree import Tree

#: Columns of the text form, as wide as a notebook's output on a small screen.
WIDTH = 100
BAR = 10
#: Hues that keep apart in JupyterLab's light and dark themes, also for the colour-blind.
HUES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
#: Colours of JupyterLab's theme, and what stands for them where a notebook is read without one.
BORDER = "var(--jp-border-color1,#bdbdbd)"
GROUND = "var(--jp-layout-color1,transparent)"
_FAINT = "var(--jp-layout-color3,#e0e0e0)"
_STRONG = "var(--jp-brand-color1,#1976d2)"
_QUIET = "color:var(--jp-content-font-color2,#555)"
_VERBATIM = "font-family:var(--jp-code-font-family,monospace);white-space:pre-wrap;font-size:90%"
#: Heights of a line that is written, and its width at most in letters and in the drawing's units.
SPARKS = "▁▂▃▄▅▆▇█"
LONGEST_SPARKS = 30
LINE = (200, 30)
_BOX = (
    f"list-style:none;margin:4px;padding:4px 8px;border:1px solid {BORDER};"
    f"border-radius:4px;background:{GROUND};overflow-wrap:anywhere"
)


#: Moments and numbers.
Series = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Box:
    """One thing of a picture, with the things in it.

    Attributes:
        title: Its name.
        kind: What it is, in Docker's word, such as `container`.
        details: Lines below the title.
        children: What is in it, from top to bottom.
        share: How much of the whole it is, from 0 to 1, drawn as a bar; None for no bar.
        mark: Boxes with the same mark are the same thing, seen in several places.
        key: What a live picture opens when the title is pressed; empty for nothing.
        series: Moments, in seconds, and numbers, drawn as a line from 0 to the largest of them.
        verbatim: Whether the details are a program's text, with its spaces.
    """

    title: str
    kind: str = ""
    details: tuple[str, ...] = ()
    children: tuple[Box, ...] = ()
    share: float | None = None
    mark: str = ""
    key: str = ""
    series: Series = ()
    verbatim: bool = False


class Picture:
    """Boxes side by side, as Jupyter and terminals show them.

    Args:
        title: What the picture shows, as a sentence or a name.
        boxes: From left to right.
        standing: Whether their lower ends are at the same height, and not their upper ends.
    """

    def __init__(self, title: str, boxes: tuple[Box, ...], *, standing: bool = False) -> None:
        self.title = title
        self.boxes = boxes
        self._side = "flex-end" if standing else "flex-start"
        self._numbers = _numbers(boxes)

    def __repr__(self) -> str:
        """Write the boxes as a tree; `(1)` stands behind each place of a thing seen in several."""
        from rich.console import Console
        from rich.tree import Tree

        tree = Tree(self.title)
        for box in self.boxes:
            self._grow(tree, box)
        console = Console(
            width=WIDTH, color_system=None, markup=False, emoji=False, force_jupyter=False
        )
        with console.capture() as captured:
            console.print(tree, highlight=False)
        return "\n".join(line.rstrip() for line in captured.get().splitlines())

    def _repr_mimebundle_(self, **_options: Any) -> dict[str, str]:
        """Offer both forms; a saved notebook keeps them."""
        return {"text/plain": repr(self), "text/html": self.html()}

    def html(self, *, buttons: bool = False) -> str:
        """Draw the boxes as nested lists, in the colours of JupyterLab's theme.

        Args:
            buttons: Whether the title of a box with a key is a button, for a live picture.
        """
        items = "".join(self._item(box, "1 1 14em", buttons=buttons) for box in self.boxes)
        return (
            f'<figure class="labkit-picture" style="margin:4px 8px"><figcaption>'
            f"<b>{html.escape(self.title)}</b></figcaption>"
            f'<ul style="display:flex;flex-wrap:wrap;align-items:{self._side};margin:0;padding:0">'
            f"{items}</ul></figure>"
        )

    def _grow(self, tree: Tree, box: Box) -> None:
        from rich.text import Text

        words = [_bar(box.share), _sparks(box.series), box.title, box.kind, self._number(box)]
        lines = ["  ".join(filter(None, words)), *box.details]
        branch = tree.add(Text("\n".join(lines)))
        for child in box.children:
            self._grow(branch, child)

    def _item(self, box: Box, flex: str = "", *, buttons: bool) -> str:
        number = self._numbers.get(box.mark)
        style = f"{_BOX};flex:{flex}" if flex else _BOX
        if number:
            style += f";border-left:5px solid {HUES[(number - 1) % len(HUES)]}"
        head = f"<b>{html.escape(box.title)}</b>"
        if buttons and box.key:
            key = html.escape(box.key)
            label = html.escape(f"{box.title}, {box.kind}")
            head = (
                f'<button class="labkit-open" data-key="{key}" aria-label="{label}">'
                f"{html.escape(box.title)}</button>"
            )
        for word in filter(None, (box.kind, self._number(box))):
            head += f' <span style="{_QUIET}">{html.escape(word)}</span>'
        text = f"{_QUIET};{_VERBATIM}" if box.verbatim else _QUIET
        parts = [
            head,
            *(f'<div style="{text}">{html.escape(line)}</div>' for line in box.details),
        ]
        if box.series:
            parts.append(_line(box.series))
        if box.share is not None:
            parts.append(
                f'<div aria-hidden="true" style="height:6px;background:{_FAINT}">'
                f'<div style="height:6px;width:{box.share:.1%};background:{_STRONG}">'
                "</div></div>"
            )
        if box.children:
            inner = "".join(self._item(child, buttons=buttons) for child in box.children)
            parts.append(f'<ul style="margin:0;padding:0">{inner}</ul>')
        return f'<li style="{style}">{"".join(parts)}</li>'

    def _number(self, box: Box) -> str:
        number = self._numbers.get(box.mark)
        return f"({number})" if number else ""


def _numbers(boxes: tuple[Box, ...]) -> Mapping[str, int]:
    """Number the marks that more than one box has, in the order of their first place."""
    seen = Counter(box.mark for box in _all(boxes) if box.mark)
    repeated = [mark for mark, times in seen.items() if times > 1]
    return {mark: number for number, mark in enumerate(repeated, 1)}


def _all(boxes: tuple[Box, ...]) -> Iterator[Box]:
    for box in boxes:
        yield box
        yield from _all(box.children)


def _bar(share: float | None) -> str:
    if share is None:
        return ""
    filled = round(share * BAR)
    return "█" * filled + "░" * (BAR - filled)


def _sparks(series: Series) -> str:
    numbers = [number for _moment, number in series[-LONGEST_SPARKS:]]
    largest, last = max(numbers, default=0) or 1, len(SPARKS) - 1
    return "".join(SPARKS[round(number / largest * last)] for number in numbers)


def _line(series: Series) -> str:
    """Draw numbers as a line over time, one alone as a dot; words beside it say what they are."""
    width, height = LINE
    largest = max(number for _moment, number in series) or 1
    begun = series[0][0]
    whole = series[-1][0] - begun or 1
    points = " ".join(
        f"{(moment - begun) / whole * width:.0f},{height - 2 - number / largest * (height - 4):.1f}"
        for moment, number in (series if len(series) > 1 else series * 2)
    )
    return (
        f'<svg aria-hidden="true" viewBox="0 0 {width} {height}" preserveAspectRatio="none"'
        f' style="display:block;width:100%;height:{height}px;overflow:visible">'
        f'<polyline points="{points}" fill="none" vector-effect="non-scaling-stroke"'
        f' style="stroke:{_STRONG};stroke-width:2;stroke-linecap:round"/></svg>'
    )
