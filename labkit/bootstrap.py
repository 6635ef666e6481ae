"""What `make` needs before labkit is installed: `python3 -m labkit.bootstrap lab`.

Runs on the system's Python and imports the standard library only. Two environments:

- `.venv` is what a learner gets: labkit and its dependencies;
- `.venv-dev` adds the tools of development. nbgrader among them adds menus to JupyterLab, which
  is why a learner's environment is never the same as a developer's.

Both are made from lock files, and made anew only when the lock or the
project's tables in pyproject.toml have changed.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from labkit import commands
from labkit.distribution import find_program, install_packages, is_debian
from labkit.engine.starting import with_new_group
from labkit.errors import LabError
from labkit.files import locked
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future

    from labkit.commands import Say

ROOT = Path(__file__).parents[1]
STAMP = "made-from"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@dataclass(frozen=True)
class Environment:
    """A virtual environment made from a lock file.

    Attributes:
        folder: Where it is.
        lock: Its lock file.
    """

    folder: Path
    lock: Path

    @property
    def programs(self) -> Path:
        """The folder of its programs."""
        return self.folder / "bin"

    def fingerprint(self) -> str:
        """Return what the environment depends on, as one digest."""
        project = tomllib.loads(self.lock.with_name("pyproject.toml").read_text("utf-8"))
        parts = [project.get(table) for table in ("build-system", "project", "dependency-groups")]
        # A folder that was moved or copied has the old place in its scripts.
        parts += [self.lock.read_text("utf-8"), sys.version_info[:2], str(self.folder)]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def is_current(self) -> bool:
        """Tell whether it was made, to the end, from the files as they are now."""
        stamp = self.folder / STAMP
        return stamp.is_file() and stamp.read_text(encoding="utf-8") == self.fingerprint()

    def ensure(self, say: Say) -> None:
        """Make it, unless it is current or another process makes it just now: that is waited for.

        Raises:
            CommandFailed: pip or venv failed.
            LabError: This Python has no venv and it could not be installed.
        """
        if self.is_current():
            return
        wait = _("Another process makes `{name}`; waiting for it.").format(name=self.folder.name)
        with locked(self.lock, waiting=lambda: say(wait)):
            if not self.is_current():
                self._make(say)

    def _make(self, say: Say) -> None:
        say(
            _("Making the Python environment `{name}` (once; takes about half a minute).").format(
                name=self.folder.name
            )
        )
        ensure_venv_module(say)
        commands.run(
            [sys.executable, "-m", "venv", "--clear", str(self.folder)],
            say=say,
            progress=lambda _output: _("creating its folder"),
        )
        self._pip(say, "--no-deps", "--require-hashes", "--requirement", str(self.lock))
        # The lock holds the build backend, so nothing unlocked is fetched for this either.
        self._pip(say, "--no-deps", "--no-build-isolation", "--editable", str(self.lock.parent))
        (self.folder / STAMP).write_text(self.fingerprint(), encoding="utf-8")

    def _pip(self, say: Say, *arguments: str) -> None:
        total = sum(line[:1].isalnum() for line in self.lock.read_text("utf-8").splitlines())

        def progress(output: str) -> str:
            if "Installing collected packages" in output:
                return _("unpacking the packages")
            done = sum(line.startswith("Collecting ") for line in output.splitlines())
            return _("fetching package {done} of {total}").format(done=done, total=total)

        commands.run(
            [str(self.programs / "python"), "-m", "pip", "install", *arguments],
            say=say,
            # A user's own pip settings stay in force (mirrors, proxies), except these.
            env={**os.environ, "PIP_USER": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
            progress=progress,
        )


def learner_environment(root: Path = ROOT) -> Environment:
    """Return the environment that lessons run in."""
    return Environment(root / ".venv", root / "requirements.lock")


def developer_environment(root: Path = ROOT) -> Environment:
    """Return the environment that tests and tools run in."""
    return Environment(root / ".venv-dev", root / "requirements-dev.lock")


def ensure_venv_module(say: Say) -> None:
    """Install Python's venv where the distribution keeps it in a package of its own.

    Raises:
        LabError: It is missing and does not come from apt-get here.
    """
    found = importlib.util.find_spec("ensurepip")
    if found and found.origin:  # a folder that a removed package has left is found too
        return
    package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
    if not is_debian():
        raise LabError(
            _("This Python (`{python}`) has no `venv`.").format(python=sys.executable),
            hint=_("Install your system's package `{name}` and try again.").format(name=package),
        )
    install_packages([package], say=say)


def ensure_browser(say: Say) -> None:
    """Install Chromium for the browser tests, unless there is one.

    Raises:
        LabError: It is missing and does not come from apt-get here.
    """
    if any(find_program(name) for name in BROWSERS):
        return
    if not is_debian():
        raise LabError(
            _("The browser tests need Chromium, and there is none on PATH."),
            hint=_("Install it, then run `make test` again."),
        )
    install_packages(["chromium"], say=say)


def lab(say: Say, arguments: Sequence[str]) -> int:
    """Open the course: everything after the environment is `labkit lab`."""
    environment = learner_environment()
    environment.ensure(say)
    return _become(environment.programs / "labkit", "lab", *arguments)


def test(say: Say, arguments: Sequence[str]) -> int:
    """Set up everything that the tests need, and run them; none may be skipped for want of it."""
    # Docker's programs are short and many, and would spend a third of their time on Go's memory.
    os.environ.setdefault("GOGC", "400")
    learner, developer = learner_environment(), developer_environment()
    ensure_venv_module(say)
    with ThreadPoolExecutor() as pool:
        # The learner's environment is the smaller one, and enough for what comes before tests.
        made = pool.submit(developer.ensure, say)
        ensure_browser(say)
        learner.ensure(say)
        labkit = learner.programs / "labkit"
        if failed := _call(labkit, "engine", "start"):
            return failed
        again = (sys.executable, "-m", "labkit.bootstrap", "test", *arguments)
        # Starting it may have put this account into the group that may use it.
        if command := with_new_group(again):
            made.result()
            _exec(*command)
        pytest = (developer.programs / "python", "-m", "pytest", "--require-docker")
        # Tests that need no engine run where the others wait for theirs.
        unit_tests = None if arguments else pool.submit(_unseen, made, *pytest, "tests/unit")
        failed = _call(labkit, "images", "ensure", "--all")
        made.result()
        if unit_tests is None:
            return failed or _become(*pytest, *arguments)
        failed = failed or _call(*pytest, "--ignore", "tests/unit")
        unseen = unit_tests.result()
        say(unseen.stdout)
        return failed or unseen.returncode


def environment(say: Say, _arguments: Sequence[str]) -> int:
    """Make the developer's environment."""
    developer_environment().ensure(say)
    return 0


