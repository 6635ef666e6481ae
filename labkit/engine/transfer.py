"""Bring images to an engine and take them out: pull, build, load, import, save.

Nothing half-done stays behind: what an interrupted build left on the engine is removed before the
interruption goes on its way.
"""

from __future__ import annotations

import json
import os
import re
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from textwrap import shorten
from typing import TYPE_CHECKING, Any, BinaryIO

from labkit.errors import EngineRequestFailed, EngineTooSlow, LabError
from labkit.translation import _
from labkit.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from labkit.engine.engine import Engine

    #: Called with a sentence, and how much is done of how much where that is known.
    Report = Callable[[str, int | None, int | None], None]

MIRROR_VARIABLE = "LABKIT_REGISTRY_MIRROR"
CHUNK = 1 << 20
#: Lines of a failed build that are worth showing.
TAIL = 8
#: Letters of an instruction that fit a line of progress.
LONGEST_STEP = 60
#: What an engine needs at most to end a build that nobody waits for any more.
SECONDS_TO_STOP = 10.0
STEP = re.compile(r"Step (\d+)/(\d+) : (.*)")
RUNNING = re.compile(r" ---> Running in ([0-9a-f]+)")
MADE = re.compile(r" ---> ([0-9a-f]{12,})")
#: What an engine says, in lower case, when it did not get as far as the registry's own answer.
UNREACHABLE = ("dial tcp", "no such host", "timeout", "x509", "eof", "gave http response")
CACHED = " ---> Using cache"
REMOVED = "Removing intermediate container"
HTTP_ERROR = 400


def registry_mirror() -> str:
    """Return the mirror that the user names, as it begins an image's name; empty for none."""
    named = os.environ.get(MIRROR_VARIABLE, "")
    return named.removeprefix("https://").removeprefix("http://").rstrip("/")


def reach_registry(engine: Engine, registry: str, *, timeout: float) -> str:
    """Ask the engine to greet a registry; no image is asked for, so no pull is counted.

    Args:
        engine: It asks, since it is the one that pulls.
        registry: Such as `registry.local:5000`; empty for Docker Hub.
        timeout: Seconds.

    Returns:
        Why it cannot be reached, or an empty text if it can.
    """
    try:
        with (
            engine.errors(),
            _post(engine, "auth", json={"serveraddress": registry}, timeout=timeout) as answer,
        ):
            text = _message(answer)
    except EngineTooSlow:  # it waits for the registry
        return _no_answer(timeout)
    # A registry that wants a password has been reached.
    unreachable = any(words in text.lower() for words in UNREACHABLE)
    return text.rpartition('/v2/": ')[2] if unreachable else ""


def look_up(engine: Engine, reference: str, *, timeout: float) -> str:
    """Ask the engine to look an image up in its registry; nothing is pulled.

    Args:
        engine: It asks, since it is the one that pulls.
        reference: With the registry where that is not Docker Hub.
        timeout: Seconds.

    Returns:
        Why it cannot be pulled, or an empty text if it can.
    """
    api: Any = engine.client.api
    url = _url(engine, f"distribution/{reference}/json")
    try:
        with engine.errors(), api.get(url, timeout=timeout) as answer:
            return _message(answer) if answer.status_code >= HTTP_ERROR else ""
    except EngineTooSlow:  # it waits for the registry
        return _no_answer(timeout)


def pull(engine: Engine, reference: str, report: Report) -> None:
    """Pull an image by its tag or digest as the engine does it, with its layers added up.

    Raises:
        EngineRequestFailed: The registry or the engine refused, in their words.
    """
    # A digest, which has a colon, too, is given to the engine in the place of a tag.
    repository, at, tag = reference.partition("@")
    if not at:
        repository, _colon, tag = reference.rpartition(":")
    with engine.errors():
        said = engine.client.api.pull(repository, tag=tag, stream=True, decode=True)
        text = _("pulling {reference}").format(reference=reference)
        _report_layers(said, "Downloading", lambda done, total: report(text, done, total))


def push(engine: Engine, reference: str, report: Report) -> None:
    """Push an image to the registry in its name.

    Raises:
        EngineRequestFailed: The registry or the engine refused, in their words.
    """
    repository, _colon, tag = reference.rpartition(":")
    with engine.errors():
        said = engine.client.api.push(repository, tag=tag, stream=True, decode=True)
        text = _("pushing {reference}").format(reference=reference)
        _report_layers(said, "Pushing", lambda done, total: report(text, done, total))


