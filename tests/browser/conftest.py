"""The course, opened as a learner opens it, and a browser."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.jupyterlab import JupyterLab
from tests.browser.opened import chromium, open_course

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, BrowserContext, Locator, Page, ViewportSize

    from labkit.engine import Engine
    from tests.browser.jupyterlab import Notebook
    from tests.browser.opened import OpenCourse

KEPT = Path(__file__).with_name("screenshots")
WINDOW: ViewportSize = {"width": 1080, "height": 720}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def opened(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenCourse]:
    """The course, open for all tests."""
    with open_course(engine, tmp_path_factory.mktemp("opened")) as opened:
        yield opened


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # For a module and no longer: Playwright's event loop would be in the way of other tests'.
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport=WINDOW)
    yield context
    context.close()


@pytest.fixture
def lab(context: BrowserContext, opened: OpenCourse) -> Iterator[JupyterLab]:
    """A new page on JupyterLab, as after `make lab`: no kernel runs yet."""
    page = context.new_page()
    lab = JupyterLab(page, opened.address, opened.work)
    lab.stop_kernels()
    yield lab
    page.close()


@pytest.fixture
def hello(lab: JupyterLab, opened: OpenCourse, clean_engine: Engine) -> Notebook:
    """The first exercise, untouched, open in JupyterLab, with the magics loaded."""
    assert not clean_engine.containers.exists("lab-hello")
    (opened.work / ".labkit" / "progress.json").unlink(missing_ok=True)
    copy = opened.work / "exercises" / "00_welcome" / "hello.ipynb"
    copy.unlink(missing_ok=True)
    opened.run("start", "welcome.hello")
    notebook = lab.open(copy.relative_to(opened.work).as_posix())
    notebook.cell("%load_ext labkit").run()
    return notebook


@pytest.fixture
def picture() -> Callable[..., None]:
    """Keep a screenshot in the repository, where KEEP_SCREENSHOTS is set."""

    def take(page: Page, name: str, *hidden: Locator) -> None:
        if os.environ.get("KEEP_SCREENSHOTS"):
            page.screenshot(
                path=KEPT / f"{name}.png",
                animations="disabled",
                mask=list(hidden),
                mask_color="#888",
            )

    return take
