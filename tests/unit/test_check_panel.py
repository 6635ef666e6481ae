"""The panel's buttons: what they show, on which connection, and what they remove."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from labkit import resetting
from labkit.engine.ownership import Owned, Removal
from labkit.errors import EngineUnreachable
from labkit.resetting import ResetDone, ResetPlan
from labkit.widgets import check_panel
from tests.unit.two_chapters import open_course

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Click = Callable[[str], str]


@pytest.fixture
def connections(fake_engine: Any, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Engines that were connected to."""
    made: list[Any] = []

    def connect(**_options: object) -> Any:
        made.append(fake_engine)
        return fake_engine

    monkeypatch.setattr(sys.modules["labkit.engine.connect"], "connect", connect)
    return made


@pytest.fixture
def click(
    tmp_path: Path, work: Path, monkeypatch: pytest.MonkeyPatch, connections: list[Any]
) -> Click:
    """Click a button by its name, and return what the panel shows then."""
    course = open_course(tmp_path / "course", monkeypatch)
    assert course.work() == work
    panel = check_panel(course, "welcome.hello")
    assert connections == []
    buttons, shown = panel.children

    def clicked(name: str) -> str:
        next(button for button in buttons.children if button.description == name).click()
        return str(shown.value)

    return clicked


def test_every_click_uses_one_connection(click: Click, connections: list[Any]) -> None:
    for _time in range(3):
        assert "There is no container named" in click("Check")
    assert len(connections) == 1


def test_an_engine_that_went_away_is_looked_for_again(
    click: Click, connections: list[Any], fake_engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_name: str) -> None:
        raise EngineUnreachable("unix:///x", "Connection refused")

    with monkeypatch.context() as patched:
        patched.setattr(fake_engine.containers, "get", away)
        assert "No Docker engine answers" in click("Check")
    assert "There is no container named" in click("Check")
    assert len(connections) == 2


@pytest.mark.usefixtures("connections")
def test_exactly_what_was_shown_is_removed(click: Click, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = ResetPlan(None, None, (Owned("container", "lab-a", "1"),))
    later = ResetPlan(None, None, (Owned("volume", "lab-new", "2"),))
    plans = [shown, later]
    done: list[ResetPlan] = []

    def reset(_engine: Any, _course: Any, plan: ResetPlan) -> ResetDone:
        done.append(plan)
        return ResetDone(Removal(plan.things), None)

    monkeypatch.setattr(resetting, "plan_reset", lambda *_arguments: plans.pop(0))
    monkeypatch.setattr(resetting, "reset", reset)
    assert "container lab-a" in click("Begin again")
    assert "container lab-a" in click("Remove and begin again")
    click("Remove and begin again")
    assert done == [shown]
