"""Hidden checks of chapter 00, welcome."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labkit.checking import check
from labkit.checks.welcome import kept_container_was_left_alone
from labkit.hidden_checks.likeness import expect_the_original

if TYPE_CHECKING:
    from labkit.engine import Engine


@check("welcome.tidy_up", after=kept_container_was_left_alone, hidden=True)
def kept_container_is_the_first(engine: Engine) -> None:
    """`lab-keep` is the container of the first cell, and no likeness of it."""
    expect_the_original(engine, "lab-keep", beside="lab-left-1")
