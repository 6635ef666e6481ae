from __future__ import annotations

from typing import Any

import pytest

from labkit.checking import CheckFailed
from labkit.hidden_checks.likeness import expect_the_original


@pytest.mark.parametrize(
    ("made", "fooled"),
    [
        (["north", "south"], False),
        (["north", "south", "north", "south"], False),  # the set-up cell was run again
        (["north", "south", "other"], False),
        ([], False),  # the engine has forgotten
        (["south", "south"], False),
        (["north", "south", "south"], True),
        (["north", "south", "north", "south", "south"], True),
    ],
)
def test_a_likeness_is_told_from_the_original(
    fake_engine: Any, made: list[str], *, fooled: bool
) -> None:
    fake_engine.info = lambda: {"SystemTime": "2026-11-24T12:00:00.5Z"}
    fake_engine.events = lambda **_: tuple({"Actor": {"Attributes": {"name": n}}} for n in made)
    if not fooled:
        expect_the_original(fake_engine, "south", beside="north")
        return
    with pytest.raises(CheckFailed, match="`south` was made 2 times"):
        expect_the_original(fake_engine, "south", beside="north")