def _report_layers(
    said: Iterable[Mapping[str, Any]],
    status: str,
    report: Callable[[int | None, int | None], None],
) -> None:
    """Add up the layers of which an engine says, with `status`, how far they are."""
    layers: dict[str, tuple[int, int]] = {}
    for message in said:
        _refuse(message)
        detail = message.get("progressDetail") or {}
        if message.get("status") == status and detail.get("total"):
            # Its guess of a layer's size can be too small.
            layers[message["id"]] = (min(detail["current"], detail["total"]), detail["total"])
        if layers:
            done, total = (sum(column) for column in zip(*layers.values(), strict=True))
            report(done, total)
        else:
            report(None, None)


@dataclass
class _BuildTrace:
    """What a build says that it made, so that it can be taken back."""

    containers: list[str] = field(default_factory=list)
    images: list[str] = field(default_factory=list)
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=TAIL))
    own_step: bool = False
    place: tuple[int, int] = 0, 0

    def read(self, text: str, report: Report) -> None:
        """Take in what the build says, and report each step and each line that it writes."""
        for line in filter(str.strip, text.splitlines()):
            if step := STEP.match(line):
                number, total, instruction = step.groups()
                self.own_step = not instruction.upper().startswith("FROM")
                self.place = int(number), int(total)
                report(shorten(instruction, LONGEST_STEP, placeholder=" …"), *self.place)
            elif line.startswith(CACHED):
                self.own_step = False
            elif running := RUNNING.match(line):
                self.containers.append(running[1])
            elif made := MADE.match(line):
                self.images += [made[1]] if self.own_step else []
            elif not line.startswith(REMOVED):
                self.tail.append(line.rstrip())
                report(line.strip()[:LONGEST_STEP], *self.place)


def build(
    engine: Engine,
    folder: Path,
    name: str,
    *,
    args: Mapping[str, str],
    labels: Mapping[str, str],
    report: Report,
) -> None:
    """Build a Dockerfile with the engine's own builder, which needs no docker command.

    Images of earlier stages are removed after it, and everything it made if it does not come to
    its end.

    Args:
        engine: Where to build.
        folder: The build context, with a `Dockerfile`.
        name: What to call the image.
        args: Build arguments.
        labels: Put on the image.
        report: Told each step.

    Raises:
        EngineRequestFailed: A step failed; the message ends with its last lines.
    """
    trace = _BuildTrace()
    with engine.errors():
        stream = engine.client.api.build(
            path=str(folder), tag=name, buildargs=dict(args), labels=dict(labels),
            rm=True, forcerm=True, decode=True,
        )  # fmt: skip
        try:
            for message in stream:
                trace.read(message.get("stream", ""), report)
                _refuse(message, trace.tail)
        except BaseException:
            # Closing the connection is what tells the engine to stop, which it does a moment later.
            stream.close()
            _take_back(engine, trace)
            raise
        # An engine may need longer for a large one than it is waited for; it goes on by itself.
        with suppress(EngineTooSlow):
            for image in reversed(trace.images):
                remove_unnamed(engine, image)


def _take_back(engine: Engine, trace: _BuildTrace) -> None:
    """Remove a build's containers, and its images that have no name, as far as that goes.

    What ended the build is what must be told, and not that an engine does not let go of it.
    """
    for container in trace.containers:
        with suppress(LabError):
            _remove_container(engine, container)
    # An image that was built on before has descendants, so it may stay; none is in use for long.
    for image in reversed(trace.images):
        with suppress(LabError):
            wait_until(
                lambda image=image: remove_unnamed(engine, image),  # type: ignore[misc]
                what=_("the build to end"),
                timeout=SECONDS_TO_STOP,
            )


def _remove_container(engine: Engine, container: str) -> None:
    # Most often it is gone already, or the engine is about to remove it.
    with suppress(EngineRequestFailed), engine.errors():
        engine.client.api.remove_container(container, v=True, force=True)
    wait_until(
        lambda: not engine.containers.exists(container),
        what=_("the build's container to go"),
        timeout=SECONDS_TO_STOP,
    )


