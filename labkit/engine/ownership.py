"""What is the course's on an engine, and its removal; nothing else is ever touched.

Ours is a container, network or volume whose name begins with `lab-` or that carries a `labkit.…`
label, and an image name of a repository below `lab/`, also in a registry of this machine
(`localhost:5000/lab/web`). Whatever is built on a course image inherits its labels, and containers
inherit their image's. So an inherited label counts only on a container whose image still has a
name, and only names of ours; an image without any name is ours when it carries another `labkit.…`
label. What cannot be told apart is left alone.
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import groupby
from typing import TYPE_CHECKING, Any

from labkit.engine.objects import listed_name, listed_tags
from labkit.engine.translate import HTTP_NOT_FOUND
from labkit.errors import EngineRequestFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from labkit.engine.engine import Engine

OBJECT_PREFIX = "lab-"
IMAGE_PREFIX = "lab/"
LABEL_PREFIX = "labkit."
#: A registry of this machine in an image's name.
LOCAL_REGISTRY = re.compile(r"^(localhost|127\.0\.0\.1):\d+/")
#: What every course image carries, and so whatever anybody builds on one. On an object that has no
#: name of ours these prove nothing.
INHERITED = frozenset({"labkit.image", "labkit.digest"})

#: A container is removed before the network, volume and image that it uses.
ORDER = ("container", "network", "volume", "image")
#: docker-py keeps ten connections.
PARALLEL = 10


@dataclass(frozen=True, order=True)
class Owned:
    """One object of the course; `reference` is what the engine is asked to remove."""

    kind: str
    name: str
    reference: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True)
class Removal:
    """What was removed, and what the engine would not remove, in its own words."""

    removed: tuple[Owned, ...]
    refused: dict[Owned, str] = field(default_factory=dict)


def owned(
    engine: Engine, *, keep_images: Collection[str] = (), names: Sequence[str] | None = None
) -> tuple[Owned, ...]:
    """List the course's objects in the order of their removal; nothing is changed.

    Args:
        engine: Where to look.
        keep_images: Image names with tag that stay: the course images.
        names: Only these names or globs (`lab-web`, `lab/greeter:*`, the latter also in a registry
            of this machine); None is everything.

    Returns:
        What a removal would take, dependants first.
    """
    with engine.errors():
        found = sorted(_all(engine.client.api, keep_images), key=lambda o: ORDER.index(o.kind))
    if names is None:
        return tuple(found)
    return tuple(o for o in found if any(fnmatchcase(_local(o.name), name) for name in names))


def remove(
    engine: Engine,
    things: Sequence[Owned],
    *,
    progress: Callable[[Owned], None] | None = None,
) -> Removal:
    """Remove what `owned` listed: containers by force, at once, with their anonymous volumes.

    Args:
        engine: Where they are.
        things: From `owned`.
        progress: Called with each thing that is done with.

    Raises:
        EngineUnreachable: The engine went away; what is left is still there.
    """
    removed: list[Owned] = []
    refused: dict[Owned, str] = {}

    def attempt(thing: Owned) -> str:
        try:
            with engine.errors():
                remove_one(engine.client.api, thing)
        except EngineRequestFailed as error:
            if error.status != HTTP_NOT_FOUND:  # already gone is as good as removed
                return error.message
        return ""

    # One kind after the other, each in parallel, as the docker command does it.
    with ThreadPoolExecutor(PARALLEL) as pool:
        for _kind, group in groupby(things, key=lambda thing: thing.kind):
            same_kind = tuple(group)
            for thing, refusal in zip(same_kind, pool.map(attempt, same_kind), strict=True):
                if refusal:
                    refused[thing] = refusal
                else:
                    removed.append(thing)
                if progress:
                    progress(thing)
    return Removal(tuple(removed), refused)


def is_ours(name: str, labels: dict[str, str] | None) -> bool:
    """Tell whether a container, network or volume is the course's."""
    return name.startswith(OBJECT_PREFIX) or _labelled(labels)


def _labelled(labels: dict[str, str] | None) -> bool:
    return any(label.startswith(LABEL_PREFIX) for label in labels or ())


def _without_inherited(labels: dict[str, str] | None) -> dict[str, str]:
    return {name: value for name, value in (labels or {}).items() if name not in INHERITED}


def _all(api: Any, keep_images: Collection[str]) -> Iterator[Owned]:
    images = api.images()
    course_images = {line["Id"] for line in images if _has_only_our_names(line)}
    for line in api.containers(all=True):
        name = listed_name(line)
        labels = line["Labels"]
        if line["ImageID"] not in course_images:
            labels = _without_inherited(labels)
        if is_ours(name, labels):
            yield Owned("container", name, line["Id"])
    for line in api.networks():
        if is_ours(line["Name"], line["Labels"]):
            yield Owned("network", line["Name"], line["Id"])
    for line in api.volumes()["Volumes"] or ():
        if is_ours(line["Name"], line["Labels"]):
            yield Owned("volume", line["Name"], line["Name"])
    for line in images:
        yield from _images(line, keep_images)


def _has_only_our_names(line: dict[str, Any]) -> bool:
    tags = listed_tags(line)
    return bool(tags) and all(_is_our_image(tag) for tag in tags)


def _is_our_image(tag: str) -> bool:
    return _local(tag).startswith(IMAGE_PREFIX)


def _local(name: str) -> str:
    """Leave out a registry of this machine."""
    return LOCAL_REGISTRY.sub("", name)


def _images(line: dict[str, Any], keep_images: Collection[str]) -> Iterator[Owned]:
    tags = listed_tags(line)
    for tag in tags:
        if _is_our_image(tag) and tag not in keep_images:
            yield Owned("image", tag, tag)
    digests = [] if tags else _digests(line)
    for digest in digests:
        if _is_our_image(digest):
            yield Owned("image", digest, digest)
    if not tags and not digests and _labelled(_without_inherited(line["Labels"])):
        yield Owned("image", line["Id"].removeprefix("sha256:")[:12], line["Id"])


def _digests(line: dict[str, Any]) -> list[str]:
    """Return the names by digest of an image that no tag names: it was pulled by its digest."""
    return [digest for digest in line.get("RepoDigests") or () if not digest.startswith("<none>")]


def remove_one(api: Any, thing: Owned) -> None:
    """Remove one object, whoever's it is: to ask about somebody else's is the caller's."""
    if thing.kind == "container":
        api.remove_container(thing.reference, v=True, force=True)
    elif thing.kind == "network":
        api.remove_network(thing.reference)
    elif thing.kind == "volume":
        api.remove_volume(thing.reference)
    else:
        api.remove_image(thing.reference)
