"""`labkit reset` against one `docker rm -f` of the same containers, both as commands."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

from benchmarks.measuring import ratio

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.measuring import Finding
    from labkit.course import Course
    from labkit.engine import Engine

NAMES = [f"lab-{number}" for number in range(20)]


def run(engine: Engine, _course: Course) -> Iterator[Finding]:
    """Remove twenty running containers."""
    api: Any = engine.client.api
    env = engine.cli_env()

    def make() -> None:
        for name in NAMES:
            api.start(api.create_container("lab/shell", ["sleep", "600"], name=name))

    def command(*words: str) -> None:
        subprocess.run(words, stdout=subprocess.DEVNULL, env=env, check=True)

    yield ratio(
        "labkit reset of 20 containers / docker rm -f",
        lambda: command(sys.executable, "-m", "labkit", "reset", "--yes"),
        lambda: command("docker", "rm", "--force", *NAMES),
        target=1.3,
        repetitions=5,
        before_each=make,
    )
