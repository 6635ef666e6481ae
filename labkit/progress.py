"""What a learner has done; survives kernel restarts, crashes and two notebooks at once.

One JSON file, `work/.labkit/progress.json`: `{"version": 1, "exercises": {SLUG: {…}}}`.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from labkit.errors import ProgressCorrupt, WorkspaceError
from labkit.files import locked, write_atomically, writing
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from labkit.checking import CheckResult

VERSION = 1


@dataclass(frozen=True)
class ExerciseProgress:
    """How far one exercise is.

    Attributes:
        attempts: How often it was checked.
        earned: The most points a check run gave.
        passed_at: When it first passed, ISO 8601 in UTC, or empty.
        hints_seen: How many of its hints were shown.
    """

    attempts: int = 0
    earned: int = 0
    passed_at: str = ""
    hints_seen: int = 0

    @property
    def passed(self) -> bool:
        """Whether it has ever passed."""
        return bool(self.passed_at)


class Progress:
    """The progress file of one workspace."""

    def __init__(self, work: Path) -> None:
        self.path = work / ".labkit" / "progress.json"
        self._lock = self.path.with_suffix(".lock")

    def read(self) -> dict[str, ExerciseProgress]:
        """Read all entries; none when nothing was done yet.

        Raises:
            ProgressCorrupt: It could not be read. It was moved aside, so the next call works.
        """
        try:
            return self._parsed()
        except ValueError:
            with locked(self._lock):
                return self._parsed_or_moved_aside()

    def record(self, result: CheckResult) -> ExerciseProgress:
        """Note a check run; a pass stays a pass.

        Raises:
            ProgressCorrupt: See `read`; the run was noted in a new file all the same.
        """

        def noted(old: ExerciseProgress) -> ExerciseProgress:
            now = datetime.now(UTC).isoformat(timespec="seconds")
            return ExerciseProgress(
                attempts=old.attempts + 1,
                earned=max(old.earned, result.earned),
                passed_at=old.passed_at or (now if result.passed else ""),
                hints_seen=old.hints_seen,
            )

        return self._update(result.slug, noted)

    def show_hint(self, slug: str, available: int) -> int:
        """Count one more hint as seen.

        Returns:
            The place of the hint to show, from 0; the last one again when all were seen.
        """

        def one_more(old: ExerciseProgress) -> ExerciseProgress:
            seen = min(old.hints_seen + 1, available)
            return ExerciseProgress(old.attempts, old.earned, old.passed_at, seen)

        return self._update(slug, one_more).hints_seen - 1

    def _update(
        self, slug: str, change: Callable[[ExerciseProgress], ExerciseProgress]
    ) -> ExerciseProgress:
        with locked(self._lock):
            entries, corrupt = self._entries_or_new()
            entry = change(entries.get(slug, ExerciseProgress()))
            self._write({**entries, slug: entry})
        if corrupt:
            raise corrupt
        return entry

    def _entries_or_new(self) -> tuple[dict[str, ExerciseProgress], ProgressCorrupt | None]:
        try:
            return self._parsed_or_moved_aside(), None
        except ProgressCorrupt as error:
            return {}, error

    def _parsed_or_moved_aside(self) -> dict[str, ExerciseProgress]:
        """Read under the lock: another process may have begun a new file in the meantime."""
        try:
            return self._parsed()
        except ValueError as error:
            raise self._moved_aside() from error

    def _parsed(self) -> dict[str, ExerciseProgress]:
        """Read the file; a ValueError says that it is corrupt."""
        try:
            data = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise WorkspaceError(
                _("The progress file `{path}` cannot be read: {why}.").format(
                    path=self.path, why=error.strerror
                )
            ) from error
        except RecursionError as error:
            raise ValueError(str(error)) from error
        try:
            if data["version"] != VERSION:
                raise ValueError(data["version"])
            return {slug: _entry(values) for slug, values in data["exercises"].items()}
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(str(error)) from error

    def _write(self, entries: dict[str, ExerciseProgress]) -> None:
        data = {
            "version": VERSION,
            "exercises": {slug: asdict(entry) for slug, entry in sorted(entries.items())},
        }
        write_atomically(self.path, (json.dumps(data, indent=2) + "\n").encode())

    def _moved_aside(self) -> ProgressCorrupt:
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
        kept = self.path.with_name(f"progress.corrupt-{stamp}.json")
        with writing(self.path):
            self.path.replace(kept)
        return ProgressCorrupt(self.path, kept)


def _entry(values: dict[str, Any]) -> ExerciseProgress:
    entry = ExerciseProgress(**values)
    counts = (entry.attempts, entry.earned, entry.hints_seen)
    if not all(isinstance(n, int) for n in counts) or not isinstance(entry.passed_at, str):
        raise ValueError(values)
    return entry
