from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from labkit import commands
from labkit.errors import CommandFailed
from labkit.wheels import build_context


def nothing(*_: Any) -> None:
    """Report to nobody."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "Dockerfile").write_text("FROM lab/python\nCOPY wheels /opt\n")
    return tmp_path


def test_an_image_without_requirements_is_built_from_its_folder(folder: Path) -> None:
    with build_context(folder, nothing) as context:
        assert context == folder


def test_wheels_lie_in_a_copy_and_the_folder_stays_as_it_was(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pip(command: list[str], **_: Any) -> None:
        assert {"download", "--no-deps", "--require-hashes"} <= set(command)
        wheels = Path(command[command.index("--dest") + 1])
        wheels.mkdir()
        (wheels / "x-1.whl").touch()

    monkeypatch.setattr(commands, "run", pip)
    (folder / "requirements.txt").write_text("x==1 --hash=sha256:0\n")
    with build_context(folder, nothing) as context:
        names = {path.relative_to(context).as_posix() for path in context.rglob("*")}
        assert names == {"Dockerfile", "requirements.txt", "wheels", "wheels/x-1.whl"}
    assert not context.exists()
    assert {path.name for path in folder.iterdir()} == {"Dockerfile", "requirements.txt"}


def test_a_package_that_pip_does_not_get_is_said(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    (folder / "requirements.txt").write_text(f"lab-nothing==1 --hash=sha256:{'0' * 64}\n")
    with pytest.raises(CommandFailed, match="lab-nothing"), build_context(folder, nothing):
        pytest.fail("there is nothing to build from")
