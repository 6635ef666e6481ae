"""The live map while containers come and go, beside `docker events` that only listens.

A hundred containers; each second ten of them are started and killed, for a minute.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import psutil

from benchmarks.measuring import Finding
from labkit.engine import connect
from labkit.live.following import Following
from labkit.live.holdings import Everything, Holdings, affected
from labkit.show.engine import drawn

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from labkit.course import Course
    from labkit.engine import Engine

CONTAINERS = 100
AT_ONCE = 10
SECONDS = 60.0
#: The map in a process of its own, as in a kernel, until its standard input ends.
FOLLOW = "from benchmarks.live import follow; follow()"


def run(engine: Engine, _course: Course) -> Iterator[Finding]:
    """Measure what the map costs, how late it is, and whether it is right in the end."""
    api: Any = engine.client.api
    names = [f"lab-{number}" for number in range(CONTAINERS)]
    with ThreadPoolExecutor(AT_ONCE) as pool:

        def create(name: str) -> None:
            api.create_container("lab/shell", ["sleep", "600"], name=name, network_disabled=True)

        def cycle(name: str) -> None:
            api.start(name)
            api.kill(name)

        list(pool.map(create, names))
        env = engine.cli_env()
        ours = subprocess.Popen(
            [sys.executable, "-c", FOLLOW], env=env, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        peer = subprocess.Popen(["docker", "events"], env=env, stdout=subprocess.DEVNULL)
        assert ours.stdin is not None  # noqa: S101 - both are pipes
        assert ours.stdout is not None  # noqa: S101
        ours.stdout.readline()  # it is ready
        before, peers, kept = _cpu(ours.pid), _cpu(peer.pid), list[int]()
        began, turns = time.monotonic(), 0
        while (now := time.monotonic()) < began + SECONDS:
            first = turns * AT_ONCE % CONTAINERS
            list(pool.map(cycle, names[first : first + AT_ONCE]))
            kept.append(psutil.Process(ours.pid).memory_info().rss)
            turns += 1
            threading.Event().wait(max(now + 1 - time.monotonic(), 0))
    passed = time.monotonic() - began
    used, events = _cpu(ours.pid) - before, _cpu(peer.pid) - peers
    threading.Event().wait(2)  # nothing happens any more, so by now it must be right
    said = json.loads(ours.communicate("\n")[0])
    peer.kill()
    peer.wait()
    states = {c.name: c.status for c in Holdings.read(engine).containers.values()}
    wrong = sum(states.get(name) != said["states"].get(name) for name in {*states, *said["states"]})
    rate = f"{turns * AT_ONCE / passed:.1f} starts and kills a second"
    yield Finding("containers that the map has wrong at the end", wrong, 0, rate)
    late = statistics.median(said["delays"]) * 1000
    count = f"median of {len(said['delays'])} events, {said['drawings']} drawings"
    yield Finding("from an event to the drawn map", late, 250, count, " ms")
    share = f"{used:.1f} s in {passed:.0f} s"
    yield Finding("processors that the map keeps busy", used / passed, 0.5, share)
    grown = f"{kept[len(kept) // 4] / 1e6:.0f} MB after a quarter, {kept[-1] / 1e6:.0f} MB at last"
    yield Finding("memory at last / after a quarter", kept[-1] / kept[len(kept) // 4], 1.1, grown)
    both = f"{used:.2f} s against {events:.2f} s of processor"
    yield Finding("map / docker events", used / max(events, 0.01), 50, both)


def follow() -> None:
    """Follow the engine and draw each change; say what was seen when there is no more input."""
    engine, subject = connect(), _Timed()
    delays: list[float] = []
    last, drawings = Holdings(), 0
    ready = threading.Event()

    def changed(holdings: Holdings, _problem: str) -> None:
        nonlocal last, drawings
        drawn(holdings).html(buttons=True)
        now = time.time()
        delays.extend(now - moment for moment in subject.moments)
        subject.moments.clear()
        last, drawings = holdings, drawings + 1
        ready.set()

    following = Following(subject, engine, changed, value=last)
    following.start()
    ready.wait()
    print("ready", flush=True)
    sys.stdin.readline()
    following.close()
    states = {container.name: container.status for container in last.containers.values()}
    print(json.dumps({"states": states, "delays": delays, "drawings": drawings}), flush=True)


class _Timed(Everything):
    """What an engine holds, and when the events happened that are not drawn yet."""

    def __init__(self) -> None:
        self.moments: list[float] = []

    def apply(self, engine: Engine, value: Holdings, said: Sequence[tuple[str, Any]]) -> Holdings:
        self.moments += (event["timeNano"] / 1e9 for _key, event in said if affected([event]))
        return super().apply(engine, value, said)


def _cpu(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)
