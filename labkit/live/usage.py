"""What containers use over time: processors, memory, network.

The engine is asked about each container once a second, and not listened to: a stream for each would
be a connection and a thread for each, on both sides.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from labkit.engine import streams
from labkit.engine.objects import listed_name
from labkit.errors import EngineRequestFailed, NoSuchContainer
from labkit.live.following import EVENTS
from labkit.live.inspections import Inspections
from labkit.translation import _
from labkit.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from labkit.engine import Engine
    from labkit.live.following import Source

#: Seconds between two samples, and how long one is kept.
EACH, KEPT = 1.0, 120.0
#: Samples of each container that are taken before anything is shown: two are one share.
FIRST = 3
FIGURES, CLOCK = "figures", "clock"
#: What an engine writes before the nanoseconds of a time, which Python cannot read.
TO_SECONDS = 19


@dataclass(frozen=True)
class Sample:
    """What one container has used until a moment.

    Attributes:
        at: When, in seconds since the epoch by the engine's clock.
        busy: Nanoseconds of processors that were busy with it since it was started.
        passed: Nanoseconds of all processors since the machine was started.
        processors: How many the machine has.
        memory: Bytes, without what the kernel only keeps of files.
        limit: The most bytes that it may have.
        received: Bytes that came over its networks since it was started; `sent` likewise.
    """

    at: float
    busy: int
    passed: int
    processors: int
    memory: int
    limit: int
    received: int
    sent: int

    @classmethod
    def from_stats(cls, answer: Mapping[str, Any]) -> Sample | None:
        """Read what `GET /containers/{id}/stats` answers; None where there are no figures."""
        now, memory = answer.get("cpu_stats") or {}, answer.get("memory_stats") or {}
        if not now.get("system_cpu_usage") or "usage" not in memory:
            return None
        used, kept = now["cpu_usage"], memory.get("stats") or {}
        networks = (answer.get("networks") or {}).values()
        return cls(
            at=_seconds(answer["read"]),
            busy=used["total_usage"],
            passed=now["system_cpu_usage"],
            processors=now.get("online_cpus") or len(used.get("percpu_usage") or [0]),
            memory=memory["usage"] - kept.get("total_inactive_file", kept.get("inactive_file", 0)),
            limit=memory.get("limit", 0),
            received=sum(network["rx_bytes"] for network in networks),
            sent=sum(network["tx_bytes"] for network in networks),
        )

    def share(self, before: Sample) -> float:
        """Return how many processors were busy with it since another sample; 0.5 is half of one."""
        passed = self.passed - before.passed
        return max(self.busy - before.busy, 0) / passed * self.processors if passed > 0 else 0.0


@dataclass(frozen=True)
class Used:
    """A container and its samples, the oldest first; none while it does not run."""

    name: str
    running: bool = True
    samples: tuple[Sample, ...] = ()

    def after(self, sample: Sample | None) -> Used:
        """Add a sample, and leave out what is too old."""
        if sample is None or (self.samples and sample.at <= self.samples[-1].at):
            return self
        kept = (one for one in self.samples if one.at > sample.at - KEPT)
        return replace(self, samples=(*kept, sample))


#: By the containers' IDs.
Samples = dict[str, Used]


class Usage:
    """Follow what containers use.

    Args:
        names: Which; none is all that run.
        first: Samples that are taken before anything is shown.
    """

    def __init__(self, names: tuple[str, ...], *, first: int = FIRST) -> None:
        self._names = names
        self._first = first
        self._asked: Inspections | None = None

    def begin(self, engine: Engine) -> Iterator[tuple[str, Source]]:
        """Listen to containers that start and end, to a clock, and to what it makes one ask."""
        yield EVENTS, streams.events(engine, types=["container"], containers=self._names)
        self._asked = Inspections(lambda key: _sampled(engine, key[1]))
        yield FIGURES, self._asked
        yield CLOCK, _Clock()

    def read(self, engine: Engine, before: Samples | None) -> Samples:
        """List the containers; at first, take a few samples, which takes two seconds."""
        if before is not None:
            found = self._found(engine)
            return {key: replace(used, samples=_of(before, key)) for key, used in found.items()}
        for name in self._names:
            engine.containers.get(name)
        found, begun = self._found(engine), time.monotonic()
        for turn in range(self._first):
            _wait_for(begun + turn * EACH)
            for key, used in found.items():
                found[key] = used.after(_sampled(engine, key) if used.running else None)
        return found

    def apply(self, _engine: Engine, value: Samples, said: Sequence[tuple[str, Any]]) -> Samples:
        """Add samples, and what started; say of what ended that it does not run."""
        known = dict(value)
        for stream, message in said:
            if stream == EVENTS:
                _happened(known, message)
            elif stream == FIGURES and message:
                (_kind, key), sample = message
                if isinstance(sample, Exception):
                    raise sample
                if key in known and known[key].running:
                    known[key] = known[key].after(sample)
            elif stream == CLOCK and message and self._asked is not None:
                for key in (key for key, used in known.items() if used.running):
                    self._asked.want(("container", key))
        return known

    def _found(self, engine: Engine) -> Samples:
        lines = sorted(engine.containers.list(), key=listed_name)
        found = {line["Id"]: Used(listed_name(line), line["State"] == "running") for line in lines}
        return {
            key: used
            for key, used in found.items()
            if (used.name in self._names if self._names else used.running)
        }


def _happened(known: Samples, event: Mapping[str, Any]) -> None:
    """Note that a container was started, named anew, ended or removed."""
    key, name = event["Actor"]["ID"], event["Actor"]["Attributes"].get("name", "")
    action = event["Action"]
    if action == "start":
        known[key] = Used(name)
    elif action == "destroy":
        known.pop(key, None)
    elif key in known and action == "die":
        known[key] = Used(name, running=False)
    elif key in known and action == "rename":
        known[key] = replace(known[key], name=name)


def _of(known: Samples, key: str) -> tuple[Sample, ...]:
    return known[key].samples if key in known and known[key].running else ()


def _sampled(engine: Engine, key: str) -> Sample | None:
    """Ask what a container has used until now; None where there are no figures, or no container."""
    try:
        return Sample.from_stats(engine.containers.stats(key))
    except (NoSuchContainer, EngineRequestFailed):  # it has gone, or is just being started
        return None


def _wait_for(moment: float) -> None:
    wait_until(lambda: time.monotonic() >= moment, what=_("a sample"), timeout=2 * EACH)


def _seconds(moment: str) -> float:
    """Read a time with nanoseconds, as engines write it in UTC."""
    whole, rest = moment[:TO_SECONDS], moment[TO_SECONDS:].rstrip("Z")
    return datetime.fromisoformat(f"{whole}+00:00").timestamp() + float(f"0{rest or '.0'}")


class _Clock:
    """Tells that a second has passed."""

    def __init__(self) -> None:
        self._closed = threading.Event()

    def __iter__(self) -> Iterator[str]:
        yield CLOCK
        while not self._closed.wait(EACH):
            yield CLOCK

    def close(self) -> None:
        self._closed.set()
