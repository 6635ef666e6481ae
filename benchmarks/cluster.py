"""`labkit cluster up` of the course's own cluster beside the bare engine of such a node."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING
from unittest.mock import patch

from benchmarks.measuring import Finding
from labkit import cluster, images
from labkit.cluster_ways import NAME, NEEDED
from labkit.engine import nested
from labkit.engine.ownership import owned, remove
from labkit.node_registry import free_port
from labkit.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from labkit.course import Course
    from labkit.engine import Engine

REPETITIONS = 3
ENGINE = "lab-node-1"
FIRST_PORT = 23760


def run(engine: Engine, course: Course) -> Iterator[Finding]:
    """Make both in turn, each from nothing but its image."""
    images.ensure(engine, course, (*NEEDED, nested.IMAGE))

    def bare() -> None:
        node = nested.Node(ENGINE, "bridge", "", free_port(FIRST_PORT))
        nested.create(engine, node, nested.rights(engine))
        wait_until(lambda: nested.answers(engine, ENGINE), what=ENGINE, timeout=60)

    # Also where another way would serve.
    with patch("labkit.cluster_ways.TOOLS", ()):
        up, peer = _medians(engine, lambda: cluster.up(engine, course), bare)
    detail = f"{up:.1f} s, and {peer:.1f} s until the engine of a node answers, medians of"
    yield Finding(
        "labkit cluster up, its image built", up, 40, f"{detail} {REPETITIONS}", unit=" s"
    )


def _medians(engine: Engine, *makers: Callable[[], object]) -> list[float]:
    seconds: list[list[float]] = [[] for _maker in makers]
    for _repetition in range(REPETITIONS):
        for make, times in zip(makers, seconds, strict=True):
            began = time.perf_counter()
            make()
            times.append(time.perf_counter() - began)
            remove(engine, owned(engine, names=(NAME, ENGINE)))
    return [statistics.median(times) for times in seconds]
