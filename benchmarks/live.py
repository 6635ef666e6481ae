"""The live map in a browser while containers come and go, beside `docker events` that only listens.

A hundred containers; each second ten of them start and ten stop, for a minute. The page notes when
it has painted a container's new state, by the clock that the engine writes into its events.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import threading
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
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

        def create(name: str) -> None:
            api.create_container("lab/shell", ["sleep", "600"], name=name, network_disabled=True)

        list(pool.map(create, names))
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
            began, kept = time.monotonic(), list[int]()
            for turn in range(SECONDS):
                first = turn * AT_ONCE % CONTAINERS
                stopping = names[first - AT_ONCE :][:AT_ONCE] if turn else []
                both = [pool.submit(api.start, name) for name in names[first : first + AT_ONCE]]
                both += [pool.submit(api.kill, name) for name in stopping]
                for one in both:
                    one.result()
                kept.append(kernel.memory_info().rss)
                threading.Event().wait(max(began + turn + 1 - time.monotonic(), 0))
            passed = time.monotonic() - began
            used, events = _cpu(kernel) - before, _cpu(peer) - peers
            threading.Event().wait(2)  # nothing happens any more, so by now it must be right
            shown: dict[str, str] = lab.page.evaluate("states()")
            painted = lab.page.evaluate("painted")
            peer.kill()
            peer.wait()
        happened = [json.loads(line) for line in log.read_text().splitlines()]
    containers = Holdings.read(engine).containers.values()
    true = {one.name: f"container, {state(one)}" for one in containers}
    wrong = [name for name in {*true, *shown} if true.get(name) != shown.get(name)]
    rate = f"{SECONDS * AT_ONCE / passed:.1f} starts and as many stops a second"
    yield Finding("containers that the page has wrong at the end", len(wrong), 0, rate)
    late = sorted(delays(happened, painted))
    count = f"median of {len(late)} events, 95 in 100 within {late[len(late) * 95 // 100]:.0f} ms"
    yield Finding("from an event to the painted page", statistics.median(late), 250, count, " ms")
    share = f"{used:.1f} s in {passed:.0f} s"
    yield Finding("processors that the kernel keeps busy", used / passed, 0.5, share)
    grown = f"{kept[len(kept) // 4] / 1e6:.0f} MB after a quarter, {kept[-1] / 1e6:.0f} MB at last"
    yield Finding("memory at last / after a quarter", kept[-1] / kept[len(kept) // 4], 1.1, grown)
    times = f"{used:.2f} s against {events:.2f} s of processor"
    yield Finding("kernel with the map / docker events", used / max(events, 0.01), 50, times)


def delays(
    happened: Iterable[Mapping[str, Any]], painted: Iterable[tuple[str, str, float]]
) -> Iterator[float]:
    """Yield the milliseconds from each start and end to the first painting that shows it.

    A state that was over before it was painted counts until the container is next in it.
    """
    paintings = defaultdict[str, list[tuple[str, float]]](list)
    for name, seen, moment in painted:
        paintings[name].append((seen, moment))
    for event in happened:
        if event["Type"] != "container" or event["Action"] not in STATES:
            continue
        wanted, moment = STATES[event["Action"]], event["timeNano"] / 1e6
        later = paintings[event["Actor"]["Attributes"]["name"]]
        shown = (at for seen, at in later if at >= moment and seen.startswith(wanted))
        if (first := next(shown, None)) is not None:
            yield first - moment


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
