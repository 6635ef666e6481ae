"""The course as a learner opens it: `labkit lab` in the learner's environment, and a browser."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from playwright.sync_api import sync_playwright

from labkit.bootstrap import BROWSERS, learner_environment
from labkit.distribution import find_program
from labkit.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

    from labkit.engine import Engine

ROOT = Path(__file__).parents[2]
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


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


@contextmanager
def open_course(engine: Engine, folder: Path) -> Iterator[OpenCourse]:
    """Run `labkit lab` with a home and a workspace of its own, until nobody needs it."""
    learner = learner_environment()
    learner.ensure(print)
    work, home = folder / "work", folder / "home"
    work.mkdir()
    home.mkdir()
    env = {**os.environ, **engine.cli_env(), "LABKIT_WORK": str(work), "HOME": str(home)}
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        env.pop(name, None)  # then it opens no browser by itself
    labkit, said = learner.programs / "labkit", folder / "lab.log"
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


@contextmanager
def chromium() -> Iterator[Browser]:
    """The distribution's Chromium, without a window."""
    program = next(filter(None, map(find_program, BROWSERS)))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(program), args=FLAGS)
        yield browser
        browser.close()
