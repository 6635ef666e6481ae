"""The one-submission function on a Dask cluster of two local workers."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from labkit.errors import LabError
from labkit.grading.cluster import cluster
from labkit.grading.grade import Deadlines, grade
from labkit.grading.results import Results
from labkit.grading.submissions import find
from labkit.grading.verdicts import Status
from tests.grading.workers import two_workers
from tests.unit.grading import HALF, RIGHT, WRONG, FakeDesks, answered, built_course, hand_in
from tests.unit.tiny_course import add_checks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from labkit.course import Course

pytestmark = pytest.mark.filterwarnings("ignore")  # of Dask's own event loops


@contextmanager
def fake_desks(course: Course, workers: int) -> Iterator[FakeDesks]:
    """What each worker makes for itself, in its own process."""
    assert workers == 1
    with pytest.MonkeyPatch.context() as patch:
        add_checks(patch)
        yield FakeDesks(course)


def test_two_workers_grade_a_class(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    course = built_course(tmp_path / "course")
    monkeypatch.setenv("LABKIT_COURSE", str(course.root))
    for n in range(9):
        answer = (RIGHT, HALF, WRONG)[n % 3]
        hand_in(tmp_path / "class", f"s{n}/tiny.first.ipynb", answered(course, answer))
    results = Results(tmp_path / "results")
    with (
        two_workers(tmp_path) as local,
        cluster(local.scheduler_address, Deadlines(), fake_desks) as (judge, workers),
    ):
        assert workers == 2
        verdicts = grade(course, find(tmp_path / "class", course), results, judge, workers=workers)
    assert results.all() == verdicts
    assert [(verdict.status, verdict.earned) for verdict in verdicts] == [
        (Status.GRADED, 2),
        (Status.GRADED, 1),
        (Status.GRADED, 0),
    ] * 3


def test_no_cluster_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labkit.grading.cluster.PATIENCE", "0.5s")
    with (
        pytest.raises(LabError, match=r"No Dask cluster answers.*dask worker"),
        cluster("tcp://127.0.0.1:1", Deadlines()),
    ):
        pass
