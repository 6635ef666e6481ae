"""A second engine, on which exercises are proved while the tests use the first one.

It has a network of its own, so the ports that exercises publish do not collide. What it proves is
proved by one process inside that network.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import tempfile
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from labkit import images
from labkit.authoring.prove import prove
from labkit.course import Course
from labkit.distribution import find_program
from labkit.engine import connect, transfer
from labkit.engine.private import PrivateEngine, PrivatePaths
from labkit.errors import EngineStartFailed
from tests import foreign

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Future

    from labkit.authoring.prove import Proof
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
        # Spawned, because a fork would have the threads' locks and the sockets of this process.
        pool = ProcessPoolExecutor(
            1, multiprocessing.get_context("spawn"), _enter, (private.pid(), private.endpoint)
        )
        try:
            pack = Path(name) / "images.tar"
            names = [image.name for image in course.images if engine.images.exists(image.name)]
            images.pack(engine, names, pack)
            filled = pool.submit(_fill, pack)
            yield {slug: pool.submit(_prove, course.root, slug) for slug in reversed(slugs)}
            assert foreign.inspected(second) == filled.result()
        finally:
            pool.shutdown(cancel_futures=True)
            foreign.uproot(second)  # their processes hear no signal, and the daemon would wait
            second.close()
            private.stop(lambda _line: None)


def _enter(daemon: int, endpoint: str) -> None:
    """Make this process one of the daemon's network, that uses its engine."""
    os.environ["DOCKER_HOST"] = endpoint
    with Path(f"/proc/{daemon}/ns/net").open("rb") as network:
        if ctypes.CDLL(None, use_errno=True).setns(network.fileno(), 0) != 0:
            raise OSError(ctypes.get_errno(), "setns")


def _fill(pack: Path) -> str:
    """Give the engine the course images and foreign objects; return what these look like."""
    second = connect()
    transfer.load(second, pack, lambda *_progress: None)
    pack.unlink()
    # The way of an exercise's ports to its own network begins here.
    loopback = ["ip", "link", "set", "lo", "up"]
    second.client.containers.run(
        "lab/shell", loopback, network_mode="host", cap_add=["NET_ADMIN"], remove=True
    )
    foreign.plant(second)
    before = foreign.inspected(second)
    second.close()
    return before


def _prove(root: Path, slug: str) -> Proof:
    second = connect()
    before = foreign.inspected(second)
    (proof,) = prove(second, Course.load(root), [slug])
    assert foreign.inspected(second) == before
    second.close()
    return proof
