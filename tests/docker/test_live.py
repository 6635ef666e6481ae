"""The live model on a real engine: it stays right, comes back, and leaves nothing."""

from __future__ import annotations

import gc
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from labkit.live.following import Following
from labkit.live.happenings import Happenings
from labkit.live.holdings import Everything, Holdings
from labkit.live.logs import Log, time_and_text
from labkit.live.usage import Usage, Used
from labkit.waiting import wait_until
from tests.second import silent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from labkit.engine import Engine
    from labkit.engine.private import PrivateEngine


class Followed:
    """What an engine holds, as it was last told."""

    def __init__(self, engine: Engine) -> None:
        self.holdings = Holdings()
        self.first = threading.Event()
        self.problem = ""
        self.following = Following(Everything(), engine, self._told, value=Holdings())
        self.following.start()
        assert self.first.wait(30)

    def _told(self, holdings: Holdings, problem: str) -> None:
        self.holdings, self.problem = holdings, problem
        self.first.set()

    def wait_for(self, condition: Callable[[Holdings], object], what: str) -> None:
        wait_until(
            lambda: not self.problem and condition(self.holdings),
            what=what,
            timeout=60,
            interval=0.02,
            state=lambda: str(self.states()),
        )

    def states(self) -> dict[str, str]:
        return {c.name: c.status for c in self.holdings.containers.values()}

    def wait_for_state(self, name: str, state: str | None) -> None:
        self.wait_for(lambda _holdings: self.states().get(name) == state, f"{name} {state}")


class Told:
    """What is followed, as it was last told."""

    def __init__(self, subject: Any, engine: Engine, value: Any = ()) -> None:
        self.value, self.problem = value, ""
        self.following: Following[Any] = Following(subject, engine, self._told, value=value)
        self.following.start()

    def _told(self, value: Any, problem: str) -> None:
        self.value, self.problem = value, problem

    def wait_for(self, condition: Callable[[Any], object]) -> None:
        wait_until(
            lambda: not self.problem and condition(self.value),
            what="the value",
            timeout=30,
            interval=0.02,
            state=lambda: f"{self.problem} {self.value}",
        )


@pytest.fixture
def followed(clean_engine: Engine) -> Iterator[Followed]:
    followed = Followed(clean_engine)
    yield followed
    followed.following.close()


def start(engine: Engine, name: str, **options: Any) -> Any:
    return engine.client.containers.run(
        "lab/shell", ["sleep", "600"], name=name, detach=True, **options
    )


def test_each_change_is_followed(followed: Followed, clean_engine: Engine) -> None:
    client = clean_engine.client
    network = client.networks.create("lab-n")
    volume = client.volumes.create("lab-v")
    container = start(clean_engine, "lab-a", network="lab-n", volumes={"lab-v": {"bind": "/data"}})
    followed.wait_for_state("lab-a", "running")
    holdings = followed.holdings
    found = holdings.containers[container.id]
    assert (set(found.networks), found.mounts[0].name) == ({"lab-n"}, "lab-v")
    assert network.id in holdings.networks
    assert "lab-v" in holdings.volumes

    container.pause()
    followed.wait_for_state("lab-a", "paused")
    container.unpause()
    client.networks.get("bridge").connect(container)
    followed.wait_for(
        lambda now: set(now.containers[container.id].networks) == {"bridge", "lab-n"}, "bridge"
    )
    container.rename("lab-b")
    followed.wait_for_state("lab-b", "running")
    container.kill()
    followed.wait_for_state("lab-b", "exited")
    container.remove()
    followed.wait_for_state("lab-b", None)
    network.remove()
    volume.remove()
    followed.wait_for(
        lambda now: network.id not in now.networks and "lab-v" not in now.volumes, "both gone"
    )


