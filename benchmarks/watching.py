"""The what-changed line: what it adds to a cell against the list calls themselves."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from benchmarks.measuring import ratio
from labkit.engine import KeptConnection
from labkit.engine.ownership import owned, remove
from labkit.watching import Watcher

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.measuring import Finding
    from labkit.course import Course
    from labkit.engine import Engine


def run(engine: Engine, course: Course) -> Iterator[Finding]:
    """Compare an empty cell without and with a hundred containers on the engine."""
    api: Any = engine.client.api
    watcher = Watcher(KeptConnection())

    def cell() -> None:
        watcher.begin()
        watcher.end()

    def lists() -> None:
        for _look in range(2):  # one before the cell, one after it
            api.containers(all=True)
            api.images()
            api.networks()
            api.volumes()

    for count in (0, 100):
        with ThreadPoolExecutor() as pool:
            # Created is enough: a list call looks at them all the same.
            list(
                pool.map(lambda n: api.create_container("lab/shell", name=f"lab-{n}"), range(count))
            )
        what = f"what changed with {count} containers / the list calls"
        yield ratio(what, cell, lists, target=1.5, repetitions=50)
        remove(engine, owned(engine, keep_images=course.image_tags))
