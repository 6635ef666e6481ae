"""`labkit nodes up 3` against three bare engines in containers of the same image."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

from benchmarks.measuring import Finding, ratio
from labkit import images, nodes
from labkit.engine import nested
from labkit.node_registry import free_port
from labkit.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labkit.course import Course
    from labkit.engine import Engine

COUNT = 3
REPETITIONS = 3
NAMES = [f"{nested.PREFIX}{number}" for number in range(1, COUNT + 1)]


def run(engine: Engine, course: Course) -> Iterator[Finding]:
    """Measure how long three machines take until they can be used; their images are there."""
    images.ensure(engine, course, nodes.NEEDED)
    given = nested.rights(engine)
    seconds: list[float] = []

    def ours() -> None:
        began = time.perf_counter()
        nodes.up(engine, course, COUNT)
        seconds.append(time.perf_counter() - began)

    def bare() -> None:
        for number, name in enumerate(NAMES):
            port = free_port(nodes.FIRST_PORT + number)
            nested.create(engine, nested.Node(name, "bridge", "", port), given)
        wait_until(
            lambda: all(nested.answers(engine, name) for name in NAMES),
            what="three bare engines",
            timeout=nodes.READY_SECONDS,
        )

    yield ratio(
        "labkit nodes up 3, with network, registry and contexts / three bare engines",
        ours,
        bare,
        target=2,
        repetitions=REPETITIONS,
        before_each=lambda: nodes.down(engine, course, nodes.plan_down(engine)),
    )
    detail = f"median of {REPETITIONS}, from nothing to engines that answer"
    yield Finding("three nodes up", statistics.median(seconds[1:]), 15, detail, unit=" s")
