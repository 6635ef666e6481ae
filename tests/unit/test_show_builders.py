from __future__ import annotations

from typing import Any

import pytest

from labkit.engine import tools
from labkit.engine.objects import HistoryEntry
from labkit.show import builders


@pytest.fixture
def built(fake_engine: Any, make_image: Any) -> Any:
    """An engine with `lab/first:1`, whose newest step has a comment."""

    def build(comment: str) -> Any:
        fake_engine.images.things["lab/first:1"] = make_image("sha256:1")
        fake_engine.images.histories["lab/first:1"] = (
            HistoryEntry('CMD ["sh"]', 0, (), comment),
            HistoryEntry("", 3_000_000, (), "Imported from -"),
        )
        return fake_engine

    return build


def test_an_image_that_buildkit_has_signed_was_built_by_it(built: Any) -> None:
    drawn = repr(builders("lab/first:1", engine=built("buildkit.dockerfile.v0")))
    assert "docker build  BuildKit" in drawn
    assert "classic" not in drawn


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("DOCKER_BUILDKIT=1 /opt/docker", "DOCKER_BUILDKIT=1 /opt/docker build  BuildKit"),
        ("", "BuildKit  not here"),
    ],
)
def test_beside_the_classic_builder_stands_how_to_call_buildkit(
    built: Any, monkeypatch: pytest.MonkeyPatch, command: str, said: str
) -> None:
    monkeypatch.setattr(tools, "buildkit_command", lambda: command)
    drawn = repr(builders("lab/first:1", engine=built("")))
    assert "docker build  classic builder" in drawn
    assert said in drawn
