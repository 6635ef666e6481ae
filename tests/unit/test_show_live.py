"""Logs, events and what containers use: what is kept, what is left out, how it is drawn."""

from __future__ import annotations

import sys
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from labkit.errors import EngineUnreachable, NoSuchContainer
from labkit.live import happenings
from labkit.live.following import EVENTS, Reopen
from labkit.live.happenings import Happenings
from labkit.live.logs import LOG, Log
from labkit.live.usage import CLOCK, FIGURES, Sample, Usage, Used
from labkit.show import events, logs
from labkit.show.lines import Lines
from labkit.show.live import event_line, usage
from tests.unit.recordings import recorded
from tests.unit.test_live import an_event

if TYPE_CHECKING:
    from collections.abc import Callable

    from labkit.engine import Container
    from labkit.live.usage import Samples

STARTED = (EVENTS, {"Type": "container", "Action": "start", "Actor": {"ID": "c1"}})
#: `GET /containers/{id}/stats` of an engine with cgroup v1, as its reference shows it.
STATS = {
    "read": "2026-01-01T00:00:01.5Z",
    "cpu_stats": {
        "cpu_usage": {"total_usage": 1_500_000_000},
        "system_cpu_usage": 104_000_000_000,
        "online_cpus": 2,
    },
    "memory_stats": {
        "usage": 9_000_000,
        "limit": 64_000_000,
        "stats": {"total_inactive_file": 1_000_000},
    },
    "networks": {"eth0": {"rx_bytes": 10, "tx_bytes": 1}, "eth1": {"rx_bytes": 20, "tx_bytes": 2}},
}


#: When `STATS` was read, in seconds since the epoch.
READ = 1767225601.5


def a_sample(at: float, busy: float = 0.0, received: int = 0) -> Sample:
    """What one of two processors has used until so many seconds after `READ`."""
    return Sample(
        at=READ + at, busy=int(busy * 1e9), passed=int(2e9 * at), processors=2,
        memory=8_000_000, limit=64_000_000, received=received, sent=0,
    )  # fmt: skip


def test_a_log_is_its_last_lines_and_then_each_that_comes(
    fake_engine: Any, make_container: Callable[..., Container]
) -> None:
    fake_engine.containers.things["lab-a"] = make_container("lab-a")
    fake_engine.containers.log_texts["lab-a"] = "one\ntwo\nthree\n"
    log = Log("lab-a", most=3)
    read = log.read(fake_engine, None)
    assert [line.partition(" ")[2] for line in read] == ["one", "two", "three"]
    said = [(LOG, read[-1]), (LOG, "2026-01-01T00:01:00Z four"), (LOG, None)]
    after = log.apply(fake_engine, read, said)
    assert [line.partition(" ")[2] for line in after] == ["two", "three", "four"]


def test_a_carriage_return_in_the_last_line_leaves_a_log_open(
    fake_engine: Any, make_container: Callable[..., Container]
) -> None:
    fake_engine.containers.things["lab-a"] = make_container("lab-a")
    fake_engine.containers.log_texts["lab-a"] = "10 %\r20 %\x0b\x85\u2028\n"
    log = Log("lab-a", most=3)
    read = log.read(fake_engine, None)
    assert len(read) == 1
    after = log.apply(fake_engine, read, [(LOG, "2026-01-01T00:01:00Z more")])
    assert len(after) == 2


def test_what_is_wanted_is_looked_for_in_more_than_is_kept(
    fake_engine: Any, make_container: Callable[..., Container]
) -> None:
    fake_engine.containers.things["lab-a"] = make_container("lab-a")
    fake_engine.containers.log_texts["lab-a"] = "Error\n" + "GET /\n" * 5
    log = Log("lab-a", most=3, wanted=lambda text: "Error" in text)
    read = log.read(fake_engine, None)
    assert [line.partition(" ")[2] for line in read] == ["Error"]
    assert log.apply(fake_engine, read, [(LOG, "2026-01-01T00:01:00Z GET /")] * 5) == read


def test_a_log_goes_on_when_its_container_is_started_again(fake_engine: Any) -> None:
    log = Log("lab-a", most=3)
    with pytest.raises(Reopen):
        log.apply(fake_engine, (), [STARTED])
    assert log.read(fake_engine, ("kept",)) == ("kept",), "it was removed"
    with pytest.raises(NoSuchContainer):
        log.read(fake_engine, None)


