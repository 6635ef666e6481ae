from __future__ import annotations

import pytest

from labkit import watching
from labkit.engine.snapshot import Item, Snapshot
from labkit.errors import EngineUnreachable
from labkit.watching import Watcher


class Engine:
    """Hands out snapshots in turn; an error in their place is raised."""

    def __init__(self, *answers: Snapshot | Exception) -> None:
        self.answers = list(answers)

    def snapshot(self) -> Snapshot:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


WEB = Item("container", "1", "lab-web", "running")
EMPTY, WITH_WEB = Snapshot({}), Snapshot({("container", "1"): WEB})
AWAY = EngineUnreachable("unix:///x", "Connection refused")


class Connection:
    """Counts how often it is asked for the engine, and how often that was lost."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.asked = self.times_lost = 0

    def engine(self) -> Engine:
        self.asked += 1
        return self._engine

    def lost(self) -> None:
        self.times_lost += 1


def watching_over(*answers: Snapshot | Exception) -> tuple[Watcher, Connection]:
    connection = Connection(Engine(*answers))
    return Watcher(connection), connection  # type: ignore[arg-type]


def cell(watcher: Watcher) -> list[str]:
    watcher.begin()
    return [str(change) for change in watcher.end()]


def test_a_cell_that_starts_a_container_is_told() -> None:
    watcher, connection = watching_over(EMPTY, WITH_WEB, WITH_WEB, WITH_WEB)
    assert cell(watcher) == ["+ container lab-web  running"]
    assert cell(watcher) == []
    assert connection.times_lost == 0


@pytest.mark.parametrize("answers", [(AWAY,), (EMPTY, AWAY)], ids=["before", "during"])
def test_an_engine_that_is_away_breaks_nothing_and_is_found_again(
    answers: tuple[Snapshot | Exception, ...],
) -> None:
    watcher, connection = watching_over(*answers, EMPTY, WITH_WEB)
    assert cell(watcher) == []
    assert watcher.notice == ""
    assert cell(watcher) == ["+ container lab-web  running"]
    assert connection.times_lost == 1


def test_switched_off_it_asks_nothing() -> None:
    watcher, connection = watching_over()
    watcher.on = False
    assert cell(watcher) == []
    assert connection.asked == 0


def test_switched_off_in_a_cell_it_says_nothing_after_it() -> None:
    watcher, _ = watching_over(EMPTY)
    watcher.begin()
    watcher.on = False
    assert watcher.end() == ()


def test_the_cell_that_loads_it_has_no_before_and_so_no_changes() -> None:
    watcher, connection = watching_over()
    assert watcher.end() == ()
    assert connection.asked == 0


@pytest.mark.parametrize("answers", [(AWAY,), (EMPTY, AWAY)], ids=["before", "after"])
def test_an_engine_that_hangs_switches_it_off_and_that_is_said_once(
    monkeypatch: pytest.MonkeyPatch, answers: tuple[Snapshot | Exception, ...]
) -> None:
    monkeypatch.setattr(watching, "PATIENCE", 0.0)
    watcher, connection = watching_over(*answers)
    assert cell(watcher) == []
    assert "`%changes on`" in watcher.notice
    assert not watcher.on
    assert cell(watcher) == []
    assert watcher.notice == ""
    assert connection.times_lost == 1


@pytest.mark.parametrize("answers", [(KeyError("Id"),), (EMPTY, KeyError("Id"))])
def test_a_look_that_fails_unforeseen_breaks_no_cell_and_is_said_once(
    answers: tuple[Snapshot | Exception, ...],
) -> None:
    watcher, _ = watching_over(*answers)
    assert cell(watcher) == []
    assert "KeyError('Id')" in watcher.notice
    assert "`%changes on`" in watcher.notice
    assert cell(watcher) == []
    assert watcher.notice == ""
