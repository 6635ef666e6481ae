"""Whether Portainer's image can be had, decided without an engine that could have it."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest

from labkit.engine import portainer, transfer
from labkit.engine.probes import Verdict, probe
from labkit.engine.sockets import socket_path
from labkit.errors import EngineTooSlow


class Registry:
    """An engine that has no image, and asks a registry that gives one answer."""

    def __init__(
        self, status: int = 200, message: str = "", error: Exception | None = None
    ) -> None:
        self.asked: list[tuple[str, float]] = []
        self.base_url, self.api_version = "http+docker://here", "1.41"
        self._answer = SimpleNamespace(
            status_code=status, json=lambda: {"message": message}, text=message
        )
        self._error = error

    def get(self, url: str, *, timeout: float) -> Any:
        self.asked.append((url, timeout))
        if self._error:
            raise self._error
        return nullcontext(self._answer)


def engine_at(registry: Registry, *images: str) -> Any:
    return SimpleNamespace(
        client=SimpleNamespace(api=registry),
        errors=nullcontext,
        images=SimpleNamespace(exists=lambda name: name in images),
    )


@pytest.fixture(autouse=True)
def greeted(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What greeting the registry says; nothing is that it answers."""
    said = {"why": ""}
    monkeypatch.delenv(transfer.MIRROR_VARIABLE, raising=False)
    monkeypatch.setattr(transfer, "reach_registry", lambda *_args, **_options: said["why"])
    return said


def test_an_image_that_is_here_asks_no_registry(greeted: dict[str, str]) -> None:
    greeted["why"] = "no such host"
    registry = Registry()
    result = probe("portainer", engine_at(registry, portainer.IMAGE))
    assert result.verdict is Verdict.GOOD
    assert "is on the engine" in result.said
    assert registry.asked == []


def test_without_a_registry_no_image_is_looked_up(greeted: dict[str, str]) -> None:
    greeted["why"] = "dial tcp: no such host"
    registry = Registry()
    result = probe("portainer", engine_at(registry))
    assert result.verdict is Verdict.ABSENT
    assert result.said.endswith("cannot be had: dial tcp: no such host.")
    assert result.cost
    assert registry.asked == []


def test_an_image_that_the_registry_has_can_be_pulled() -> None:
    registry = Registry()
    result = probe("portainer", engine_at(registry))
    assert result.verdict is Verdict.GOOD
    assert "can be pulled" in result.said
    ((url, timeout),) = registry.asked
    assert url.endswith(f"/v1.41/distribution/{portainer.IMAGE}/json")
    assert timeout == portainer.SECONDS[1]


def test_what_the_registry_says_no_to_is_told_in_its_words() -> None:
    refused = probe("portainer", engine_at(Registry(404, "manifest unknown")))
    assert refused.verdict is Verdict.ABSENT
    assert "cannot be had: manifest unknown." in refused.said


def test_a_portainer_that_starts_is_waited_for_at_its_old_address_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []
    said = iter(["", "", "", "2.19.4"])

    def answer(host: str, port: int, path: str) -> str:
        assert (host, port) == ("127.0.0.1", portainer.PORT)
        asked.append(path)
        return next(said)

    monkeypatch.setattr(portainer, "_version", answer)
    engine: Any = SimpleNamespace(host="127.0.0.1")
    assert portainer.version(engine) == "2.19.4"
    assert asked == [*portainer.STATUS] * 2


def test_a_registry_that_keeps_silent_is_not_waited_for() -> None:
    late = EngineTooSlow("unix:///var/run/docker.sock")
    slow = probe("portainer", engine_at(Registry(error=late)))
    assert slow.verdict is Verdict.ABSENT
    assert "no answer within 10 s" in slow.said


def test_a_mirror_is_asked_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(transfer.MIRROR_VARIABLE, "https://mirror.example:5000/")
    registry = Registry()
    probe("portainer", engine_at(registry))
    assert f"distribution/mirror.example:5000/{portainer.IMAGE}/" in registry.asked[0][0]


@pytest.mark.parametrize(
    ("endpoint", "system", "path"),
    [
        ("unix:///run/user/1000/docker.sock", "Debian GNU/Linux 12", "/run/user/1000/docker.sock"),
        ("unix:///home/me/.docker/run/docker.sock", "Docker Desktop", "/var/run/docker.sock"),
        ("tcp://192.0.2.7:2376", "Debian GNU/Linux 12", "/var/run/docker.sock"),
    ],
)
def test_the_socket_is_named_as_the_engines_own_host_has_it(
    endpoint: str, system: str, path: str
) -> None:
    engine: Any = SimpleNamespace(endpoint=endpoint, info=lambda: {"OperatingSystem": system})
    assert socket_path(engine) == path
