"""Lessons and exercises run beside objects that are not the course's, and leave them alone.

Where the account may start other engines, they prove exercises while other tests use the first;
what they have not come to at the end is proved on the first one, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.course.other_engines import proofs_beside
from tests.foreign import inspected

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

    from labkit.authoring.prove import Proof
    from labkit.course import Course
    from labkit.engine import Engine


@pytest.fixture(autouse=True)
def _foreign_objects_stay_as_they_are(engine: Engine, planted: str) -> Iterator[None]:
    yield
    assert inspected(engine) == planted


@pytest.fixture(scope="session", autouse=True)
def proofs(
    engine: Engine, course: Course, request: pytest.FixtureRequest
) -> Iterator[dict[str, Future[Proof]]]:
    """Begin to prove the exercises of this session, without waiting for any."""
    calls = [getattr(item, "callspec", None) for item in request.session.items]
    slugs = [call.params["slug"] for call in calls if call and "slug" in call.params]
    with proofs_beside(engine, course, slugs) as begun:
        yield begun