def test_a_log_as_text_is_without_times_and_only_what_is_asked_for(
    fake_engine: Any, make_container: Callable[..., Container]
) -> None:
    fake_engine.containers.things["lab-a"] = make_container("lab-a")
    fake_engine.containers.log_texts["lab-a"] = "GET /\nerror: <b>\nGET /x\n"
    shown = repr(logs("lab-a", containing="ERROR", engine=fake_engine))
    assert shown == "What lab-a writes\n  error: <b>"


def test_lines_cannot_bring_markup() -> None:
    html = Lines("<i>", ("<b>one</b>",)).html()
    assert "<b>one" not in html
    assert "<i>" not in html
    assert "<div data-line>&lt;b&gt;one&lt;/b&gt;</div>" in html


def test_lines_are_what_a_terminal_would_show_and_no_orders_to_it() -> None:
    written = ("\x1b[1;31mred\x1b[0m \x1b]0;title\x07x", "10 %\r20 %\r", "a\tb\x07\x1b(B\x9b2J")
    assert Lines("t", written).lines == ("red x", "20 %", "a\tb")


def test_events_are_those_that_were_and_then_each_that_comes(
    fake_engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(happenings.streams, "now", lambda _engine: 100)
    told = recorded("events")
    asked: list[dict[str, int]] = []
    fake_engine.events = lambda **span: asked.append(span) or tuple(told[:3])
    subject = Happenings(seconds=60, most=5, wanted=lambda _event: True)
    read = subject.read(fake_engine, None)
    assert asked == [{"since": 40, "until": 100}]
    after = subject.apply(fake_engine, read, [(EVENTS, event) for event in told[2:6]])
    assert after == tuple(told[1:6])
    assert subject.read(fake_engine, after) == after, "an engine that was away has forgotten them"


def an_event_at(second: int, action: str, name: str) -> dict[str, Any]:
    return {
        "Type": "container", "Action": action, "Actor": {"ID": "c", "Attributes": {"name": name}},
        "time": second, "timeNano": second * 10**9,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("containing", "found"),
    [
        ("", ["start lab-a", "die lab-b"]),
        ("LAB-A", ["start lab-a"]),
        ("exec_d", ["exec_die lab-a"]),
    ],
)
def test_what_only_looks_pushes_out_nothing_that_is_wanted(
    fake_engine: Any, monkeypatch: pytest.MonkeyPatch, containing: str, found: list[str]
) -> None:
    monkeypatch.setattr(happenings.streams, "now", lambda _engine: 100)
    monkeypatch.setattr(sys.modules[event_line.__module__], "MOST", 4)
    told = [an_event_at(1, "start", "lab-a"), an_event_at(2, "exec_die", "lab-a")]
    told += [an_event_at(3 + n, "exec_start: true", "lab-b") for n in range(9)]
    told += [an_event_at(20 + n, "top", "lab-b") for n in range(9)]
    fake_engine.events = lambda **_span: (*told, an_event_at(40, "die", "lab-b"))
    lines = repr(events(containing=containing, engine=fake_engine)).splitlines()[1:]
    assert [line.partition("container ")[2] for line in lines] == found


def test_an_event_is_one_line_without_labels_and_long_ids() -> None:
    lines = [event_line(event).partition("  ")[2] for event in recorded("events")]
    assert lines[0] == "network create lab-n"
    assert "network connect lab-n container=d10eb30c7fd0" in lines
    assert "container create lab-a image=lab/web" in lines
    assert any(line.endswith("exitCode=137") for line in lines)


def test_what_a_container_uses_is_counted_as_docker_counts_it() -> None:
    sample = Sample.from_stats(STATS)
    assert sample == Sample(
        at=READ, busy=1_500_000_000, passed=104_000_000_000, processors=2,
        memory=8_000_000, limit=64_000_000, received=30, sent=3,
    )  # fmt: skip
    before = replace(sample, busy=1_000_000_000, passed=102_000_000_000)
    assert sample.share(before) == 0.5
    assert sample.share(sample) == 0.0


@pytest.mark.parametrize("left_out", ["memory_stats", "cpu_stats"])
def test_an_answer_that_says_nothing_is_no_sample(left_out: str) -> None:
    assert Sample.from_stats({**STATS, left_out: {}}) is None


def test_a_sample_is_kept_for_two_minutes_of_the_engine_s_clock() -> None:
    used = Used("lab-a")
    for second in (0, 1, 1, 119, 121):
        used = used.after(a_sample(second))
    assert [sample.at - READ for sample in used.samples] == [119, 121]
    assert used.after(None) is used


def test_what_ends_does_not_run_and_what_is_removed_is_left_out() -> None:
    def event(action: str, name: str = "lab-a") -> tuple[str, Any]:
        return EVENTS, an_event("container", action, "c1", name=name)

    def figures(at: float) -> tuple[str, Any]:
        return FIGURES, (("container", "c1"), a_sample(at))

    def after(*said: tuple[str, Any]) -> Samples:
        return Usage(()).apply(object(), {}, said)  # type: ignore[arg-type]

    assert after(event("start"), figures(1)) == {"c1": Used("lab-a", samples=(a_sample(1),))}
    ended = {"c1": Used("lab-a", running=False)}
    assert after(event("start"), figures(1), event("die"), figures(2)) == ended
    assert after(event("start"), event("die"), event("start")) == {"c1": Used("lab-a")}
    assert after(event("start"), event("rename", "lab-b")) == {"c1": Used("lab-b")}
    assert after(event("start"), event("die"), event("destroy")) == {}
    assert after(event("exec_die"), figures(1)) == {}
    with pytest.raises(EngineUnreachable):
        after(event("start"), (FIGURES, (("container", "c1"), EngineUnreachable("x", "y"))))


def test_each_second_what_runs_is_asked_about() -> None:
    asked: list[Any] = []
    subject = Usage(())
    subject._asked = SimpleNamespace(want=asked.append)  # type: ignore[assignment]
    known = {"c1": Used("lab-a"), "c2": Used("lab-b", running=False)}
    subject.apply(object(), known, [(CLOCK, CLOCK), (CLOCK, None)])  # type: ignore[arg-type]
    assert asked == [("container", "c1")]


def test_some_samples_are_taken_first_and_kept_while_the_engine_is_away(
    fake_engine: Any, make_container: Callable[..., Container]
) -> None:
    fake_engine.containers.lines = tuple(
        {"Id": key, "Names": [f"/lab-{key}"], "State": state}
        for key, state in (("c1", "running"), ("c2", "exited"), ("c3", "running"))
    )
    answers = iter(range(9))

    def stats(key: str) -> dict[str, Any]:
        if key == "c3":
            raise NoSuchContainer(key)
        return {**STATS, "read": f"2026-01-01T00:00:0{next(answers)}.123456789Z"}

    fake_engine.containers.stats = stats
    subject = Usage((), first=2)
    found = subject.read(fake_engine, None)
    assert [(one.name, len(one.samples)) for one in found.values()] == [
        ("lab-c1", 2),
        ("lab-c3", 0),
    ]
    assert subject.read(fake_engine, found) == found
    with pytest.raises(NoSuchContainer):
        Usage(("lab-x",)).read(fake_engine, None)
    fake_engine.containers.things["lab-c2"] = make_container("lab-c2")
    asked_for = Usage(("lab-c2",), first=1).read(fake_engine, None)
    assert asked_for == {"c2": Used("lab-c2", running=False)}


def test_usage_is_drawn_as_words_and_as_lines_over_time() -> None:
    # Two seconds passed between the last samples, in which one of two processors was busy.
    samples = (a_sample(0), a_sample(1), a_sample(3, busy=2.0, received=2000))
    found = {
        "2": Used("lab-b"), "1": Used("lab-a", samples=samples),
        "3": Used("lab-c", running=False), "4": Used("lab-d", samples=samples[:1]),
    }  # fmt: skip
    assert repr(usage(found)).splitlines()[1:] == [
        "├── lab-a  container",
        "│   ├── ▁█  100%  of a processor",
        "│   ├── ███  8 MB  memory, of 64 MB at most",
        "│   ├── ▁█  1 kB each second  received",
        "│   └── ▁▁  0 B each second  sent",
        "├── lab-b  container",
        "│   └── no figures from the engine",
        "│       If it stays so, labkit doctor tells why, under usage.",
        "├── lab-c  container, not running",
        "└── lab-d  container",
        "    ├── 0%  of a processor",
        "    ├── █  8 MB  memory, of 64 MB at most",
        "    ├── 0 B each second  received",
        "    └── 0 B each second  sent",
    ]
    html = usage(found).html()
    assert html.count("<polyline") == 5
    assert 'points="0,2.0 67,2.0 200,2.0"' in html, "memory is drawn at its moments"
    assert 'points="0,2.0 0,2.0"' in html, "one sample is a dot"
