"""A second engine, on which exercises are proved while the tests use the first one.

It has a network of its own, so the ports that exercises publish do not collide. What it proves is
proved by a process inside that network.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from labkit import images
from labkit.authoring.prove import Proof, Step
from labkit.distribution import find_program
from labkit.engine import transfer
from labkit.engine.private import PrivateEngine, PrivatePaths
from labkit.errors import EngineStartFailed
from tests import foreign

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Future

    from labkit.course import Course
    from labkit.engine import Engine

#: With fewer exercises, starting and filling the engine takes longer than it saves.
WORTHWHILE = 4
PROGRAMS = ("dockerd", "iptables", "nsenter", "unshare")


@contextmanager
def proofs_beside(
    engine: Engine, course: Course, slugs: Sequence[str]
) -> Iterator[dict[str, Future[Proof]]]:
    """Prove exercises on a second engine, the last one first.

    Args:
        engine: The first engine, whose course images the second one gets.
        course: Where the exercises are.
        slugs: What is to be proved. One that has not begun can be cancelled, and proved elsewhere.

    Yields:
        The proof of each; nothing where it is not worth it, or this account may start no engine.
    """
    able = os.geteuid() == 0 and all(map(find_program, PROGRAMS))
    if not able or len(slugs) < WORTHWHILE:
        yield {}
        return
    with tempfile.TemporaryDirectory(prefix="lab-") as name:
        private = PrivateEngine(PrivatePaths.under(Path(name)), own_network=True)
        try:
            second = private.start(lambda _line: None)
        except EngineStartFailed:  # root of a container that may do less
            yield {}
            return
        pool = ThreadPoolExecutor(1)
        try:
            filled = pool.submit(_fill, second, engine, course, Path(name) / "images.tar")

            def prove(slug: str) -> Proof:
                before = filled.result()
                proof = _prove(private, course, slug)
                assert foreign.inspected(second) == before
                return proof

            yield {slug: pool.submit(prove, slug) for slug in reversed(slugs)}
        finally:
            pool.shutdown(cancel_futures=True)
            foreign.uproot(second)  # their processes hear no signal, and the daemon would wait
            second.close()
            private.stop(lambda _line: None)


def _fill(second: Engine, first: Engine, course: Course, pack: Path) -> str:
    """Give it the course images and foreign objects; return what these look like."""
    names = [image.name for image in course.images if first.images.exists(image.name)]
    images.pack(first, names, pack)
    transfer.load(second, pack, lambda *_progress: None)
    pack.unlink()
    # The way of an exercise's ports to its own network begins here.
    loopback = ["ip", "link", "set", "lo", "up"]
    second.client.containers.run(
        "lab/shell", loopback, network_mode="host", cap_add=["NET_ADMIN"], remove=True
    )
    foreign.plant(second)
    return foreign.inspected(second)


def _prove(private: PrivateEngine, course: Course, slug: str) -> Proof:
    inside = ["nsenter", f"--net=/proc/{private.pid()}/ns/net"]
    done = subprocess.run(
        [*inside, sys.executable, "-m", "labkit", "prove", "--yes", "--json", slug],
        cwd=course.root,
        env={**os.environ, "DOCKER_HOST": private.endpoint},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout, done.stderr
    (found,) = json.loads(done.stdout)
    steps = tuple(Step(**step) for step in found["steps"])
    return Proof(found["slug"], steps, found["not_here"])
