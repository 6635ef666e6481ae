"""Lines of text that come one after the other, such as a log."""

from __future__ import annotations

import html
from typing import Any

from labkit.escapes import plain
from labkit.show.boxes import BORDER, GROUND

_LINES = (
    f"max-height:24em;overflow:auto;padding:4px 8px;border:1px solid {BORDER};"
    f"border-radius:4px;background:{GROUND};white-space:pre-wrap;"
    "overflow-wrap:anywhere;font-family:var(--jp-code-font-family,monospace);font-size:90%"
)


class Lines:
    """Lines below a title, as Jupyter and terminals show them.

    Args:
        title: What they are, as a sentence or a name.
        lines: The oldest first, as a program wrote them.
    """

    def __init__(self, title: str, lines: tuple[str, ...]) -> None:
        self.title = title
        self.lines = tuple(map(plain, lines))

    def __repr__(self) -> str:
        return "\n".join([self.title, *(f"  {line}" for line in self.lines)])

    def _repr_mimebundle_(self, **_options: Any) -> dict[str, str]:
        """Offer both forms; a saved notebook keeps them."""
        return {"text/plain": repr(self), "text/html": self.html()}

    def html(self, *, buttons: bool = False) -> str:  # noqa: ARG002 - as a picture has it
        """Draw the lines in a field that scrolls, also by the keyboard."""
        lines = "".join(f"<div data-line>{html.escape(line)}</div>" for line in self.lines)
        title = html.escape(self.title)
        return (
            f'<figure class="labkit-picture" style="margin:4px 8px"><figcaption><b>{title}</b>'
            f'</figcaption><div role="log" aria-live="off" tabindex="0" aria-label="{title}"'
            f' style="{_LINES}">{lines}</div></figure>'
        )
