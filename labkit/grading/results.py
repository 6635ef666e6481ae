"""The folder of results: one JSON file for each submission, which is the truth.

::

    RESULTS/
      verdicts/STUDENT/SLUG.json   what became of it, and the evidence
      feedback/STUDENT/SLUG.html   what its author is shown
      gradebook.db results.csv results.xml summary.txt summary.svg

All but the verdicts are made anew from them at the end of each run.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import quote

from labkit.errors import LabError
from labkit.files import locked, write_atomically, writing
from labkit.grading.verdicts import Status, Verdict
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from labkit.grading.submissions import Submission


class Results:
    """What is known of a class's submissions.

    Args:
        folder: Made when the first verdict is written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextmanager
    def held(self, *, waiting: Callable[[], None] | None = None) -> Iterator[None]:
        """Keep other graders out of the folder, and clear away what a killed one left.

        Args:
            waiting: Called when another grader has held it for a second.

        Raises:
            WorkspaceError: The folder cannot be written.
        """
        lock = self.folder / ".lock"
        with locked(lock, waiting=waiting):
            for half in (*self.folder.glob(".*"), *self.folder.glob("*/*/.*")):
                with writing(half):
                    if half != lock:
                        half.unlink()
            yield

    def write(self, verdict: Verdict) -> None:
        """Keep a verdict; a crash leaves the one that was there or this one.

        Raises:
            WorkspaceError: It cannot be written.
        """
        text = json.dumps(verdict.as_json(), indent=1, default=str)
        write_atomically(self._verdict(verdict.student, verdict.slug), text.encode())

    def read(self, student: str, slug: str) -> Verdict | None:
        """Return the verdict on a submission, or None where there is no whole one."""
        return _whole(self._verdict(student, slug))

    def kept(self, submission: Submission, *, content: str, course: str) -> Verdict | None:
        """Return the verdict on exactly this content by exactly this course, or None.

        A fault of ours is no verdict to keep.
        """
        verdict = self.read(*submission.key)
        if verdict is None or verdict.status in {Status.FAULT, Status.NOT_HERE}:
            return None
        same = (verdict.submission, verdict.course) == (content, course)
        return verdict if same else None

    def all(self) -> tuple[Verdict, ...]:
        """Return all verdicts, by student and exercise."""
        paths = sorted((self.folder / "verdicts").glob("*/*.json"))
        return tuple(verdict for path in paths if (verdict := _whole(path)) is not None)

    def explained(self, student: str, slug: str) -> Verdict:
        """Return the verdict on a submission.

        Raises:
            LabError: There is none; the error names those that there are.
        """
        if verdict := self.read(student, slug):
            return verdict
        verdicts = self.all()
        theirs = [v.slug for v in verdicts if v.student == student]
        others = theirs or sorted({v.student for v in verdicts})
        raise LabError(
            _("There is no verdict on `{slug}` of `{student}` in `{folder}`.").format(
                slug=slug, student=student, folder=self.folder
            ),
            hint=_("There are {names}.").format(
                names=", ".join(f"`{name}`" for name in others[:20]) or _("none")
            ),
        )

    def feedback(self, student: str, slug: str) -> Path:
        """Name the page for a submission's author."""
        return self._beside("feedback", student, slug, "html")

    def _verdict(self, student: str, slug: str) -> Path:
        return self._beside("verdicts", student, slug, "json")

    def _beside(self, folder: str, student: str, slug: str, suffix: str) -> Path:
        return self.folder / folder / file_name(student) / f"{file_name(slug)}.{suffix}"


def file_name(name: str) -> str:
    """Turn a name into one that is a file's everywhere; different ones stay different."""
    safe = "".join(c if c.isalnum() or c in " ._-()+@" else quote(c, safe="") for c in name)
    return f"%2E{safe[1:]}" if safe.startswith(".") else safe


def _whole(path: Path) -> Verdict | None:
    try:
        return Verdict.from_json(json.loads(path.read_bytes()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
