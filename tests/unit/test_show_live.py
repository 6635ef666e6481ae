"""Logs, events and what containers use: what is kept, what is left out, how it is drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from labkit.errors import NoSuchContainer
from labkit.live import happenings
from labkit.live.following import EVENTS, Reopen
from labkit.live.happenings import Happenings
from labkit.live.logs import LOG, Log
from labkit.live.usage import MOST, Sample, Usage
from labkit.show import logs
from labkit.show.lines import Lines
from labkit.show.live import event_line, usage
from tests.unit.recordings import recorded

if TYPE_CHECKING:
    from collections.abc import Callable

    from labkit.engine import Container

STARTED = (EVENTS, {"Type": "container", "Action": "start", "Actor": {"ID": "c1"}})
#: `GET /containers/{id}/stats` of an engine with cgroup v1, as its reference shows it.
STATS = {
    "cpu_stats": {
        "cpu_usage": {"total_usage": 1_500_000_000},
        "system_cpu_usage": 104_000_000_000,
        "online_cpus": 2,
    },
    "precpu_stats": {
        "cpu_usage": {"total_usage": 1_000_000_000},
        "system_cpu_usage": 102_000_000_000,
    },
    "memory_stats": {
        "usage": 9_000_000,
        "limit": 64_000_000,
        "stats": {"total_inactive_file": 1_000_000},
    },
    "networks": {"eth0": {"rx_bytes": 10, "tx_bytes": 1}, "eth1": {"rx_bytes": 20, "tx_bytes": 2}},
}


def a_sample(cpu: float = 0.5, received: int = 0) -> Sample:
    return Sample(cpu=cpu, memory=8_000_000, limit=64_000_000, received=received, sent=0)


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
    shown = repr(logs("lab-a", containing="error", engine=fake_engine))
    assert shown == "What lab-a writes\n  error: <b>"


def test_lines_cannot_bring_markup() -> None:
    html = Lines("<i>", ("<b>one</b>",)).html()
    assert "<b>one" not in html
    assert "<i>" not in html
    assert "<div data-line>&lt;b&gt;one&lt;/b&gt;</div>" in html


def test_events_are_those_that_were_and_then_each_that_comes(
    fake_engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(happenings.streams, "now", lambda _engine: 100)
    told = recorded("events")
    asked: list[dict[str, int]] = []
    fake_engine.events = lambda **span: asked.append(span) or tuple(told[:3])
    subject = Happenings(seconds=60, most=5)
    read = subject.read(fake_engine, None)
    assert asked == [{"since": 40, "until": 100}]
    after = subject.apply(fake_engine, read, [(EVENTS, event) for event in told[2:6]])
    assert after == tuple(told[1:6])
    assert subject.read(fake_engine, after) == after, "an engine that was away has forgotten them"


def test_an_event_is_one_line_without_labels_and_long_ids() -> None:
    lines = [event_line(event).partition("  ")[2] for event in recorded("events")]
    assert lines[0] == "network create lab-n"
    assert "network connect lab-n container=d10eb30c7fd0" in lines
    assert "container create lab-a image=lab/web" in lines
    assert any(line.endswith("exitCode=137") for line in lines)


def test_what_a_container_uses_is_counted_as_docker_counts_it() -> None:
    sample = Sample.from_stats(STATS)
    assert sample == Sample(cpu=0.5, memory=8_000_000, limit=64_000_000, received=30, sent=3)


@pytest.mark.parametrize("left_out", ["precpu_stats", "memory_stats", "cpu_stats"])
def test_an_answer_that_says_nothing_is_no_sample(left_out: str) -> None:
    assert Sample.from_stats({**STATS, left_out: {}}) is None


def test_samples_are_kept_for_two_minutes(fake_engine: Any) -> None:
    said = [("lab-a", STATS)] * (MOST + 5) + [("lab-a", None), ("lab-b", {})]
    after = Usage(()).apply(fake_engine, {}, said)
    assert {name: len(samples) for name, samples in after.items()} == {"lab-a": MOST}
    with pytest.raises(Reopen):
        Usage(()).apply(fake_engine, {}, [STARTED])
    assert Usage(()).read(fake_engine, after) is after, "what is known is kept"


def test_usage_is_drawn_as_words_and_as_lines() -> None:
    found = {"lab-a": (a_sample(0), a_sample(1.0, received=2000)), "lab-b": ()}
    assert repr(usage(found)).splitlines()[1:] == [
        "├── lab-a  container",
        "│   ├── ▁█  100%  of a processor",
        "│   ├── ██  8 MB  memory, of 64 MB at most",
        "│   ├── █  2 kB each second  received",
        "│   └── ▁  0 B each second  sent",
        "└── lab-b  container",
        "    └── no figures from the engine",
        "        If it stays so, labkit doctor tells why, under usage.",
    ]
    assert usage(found).html().count("<polyline") == 4
