from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from labkit import distribution
from labkit.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Sequence


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Commands are written down instead of run."""
    commands: list[str] = []

    def run(command: Sequence[str], **_options: object) -> str:
        commands.append(" ".join(command))
        return ""

    monkeypatch.setattr(distribution, "run", run)
    monkeypatch.setattr(distribution, "_is_available", lambda name: name == "docker-buildx")
    return commands


def test_packages_are_named_before_anything_runs(
    ran: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)

    def say(line: str) -> None:
        assert not ran
        assert "docker.io" in line

    distribution.install_packages(["docker.io"], say=say)
    assert ran[0].endswith("update")
    assert ran[1].endswith("install --yes --no-install-recommends docker.io")


def test_an_optional_package_is_taken_only_where_the_release_has_it(
    ran: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    distribution.install_packages(
        ["docker.io"], say=lambda _line: None, optional=["docker-cli", "docker-buildx"]
    )
    assert ran[1].endswith(" docker.io docker-buildx")


def test_an_ordinary_account_goes_by_sudo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr("shutil.which", lambda name, **_options: f"/usr/bin/{name}")
    assert distribution.as_root(["apt-get", "update"], why="x") == ("sudo", "apt-get", "update")


def test_without_root_and_sudo_one_sentence_says_what_helps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr("shutil.which", lambda _name, **_options: None)
    with pytest.raises(LabError, match="Installing `git` needs root") as failure:
        distribution.as_root(["apt-get"], why="Installing `git`")
    assert "Run `make lab` as root" in failure.value.hint
