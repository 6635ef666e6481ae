"""Pull, push and build, told part by part: layers or steps, and how far each of them is.

`labkit.engine.transfer` does the same for the course's own images, and sums it up.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from textwrap import shorten
from typing import TYPE_CHECKING, Any

from labkit.errors import EngineRequestFailed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from labkit.engine.engine import Engine

STEP = re.compile(r"Step (\d+)/(\d+) : (.*)")
USED = " ---> Using cache"
RUNNING = "running"
#: Letters of an instruction that fit a line.
LONGEST_STEP = 60
#: What the engine says of a layer with which there is nothing more to do.
ENDED = ("Pull complete", "Already exists", "Pushed", "Layer already exists", "Mounted from")


@dataclass(frozen=True)
class Part:
    """A layer, or a step of a build.

    Attributes:
        name: A layer's short ID, or an instruction.
        state: In the engine's words.
        share: How much of it is done, from 0 to 1; None where that is not known.
    """

    name: str
    state: str = ""
    share: float | None = None


def pull(engine: Engine, reference: str) -> Iterator[tuple[Part, ...]]:
    """Pull an image; yield its layers each time that one of them has got further.

    Raises:
        EngineRequestFailed: The registry or the engine refused, in their words.
    """
    repository, tag = _parted(reference)
    with engine.errors():
        yield from _layers(engine.client.api.pull(repository, tag=tag, stream=True, decode=True))


def push(engine: Engine, reference: str) -> Iterator[tuple[Part, ...]]:
    """Push an image; yield its layers each time that one of them has got further.

    Raises:
        EngineRequestFailed: The registry or the engine refused, in their words.
    """
    repository, tag = _parted(reference)
    with engine.errors():
        yield from _layers(engine.client.api.push(repository, tag=tag, stream=True, decode=True))


def build(engine: Engine, folder: Path, name: str) -> Iterator[tuple[Part, ...]]:
    """Build a folder's Dockerfile with the classic builder; yield its steps as they begin and end.

    Of a step that runs, nobody knows how much is done: its share is 0.

    Raises:
        EngineRequestFailed: A step failed, in the engine's words.
    """
    with engine.errors():
        stream = engine.client.api.build(path=str(folder), tag=name, rm=True, decode=True)
        try:
            yield from _steps(stream)
        finally:
            stream.close()  # which is what tells the engine to stop


def _parted(reference: str) -> tuple[str, str]:
    """Part the tag from a reference; a colon before a slash is a port's."""
    repository, colon, tag = reference.rpartition(":")
    return (repository, tag) if colon and "/" not in tag else (reference, "latest")


def _layers(messages: Iterable[Mapping[str, Any]]) -> Iterator[tuple[Part, ...]]:
    parts: dict[str, Part] = {}
    for message in messages:
        _refuse(message)
        name, state = message.get("id", ""), message.get("status", "")
        if not name or state.startswith(("Pulling from", "The push refers")) or _is_tag(message):
            continue
        detail = message.get("progressDetail") or {}
        # Between two stages, such as download and unpacking, it is as far as it was.
        share = 1.0 if state.startswith(ENDED) else parts[name].share if name in parts else None
        if detail.get("total"):
            share = min(detail.get("current", 0) / detail["total"], 1.0)
        parts[name] = Part(name, state, share)
        yield tuple(parts.values())


def _is_tag(message: Mapping[str, Any]) -> bool:
    """Tell whether a push speaks of the tag, which it does at its end."""
    return "digest:" in message.get("status", "")


def _steps(messages: Iterable[Mapping[str, Any]]) -> Iterator[tuple[Part, ...]]:
    parts: list[Part] = []
    for message in messages:
        if "error" in message and parts:
            yield (*parts[:-1], replace(parts[-1], state="failed"))
        _refuse(message)
        for line in message.get("stream", "").splitlines():
            if found := STEP.match(line):
                if parts and parts[-1].state == RUNNING:
                    parts[-1] = replace(parts[-1], share=1.0, state="done")
                name = shorten(found[3], LONGEST_STEP, placeholder=" …")
                parts.append(Part(f"{found[1]}/{found[2]} {name}", RUNNING, 0.0))
            elif line.startswith(USED) and parts:
                parts[-1] = replace(parts[-1], share=1.0, state="from the cache")
            else:
                continue
            yield tuple(parts)
    if parts:
        last = replace(parts[-1], share=1.0, state=parts[-1].state.replace(RUNNING, "done"))
        yield (*parts[:-1], last)


def _refuse(message: Mapping[str, Any]) -> None:
    if error := message.get("error"):
        raise EngineRequestFailed(str(error))
