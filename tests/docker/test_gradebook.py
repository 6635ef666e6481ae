"""The gradebook in a real PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from labkit.errors import LabError
from labkit.grading import gradebook
from labkit.waiting import wait_until
from tests.unit.test_grading_outputs import ALL, BOB, FAILED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labkit.engine import Engine

pytest.importorskip("psycopg")
PORT = 15432


@pytest.fixture
def url(clean_engine: Engine) -> Iterator[str]:
    """A database of the course's image, reached as an instructor reaches one."""
    api = clean_engine.client.api
    api.create_container(
        "lab/postgres",
        name="lab-gradebook",
        environment={"POSTGRES_PASSWORD": "secret", "POSTGRES_HOST_AUTH_METHOD": "trust"},
        host_config=api.create_host_config(port_bindings={5432: ("127.0.0.1", PORT)}),
    )
    api.start("lab-gradebook")
    url = f"postgresql+psycopg://postgres:secret@127.0.0.1:{PORT}/postgres"

    def answers() -> bool:
        try:
            gradebook.write(url, ())
        except LabError:
            return False
        return True

    wait_until(
        answers,
        what="the database",
        timeout=30,
        state=lambda: str(api.logs("lab-gradebook", tail=5)),
    )
    return url


def test_postgresql_keeps_what_sqlite_keeps(url: str) -> None:
    gradebook.write(url, ALL)
    gradebook.write(url, (replace(BOB, earned=3, outcomes=(replace(FAILED, found="a\0\ud800"),)),))
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        points = connection.execute(
            sa.text("SELECT student, earned FROM submission ORDER BY earned DESC, student")
        ).all()
        found = connection.execute(sa.text("SELECT found FROM \"check\" WHERE student = 'bob'"))
        assert [text for (text,) in found] == ["a\N{REPLACEMENT CHARACTER}?"]
    engine.dispose()
    assert [tuple(row) for row in points[:2]] == [("=ada", 4), ("bob", 3)]
    assert len(points) == len(ALL)
