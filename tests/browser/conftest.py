"""The course, opened as a learner opens it, and a browser."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from playwright.sync_api import sync_playwright

from labkit.bootstrap import BROWSERS, learner_environment
from labkit.distribution import find_program
from labkit.waiting import wait_until
from tests.browser.jupyterlab import JupyterLab

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize

    from labkit.engine import Engine
    from tests.browser.jupyterlab import Notebook

ROOT = Path(__file__).parents[2]
KEPT = Path(__file__).with_name("screenshots")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
WINDOW: ViewportSize = {"width": 1080, "height": 720}


@dataclass(frozen=True)
class OpenCourse:
    """The course as `labkit lab` opened it.

    Attributes:
        address: What it printed.
        work: The learner's folder.
        labkit: The learner's `labkit`.
        env: The environment it runs in.
    """

    address: str
    work: Path
    labkit: Path
    env: dict[str, str]

    def run(self, *arguments: str) -> str:
        """Run `labkit` in a terminal beside it; return what it printed."""
        command = [str(self.labkit), *arguments]
        done = subprocess.run(
            command, env=self.env, cwd=self.work, capture_output=True, text=True, check=False
        )
        return done.stdout


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def opened(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenCourse]:
    """`labkit lab` in the learner's environment, with a home and a workspace of its own."""
    learner = learner_environment()
    learner.ensure(print)
    work, home = tmp_path_factory.mktemp("work"), tmp_path_factory.mktemp("home")
    env = {**os.environ, **engine.cli_env(), "LABKIT_WORK": str(work), "HOME": str(home)}
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        env.pop(name, None)  # then it opens no browser by itself
    labkit = learner.programs / "labkit"
    said = tmp_path_factory.mktemp("said") / "lab.log"
    with said.open("wb") as log:
        process = subprocess.Popen(
            [str(labkit), "lab"], cwd=ROOT, env=env, stdout=log, stderr=subprocess.STDOUT
        )

    def address() -> str:
        text = said.read_text(encoding="utf-8")
        assert process.poll() is None, text
        found = re.search(r"http://\S+", text)
        return found.group() if found else ""

    try:
        found = wait_until(address, what="the address", timeout=120, log_tail=said.read_text)
        yield OpenCourse(found, work, labkit, env)
    finally:
        alive = process.poll() is None
        started = psutil.Process(process.pid).children(recursive=True) if alive else []
        process.send_signal(signal.SIGINT)
        process.wait(30)
        left = psutil.wait_procs(started, timeout=10)[1]
        for one in left:
            one.kill()
    assert not left, f"still running: {left}"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # For a module and no longer: Playwright's event loop would be in the way of other tests'.
    program = next(filter(None, map(find_program, BROWSERS)))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(program), args=FLAGS)
        yield browser
        browser.close()


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
def picture(tmp_path: Path) -> Callable[[Page, str], None]:
    """Take a screenshot; kept in the repository only where KEEP_SCREENSHOTS is set."""
    folder = KEPT if os.environ.get("KEEP_SCREENSHOTS") else tmp_path

    def take(page: Page, name: str) -> None:
        folder.mkdir(exist_ok=True)
        page.screenshot(path=folder / f"{name}.png", animations="disabled")

    return take
