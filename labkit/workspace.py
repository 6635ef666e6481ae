"""The learner's folder `work/`: copies of lessons and of started exercises.

Running and saving there never touches a file of the course. When the course changes, copies whose
cells the learner has not edited are refreshed; edited ones are kept, and that is said. Whatever is
replaced is kept beside it as `NAME.before-….ipynb`.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from labkit.errors import CourseError, WorkspaceError
from labkit.files import locked, read_bytes, write_atomically, writing
from labkit.translation import _

if TYPE_CHECKING:
    from pathlib import Path

    from labkit.course import Course, Exercise, Lesson


@dataclass(frozen=True)
class Refresh:
    """What became of the copies: workspace-relative names."""

    new: tuple[str, ...] = ()
    refreshed: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()


@dataclass(frozen=True)
class Started:
    """An exercise's copy: where it is, and whether it was there before."""

    path: Path
    new: bool


@dataclass
class _Sums:
    """Fingerprints of what was copied, by name; `work/.labkit/copies.json`."""

    path: Path
    by_name: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> _Sums:
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            found = {}  # then every copy that differs counts as the learner's own
        return cls(path, found if isinstance(found, dict) else {})

    def write(self) -> None:
        text = json.dumps(self.by_name, indent=2, sort_keys=True) + "\n"
        write_atomically(self.path, text.encode())


class Workspace:
    """The copies in one `work/` folder."""

    def __init__(self, course: Course) -> None:
        self.course = course
        self.root = course.work()
        self._sums = self.root / ".labkit" / "copies.json"

    def lesson(self, lesson: Lesson) -> Path:
        """Where a lesson's copy is: `work/02_containers.ipynb`."""
        return self.root / f"{lesson.stem}.ipynb"

    def exercise(self, exercise: Exercise) -> Path:
        """Where an exercise's copy is: `work/exercises/02_containers/published.ipynb`."""
        stem = self.course.chapter_of(exercise).lesson.stem
        return self.root / "exercises" / stem / f"{exercise.name}.ipynb"

    def prepare(self) -> Refresh:
        """Copy all lessons, and bring started exercises up to date.

        Raises:
            CourseError: `course.toml` names a notebook that is not there.
        """
        pairs = [(self.course.lesson_notebook(le), self.lesson(le)) for le in self.course.lessons]
        pairs += [
            (self.course.exercise_notebook(e), self.exercise(e))
            for e in self.course.exercises
            if self.exercise(e).exists()
        ]
        outcome: dict[str, list[str]] = {"new": [], "refreshed": [], "kept": [], "same": []}
        with locked(self._sums.with_suffix(".lock")):
            sums = _Sums.read(self._sums)
            for source, copy in pairs:
                outcome[self._refresh(source, copy, sums)].append(self._name(copy))
            sums.write()
        return Refresh(tuple(outcome["new"]), tuple(outcome["refreshed"]), tuple(outcome["kept"]))

    def start(self, exercise: Exercise) -> Started:
        """Copy an exercise, unless its copy is there already.

        Raises:
            CourseError: Its notebook is missing.
            WorkspaceError: The copy is there, but is not a notebook any more.
        """
        copy = self.exercise(exercise)
        if copy.exists():
            again = _("Run `labkit reset {slug}` to begin again; the file is kept.").format(
                slug=exercise.slug
            )
            if _fingerprint(read_bytes(copy, hint=again)) is None:
                raise WorkspaceError(
                    _("`{path}` is not a notebook any more.").format(path=copy), hint=again
                )
            return Started(copy, new=False)
        self._copy(exercise)
        return Started(copy, new=True)

    def restart(self, exercise: Exercise) -> Path | None:
        """Put a fresh copy in place.

        Returns:
            Where the old copy is kept, or None when there was none or it had not changed.
        """
        copy = self.exercise(exercise)
        source = self.source(exercise)
        if not copy.exists():
            return None
        changed = copy.is_dir() or read_bytes(copy) != source
        kept = _keep(copy, "reset") if changed else None
        self._copy(exercise)
        return kept

    def source(self, exercise: Exercise) -> bytes:
        """Read the course's own notebook of an exercise.

        Raises:
            CourseError: It cannot be read.
        """
        return _read(self.course.exercise_notebook(exercise))

    def task(self, exercise: Exercise) -> str:
        """Return what an exercise asks for: the text of its notebook, as Markdown.

        Raises:
            CourseError: Its notebook cannot be read.
        """
        cells = json.loads(self.source(exercise))["cells"]
        texts = ("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
        return "\n\n".join(text.strip() for text in texts)

    def _copy(self, exercise: Exercise) -> None:
        content = self.source(exercise)
        copy = self.exercise(exercise)
        with locked(self._sums.with_suffix(".lock")):
            sums = _Sums.read(self._sums)
            write_atomically(copy, content)
            sums.by_name[self._name(copy)] = _fingerprint(content) or ""
            sums.write()

    def _refresh(self, source: Path, copy: Path, sums: _Sums) -> str:
        content, name = _read(source), self._name(copy)
        new = _fingerprint(content) or ""
        aside = _("Move it out of the way, then try again.")
        old = _fingerprint(read_bytes(copy, hint=aside)) if copy.exists() else None
        if old == new:
            sums.by_name[name] = new
            return "same"
        if copy.exists() and sums.by_name.get(name) == new:
            return "same"  # the learner has edited it, and the course has nothing newer
        if copy.exists() and old != sums.by_name.get(name):
            return "kept"
        outcome = "refreshed" if copy.exists() else "new"
        if outcome == "refreshed":
            _keep(copy, "update")
        write_atomically(copy, content)
        sums.by_name[name] = new
        return outcome

    def _name(self, copy: Path) -> str:
        return copy.relative_to(self.root).as_posix()


def _read(source: Path) -> bytes:
    try:
        return source.read_bytes()
    except OSError as error:
        raise CourseError(
            source,
            _("cannot be read: {why}.").format(why=error.strerror),
            hint=_("Run `git status` to see what is missing, or `make build` to build it."),
        ) from error


def _keep(copy: Path, why: str) -> Path:
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    kept = copy.with_name(f"{copy.stem}.before-{why}-{stamp}.ipynb")
    with writing(copy):
        copy.replace(kept)
    return kept


def _fingerprint(notebook: bytes) -> str | None:
    """Digest of the cells' types and sources; running and saving does not change it.

    Returns:
        Hexadecimal SHA-256, or None when it is not a notebook.
    """
    try:
        cells = [
            (cell["cell_type"], "".join(cell["source"])) for cell in json.loads(notebook)["cells"]
        ]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return hashlib.sha256(json.dumps(cells).encode()).hexdigest()
