"""What tests on a real engine share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from labkit.grading.desks import Desks
from tests.docker.desks import skip_unable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labkit.course import Course
    from labkit.engine import Engine
    from labkit.grading.rootless_desk import RootlessDesk


@pytest.fixture(scope="module")
def desks(engine: Engine, course: Course) -> Iterator[Desks]:
    """Desks with the course images, for one at a time."""
    skip_unable()
    with Desks(course, engine, workers=1) as desks:
        yield desks


@pytest.fixture
def desk(desks: Desks) -> Iterator[RootlessDesk]:
    """A fresh desk."""
    with desks.desk() as desk:
        yield desk
