"""A class of 20 and one of 200: what each submission takes of time, memory and disk."""

from __future__ import annotations

import json
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from benchmarks.grading import hand_in
from benchmarks.measuring import Finding
from labkit.engine.cgroups import hierarchies
from labkit.grading import seeding, slots
from labkit.grading.desks import Desks
from labkit.grading.grade import Deadlines, grade, grade_one
from labkit.grading.results import Results
from labkit.grading.submissions import find

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labkit.course import Course
    from labkit.engine import Engine

EXERCISE = "containers.exit_code"
FEW, MANY = 20, 200
WORKERS = 2
SECONDS_BETWEEN = 0.02
MIB = 1 << 20


def run(engine: Engine, course: Course) -> Iterator[Finding]:
    """Grade both classes at the same desks."""
    with Desks(course, engine):
        pass  # the template is there from now on
    disk_before = _disk()
    with tempfile.TemporaryDirectory() as name, Desks(course, engine, workers=WORKERS) as desks:
        few = _seconds(course, desks, Path(name, "few"), FEW)
        warm = psutil.Process(desks._process.pid).memory_info().rss  # noqa: SLF001
        with _watching() as most:
            many = _seconds(course, desks, Path(name, "many"), MANY)
    disk_after = _disk()
    yield Finding(
        f"each of {MANY} submissions / each of {FEW}",
        many / few,
        1.1,
        f"{many:.3f} s / {few:.3f} s, {WORKERS} workers",
    )
    yield Finding(
        "disk used after them - before",
        (disk_after - disk_before) / MIB,
        0,
        f"{disk_after / MIB:.1f} MiB / {disk_before / MIB:.1f} MiB in {seeding.FOLDER} and "
        f"{slots.FOLDER}",
        unit=" MiB",
    )
    most["the process that all learners' are copies of"] = warm
    parts = ", ".join(f"{name} {taken / MIB:.0f} MiB" for name, taken in most.items())
    yield Finding(
        "memory of a worker with its engine, at its most",
        sum(most.values()) / MIB,
        400,
        f"{parts}; its control group without page cache, read every {SECONDS_BETWEEN * 1000:g} ms",
        unit=" MiB",
    )


def _seconds(course: Course, desks: Desks, folder: Path, students: int) -> float:
    """Grade a class, and say how long each submission took."""
    hand_in(course, folder / "class", students, (EXERCISE,))
    judge = partial(grade_one, course, desks, Deadlines())
    submissions = find(folder / "class", course)
    begun = time.monotonic()
    verdicts = grade(course, submissions, Results(folder / "out"), judge, workers=WORKERS)
    seconds = (time.monotonic() - begun) / students
    if len(verdicts) != students or any(verdict.status != "graded" for verdict in verdicts):
        raise SystemExit(json.dumps([verdict.message for verdict in verdicts]))
    return seconds


def _disk() -> int:
    """Bytes of all files that grading keeps on this machine."""
    paths = (path for top in (seeding.FOLDER, slots.FOLDER) for path in top.rglob("*"))
    return sum(512 * path.lstat().st_blocks for path in paths)


@contextmanager
def _watching() -> Iterator[dict[str, int]]:
    """Note the most that any desk takes meanwhile, by its parts at that moment."""
    most: dict[str, int] = {}
    done = threading.Event()

    def watch() -> None:
        while not done.wait(SECONDS_BETWEEN):
            for parts in _desks():
                if sum(parts.values()) > sum(most.values()):
                    most.clear()
                    most.update(parts)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield most
    finally:
        done.set()
        thread.join()


def _desks() -> Iterator[dict[str, int]]:
    """Read what each desk's control group counts: processes, files in memory, and the kernel's."""
    tree = next(tree for tree in hierarchies() if "memory" in tree.controllers)
    for group in (tree.place / slots.GROUPS).glob("*/"):
        with suppress(OSError):  # it has just been removed
            lines = (group / "memory.stat").read_text().splitlines()
            stat = {name: int(value) for name, value in map(str.split, lines)}
            if tree.unified:
                used, names = "memory.current", ("anon", "shmem", "file")
            else:
                used, names = "memory.usage_in_bytes", ("total_rss", "total_shmem", "total_cache")
            processes, files, cache = (stat[name] for name in names)
            everything = int((group / used).read_text())
            yield {
                "processes": processes,
                "files in memory": files,
                "kernel": everything - processes - cache,
            }