def test_what_is_pruned_is_left_out_and_the_rest_is_followed_on(
    followed: Followed, clean_engine: Engine
) -> None:
    api: Any = clean_engine.client.api
    mine = {"label": "labkit.test=pruned"}
    network = clean_engine.client.networks.create("lab-n", labels={"labkit.test": "pruned"})
    start(clean_engine, "lab-a", labels={"labkit.test": "pruned"}).kill()
    followed.wait_for_state("lab-a", "exited")
    api.prune_containers(mine)
    api.prune_networks(mine)
    api.prune_volumes(mine)
    followed.wait_for_state("lab-a", None)
    followed.wait_for(lambda now: network.id not in now.networks, "the network to be gone")
    start(clean_engine, "lab-b")
    followed.wait_for_state("lab-b", "running")


def test_a_log_and_events_go_on_after_odd_lines_and_prunes(clean_engine: Engine) -> None:
    script = r"printf 'one\rtwo\n'; trap 'echo three' HUP; while :; do sleep 0.1; done"
    container = clean_engine.client.containers.run(
        "lab/shell", ["sh", "-c", script], name="lab-a", detach=True
    )
    log = Told(Log("lab-a", most=9), clean_engine)
    happened = Told(Happenings(seconds=60, most=99, wanted=lambda _event: True), clean_engine)
    log.wait_for(lambda lines: len(lines) == 1)
    container.kill("HUP")
    log.wait_for(lambda lines: [time_and_text(line)[1] for line in lines] == ["one\rtwo", "three"])
    clean_engine.client.api.prune_containers({"label": "labkit.test=nothing"})
    container.remove(force=True)
    happened.wait_for(lambda events: events and events[-1]["Action"] == "destroy")
    times = [event["timeNano"] for event in happened.value]
    assert times == sorted(set(times)), "each once, and in order"
    log.following.close()
    happened.following.close()


def test_usage_follows_what_starts_ends_and_is_removed(clean_engine: Engine) -> None:
    threads = threading.active_count()
    usage = Told(Usage(("lab-a",)), clean_engine, {})
    container = start(clean_engine, "lab-a")
    usage.wait_for(lambda known: known and known[container.id].running)
    container.kill()
    usage.wait_for(lambda known: known == {container.id: Used("lab-a", running=False)})
    container.remove()
    usage.wait_for(lambda known: known == {})
    usage.following.close()
    assert threading.active_count() == threads


def test_after_many_changes_at_once_it_is_what_the_engine_says(
    followed: Followed, clean_engine: Engine
) -> None:
    threads = [
        threading.Thread(target=start, args=(clean_engine, f"lab-{n}"), kwargs={"network": "none"})
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for n in range(0, 8, 2):
        clean_engine.client.api.remove_container(f"lab-{n}", force=True)
    followed.wait_for(
        lambda now: now == Holdings.read(clean_engine), "the same as the engine's own answer"
    )
    assert set(followed.states()) == {"lab-1", "lab-3", "lab-5", "lab-7"}


def test_it_outlives_the_engine_and_is_closed_without_a_trace(private: PrivateEngine) -> None:
    threads, connections = threading.active_count(), sockets()
    engine = private.start(silent)
    followed = Followed(engine)
    private.stop(silent)
    wait_until(lambda: followed.problem, what="the engine to be missed", timeout=60)
    assert "No Docker engine answers" in followed.problem
    assert followed.holdings.networks, "what it had is still known"

    private.start(silent).close()
    followed.wait_for(lambda _holdings: True, "the engine to be found again")
    engine.client.volumes.create("lab-v")
    followed.wait_for(lambda holdings: "lab-v" in holdings.volumes, "the volume")
    followed.following.close()
    assert threading.active_count() == threads
    engine.close()
    assert sockets() == connections


def sockets() -> int:
    gc.collect()  # docker-py leaves it to this to close what found no engine
    places = [os.path.realpath(place) for place in Path("/proc/self/fd").iterdir()]
    return sum("socket:" in place for place in places)
