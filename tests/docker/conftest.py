"""What tests on a real engine share."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from labkit.distribution import find_program
from labkit.engine.private import PrivateEngine, PrivatePaths
from labkit.grading.desks import Desks
from tests.docker.desks import skip_unable
from tests.docker.second import leftovers, silent

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


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short path, since an engine's sockets lie in it."""
    missing = [name for name in ("dockerd", "iptables") if not find_program(name)]
    if os.geteuid() != 0 or missing:
        why = f"needs root and dockerd; missing: {', '.join(missing) or 'root'}"
        pytest.skip(why)
    with tempfile.TemporaryDirectory(prefix="lab-") as name:
        yield Path(name)


@pytest.fixture
def private(folder: Path) -> Iterator[PrivateEngine]:
    """A second engine beside the first, without network, gone after the test."""
    engine = PrivateEngine(PrivatePaths.under(folder), own_network=True)
    yield engine
    engine.stop(silent)
    assert leftovers(folder) == []
