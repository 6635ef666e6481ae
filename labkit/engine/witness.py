"""Notes containers that may change the engine itself, as soon as they are there.

A container with every right may rewrite what the engine keeps: a log, for one. When it was removed,
the engine knows nothing more of it than its name.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from labkit.engine.connect import connect
from labkit.errors import LabError
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: With one of these, and a way to the engine's files or processes, there is nothing to stop it.
MIGHTY = frozenset({"ALL", "DAC_READ_SEARCH", "SYS_ADMIN", "SYS_MODULE", "SYS_PTRACE"})


class Witness:
    """Looks at each container of an engine when it is made, as long as the engine lives."""

    def __init__(self, endpoint: str, own: Sequence[str]) -> None:
        """Begin.

        Args:
            endpoint: The engine's address.
            own: The folders in which the engine keeps what it knows.
        """
        self._own = tuple(map(PurePosixPath, own))
        self._engine = connect(endpoint)
        self._seen: dict[str, str] = {}
        self._stream: Any = self._engine.client.api.events(
            decode=True, filters={"type": "container", "event": "create"}
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
                self._seen[event["id"]] = self._look(event)

    def _look(self, event: dict[str, Any]) -> str:
        name = event["Actor"]["Attributes"].get("name", event["id"][:12])
        try:
            container = self._engine.containers.get(event["id"])
        except LabError:
            return _("`{name}` was removed before it could be looked at").format(name=name)
        rights = ", ".join(_rights(container.attrs, self._own))
        return f"`{name}`: {rights}" if rights else ""


def _rights(attrs: dict[str, Any], own: Sequence[PurePosixPath]) -> Iterator[str]:
    """List what lets a container at the engine."""
    host = attrs["HostConfig"]
    if host.get("Privileged"):
        yield "--privileged"
    if host.get("PidMode") == "host":
        yield "--pid=host"
    for capability in host.get("CapAdd") or ():
        if (name := capability.removeprefix("CAP_")) in MIGHTY:
            yield f"--cap-add={name}"
    for mount in attrs.get("Mounts", ()):
        source = PurePosixPath(mount.get("Source", ""))
        if mount["Type"] == "bind" and any(
            folder.is_relative_to(source) or source.is_relative_to(folder) for folder in own
        ):
            yield f"--volume {source}:{mount['Destination']}"
