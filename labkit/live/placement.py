"""Where the tasks of a swarm are, followed by the events of the machines that run them.

Engines tell of nodes and services, and nothing of tasks. But a task is a container in the end, and
of that the engine of its node tells. So the managers' events are followed, those of each node's
engine, and those of the engine that the nodes are containers of. A manager learns of a task a
moment later than the node does; so after an event it is asked again, until nothing changes.
"""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any

from labkit.engine import nested, streams
from labkit.engine.swarm import Swarm
from labkit.errors import LabError
from labkit.live.following import EVENTS, RETRY, Reopen
from labkit.live.holdings import TYPES, affected

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from labkit.engine import Engine
    from labkit.engine.streams import Stream
    from labkit.live.following import Source

MANAGER = "manager"
#: Seconds between two questions while something moves, and how long after the last change it does.
AGAIN, MOVING = 0.3, 3.0


class Placement:
    """Follow the nodes and tasks of a swarm.

    Args:
        manager: The node that is asked.
    """

    def __init__(self, manager: str) -> None:
        self._manager = manager
        self._asked: _Manager | None = None
        self._names: frozenset[str] = frozenset()
        self._until = 0.0

    def begin(self, engine: Engine) -> Iterator[tuple[str, Source]]:
        """Listen to the engine that has the nodes, and to the engine of each node."""
        yield EVENTS, streams.events(engine, types=["container", "network"])
        self._asked = _Manager(engine, self._manager)
        yield MANAGER, self._asked
        self._names = _names(self._asked.read())
        self._until = 0.0
        for name in sorted(self._names):
            if engine.containers.exists(name):
                yield name, _NodeEvents(engine, name)

    def read(self, engine: Engine, _before: Swarm | None) -> Swarm:
        """Ask the manager."""
        if self._asked is not None:
            return self._asked.read()
        with nested.connected(engine, self._manager) as asked:
            return Swarm.read(asked)

    def apply(self, _engine: Engine, value: Swarm, said: Sequence[tuple[str, Any]]) -> Swarm:
        """Ask the manager, if something was told that may concern the swarm.

        Raises:
            Reopen: A node joined or was removed.
            LabError: The manager does not answer, or has no majority.
        """
        told = any(key != MANAGER and _tells(event) for key, event in said)
        if self._asked is None or not (told or any(key == MANAGER for key, _event in said)):
            return value
        found = self._asked.read()
        if _names(found) != self._names:
            raise Reopen
        now = time.monotonic()
        if told or found != value:
            self._until = now + MOVING
        if now < self._until:
            self._asked.again()
        return found


def _names(found: Swarm) -> frozenset[str]:
    return frozenset(member.name for member in found.members)


def _tells(event: dict[str, Any] | None) -> bool:
    """Tell whether an event may mean that the swarm is not as it was."""
    return event is not None and (event["Type"] not in TYPES or bool(affected([event])))


class _Manager:
    """A manager, and the wish to ask it once more in a moment."""

    def __init__(self, engine: Engine, name: str) -> None:
        self._opened = ExitStack()
        self._engine = self._opened.enter_context(nested.connected(engine, name))
        self._wanted, self._closed = threading.Event(), threading.Event()

    def read(self) -> Swarm:
        return Swarm.read(self._engine)

    def again(self) -> None:
        self._wanted.set()

    def __iter__(self) -> Iterator[str]:
        while self._wanted.wait() and not self._closed.wait(AGAIN):
            self._wanted.clear()
            yield MANAGER

    def close(self) -> None:
        self._closed.set()
        self._wanted.set()
        self._opened.close()


class _NodeEvents:
    """The events of a node's engine, also after the node was started again.

    While it does not answer, it is tried again once a second: no event tells that an engine is up.
    """

    def __init__(self, engine: Engine, name: str) -> None:
        self._engine = engine
        self._name = name
        self._closed = threading.Event()
        self._changing = threading.Lock()
        self._stream: Stream[Any] | None = None

    def __iter__(self) -> Iterator[dict[str, Any]]:
        while not self._closed.is_set():
            with suppress(LabError):  # it does not run, or is cut off: its manager says so
                if self._engine.containers.get(self._name).running:
                    with nested.connected(self._engine, self._name, timeout=5) as node:
                        yield from self._kept(streams.events(node))
            self._closed.wait(2 * RETRY)

    def _kept(self, stream: Stream[Any]) -> Stream[Any]:
        with self._changing:
            self._stream = stream
            if self._closed.is_set():
                stream.close()
        return stream

    def close(self) -> None:
        with self._changing:
            self._closed.set()
            if self._stream is not None:
                self._stream.close()
