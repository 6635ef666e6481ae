"""The last of what comes one after the other, where some of it comes twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

T = TypeVar("T")


def latest(
    known: tuple[T, ...], came: Iterable[T], *, when: Callable[[T], Any], most: int
) -> tuple[T, ...]:
    """Put what came to what is known, each once and in the order of time.

    A stream is opened before what was is read, so it begins with things that are known. Its times
    are not always in order: what a container writes to its two outputs meets on the way.

    Args:
        known: In order.
        came: What was read, or what a stream brought.
        when: Tells the time of one.
        most: How many are kept.
    """
    last = when(known[-1]) if known else None
    new = [one for one in came if last is None or when(one) > last or one not in known]
    return tuple(sorted((*known, *new), key=when)[-most:])
