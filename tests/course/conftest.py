"""Lessons and exercises run beside objects that are not the course's, and leave them alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.foreign import inspected

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labkit.engine import Engine


@pytest.fixture(autouse=True)
def _foreign_objects_stay_as_they_are(engine: Engine, planted: str) -> Iterator[None]:
    yield
    assert inspected(engine) == planted
