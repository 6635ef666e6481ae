"""Other engines, on which exercises are proved while the tests use the first one.

Each has a network of its own, so the ports that exercises publish do not collide. What it proves
is proved by one process inside that network.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import tempfile
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING

import psutil

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

#: With one of them beside the first engine, a quarter of two processors stays idle.
ENGINES = 2
#: With fewer exercises, starting and filling the engines takes longer than it saves.
WORTHWHILE = 4
PROGRAMS = ("dockerd", "iptables", "nsenter", "unshare")
#: A file system in memory, where their data are if there is room: nobody needs them afterwards.
MEMORY = Path("/dev/shm")  # noqa: S108 - used through tempfile
#: Bytes for the images of each, and as much again for what is made from them.
ROOM = 3 << 30


@contextmanager
def proofs_beside(
    engine: Engine, course: Course, slugs: Sequence[str]
) -> Iterator[dict[str, Future[Proof]]]:
    """Prove exercises on other engines, the last one first.

    Args:
        engine: The first engine, whose course images the others get.
        course: Where the exercises are.
        slugs: What is to be proved. One that has not begun can be cancelled, and proved elsewhere.

    Yields:
        The proof of each; nothing where it is not worth it, or this account may start no engine.
    """
    able = os.geteuid() == 0 and all(map(find_program, PROGRAMS))
    if not able or len(slugs) < WORTHWHILE:
        yield {}
        return
    with ExitStack() as stack:
        scratch = tempfile.TemporaryDirectory(prefix="lab-", dir=_memory_with_room())
        folder = Path(stack.enter_context(scratch))
        try:
            others = [stack.enter_context(_other_engine(folder / str(n))) for n in range(ENGINES)]
        except EngineStartFailed:  # root of a container that may do less
            yield {}
            return
        pack = folder / "images.tar"
        names = [image.name for image in course.images if engine.images.exists(image.name)]
        images.pack(engine, names, pack)
        filled = [other.submit(_fill, pack) for other in others]
        free: SimpleQueue[ProcessPoolExecutor] = SimpleQueue()
        for other in others:
            free.put(other)

        def prove_on_a_free_one(slug: str) -> Proof:
            other = free.get()
            try:
                return other.submit(_prove, course.root, slug).result()
            finally:
                free.put(other)

        pool = ThreadPoolExecutor(ENGINES)
        stack.callback(pool.shutdown, cancel_futures=True)
        yield {slug: pool.submit(prove_on_a_free_one, slug) for slug in reversed(slugs)}
        for each in filled:
            each.result()


def _memory_with_room() -> Path | None:
    """Return a folder in memory that holds what the engines make, or None."""
    room = ROOM * (ENGINES + 1)  # and the pack that fills them
    if not MEMORY.is_dir() or psutil.disk_usage(str(MEMORY)).free < room:
        return None
    return MEMORY if psutil.virtual_memory().available > 2 * room else None


@contextmanager
def _other_engine(folder: Path) -> Iterator[ProcessPoolExecutor]:
    """Start an engine; yield a process in its network that has it as its engine."""
    private = PrivateEngine(PrivatePaths.under(folder), own_network=True)
    engine = private.start(lambda _line: None)
    # Spawned, because a fork would have the threads' locks and the sockets of this process.
    spawn = multiprocessing.get_context("spawn")
    inside = ProcessPoolExecutor(1, spawn, _enter, (private.pid(), private.endpoint))
    try:
        yield inside
    finally:
        inside.shutdown(cancel_futures=True)
        foreign.uproot(engine)  # their processes hear no signal, and the daemon would wait
        engine.close()
        private.stop(lambda _line: None)


def _enter(daemon: int, endpoint: str) -> None:
    """Make this process one of the daemon's network, that uses its engine."""
    os.environ["DOCKER_HOST"] = endpoint
    with Path(f"/proc/{daemon}/ns/net").open("rb") as network:
        if ctypes.CDLL(None, use_errno=True).setns(network.fileno(), 0) != 0:
            raise OSError(ctypes.get_errno(), "setns")


def _fill(pack: Path) -> None:
    """Give the engine the course images and foreign objects."""
    engine = connect()
    transfer.load(engine, pack, lambda *_progress: None)
    # The way of an exercise's ports to its own network begins here.
    loopback = ["ip", "link", "set", "lo", "up"]
    engine.client.containers.run(
        "lab/shell", loopback, network_mode="host", cap_add=["NET_ADMIN"], remove=True
    )
    foreign.plant(engine)
    engine.close()


def _prove(root: Path, slug: str) -> Proof:
    engine = connect()
    before = foreign.inspected(engine)
    (proof,) = prove(engine, Course.load(root), [slug])
    assert foreign.inspected(engine) == before
    engine.close()
    return proof
