"""Close the terminal that IPython makes for a `!command` as soon as the command has ended.

Its library gives every process 0.1 s to end once its terminal is closed, also one that has ended.
A cell of five commands would wait half a second for nothing.
"""

from __future__ import annotations

from functools import wraps
from typing import Any


def close_at_once() -> None:
    """Let closing wait only for a process that still runs; a second call changes nothing."""
    from ptyprocess import PtyProcess  # type: ignore[import-untyped]

    close = PtyProcess.close
    if hasattr(close, "__wrapped__"):
        return

    @wraps(close)
    def close_ended(self: Any, force: bool = True) -> None:  # noqa: FBT001, FBT002 - as it is
        if not self.closed and not self.isalive():
            self.delayafterclose = 0
        close(self, force)

    PtyProcess.close = close_ended
