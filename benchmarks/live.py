"""The live map in a browser while containers come and go, beside `docker events` that only listens.

A hundred containers on ten networks; each second ten of them start and ten stop, and a volume and
a network come and go, for a minute. The page notes when it has painted a container's new state, by
the clock that the engine writes into its events.
"""

from __future__ import annotations

import json
import math
import statistics
import tempfile
import threading
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from benchmarks.measuring import Finding
from labkit.live.holdings import Holdings
from labkit.show.containers import state
from tests.browser.jupyterlab import JupyterLab
from tests.browser.opened import chromium, open_course

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from labkit.course import Course
    from labkit.engine import Engine

CONTAINERS = 100
AT_ONCE = 10
SECONDS = 60
NETWORKS = 10
KINDS = ("network", "volume")
#: Milliseconds that a state may still be painted after the next event: it was read before that.
OVERLAP = 250.0
#: The state that an event leads to, as the map begins to say it.
STATES = {"start": "container, running", "die": "container, exited"}
SHOW = "import os\nfrom labkit import show\ndisplay(show.engine())\nprint(os.getpid())"
#: The states are read just before they are painted, and the clock just after.
OBSERVE = """shown => {
    const channel = new MessageChannel(), known = new Map();
    let waiting = false, fresh = [];
    window.painted = [];
    const read = () => {
        for (const title of shown.querySelectorAll('button[data-key^=container]')) {
            const name = title.textContent, state = title.nextElementSibling.textContent;
            if (known.get(name) !== state) fresh.push([name, state]);
            known.set(name, state);
        }
        waiting = false;
        channel.port2.postMessage('painted');
    };
    channel.port1.onmessage = () => {
        const now = Date.now();
        for (const [name, state] of fresh) window.painted.push([name, state, now]);
        fresh = [];
    };
    window.states = () => Object.fromEntries(known);
    window.named = kind => [...new Set(Array.from(
        shown.querySelectorAll(`button[data-key^=${kind}]`), title => title.textContent))];
    new MutationObserver(() => {
        if (!waiting) requestAnimationFrame(read);
        waiting = true;
    }).observe(shown, {subtree: true, childList: true, characterData: true});
}"""


def run(engine: Engine, _course: Course) -> Iterator[Finding]:
    """Measure what the map costs, how late it is on the screen, and whether it is right at last."""
    names = [f"lab-{number}" for number in range(CONTAINERS)]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2 * AT_ONCE) as pool:
        api: Any = engine.client.api
        for number in range(NETWORKS):
            api.create_network(f"lab-n{number}")
        list(pool.map(partial(_create, api), names))
        with open_course(engine, Path(folder)) as course, chromium() as browser:
            lab = JupyterLab(browser.new_page(), course.address, course.work)
            outputs = lab.new("lab-live.ipynb").run(SHOW)
            kernel = psutil.Process(int(outputs.last.inner_text()))
            lab.page.evaluate_handle(OBSERVE, outputs.locator(".labkit-drawing").element_handle())
            log = Path(folder, "events.json")
            with log.open("w") as said:
                peer = psutil.Popen(
                    ["docker", "events", "--format", "{{json .}}"],
                    env=engine.cli_env(),
                    stdout=said,
                )
            before, peers = _cpu(kernel), _cpu(peer)
            began, kept, page = time.monotonic(), list[int](), list[int]()
            for turn in range(SECONDS):
                first = turn * AT_ONCE % CONTAINERS
                stopping = names[first - AT_ONCE :][:AT_ONCE] if turn else []
                both = [pool.submit(api.start, name) for name in names[first : first + AT_ONCE]]
                both += [pool.submit(api.kill, name) for name in stopping]
                both += [pool.submit(_come_and_go, api, turn)]
                for one in both:
                    one.result()
                kept.append(kernel.memory_info().rss)
                page.append(lab.page.evaluate("performance.memory.usedJSHeapSize"))
                threading.Event().wait(max(began + turn + 1 - time.monotonic(), 0))
            passed = time.monotonic() - began
            used, events = _cpu(kernel) - before, _cpu(peer) - peers
            threading.Event().wait(2)  # nothing happens any more, so by now it must be right
            shown: dict[str, str] = lab.page.evaluate("states()")
            painted = lab.page.evaluate("painted")
            named = {kind: set(lab.page.evaluate(f"named('{kind}')")) for kind in KINDS}
            peer.kill()
            peer.wait()
        happened = [json.loads(line) for line in log.read_text().splitlines()]
    rate = f"{SECONDS * AT_ONCE / passed:.1f} starts and as many stops a second"
    yield Finding(
        "things that the page has wrong at the end", _wrong(engine, shown, named), 0, rate
    )
    found = lateness(happened, painted)
    over = f"{len(found.late)} were, {found.over} were over before"
    yield Finding("events that were never painted", found.never, 0, over)
    late = sorted(found.late)
    count = f"median of {len(late)} events, 95 in 100 within {late[len(late) * 95 // 100]:.0f} ms"
    yield Finding("from an event to the painted page", statistics.median(late), 250, count, " ms")
    share = f"{used:.1f} s in {passed:.0f} s"
    yield Finding("processors that the kernel keeps busy", used / passed, 0.5, share)
    yield _growth("memory at last / after a quarter", kept, 1.1)
    yield _growth("the page's memory at last / after a quarter", page, 1.5)
    times = f"{used:.2f} s against {events:.2f} s of processor"
    yield Finding("kernel with the map / docker events", used / max(events, 0.01), 50, times)