def remove_unnamed(engine: Engine, image: str) -> bool:
    """Remove an image unless it has a name, a descendant or a container.

    Returns:
        False when a container has it, and so a later try may do it.
    """
    api: Any = engine.client.api
    try:
        with engine.errors():
            if not api.inspect_image(image)["RepoTags"]:
                api.remove_image(image)
    except EngineRequestFailed as error:
        return "container" not in error.message
    return True


def tag(engine: Engine, image: str, repository: str, tag: str = "latest") -> None:
    """Give an image the name `repository:tag`."""
    with engine.errors():
        engine.client.api.tag(image, repository, tag)


def untag(engine: Engine, reference: str) -> None:
    """Take a name off an image; without another name or a container it goes with it."""
    with engine.errors():
        engine.client.api.remove_image(reference)


def load(engine: Engine, path: Path, report: Report) -> None:
    """Load a pack file: what `docker save` writes, plain or compressed.

    Raises:
        EngineRequestFailed: The engine cannot read it.
    """
    total = path.stat().st_size
    with engine.errors(), path.open("rb") as file:
        text = _("loading {file}").format(file=path.name)
        chunks = _counted(file, total, lambda done: report(text, done, total))
        with _post(engine, "images/load", data=chunks, params={"quiet": "1"}) as answer:
            _read_to_end(answer)


def copy(source: Engine, names: Sequence[str], target: Engine) -> None:
    """Bring images from one engine to another.

    Raises:
        EngineRequestFailed: One of the two refused.
    """
    with target.errors(), _post(target, "images/load", data=save(source, names)) as answer:
        _read_to_end(answer)


def import_rootfs(engine: Engine, path: Path, changes: Sequence[str], report: Report) -> str:
    """Make an image without a name of a tar of a root file system.

    Returns:
        The image's id.
    """
    total = path.stat().st_size
    with engine.errors(), path.open("rb") as file:
        text = _("importing the root file system")
        chunks = _counted(file, total, lambda done: report(text, done, total))
        params = {"fromSrc": "-", "changes": list(changes)}
        with _post(engine, "images/create", data=chunks, params=params) as answer:
            return str(_read_to_end(answer)["status"])


def save(engine: Engine, names: Sequence[str]) -> Iterator[bytes]:
    """Read images as one `docker save` archive, chunk by chunk."""
    api: Any = engine.client.api
    with (
        engine.errors(),
        api.get(_url(engine, "images/get"), params={"names": list(names)}, stream=True) as answer,
    ):
        if answer.status_code >= HTTP_ERROR:
            raise EngineRequestFailed(_message(answer), status=answer.status_code)
        yield from answer.iter_content(CHUNK)


def _counted(file: BinaryIO, total: int, report: Callable[[int], None]) -> Iterator[bytes]:
    done = 0
    while chunk := file.read(CHUNK):
        yield chunk
        done += len(chunk)
        report(min(done, total))


def _url(engine: Engine, path: str) -> str:
    return f"{engine.client.api.base_url}/v{engine.client.api.api_version}/{path}"


def _post(engine: Engine, path: str, *, timeout: float | None = None, **options: Any) -> Any:
    """Post to the engine where docker-py has no method for it, or one that times out too early."""
    api: Any = engine.client.api
    return api.post(_url(engine, path), stream=True, timeout=timeout, **options)


def _read_to_end(answer: Any) -> dict[str, Any]:
    """Read an answer of JSON lines and return the last one."""
    if answer.status_code >= HTTP_ERROR:
        raise EngineRequestFailed(_message(answer), status=answer.status_code)
    message: dict[str, Any] = {}
    for line in filter(bytes.strip, answer.iter_lines()):
        message = json.loads(line)
        _refuse(message)
    return message


def _message(answer: Any) -> str:
    try:
        return str(answer.json().get("message", ""))
    except ValueError:
        return str(answer.text)


def _no_answer(timeout: float) -> str:
    return _("no answer within {seconds:g} s").format(seconds=timeout)


def _refuse(message: Mapping[str, Any], tail: Sequence[str] = ()) -> None:
    if error := message.get("error"):
        raise EngineRequestFailed("\n".join([str(error), *tail]).rstrip())
