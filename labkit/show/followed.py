"""Draw something again in the same place whenever it has changed, until a condition holds."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

from labkit.show.boxes import Picture
from labkit.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

INTERVAL = 0.3


def follow(
    read: Callable[[], T],
    draw: Callable[[T, float], Picture],
    until: Callable[[T], object],
    *,
    what: str,
    title: str,
    timeout: float,
) -> None:
    """Read and draw until a condition holds; what holds is drawn, too.

    Args:
        read: Reads the value.
        draw: Draws it, so many seconds after the beginning.
        until: Given the value each time; that it returns something true ends it.
        what: What is waited for.
        title: What stands there at first.
        timeout: Seconds until giving up.

    Raises:
        WaitTimeout: It took longer.
    """
    from IPython.display import display

    begun = time.monotonic()
    handle = display(Picture(title, ()), display_id=True)  # type: ignore[no-untyped-call]
    last: Picture | None = None

    def ended() -> object:
        nonlocal last
        found = read()
        done = until(found)
        picture = draw(found, time.monotonic() - begun)
        if handle is not None and (done or last is None or picture.boxes != last.boxes):
            handle.update(picture)
            last = picture
        return done

    wait_until(ended, what=what, timeout=timeout, interval=INTERVAL)