def _create(api: Any, name: str) -> None:
    host = api.create_host_config(network_mode=f"lab-n{int(name[4:]) % NETWORKS}")
    api.create_container("lab/shell", ["sleep", "600"], name=name, host_config=host)


def _come_and_go(api: Any, turn: int) -> None:
    api.create_volume(f"lab-v{turn}")
    api.create_network(f"lab-t{turn}")
    if turn:
        api.remove_volume(f"lab-v{turn - 1}")
        api.remove_network(f"lab-t{turn - 1}")


def _wrong(engine: Engine, shown: Mapping[str, str], named: Mapping[str, Iterable[str]]) -> int:
    """Count containers in another state than the engine's, and what only one of both has."""
    held = Holdings.read(engine)
    true = {one.name: f"container, {state(one)}" for one in held.containers.values()}
    wrong = {name for name in {*true, *shown} if true.get(name) != shown.get(name)}
    here = {"network": held.networks, "volume": held.volumes}
    for kind, things in here.items():
        names = {thing.name for thing in things.values()} ^ set(named[kind])
        wrong |= {name for name in names if name.startswith("lab-")}
    return len(wrong)


def _growth(what: str, kept: list[int], target: float) -> Finding:
    quarter, last = kept[len(kept) // 4], kept[-1]
    grown = f"{quarter / 1e6:.0f} MB after a quarter, {last / 1e6:.0f} MB at last"
    return Finding(what, last / quarter, target, grown)


@dataclass(frozen=True)
class Lateness:
    """How late a page was.

    Attributes:
        late: Milliseconds from each start and end to the painting that shows it.
        over: States that were over before they were painted.
        never: States that were not over, and not painted either.
    """

    late: list[float]
    over: int
    never: int


def lateness(
    happened: Iterable[Mapping[str, Any]], painted: Iterable[tuple[str, str, float]]
) -> Lateness:
    """Find for each start and end the first painting that shows it, before the next of the two."""
    paintings = defaultdict[str, list[tuple[str, float]]](list)
    for name, seen, moment in painted:
        paintings[name].append((seen, moment))
    moments = defaultdict[str, list[tuple[str, float]]](list)
    for event in happened:
        if event["Type"] == "container" and event["Action"] in STATES:
            name, moment = event["Actor"]["Attributes"]["name"], event["timeNano"] / 1e6
            moments[name].append((STATES[event["Action"]], moment))
    late, over, never = list[float](), 0, 0
    for name, states in moments.items():
        for (wanted, moment), (_other, end) in pairwise([*states, ("", math.inf)]):
            shown = (at for seen, at in paintings[name] if at >= moment and seen.startswith(wanted))
            first = next(shown, math.inf)
            # What is painted in the moment of the next event still shows this one.
            if first < math.inf and first - end < OVERLAP:
                late.append(first - moment)
            elif end < math.inf:
                over += 1
            else:
                never += 1
    return Lateness(late, over, never)


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
