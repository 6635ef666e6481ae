from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from labkit.checking import CheckFailed
from labkit.checks import repositories as checks
from labkit.engine import Container, Image
from labkit.registry import Blob, Manifest

if TYPE_CHECKING:
    from collections.abc import Callable

PINNED = "localhost:5005/lab/pump@sha256:" + "ab" * 32


def refusal(check: Callable[[Any], None], engine: Any) -> CheckFailed:
    with pytest.raises(CheckFailed) as caught:
        check(engine)
    return caught.value


class FakeRegistry:
    """Tags to what they stand for: a layer, and the label of the version."""

    def __init__(self) -> None:
        self.kept: dict[str, dict[str, tuple[str, str]]] = {}

    def repositories(self) -> tuple[str, ...]:
        return tuple(self.kept)

    def tags(self, repository: str) -> tuple[str, ...]:
        return tuple(self.kept.get(repository, ()))

    def image(self, repository: str, tag: str) -> Manifest | None:
        if tag not in self.kept.get(repository, {}):
            return None
        layer, label = self.kept[repository][tag]
        return Manifest(layer, 1, "", Blob(f"{layer} {label}", 1, ""), (), ())

    def labels(self, _repository: str, manifest: Manifest) -> dict[str, str]:
        assert manifest.config is not None
        return {"lab.clock": manifest.config.digest.split()[1]}

    def layers_unpacked(self, _repository: str, manifest: Manifest) -> tuple[str, ...]:
        return (manifest.digest,)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> FakeRegistry:
    registry = FakeRegistry()
    monkeypatch.setattr(checks, "_hub", lambda _engine: registry)
    return registry


@pytest.fixture
def engine(fake_engine: Any) -> Any:
    for name, layer in (("lab/today:1", "menu"), ("lab/shell", "shell")):
        image(fake_engine, name, layer)
    return fake_engine


def image(engine: Any, name: str, layer: str, **labels: str) -> None:
    engine.images.things[name] = Image.from_inspect(
        {"Id": name, "RootFS": {"Layers": [layer]}, "Config": {"Labels": labels}}
    )


def container(engine: Any, name: str, asked: str, image_id: str, status: str = "exited") -> None:
    engine.containers.things[name] = Container.from_inspect(
        {
            "Id": name,
            "Name": name,
            "Image": image_id,
            "State": {"Status": status, "ExitCode": 0},
            "Config": {"Image": asked},
            "HostConfig": {},
        }
    )


def test_both_tags_of_the_menu_pass(engine: Any, hub: FakeRegistry) -> None:
    hub.kept["lab/menu"] = {"1": ("menu", ""), "1.0": ("menu", "")}
    checks.menu_was_pushed(engine)
    checks.menu_has_both_tags(engine)
    checks.tags_stand_for_the_menu(engine)


def test_an_empty_registry_is_told_from_another_name(engine: Any, hub: FakeRegistry) -> None:
    assert "`docker push NAME`" in refusal(checks.menu_was_pushed, engine).hint
    hub.kept["lab/today"] = {"1": ("menu", "")}
    assert "`lab/today`" in refusal(checks.menu_was_pushed, engine).found


def test_a_missing_tag_is_named(engine: Any, hub: FakeRegistry) -> None:
    hub.kept["lab/menu"] = {"1": ("menu", "")}
    assert "without `1.0`" in refusal(checks.menu_has_both_tags, engine).found


@pytest.mark.parametrize(("layer", "found"), [("shell", "`lab/shell`"), ("old", "another image")])
def test_another_image_under_the_tags_is_found_out(
    engine: Any, hub: FakeRegistry, layer: str, found: str
) -> None:
    hub.kept["lab/menu"] = {"1": ("menu", ""), "1.0": (layer, "")}
    assert found in refusal(checks.tags_stand_for_the_menu, engine).found


def test_a_latest_that_is_two_passes(engine: Any, hub: FakeRegistry) -> None:
    hub.kept["lab/clock"] = {"1": ("a", "1"), "2": ("b", "2"), "latest": ("b", "2")}
    checks.latest_is_version_two(engine)
    checks.versions_stayed(engine)


@pytest.mark.parametrize(
    ("two", "hint"), [("2", "docker push localhost:5005/lab/clock:latest"), ("1", "old name first")]
)
def test_a_latest_that_is_one_is_told_why(
    engine: Any, hub: FakeRegistry, two: str, hint: str
) -> None:
    hub.kept["lab/clock"] = {"1": ("a", "1"), "2": ("b", two), "latest": ("a", "1")}
    assert hint in refusal(checks.latest_is_version_two, engine).hint


def test_a_version_that_moved_is_named(engine: Any, hub: FakeRegistry) -> None:
    hub.kept["lab/clock"] = {"1": ("b", "2"), "2": ("b", "2"), "latest": ("b", "2")}
    assert "`1` stands for version 2" in refusal(checks.versions_stayed, engine).found


def test_a_tag_that_is_gone_is_named(engine: Any, hub: FakeRegistry) -> None:
    hub.kept["lab/clock"] = {}
    assert "`lab/clock:latest`" in refusal(checks.latest_is_version_two, engine).found


def test_a_pinned_pump_passes_if_it_was_tested(engine: Any) -> None:
    image(engine, "good", "x", **{"lab.pump": "tested"})
    container(engine, "lab-pump", PINNED, "good")
    checks.pump_is_pinned(engine)
    checks.pump_is_the_tested_one(engine)
    image(engine, "good", "x", **{"lab.pump": "untested"})
    assert "today" in refusal(checks.pump_is_the_tested_one, engine).found


@pytest.mark.parametrize("asked", ["localhost:5005/lab/pump:stable", "sha256:" + "ab" * 32])
def test_a_pump_by_tag_or_id_is_not_pinned(engine: Any, asked: str) -> None:
    container(engine, "lab-pump", asked, "good")
    assert asked in refusal(checks.pump_is_pinned, engine).found


def test_a_till_that_was_mended_passes(engine: Any, hub: FakeRegistry) -> None:
    image(engine, "good", "till")
    container(engine, "lab-till-old", "localhost:5005/lab/till", "good")
    container(engine, "lab-till", PINNED, "good", "running")
    hub.kept["lab/till"] = {"latest": ("till", "")}
    checks.till_runs_the_good_image(engine)
    checks.till_is_pinned(engine)
    checks.latest_is_good_again(engine)
    hub.kept["lab/till"] = {"latest": ("bad", "")}
    assert "docker push" in refusal(checks.latest_is_good_again, engine).hint


def test_a_till_that_is_not_mended_is_told_what_is_missing(engine: Any) -> None:
    container(engine, "lab-till-old", "localhost:5005/lab/till", "good")
    assert "no container" in refusal(checks.till_runs_the_good_image, engine).found
    container(engine, "lab-till", "localhost:5005/lab/till", "bad", "running")
    assert "lab-till-old" in refusal(checks.till_runs_the_good_image, engine).hint
    assert "moves the tag" in refusal(checks.till_is_pinned, engine).hint
    container(engine, "lab-till", "sha256:ab", "good")
    assert "An id" in refusal(checks.till_is_pinned, engine).hint
    assert "ended with 0" in refusal(checks.till_runs_the_good_image, engine).found


def test_the_hub_is_at_the_engines_host() -> None:
    engine: Any = SimpleNamespace(host="far.example")
    assert checks._hub(engine).address == "far.example:5005"
