"""Checks of chapter 13, with swarms made of plain values."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from labkit.checking import CheckFailed
from labkit.checks import compared as checks
from labkit.checks import on_swarm
from labkit.engine import nested
from labkit.engine.swarm import Swarm
from tests.unit.test_show_swarm import a_member, a_service, a_task

if TYPE_CHECKING:
    from collections.abc import Callable

    from labkit.engine.swarm import Service

HOME = replace(
    a_member("lab-node-1", Leader=True, Reachability="reachable"), labels={"drawn": "4711"}
)
OTHER = a_member("lab-node-2")
BOUND = ("node.hostname == lab-node-1",)


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let the checks read this swarm, and this of the engine of its first node."""

    def give(swarm: Swarm, *, labels: dict[str, str] | None = None, file: str = "") -> None:
        containers = SimpleNamespace(
            list=lambda: [{"Labels": labels or {}}],
            ask=lambda *_command: SimpleNamespace(output=file),
        )
        node = nullcontext(SimpleNamespace(containers=containers))
        monkeypatch.setattr(nested, "connected", lambda *_node: node)
        for module in (checks, on_swarm):
            monkeypatch.setattr(module, "read", lambda _engine: swarm)
        for name in ("SETTLING", "HOLDING"):
            monkeypatch.setattr(on_swarm, name, 0.0)

    return give


def page(**changes: Any) -> Service:
    given = {"name": checks.PAGE, "environment": ("NUMBER=4711",), **changes}
    return replace(a_service(), **given)


def ledger(**changes: Any) -> Service:
    return replace(a_service(), name=checks.LEDGER, replicas=1, **changes)


def refusal(check: Callable[[Any], None]) -> CheckFailed:
    with pytest.raises(CheckFailed) as caught:
        check(None)
    return caught.value


def test_containers_of_compose_are_no_service(given: Any) -> None:
    given(Swarm((HOME,)), labels={checks.PROJECT: "lab-move"})
    assert "makes services of the same file" in refusal(checks.page_is_a_service).hint
    given(Swarm((HOME,)))
    assert "no service" in str(refusal(checks.page_is_a_service))


def test_three_pages_with_the_number_are_right(given: Any) -> None:
    tasks = tuple(a_task(slot, HOME.id) for slot in (1, 2, 3))
    given(Swarm((HOME,), (page(),), tasks))
    for check in (checks.page_is_a_service, checks.number_came_along, checks.three_pages_run):
        check(None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("environment", "hint"), [(("NUMBER=",), "shell alone"), (("NUMBER=1",), "in the file `.env`")]
)
def test_an_empty_number_and_another_one_are_told_apart(
    given: Any, environment: tuple[str, ...], hint: str
) -> None:
    given(Swarm((HOME,), (page(environment=environment),)))
    assert hint in refusal(checks.number_came_along).hint


def test_the_number_of_tasks_stands_in_the_file(given: Any) -> None:
    given(Swarm((HOME,), (page(replicas=1),)))
    assert "`replicas: 3`" in refusal(checks.three_pages_run).hint


def test_the_machine_with_the_data_must_take_work(given: Any) -> None:
    given(Swarm((replace(HOME, availability="drain"), OTHER)))
    assert "--availability active" in refusal(checks.home_takes_work).hint
    given(Swarm((HOME, OTHER)))
    checks.home_takes_work(None)  # type: ignore[arg-type]


def test_the_ledger_must_be_bound_and_where_its_data_are(given: Any) -> None:
    given(Swarm((HOME, OTHER), (ledger(),), (a_task(1, HOME.id),)))
    assert "moves back by itself" in refusal(checks.ledger_is_bound).hint
    given(Swarm((HOME, OTHER), (ledger(constraints=BOUND),), (a_task(1, OTHER.id),)))
    assert "`lab-node-2`" in str(refusal(checks.ledger_is_bound))
    given(Swarm((HOME, OTHER), (ledger(constraints=BOUND),), (a_task(1, HOME.id),)))
    checks.ledger_is_bound(None)  # type: ignore[arg-type]


def test_the_total_must_be_the_old_one(given: Any) -> None:
    swarm = Swarm((HOME, OTHER), (ledger(constraints=BOUND),), (a_task(1, HOME.id),))
    given(swarm, file="")
    assert "is empty" in str(refusal(checks.total_is_back))
    given(swarm, file="1\n")
    assert "holds `1`" in str(refusal(checks.total_is_back))
    given(swarm, file="4711\n")
    checks.total_is_back(None)  # type: ignore[arg-type]