def lock(say: Say, _arguments: Sequence[str]) -> int:
    """Write both lock files anew, for every platform and every Python that the course supports."""
    developer = developer_environment()
    compile_lock = (
        *(str(developer.programs / "uv"), "pip", "compile", "pyproject.toml", "--universal"),
        *("--python-version", "3.11", "--generate-hashes", "--upgrade"),
        *("--no-emit-index-url", "--no-annotate", "--no-header"),
    )
    learner = learner_environment()
    # The developer's lock is held to the learner's, so that tests run what learners run.
    commands.run((*compile_lock, "--group", "build", "--output-file", str(learner.lock)), say=say)
    held = ("--group", "dev", "--all-extras", "--constraints", str(learner.lock))
    commands.run((*compile_lock, *held, "--output-file", str(developer.lock)), say=say)
    return 0


def _call(program: Path, *arguments: str) -> int:
    """Run a program of an environment in the foreground; return its exit code.

    Ctrl-C is its business alone: it may have things to put away, and is waited for.
    """
    ours = signal.getsignal(signal.SIGINT)
    if ours is not signal.SIG_IGN:  # that, a program would inherit
        signal.signal(signal.SIGINT, lambda *_signal: None)
    try:
        return subprocess.run([str(program), *arguments], cwd=ROOT, check=False).returncode
    finally:
        signal.signal(signal.SIGINT, ours)


def _unseen(ready: Future[None], *command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a program when something else is ready; return its exit code and all that it said."""
    ready.result()
    return subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )


def _become(program: Path, *arguments: str) -> NoReturn:
    """Go on as a program of an environment, so that Ctrl-C is its business alone."""
    _exec(str(program), *arguments)


def _exec(*command: str) -> NoReturn:
    sys.stdout.flush()
    os.chdir(ROOT)
    os.execvp(command[0], command)  # noqa: S606 - no shell is wanted


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what `make` asks for; return the exit code."""
    parser = argparse.ArgumentParser(prog="python3 -m labkit.bootstrap", description=__doc__)
    parser.add_argument("target", choices=("lab", "test", "environment", "lock"))
    target, rest = parser.parse_known_args(arguments)
    targets = {"lab": lab, "test": test, "environment": environment, "lock": lock}
    try:
        return targets[target.target](_say, rest)
    except LabError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except KeyboardInterrupt:
        return 130


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
