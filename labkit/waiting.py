"""Wait for a condition; the only place in labkit that sleeps."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

from labkit.errors import WaitTimeout

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def wait_until(
    condition: Callable[[], T],
    *,
    what: str,
    timeout: float,
    interval: float = 0.1,
    state: Callable[[], str] | None = None,
    log_tail: Callable[[], str] | None = None,
    hint: str = "",
) -> T:
    """Call `condition` until it returns something true, and return that.

    Args:
        condition: Asked at once, then after each interval.
        what: What is waited for, as it reads after "Waited 5 s for".
        timeout: Seconds until giving up.
        interval: Seconds between two calls.
        state: Called on time-out: the last state, for the message.
        log_tail: Called on time-out: the last log lines, for the message.
        hint: The next step, for the message.

    Raises:
        WaitTimeout: The condition did not come true in time.
    """
    deadline = time.monotonic() + timeout
    while not (answer := condition()):
        if time.monotonic() >= deadline:
            raise WaitTimeout(
                what,
                timeout,
                state=state() if state else "",
                log_tail=log_tail() if log_tail else "",
                hint=hint,
            )
        time.sleep(interval)
    return answer
