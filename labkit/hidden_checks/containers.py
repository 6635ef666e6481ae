"""Hidden checks of chapter 02, containers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labkit.checking import check
from labkit.checks.containers import south_is_closed
from labkit.hidden_checks.likeness import expect_the_original

if TYPE_CHECKING:
    from labkit.engine import Engine


@check("containers.page", after=south_is_closed, hidden=True)
def south_is_the_first(engine: Engine) -> None:
    """`lab-south` is the container of the set-up cell, and no likeness of it."""
    expect_the_original(engine, "lab-south", beside="lab-north")
