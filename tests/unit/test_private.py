from __future__ import annotations

import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from labkit.engine import private
from labkit.engine.private import PrivateEngine, PrivatePaths

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def listening() -> Iterator[PrivateEngine]:
    """A daemon that listens and says nothing yet."""
    # Not in pytest's folder: the path of a socket must be short.
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as server:
        engine = PrivateEngine(PrivatePaths.under(Path(folder)))
        server.bind(str(engine.paths.socket))
        server.listen()
        yield engine


class Said(Exception):
    """Something was said."""


def test_a_daemon_that_listens_and_says_nothing_does_not_silence_the_wait(
    listening: PrivateEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def say(line: str) -> None:
        raise Said(line)

    # Less than a connection waits for its answer, if nobody tells it.
    monkeypatch.setattr(private, "START_TIMEOUT", 20.0)
    with pytest.raises(Said, match="waiting for the engine to answer"):
        listening._wait_for_answer(say)
