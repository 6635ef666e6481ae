"""What containers use over time: processors, memory, network."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labkit.engine import streams
from labkit.engine.objects import listed_name
from labkit.errors import NoSuchContainer
from labkit.live.following import EVENTS, Reopen

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from labkit.engine import Engine
    from labkit.engine.streams import Stream

#: Samples that are kept: two minutes, since an engine takes one each second.
MOST = 120
#: Answers of an engine until it says something, at most: it needs two to know a share.
TRIES = 2


@dataclass(frozen=True)
class Sample:
    """What one container used in the second before.

    Attributes:
        cpu: Processors that were busy with it; 0.5 is half of one.
        memory: Bytes, without what the kernel only keeps of files.
        limit: The most bytes that it may have.
        received: Bytes that came over its networks since it was started; `sent` likewise.
    """

    cpu: float
    memory: int
    limit: int
    received: int
    sent: int

    @classmethod
    def from_stats(cls, answer: Mapping[str, Any]) -> Sample | None:
        """Read a message of `GET /containers/{id}/stats`; None where it does not run."""
        now, before = answer.get("cpu_stats") or {}, answer.get("precpu_stats") or {}
        memory = answer.get("memory_stats") or {}
        passed = now.get("system_cpu_usage", 0) - before.get("system_cpu_usage", 0)
        if not before.get("system_cpu_usage") or passed <= 0 or "usage" not in memory:
            return None
        busy = now["cpu_usage"]["total_usage"] - before["cpu_usage"]["total_usage"]
        processors = now.get("online_cpus") or len(now["cpu_usage"].get("percpu_usage") or [0])
        kept = memory.get("stats") or {}
        files = kept.get("total_inactive_file", kept.get("inactive_file", 0))
        networks = (answer.get("networks") or {}).values()
        return cls(
            cpu=busy / passed * processors,
            memory=memory["usage"] - files,
            limit=memory.get("limit", 0),
            received=sum(network["rx_bytes"] for network in networks),
            sent=sum(network["tx_bytes"] for network in networks),
        )


Samples = dict[str, tuple[Sample, ...]]


class Usage:
    """Follow what containers use.

    Args:
        names: Which; none is all that run.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names

    def begin(self, engine: Engine) -> Iterator[tuple[str, Stream[Any]]]:
        """Listen to each, and to containers that start."""
        yield EVENTS, streams.events(engine, types=["container"], containers=self._names)
        for name in self._running(engine):
            with suppress(NoSuchContainer):  # gone in the meantime
                yield name, streams.stats(engine, name)

    def read(self, engine: Engine, before: Samples | None) -> Samples:
        """Return what is known; at first, wait for a sample of each, which takes two seconds."""
        if before is not None:
            return before
        for name in self._names:
            engine.containers.get(name)
        with ExitStack() as opened:
            followed: dict[str, Stream[Any]] = {}
            for name in self._running(engine):
                followed[name] = stream = streams.stats(engine, name)
                opened.callback(stream.close)
            return {name: _first(stream) for name, stream in followed.items()}

    def apply(self, _engine: Engine, value: Samples, said: Sequence[tuple[str, Any]]) -> Samples:
        """Add samples.

        Raises:
            Reopen: A container was started.
        """
        if any(key == EVENTS and event["Action"] == "start" for key, event in said):
            raise Reopen
        known = dict(value)
        for name, answer in said:
            if name != EVENTS and answer and (sample := Sample.from_stats(answer)):
                known[name] = (*known.get(name, ()), sample)[-MOST:]
        return known

    def _running(self, engine: Engine) -> tuple[str, ...]:
        lines = (line for line in engine.containers.list() if line["State"] == "running")
        names = sorted(map(listed_name, lines))
        return tuple(name for name in names if not self._names or name in self._names)


def _first(stream: Stream[Any]) -> tuple[Sample, ...]:
    for answer, _try in zip(stream, range(TRIES), strict=False):
        if sample := Sample.from_stats(answer):
            return (sample,)
    return ()
