"""A fake engine: what a check reads, from plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import pytest

from labkit.engine import Container, HttpReply, Image
from labkit.errors import NoSuchContainer, NoSuchImage, NoSuchNetwork, NoSuchVolume

if TYPE_CHECKING:
    from labkit.engine import ExecReply, FileEntry
    from labkit.errors import NoSuchObject

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


@dataclass
class FakeCollection(Generic[T]):
    """`get` and `exists` over a dictionary, and what else containers and images are asked for."""

    missing: type[NoSuchObject]
    things: dict[str, T] = field(default_factory=dict)
    log_texts: dict[str, str] = field(default_factory=dict)
    files: dict[tuple[str, str], bytes] = field(default_factory=dict)
    trees: dict[tuple[str, str], dict[str, FileEntry]] = field(default_factory=dict)
    replies: dict[str, ExecReply] = field(default_factory=dict)
    diffs: dict[str, dict[str, str]] = field(default_factory=dict)
    histories: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    lines: tuple[dict[str, Any], ...] = ()

    def get(self, name: str) -> T:
        if name not in self.things:
            raise self.missing(name)
        return self.things[name]

    def exists(self, name: str) -> bool:
        return name in self.things

    def list(self) -> tuple[dict[str, Any], ...]:
        return self.lines

    def logs(self, name: str, *, tail: int | None = None, times: bool = False) -> str:
        self.get(name)
        lines = self.log_texts.get(name, "").splitlines(keepends=True)
        if times:
            lines = [f"2026-01-01T00:00:{n:02}Z {line}" for n, line in enumerate(lines)]
        return "".join(lines if tail is None else lines[-tail:])

    def read_file(self, name: str, path: str) -> bytes:
        self.get(name)
        if (name, path) not in self.files:
            raise FileNotFoundError(f"{name}:{path}")
        return self.files[name, path]

    def read_tree(self, name: str, path: str) -> dict[str, FileEntry]:
        self.get(name)
        return self.trees[name, path]

    def ask(self, name: str, *_command: str) -> ExecReply:
        self.get(name)
        return self.replies[name]

    def diff(self, name: str) -> dict[str, str]:
        self.get(name)
        return self.diffs.get(name, {})

    def history(self, name: str) -> tuple[Any, ...]:
        self.get(name)
        return self.histories.get(name, ())


def a_container(name: str, labels: dict[str, str] | None = None, **state: Any) -> Container:
    """A container that ran `echo hello` and ended well, unless `state` says otherwise."""
    ended = {"Status": "exited", "ExitCode": 0, "FinishedAt": "2026-01-01T00:00:01Z"}
    return Container.from_inspect(
        {
            "Id": "c0ffee",
            "Name": f"/{name}",
            "Image": "sha256:feed",
            "State": {**ended, **state},
            "Config": {"Image": "lab/shell", "Cmd": ["echo", "hello"], "Labels": labels},
            "HostConfig": {},
        }
    )


class FakeEngine:
    """Enough of `labkit.engine.Engine` for checks; `http` maps ports to bodies."""

    def __init__(self) -> None:
        self.containers: FakeCollection[Container] = FakeCollection(NoSuchContainer)
        self.images: FakeCollection[Image] = FakeCollection(NoSuchImage)
        self.networks: FakeCollection[Any] = FakeCollection(NoSuchNetwork)
        self.volumes: FakeCollection[Any] = FakeCollection(NoSuchVolume)
        self.http: dict[int, str] = {}

    def http_get(self, port: int, path: str = "/", *, timeout: float = 2.0) -> HttpReply:
        if port not in self.http:
            raise ConnectionError(f"127.0.0.1:{port}: Connection refused")
        return HttpReply(200, self.http[port], {})

    host = "127.0.0.1"

    @property
    def is_here(self) -> bool:
        return self.host == "127.0.0.1"

    def close(self) -> None:
        """Nothing was opened."""


@pytest.fixture
def fake_engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def make_container() -> Callable[..., Container]:
    return a_container


@pytest.fixture
def make_image() -> Callable[[str], Image]:
    return lambda identifier: Image.from_inspect({"Id": identifier})
