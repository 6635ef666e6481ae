"""Tell what a set-up cell made from a likeness of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labkit.checking import CheckFailed
from labkit.checks.diagnosis import recent_events
from labkit.translation import _

if TYPE_CHECKING:
    from labkit.engine import Engine


def expect_the_original(engine: Engine, name: str, *, beside: str) -> None:
    """Refuse a container that was made once more after its set-up cell.

    Args:
        engine: Where both are.
        name: The container's.
        beside: A container that the set-up cell makes before it.
    """
    made = [
        event["Actor"]["Attributes"].get("name")
        for event in recent_events(engine, type="container", event="create")
    ]
    if beside not in made:  # the engine has forgotten it, or there was no set-up
        return
    last = len(made) - 1 - made[::-1].index(beside)
    times = made[last:].count(name)
    if times > 1:
        raise CheckFailed(
            _("`{name}` was made {n} times: this is a likeness with the first one's label").format(
                name=name, n=times
            ),
            hint=_("A likeness holds nothing of what the first one held."),
        )
