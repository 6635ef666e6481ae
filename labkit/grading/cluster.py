"""Grade on a Dask cluster, when one machine is too small.

Each worker has the course, labkit and desks of its own. What travels is a notebook there and a
verdict back; results are written where `labkit grade` runs, so a worker that dies loses nothing:
Dask gives its submissions to another one.
"""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labkit.course import Course
from labkit.errors import LabError
from labkit.grading.grade import grade_one
from labkit.grading.gradebook import missing
from labkit.grading.submissions import Submission
from labkit.grading.verdicts import Verdict
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from labkit.grading.desk import Desks
    from labkit.grading.grade import Deadlines, Earlier, Judge

    MakeDesks = Callable[[Course, int], AbstractContextManager[Desks]]

PLUGIN = "labkit-desks"
PATIENCE = "10s"


def own_desks(course: Course, workers: int) -> AbstractContextManager[Desks]:
    """Make desks on the worker's own machine."""
    from labkit.engine import connect
    from labkit.grading.desks import Desks

    return Desks(course, connect(), workers=workers)


@contextmanager
def cluster(
    address: str, deadlines: Deadlines, make_desks: MakeDesks = own_desks
) -> Iterator[tuple[Judge, int]]:
    """Connect to a cluster, and prepare desks on each of its workers.

    Args:
        address: The scheduler's, such as `tcp://grader:8786`.
        deadlines: For the learner's cells.
        make_desks: Called on each worker.

    Yields:
        What gives verdicts, and how many it gives at a time.

    Raises:
        LabError: Dask is not installed, or no cluster answers.
    """
    try:
        from distributed import Client
    except ModuleNotFoundError as error:
        raise missing(error, "dask") from error
    try:
        client = Client(address, timeout=PATIENCE)
    except (OSError, ValueError) as error:
        raise LabError(
            _("No Dask cluster answers at `{address}`: {why}.").format(address=address, why=error),
            hint=_("Start one with `dask scheduler` and `dask worker ADDRESS`."),
        ) from error

    def judge(submission: Submission, data: bytes, earlier: Sequence[Earlier]) -> Verdict:
        before = [(exercise.slug, content) for exercise, content in earlier]
        future = client.submit(
            _on_worker, submission.student, submission.slug, data, before, deadlines, pure=False
        )
        return Verdict.from_json(future.result())

    with client:
        client.register_plugin(_plugin(make_desks))
        yield judge, max(1, sum(client.nthreads().values()))


def _plugin(make_desks: MakeDesks) -> Any:
    from distributed import WorkerPlugin

    class Desks(WorkerPlugin):  # type: ignore[misc]
        """Keeps a worker's desks for as long as it runs."""

        name = PLUGIN

        def setup(self, worker: Any) -> None:
            """Make the desks, as many as the worker has threads."""
            self.course = Course.load()
            self._made = make_desks(self.course, worker.state.nthreads)
            self.desks = self._made.__enter__()

        def teardown(self, worker: Any) -> None:  # noqa: ARG002 - Dask's signature
            """Remove them."""
            self._made.__exit__(None, None, None)

    return Desks()


def _on_worker(
    student: str, slug: str, data: bytes, before: Sequence[tuple[str, bytes]], deadlines: Deadlines
) -> dict[str, Any]:
    from distributed import get_worker

    place = get_worker().plugins[PLUGIN]
    course: Course = place.course
    submission = Submission(student, slug, Path(slug), course.exercise(slug))
    earlier = [(course.exercise(name), content) for name, content in before]
    return grade_one(course, place.desks, deadlines, submission, data, earlier).as_json()
