"""Cold starts of the command line against Python that only imports docker-py."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from typing import TYPE_CHECKING

from benchmarks.measuring import ratio

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.measuring import Finding
    from labkit.course import Course
    from labkit.engine import Engine


def run(_engine: Engine, _course: Course) -> Iterator[Finding]:
    """Compare `labkit --help` and `labkit check`."""
    # The check fails, since nothing is there; that is an answer too.
    for words, code in ((["--help"], 0), (["check", "welcome.hello"], 1)):
        yield ratio(
            f"labkit {words[0]}, cold / import docker",
            partial(_python, code, "-m", "labkit", *words),
            partial(_python, 0, "-c", "import docker"),
            target=1.5,
            repetitions=15,
        )


def _python(expected: int, *arguments: str) -> None:
    done = subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=False)
    if done.returncode != expected:
        raise subprocess.CalledProcessError(done.returncode, done.args)
