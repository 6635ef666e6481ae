"""`labkit grade`: a folder of submissions becomes results."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from labkit.cli.output import GOOD, NOT_GOOD, print_json, progress, say
from labkit.errors import LabError
from labkit.translation import _

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from labkit.cli.output import Bars, Lines
    from labkit.course import Course
    from labkit.grading.grade import Graded, Judge
    from labkit.grading.verdicts import Verdict


def grade(arguments: argparse.Namespace) -> int:
    """`labkit grade SUBMISSIONS --out RESULTS`, or with `--explain STUDENT SLUG`, or `--clean`."""
    from labkit.course import Course
    from labkit.grading import grade as grading
    from labkit.grading.publishing import publish
    from labkit.grading.results import Results
    from labkit.grading.submissions import find
    from labkit.grading.verdicts import Status

    if arguments.clean:
        return _clean(dry_run=arguments.dry_run, as_json=arguments.json)
    if arguments.out is None:
        raise LabError(
            _("Where do the results go?"), hint=_("Name a folder: `labkit grade … --out RESULTS`.")
        )
    results = Results(arguments.out)
    if arguments.explain:
        return _explain(results.explained(*arguments.explain), as_json=arguments.json)
    if arguments.submissions is None:
        raise LabError(_("Which submissions?"), hint=_("`labkit grade --help` shows examples."))
    course = Course.load()
    submissions = find(arguments.submissions, course, slug=arguments.exercise or "")
    waiting = _("Another `labkit grade` writes into `{out}`; waiting for its end.")
    with (
        results.held(waiting=lambda: say(waiting.format(out=arguments.out))),
        _judge(arguments, course) as (judge, workers),
        progress() as shown,
    ):
        verdicts = grading.grade(
            course,
            submissions,
            results,
            judge,
            workers=workers,
            again=arguments.again,
            progress=_Pace(shown, len(submissions)),
        )
        summary = publish(results, verdicts, database=arguments.gradebook or "")
        if arguments.nbgrader:
            from labkit.grading import nbgrader_gradebook

            nbgrader_gradebook.write(arguments.nbgrader, verdicts, course)
    if arguments.json:
        plain = [replace(v, evidence=type(v.evidence)()).as_json() for v in verdicts]
        print_json({"verdicts": plain, "summary": summary.as_json()})
    else:
        print(summary.text())
        print(_("All of it is in `{out}`.").format(out=arguments.out))
    judged = {Status.GRADED, Status.REFUSED, Status.BLOCKED}
    return GOOD if all(verdict.status in judged for verdict in verdicts) else NOT_GOOD


def _explain(verdict: Verdict, *, as_json: bool) -> int:
    from labkit.grading.explain import explanation

    if as_json:
        print_json(verdict.as_json())
    else:
        print(explanation(verdict))
    return GOOD


def _clean(*, dry_run: bool, as_json: bool) -> int:
    from labkit.engine.snapshot import size
    from labkit.grading import seeding

    found = seeding.clean(dry_run=dry_run)
    if as_json:
        print_json({"removed": {str(path): n for path, n in found.items()}, "dry_run": dry_run})
        return GOOD
    text = _("Would remove `{path}` ({size}).") if dry_run else _("Removed `{path}` ({size}).")
    for path, taken in found.items():
        print(text.format(path=path, size=size(taken)))
    if not found:
        print(_("Grading keeps nothing on this machine that no grader uses."))
    return GOOD


@contextmanager
def _judge(arguments: argparse.Namespace, course: Course) -> Iterator[tuple[Judge, int]]:
    """Prepare what gives verdicts, and say how many at a time: desks here, or a cluster's."""
    from labkit.grading.grade import Deadlines, grade_one

    deadlines = Deadlines(cell=arguments.cell_timeout, whole=arguments.timeout)
    if arguments.dask:
        from labkit.grading.cluster import cluster

        with cluster(arguments.dask, deadlines) as prepared:
            yield prepared
        return
    from labkit.engine import connect
    from labkit.grading.desks import Desks

    with Desks(course, connect(), workers=arguments.workers) as desks:
        yield partial(grade_one, course, desks, deadlines), arguments.workers


class _Pace:
    """Shows how many are done, how fast it goes, and how long it will take."""

    def __init__(self, shown: Bars | Lines, total: int) -> None:
        self._shown, self._total = shown, total
        self._begun = time.monotonic()
        self._done = self._graded = 0

    def __call__(self, graded: Graded) -> None:
        self._done += 1
        self._graded += not graded.kept
        text = _("{done} of {all}").format(done=self._done, all=self._total)
        if self._graded:
            each = (time.monotonic() - self._begun) / self._graded
            text += _(", {rate:.1f} a minute, {left:.0f} s left").format(
                rate=60 / each, left=each * (self._total - self._done)
            )
        self._shown.step(_("grading"), text, self._done, self._total)
