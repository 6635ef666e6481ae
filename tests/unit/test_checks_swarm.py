"""Checks of chapter 10, with swarms made of plain values."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from labkit.checking import CheckFailed
from labkit.checks import on_swarm
from labkit.checks import swarm as checks
from labkit.engine.swarm import Swarm
from tests.unit.test_show_swarm import a_member, a_service, a_task

if TYPE_CHECKING:
    from collections.abc import Callable

    from labkit.engine.swarm import Service

LEADER = a_member("lab-node-1", Leader=True, Reachability="reachable")
WORKER = a_member("lab-node-2")


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> Callable[[Swarm], None]:
    """Let the checks read this swarm, and wait for nothing."""

    def give(swarm: Swarm) -> None:
        for module in (checks, on_swarm):
            monkeypatch.setattr(module, "read", lambda _engine: swarm)
        for name in ("SETTLING", "HOLDING"):
            monkeypatch.setattr(on_swarm, name, 0.0)

    return give


def named(name: str, **changes: Any) -> Service:
    given = {"name": name, "command": ("sleep", "infinity"), **changes}
    return replace(a_service(), **given)


def running(count: int, node: str = "id-lab-node-1") -> tuple[Any, ...]:
    return tuple(a_task(slot, node) for slot in range(1, count + 1))


def refusal(check: Callable[[Any], None]) -> CheckFailed:
    with pytest.raises(CheckFailed) as caught:
        check(None)
    return caught.value


def test_a_container_is_no_service(given: Any) -> None:
    given(Swarm((LEADER,)))
    assert "belongs to no service" in refusal(checks.bell_is_a_service).hint


def test_three_tasks_that_run_are_right(given: Any) -> None:
    given(Swarm((LEADER,), (named("lab-bell"),), running(3)))
    checks.bell_is_a_service(None)  # type: ignore[arg-type]
    checks.three_bells_run(None)  # type: ignore[arg-type]


def test_too_few_replicas_and_a_command_that_ends_are_told_apart(given: Any) -> None:
    given(Swarm((LEADER,), (named("lab-bell", replicas=1),), running(1)))
    assert "scale lab-bell=3" in refusal(checks.three_bells_run).hint
    ended = tuple(a_task(slot, "", "complete", desired="shutdown") for slot in (1, 2))
    given(Swarm((LEADER,), (named("lab-bell"),), ended))
    assert "does not end" in refusal(checks.three_bells_run).hint


def ends(count: int, *, slot: int = 1) -> tuple[Any, ...]:
    task = replace(a_task(slot, "", "failed", desired="shutdown"), error="non-zero exit (137)")
    return tuple(replace(task, id=f"ended-{slot}-{number}") for number in range(count))


def test_what_was_killed_long_ago_does_not_count_once_all_tasks_run_again(given: Any) -> None:
    killed = (*ends(2, slot=1), *ends(1, slot=2))
    given(Swarm((LEADER,), (named("lab-bell"),), (*running(3), *killed)))
    checks.three_bells_run(None)  # type: ignore[arg-type]


@pytest.mark.parametrize("now", [3, 2])
def test_a_service_that_goes_on_ending_is_refused_also_when_all_tasks_run_at_a_moment(
    monkeypatch: pytest.MonkeyPatch, given: Any, now: int
) -> None:
    given(Swarm())
    again = count(1)  # each time that one looks, one more has ended
    monkeypatch.setattr(
        on_swarm,
        "read",
        lambda _engine: Swarm((LEADER,), (named("lab-bell"),), (*running(now), *ends(next(again)))),
    )
    assert "non-zero exit (137)" in str(refusal(checks.three_bells_run))


def test_the_reason_told_is_the_newest_one_of_the_image_that_is_asked_for_now(given: Any) -> None:
    other, old, new = ends(3)
    tasks = (
        replace(new, error="the newest", created="2026-01-03"),
        replace(other, error="another image", image="lab/none:latest", created="2026-01-04"),
        replace(old, error="an older one", created="2026-01-02"),
    )
    given(Swarm((LEADER,), (named("lab-bell"),), tasks))
    assert "the newest" in str(refusal(checks.three_bells_run))


@pytest.mark.parametrize(
    ("changes", "found", "hint"),
    [
        ({"image": "lab/web:latest"}, "`lab/web:latest`", "--image lab/shell"),
        ({"command": ("sleep", "600")}, "`sleep 600`", '--args "sleep infinity"'),
        ({"command": ()}, "no command", '--args "sleep infinity"'),
    ],
)
def test_the_bells_must_be_what_was_asked_for(
    given: Any, changes: dict[str, Any], found: str, hint: str
) -> None:
    tasks = tuple(replace(t, image=changes.get("image", t.image)) for t in running(3))
    given(Swarm((LEADER,), (named("lab-bell", **changes),), tasks))
    refused = refusal(checks.three_bells_run)
    assert found in str(refused)
    assert hint in refused.hint


def test_a_secret_must_be_given_to_the_service(given: Any) -> None:
    given(Swarm((LEADER,), (named("lab-vault", replicas=1),), running(1)))
    assert "--secret-add" in refusal(checks.password_is_a_secret_of_the_service).hint
    vault = named("lab-vault", replicas=1, secrets=("lab-password",))
    given(Swarm((LEADER,), (vault,), running(1)))
    checks.password_is_a_secret_of_the_service(None)  # type: ignore[arg-type]


def test_a_password_in_the_definition_is_found(given: Any) -> None:
    leader = replace(LEADER, labels={"drawn": "4711"})
    vault = named("lab-vault", attrs={"Spec": {"Env": ["PASSWORD=4711"]}})
    given(Swarm((leader,), (vault,)))
    assert "--env" in refusal(checks.password_is_nowhere_else).hint


@pytest.mark.parametrize(
    ("update", "hint"), [("completed", "`blow`"), ("paused", "next one"), ("", "`blow`")]
)
def test_a_change_must_have_been_rolled_back(given: Any, update: str, hint: str) -> None:
    given(Swarm((LEADER,), (named("lab-horn", update=update),)))
    assert hint in refusal(checks.change_was_rolled_back).hint
    horn = named("lab-horn", update="rollback_completed")
    given(Swarm((LEADER,), (horn,), (*running(2), *ends(1))))
    checks.change_was_rolled_back(None)  # type: ignore[arg-type]


def test_a_good_change_that_a_person_took_back_is_no_change_that_failed(given: Any) -> None:
    replaced = tuple(a_task(slot, "", "shutdown", desired="shutdown") for slot in (1, 2))
    horn = named("lab-horn", update="rollback_completed")
    given(Swarm((LEADER,), (horn,), (*running(2), *replaced)))
    assert "takes back what works" in refusal(checks.change_was_rolled_back).hint


@pytest.mark.parametrize(
    ("state", "availability", "hint"),
    [
        ("down", "active", "labkit nodes up 2"),
        ("ready", "pause", "moves those"),
        ("ready", "active", "--availability drain"),
    ],
)
def test_a_node_must_be_up_and_drained(
    given: Any, state: str, availability: str, hint: str
) -> None:
    given(Swarm((LEADER, replace(WORKER, state=state, availability=availability))))
    assert hint in refusal(checks.second_node_is_drained).hint


def test_work_must_be_on_the_other_node(given: Any) -> None:
    work = named("lab-work", replicas=4)
    given(Swarm((LEADER, WORKER), (work,), running(4)))
    checks.work_goes_on(None)  # type: ignore[arg-type]
    given(Swarm((LEADER, WORKER), (work,), running(4, "id-lab-node-2")))
    assert "lab-node-2" in str(refusal(checks.work_goes_on))


def test_the_constraint_stays_and_the_node_gets_the_label(given: Any) -> None:
    given(Swarm((LEADER,), (named("lab-shop"),)))
    assert "node that lacks" in refusal(checks.constraint_is_kept).hint
    shop = named("lab-shop", replicas=2, constraints=("node.labels.disk==ssd",))
    given(Swarm((LEADER,), (shop,)))
    checks.constraint_is_kept(None)  # type: ignore[arg-type]
    assert "--label-add disk=ssd" in refusal(checks.a_node_fits).hint
    rejected = replace(a_task(1, "", "rejected", desired="shutdown"), error="No such image: x")
    given(Swarm((replace(LEADER, labels={"disk": "ssd"}),), (shop,), (rejected,)))
    checks.a_node_fits(None)  # type: ignore[arg-type]
    assert "No node can get" in refusal(checks.shop_runs).hint
