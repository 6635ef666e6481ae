"""A grader to be killed: `python -m tests.unit.grader COURSE SUBMISSIONS RESULTS WORKERS`.

Its desks have no engine; everything else is real.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import pytest

from labkit.course import Course
from labkit.grading.grade import Deadlines, grade, grade_one
from labkit.grading.publishing import publish
from labkit.grading.results import Results
from labkit.grading.submissions import find
from tests.unit.grading import FakeDesks
from tests.unit.tiny_course import add_checks


def main(root: str, submissions: str, out: str, workers: str) -> None:
    course, results = Course.load(Path(root)), Results(Path(out))
    with pytest.MonkeyPatch.context() as patch, results.held():
        add_checks(patch)
        judge = partial(grade_one, course, FakeDesks(course), Deadlines())
        found = find(Path(submissions), course)
        publish(results, grade(course, found, results, judge, workers=int(workers)))


if __name__ == "__main__":
    main(*sys.argv[1:])
