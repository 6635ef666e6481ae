"""A gradebook in any database that SQLAlchemy knows: SQLite by default, PostgreSQL by URL.

Two tables, `submission` and `check`. They are written from the verdicts, in one transaction for
all: who reads meanwhile sees the old ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from labkit.errors import LabError
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from sqlalchemy import MetaData

    from labkit.grading.verdicts import Verdict


def sqlite_url(path: Path) -> str:
    """Name a file as a database."""
    return f"sqlite:///{path.absolute()}"


def write(url: str, verdicts: Sequence[Verdict]) -> None:
    """Write verdicts into a gradebook, in place of earlier ones on the same submissions.

    Raises:
        LabError: SQLAlchemy or the database's driver is not installed, or the database refuses.
    """
    try:
        import sqlalchemy as sa
        from sqlalchemy.exc import SQLAlchemyError
    except ModuleNotFoundError as error:
        raise missing(error, "grading") from error
    try:
        engine = sa.create_engine(url)
    except ModuleNotFoundError as error:
        raise missing(error, "grading") from error
    except SQLAlchemyError as error:
        raise _refused(str(error)) from error
    tables = _tables()
    submissions, checks = tables.tables["submission"], tables.tables["check"]
    keys = [{"s": verdict.student, "e": verdict.slug} for verdict in verdicts]
    try:
        with engine.begin() as connection:
            tables.create_all(connection)
            for table in (checks, submissions):
                if keys:
                    gone = (
                        table.c.student == sa.bindparam("s"),
                        table.c.exercise == sa.bindparam("e"),
                    )
                    connection.execute(sa.delete(table).where(*gone), keys)
            if verdicts:
                connection.execute(sa.insert(submissions), list(map(_submission, verdicts)))
            if rows := [row for verdict in verdicts for row in _checks(verdict)]:
                connection.execute(sa.insert(checks), rows)
    except SQLAlchemyError as error:
        raise _refused(str(getattr(error, "orig", None) or error)) from error
    finally:
        engine.dispose()


def _tables() -> MetaData:
    import sqlalchemy as sa

    tables = sa.MetaData()
    key = ("student", "exercise")
    sa.Table(
        "submission",
        tables,
        *(sa.Column(name, sa.Text, primary_key=True) for name in key),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("status", "kind", "message")),
        *(sa.Column(name, sa.Integer, nullable=False) for name in ("points", "earned")),
        sa.Column("content", sa.Text, nullable=False, comment="SHA-256 of the notebook"),
        sa.Column("seconds", sa.Float, nullable=False),
    )
    sa.Table(
        "check",
        tables,
        *(sa.Column(name, sa.Text, primary_key=True) for name in (*key, "name")),
        sa.Column("place", sa.Integer, nullable=False),
        *(
            sa.Column(name, sa.Text, nullable=False)
            for name in ("outcome", "expected", "found", "hint")
        ),
        *(sa.Column(name, sa.Integer, nullable=False) for name in ("points", "earned")),
        sa.Column("hidden", sa.Boolean, nullable=False),
        sa.ForeignKeyConstraint(key, [f"submission.{name}" for name in key]),
    )
    return tables


def _submission(verdict: Verdict) -> dict[str, object]:
    return {
        "student": verdict.student,
        "exercise": verdict.slug,
        "status": verdict.status.value,
        "kind": verdict.kind,
        "message": _text(verdict.message),
        "points": verdict.points,
        "earned": verdict.earned,
        "content": verdict.submission,
        "seconds": verdict.seconds,
    }


def _checks(verdict: Verdict) -> Iterator[dict[str, object]]:
    for place, outcome in enumerate(verdict.outcomes, start=1):
        yield {
            "student": verdict.student,
            "exercise": verdict.slug,
            "name": outcome.name,
            "place": place,
            "outcome": outcome.outcome.value,
            "expected": outcome.expected,
            "found": _text(outcome.found),
            "hint": _text(outcome.hint),
            "points": outcome.points,
            "earned": outcome.earned,
            "hidden": outcome.hidden,
        }


def _text(found: str) -> str:
    """Take out what PostgreSQL keeps in no text: NUL, and halves of surrogate pairs."""
    return found.replace("\0", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()


def missing(error: ModuleNotFoundError, extra: str) -> LabError:
    """Say which extra brings a package that is not installed."""
    return LabError(
        _("This needs `{module}`, which is not installed.").format(module=error.name),
        hint=_("Run `pip install -e '.[{extra}]'` in the course's folder.").format(extra=extra),
    )


def _refused(why: str) -> LabError:
    return LabError(
        _("The gradebook cannot be written: {why}.").format(why=why.splitlines()[0].rstrip(".")),
        hint=_("The verdicts are kept as files; name another database with `--gradebook`."),
    )
