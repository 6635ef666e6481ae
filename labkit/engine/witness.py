"""Notes containers that may change the engine itself, as soon as they are there.

A container with every right may rewrite what the engine keeps: a log, for one. When it was removed,
the engine knows nothing more of it than its name.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from labkit.engine.connect import connect
from labkit.errors import LabError
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: With one of these, and a way to the engine's files or processes, there is nothing to stop it.
MIGHTY = frozenset({"ALL", "DAC_READ_SEARCH", "SYS_ADMIN", "SYS_MODULE", "SYS_PTRACE"})
#: As many links as the kernel follows in one path.
LINKS = 40


class Witness:
    """Looks at each container when it is made and when it starts, as long as the engine lives.

    Where a mount comes from is read twice, for a link may be turned round between the two. One that
    is turned round for no more than the start itself is not seen.
    """

    def __init__(self, endpoint: str, own: Sequence[str], root: Path = Path("/")) -> None:
        """Begin.

        Args:
            endpoint: The engine's address.
            own: The folders in which the engine keeps what it knows.
            root: What the engine has for its root folder, as seen from here.
        """
        self._own = tuple(map(PurePosixPath, own))
        self._root = root
        self._engine = connect(endpoint)
        self._seen: dict[str, str] = {}
        self._stream: Any = self._engine.client.api.events(
            decode=True, filters={"type": "container", "event": ["create", "start"]}
        )
        self._thread = threading.Thread(target=self._watch, name="witness", daemon=True)
        self._thread.start()

    def mighty(self) -> tuple[str, ...]:
        """Say of each container that could change the engine itself why it could."""
        return tuple(text for text in self._seen.values() if text)

    def close(self) -> None:
        """Let go of an engine that has ended, and with it what was heard of it."""
        self._thread.join()
        self._engine.close()

    def _watch(self) -> None:
        with suppress(Exception):  # however the engine ends, there is nothing more to see
            for event in self._stream:
                name = event["Actor"]["Attributes"].get("name", event["id"][:12])
                try:
                    found = self._look(event, name)
                except Exception as error:  # noqa: BLE001 - whatever a learner has thought of
                    text = _("`{name}` could not be looked at: {why}")
                    found = text.format(name=name, why=error)
                self._seen[event["id"]] = found or self._seen.get(event["id"], "")

    def _look(self, event: dict[str, Any], name: str) -> str:
        try:
            attrs = self._engine.containers.get(event["id"]).attrs
            sources = tuple(self._sources(attrs))
        except LabError:
            if event["Action"] == "start":  # it was looked at when it was made
                return ""
            return _("`{name}` was removed before it could be looked at").format(name=name)
        rights = ", ".join((*_rights(attrs), *self._ways_in(sources)))
        return f"`{name}`: {rights}" if rights else ""

    def _sources(self, attrs: dict[str, Any]) -> Iterator[tuple[str, str]]:
        """List what the container sees of the engine's files: where it lies, and the option."""
        for mount in attrs.get("Mounts", ()):
            source, target = mount.get("Source", ""), mount["Destination"]
            if mount["Type"] == "bind":
                yield source, f"--volume {source}:{target}"
            elif mount["Type"] == "volume":
                options = self._engine.volumes.get(mount["Name"]).attrs.get("Options") or {}
                if device := options.get("device"):
                    yield device, f"--volume {mount['Name']}:{target} ({device})"

    def _ways_in(self, sources: Sequence[tuple[str, str]]) -> Iterator[str]:
        for source, option in sources:
            place = follow(self._root, PurePosixPath(source))
            if any(own.is_relative_to(place) or place.is_relative_to(own) for own in self._own):
                yield option


def follow(root: Path, path: PurePosixPath) -> PurePosixPath:
    """Return where a path leads, links followed, for a process that has this root folder."""
    here, ahead, links = PurePosixPath("/"), [*reversed(path.parts)], 0
    while ahead:
        name = ahead.pop()
        if name == "..":
            here = here.parent
            continue
        try:
            target = Path(f"{root}{here / name}").readlink() if links < LINKS else None
        except OSError:  # it is no link, or not there
            target = None
        if target is None or name == "/":
            here /= name
            continue
        links += 1
        ahead += reversed(target.parts)
    return here


def _rights(attrs: dict[str, Any]) -> Iterator[str]:
    """List what lets a container at the engine's processes."""
    host = attrs["HostConfig"]
    if host.get("Privileged"):
        yield "--privileged"
    if host.get("PidMode") == "host":
        yield "--pid=host"
    for capability in host.get("CapAdd") or ():
        if (name := capability.removeprefix("CAP_")) in MIGHTY:
            yield f"--cap-add={name}"
