"""Text that programs write for a terminal, without their orders to it."""

from __future__ import annotations

import re

#: Colours and places (`ESC [ … m`), titles and links (`ESC ] … BEL`), and orders of two letters.
_SEQUENCE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])|\x9b[0-?]*[ -/]*[@-~]"
)
#: All other orders, but for the tabulator and the end of a line.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def plain(text: str) -> str:
    """Return what a terminal would show in the end: what was written over on a line is left out."""
    lines = _SEQUENCE.sub("", text).split("\n")
    return "\n".join(_CONTROL.sub("", line.rstrip("\r").rpartition("\r")[2]) for line in lines)
