"""The checks of chapter 12 on an ECS API in memory and a fake engine."""

from __future__ import annotations

from typing import Any

import pytest

from labkit import ecs as package
from labkit.checking import CheckFailed
from labkit.checks import ecs
from labkit.engine import Image
from tests.unit.fake_ecs import FakeEcs, put_container


class Town:
    """The API of one exercise, and the engine."""

    def __init__(self, engine: Any, cluster: str) -> None:
        self.engine = engine
        self.api = FakeEcs(cluster)

    def image(self, name: str, number: str) -> None:
        attrs = {"Id": f"sha256:{number}", "Config": {"Labels": {"lab.number": number}}}
        self.engine.images.things[name] = Image.from_inspect(attrs)

    def run(self, definition: str, group: str, *, page: str, host: int, **more: Any) -> None:
        put_container(self.engine, self.api.task(definition, group), host=host, **more)
        self.engine.http[host] = page

    def accepts(self, *checks: Any) -> None:
        for check in checks:
            check(self.engine)

    def refusal(self, check: Any) -> CheckFailed:
        with pytest.raises(CheckFailed) as caught:
            check(self.engine)
        return caught.value


@pytest.fixture
def town(fake_engine: Any, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Town:
    made = Town(fake_engine, request.param)
    monkeypatch.setattr(package, "find", lambda *_: made.api)
    return made


def in_cluster(name: str) -> Any:
    return pytest.mark.parametrize("town", [name], indirect=True)


def test_an_api_that_is_gone_is_one_clear_sentence(fake_engine: Any) -> None:
    refusal = Town(fake_engine, "").refusal(ecs.kiosk_is_defined)
    assert refusal.found == "The ECS API `lab-aws-kiosk` is gone, and what it knew with it"
    assert "Run the first cells again" in refusal.hint


# ecs.kiosk

KIOSK = {
    "name": "kiosk",
    "image": "lab/kiosk:1",
    "memory": 32,
    "portMappings": [{"containerPort": 80, "hostPort": 8121}],
}
KIOSK_CHECKS = (ecs.kiosk_is_defined, ecs.kiosk_task_is_on_the_books, ecs.kiosk_really_runs)


@in_cluster("lab-kiosk")
def test_a_kiosk_that_serves_its_page_passes(town: Town) -> None:
    town.image("lab/kiosk:1", "4711")
    arn = town.api.define("lab-kiosk", KIOSK)
    town.run(arn, "family:lab-kiosk", page="kiosk number 4711\n", host=8121)
    town.accepts(*KIOSK_CHECKS)


@in_cluster("lab-kiosk")
def test_a_kiosk_is_told_what_is_missing_step_by_step(town: Town) -> None:
    assert "`memory` must be given" in town.refusal(ecs.kiosk_is_defined).hint
    turned = [{"containerPort": 8121, "hostPort": 80}]
    town.api.define("lab-kiosk", {**KIOSK, "portMappings": turned})
    refusal = town.refusal(ecs.kiosk_is_defined)
    assert refusal.found == "it maps hostPort 80 -> containerPort 8121"
    assert refusal.hint == "`hostPort` is the host's: 8121."
    town.api.define("lab-kiosk", {**KIOSK, "portMappings": []})
    assert "no `portMappings`" in town.refusal(ecs.kiosk_is_defined).found
    town.api.define("lab-kiosk", {**KIOSK, "memory": 64})
    assert "64 MiB" in town.refusal(ecs.kiosk_is_defined).found
    town.api.define("lab-kiosk", {**KIOSK, "memory": 0, "memoryReservation": 32})
    assert "any number of MiB" in town.refusal(ecs.kiosk_is_defined).found
    town.api.define("lab-kiosk", KIOSK, {**KIOSK, "name": "second"})
    assert town.refusal(ecs.kiosk_is_defined).found == "it has 2 containers"
    town.api.define("lab-kiosk", {**KIOSK, "image": "lab/web"})
    assert "`lab/web`" in town.refusal(ecs.kiosk_is_defined).found
    arn = town.api.define("lab-kiosk", KIOSK)
    town.accepts(ecs.kiosk_is_defined)
    assert "no running task" in town.refusal(ecs.kiosk_task_is_on_the_books).found
    town.api.task(arn, "family:lab-kiosk", "STOPPED", "port is already allocated")
    assert "already allocated" in town.refusal(ecs.kiosk_task_is_on_the_books).found
    town.api.task(arn, "family:lab-kiosk")
    assert "only keeps the books" in town.refusal(ecs.kiosk_really_runs).hint


@in_cluster("lab-kiosk")
def test_an_invented_page_is_shown(town: Town) -> None:
    town.image("lab/kiosk:1", "4711")
    arn = town.api.define("lab-kiosk", KIOSK)
    town.run(arn, "family:lab-kiosk", page="kiosk", host=8121)
    assert town.refusal(ecs.kiosk_really_runs).found == "port 8121 shows `kiosk`"


# ecs.crew

CREW_CHECKS = (ecs.crew_is_a_service, ecs.crew_of_three_runs, ecs.crew_answers)


def crew(town: Town, count: int = 3, *, group: str = "service:crew") -> str:
    arn = town.api.define("lab-crew", {"name": "web", "image": "lab/shell"})
    for number in range(count):
        town.run(arn, group, page=f"lab-{number:08x}-web\n", host=32768 + number)
    return arn


@in_cluster("lab-crew")
def test_a_crew_of_three_passes(town: Town) -> None:
    town.api.serve("crew", crew(town), 3)
    town.accepts(*CREW_CHECKS)


@in_cluster("lab-crew")
def test_single_tasks_are_no_service(town: Town) -> None:
    assert "`create_service`" in town.refusal(ecs.crew_is_a_service).hint
    crew(town, group="family:lab-crew")
    assert "Nobody replaces" in town.refusal(ecs.crew_is_a_service).hint


@in_cluster("lab-crew")
def test_the_number_wanted_is_told(town: Town) -> None:
    town.api.serve("crew", crew(town), 1)
    assert town.refusal(ecs.crew_is_a_service).found == "it wants 1"


@in_cluster("lab-crew")
def test_a_port_for_three_is_told_from_a_round_that_was_not_done(town: Town) -> None:
    arn = crew(town, 1)
    town.api.serve("crew", arn, 3)
    assert "`agent.round()`" in town.refusal(ecs.crew_of_three_runs).hint
    reason = "Bind for 0.0.0.0:8122 failed: port is already allocated"
    town.api.task(arn, "service:crew", "STOPPED", reason)
    assert "leads to one container" in town.refusal(ecs.crew_of_three_runs).hint


@in_cluster("lab-crew")
def test_a_crew_that_shows_something_else_is_told(town: Town) -> None:
    town.api.serve("crew", crew(town), 3)
    town.engine.http[32769] = "nobody"
    assert "shows `nobody`" in town.refusal(ecs.crew_answers).found


# ecs.rollout

MENU = {
    "name": "web",
    "image": "lab/bistro:1",
    "memory": 32,
    "portMappings": [{"containerPort": 80}],
    "environment": [{"name": "CHEF", "value": "chef 7"}],
}
MENU_CHECKS = (ecs.menu_has_a_new_revision, ecs.menu_service_wants_it, ecs.new_menu_is_served)


def serve_menu(town: Town, arn: str, count: int = 2, *, first: int = 32768) -> None:
    for host in range(first, first + count):
        page = "dish 4711 by chef 7\n"
        town.run(arn, "service:bistro", page=page, host=host, env=("CHEF=chef 7",))


@in_cluster("lab-bistro")
def test_a_new_revision_that_is_served_passes(town: Town) -> None:
    town.image("lab/bistro:2", "4711")
    town.api.define("lab-bistro", MENU)
    new = town.api.define("lab-bistro", {**MENU, "image": "lab/bistro:2"})
    town.api.serve("bistro", new, 2)
    serve_menu(town, new)
    town.accepts(*MENU_CHECKS)


@in_cluster("lab-bistro")
def test_a_rollout_is_told_what_is_missing_step_by_step(town: Town) -> None:
    old = town.api.define("lab-bistro", MENU)
    town.api.serve("bistro", old, 2)
    serve_menu(town, old)
    assert "`lab/bistro:1`" in town.refusal(ecs.menu_has_a_new_revision).found
    town.api.define("lab-bistro", {"name": "web", "image": "lab/bistro:2"})
    assert "takes nothing over" in town.refusal(ecs.menu_has_a_new_revision).hint
    for name, other in (("memory", {"memory": 64}), ("command", {"command": ["x"]})):
        town.api.define("lab-bistro", {**MENU, "image": "lab/bistro:2", **other})
        assert f"another `{name}`" in town.refusal(ecs.menu_has_a_new_revision).found
    same = {**MENU, "image": "lab/bistro:2", "portMappings": [{"containerPort": 80, "hostPort": 0}]}
    new = town.api.define("lab-bistro", same)
    town.accepts(ecs.menu_has_a_new_revision)
    assert "changes no service" in town.refusal(ecs.menu_service_wants_it).hint
    town.api.serve("bistro", new, 1)
    assert town.refusal(ecs.menu_service_wants_it).found == "it wants 1"
    town.api.serve("bistro", new, 2)
    town.accepts(ecs.menu_service_wants_it)
    assert "must act on it" in town.refusal(ecs.new_menu_is_served).hint
    for task in town.api.tasks.values():
        task["lastStatus"] = "STOPPED"
    assert "0 running tasks" in town.refusal(ecs.new_menu_is_served).found


@in_cluster("lab-bistro")
def test_an_invented_menu_is_shown(town: Town) -> None:
    town.image("lab/bistro:2", "4712")
    town.api.define("lab-bistro", MENU)
    new = town.api.define("lab-bistro", {**MENU, "image": "lab/bistro:2"})
    town.api.serve("bistro", new, 2)
    serve_menu(town, new)
    assert "dish 4711" in town.refusal(ecs.new_menu_is_served).found


# ecs.repair

TUNING = {"name": "tuning", "image": "lab/shell", "essential": False}
SONG = {
    "name": "song",
    "image": "lab/shell",
    "portMappings": [{"containerPort": 8080, "hostPort": 8124}],
}


def choir(town: Town, *containers: dict[str, Any]) -> str:
    arn = town.api.define("lab-choir", *containers)
    town.api.serve("choir", arn, 1)
    return arn


def sing(town: Town, arn: str, page: str = "tune 4711\n", code: int = 0) -> None:
    task = town.api.task(arn, "service:choir")
    env = ("TUNE=tune 4711",)
    put_container(town.engine, task, "tuning", status="exited", code=code, env=env)
    put_container(town.engine, task, "song", host=8124, inner=8080)
    town.engine.http[8124] = page


@in_cluster("lab-choir")
def test_a_choir_that_sings_passes(town: Town) -> None:
    sing(town, choir(town, TUNING, SONG))
    town.accepts(ecs.tuning_may_end, ecs.song_is_published, ecs.choir_sings)


@in_cluster("lab-choir")
def test_an_essential_tuning_is_told_from_a_service_that_was_not_told(town: Town) -> None:
    choir(town, {**TUNING, "essential": True}, SONG)
    assert "first essential container" in town.refusal(ecs.tuning_may_end).hint
    town.api.define("lab-choir", TUNING, SONG)
    refusal = town.refusal(ecs.tuning_may_end)
    assert refusal.found == "the service wants `lab-choir:1`, and 2 is there"
    assert "tells it which revision" in refusal.hint


@in_cluster("lab-choir")
def test_a_choir_without_tuning_is_told(town: Town) -> None:
    choir(town, SONG)
    assert "no container `tuning`" in town.refusal(ecs.tuning_may_end).found


@in_cluster("lab-choir")
def test_a_port_where_nobody_listens_is_told(town: Town) -> None:
    choir(town, TUNING, {**SONG, "portMappings": [{"containerPort": 80, "hostPort": 8124}]})
    assert "listens: 8080" in town.refusal(ecs.song_is_published).hint


@in_cluster("lab-choir")
def test_another_song_and_no_song_are_told(town: Town) -> None:
    arn = choir(town, TUNING, SONG)
    assert "gives the service its task" in town.refusal(ecs.choir_sings).hint
    sing(town, arn, "la la")
    assert "sings `la la`" in town.refusal(ecs.choir_sings).found
