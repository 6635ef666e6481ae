"""What all tests share: the real engine, the course, a workspace of their own."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from labkit.course import Course
from labkit.distribution import find_program
from labkit.engine import connect
from labkit.engine.ownership import owned, remove
from labkit.engine.private import PrivateEngine, PrivatePaths
from labkit.errors import EngineError
from tests import foreign
from tests.remains import Remains
from tests.second import leftovers, silent
from tests.skips import allowed

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from labkit.engine import Engine

ROOT = Path(__file__).parents[1]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--require-docker",
        action="store_true",
        help="fail, rather than skip, but for what tests/skips.py lists",
    )
    parser.addoption(
        "--long", action="store_true", help="repeat as often as it takes what is tried once"
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and item.config.getoption("--require-docker"):
        _path, _line, reason = report.longrepr
        if not (hasattr(report, "wasxfail") or allowed(reason)):
            report.outcome, report.longrepr = "failed", f"{reason} (not in tests/skips.py)"
    return report


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # Lessons first: with them other engines begin to prove, beside all that comes after. What they
    # have not come to by then is proved last, on all of them.
    items.sort(
        key=lambda item: ("test_lessons" not in item.path.name, "test_proofs" in item.path.name)
    )
    for item in items:
        if "engine" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.docker)


@pytest.fixture(scope="session")
def engine(course: Course) -> Iterator[Engine]:
    """The engine that the learner would use, on a machine that is as before when all is done."""
    try:
        found = connect()
    except EngineError as error:
        pytest.skip(str(error))
    remains = Remains()
    yield found
    left = [str(thing) for thing in owned(found, keep_images=course.image_tags)]
    found.close()
    assert left + remains.found() == []


@pytest.fixture
def clean_engine(engine: Engine, course: Course) -> Iterator[Engine]:
    """The engine without anything of the course but its images, before and after."""
    remove(engine, owned(engine, keep_images=course.image_tags))
    yield engine
    remove(engine, owned(engine, keep_images=course.image_tags))


@pytest.fixture(scope="module")
def planted(engine: Engine, course: Course) -> Iterator[str]:
    """Foreign objects on the engine; what inspecting them says."""
    remove(engine, owned(engine, keep_images=course.image_tags))
    foreign.uproot(engine)
    foreign.plant(engine)
    yield foreign.inspected(engine)
    remove(engine, owned(engine, keep_images=course.image_tags))
    foreign.uproot(engine)


@pytest.fixture(scope="session")
def course() -> Course:
    return Course.load(ROOT)


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty workspace, which the course uses instead of `work/`."""
    folder = tmp_path / "work"
    monkeypatch.setenv("LABKIT_WORK", str(folder))
    return folder


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
