"""Whatever else an engine holds survives what labkit does, byte for byte.

`tests/course` shows the same of lessons and proofs.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from labkit.cli import main
from labkit.course import Course
from tests.foreign import inspected

if TYPE_CHECKING:
    from labkit.engine import Engine

ROOT = Path(__file__).parents[2]
SLUGS = [exercise.slug for exercise in Course.load(ROOT).exercises]

COMMANDS = {
    "checks": [["check", slug] for slug in SLUGS],
    "starts": [["start", slug] for slug in SLUGS],
    "dry runs": [["reset", "--dry-run"], *(["reset", slug, "--dry-run"] for slug in SLUGS)],
    "resets of exercises": [["reset", slug, "--yes"] for slug in SLUGS],
    "a reset of everything": [["reset", "--yes"]],
    "a look around": [["doctor"], ["list"], ["images", "list"], ["engine", "status"]],
}


@pytest.fixture
def ours(engine: Engine) -> tuple[str, ...]:
    """Objects of the course for a reset to remove."""
    api: Any = engine.client.api
    for name in ("lab-hello", "lab-unlisted"):
        if not engine.containers.exists(name):
            api.create_container("lab/shell", ["true"], name=name)
    api.create_volume("lab-data")
    api.tag("two-names:1", "lab/two-names", "1")
    return ("lab-hello", "lab-unlisted")


@pytest.mark.parametrize("what", COMMANDS)
@pytest.mark.usefixtures("work")
def test_foreign_objects_survive(
    engine: Engine,
    planted: str,
    ours: tuple[str, ...],
    what: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(ROOT)
    for arguments in COMMANDS[what]:
        assert main(arguments) in {0, 1}, capsys.readouterr()
    assert inspected(engine) == planted
    if what == "a reset of everything":
        assert not any(engine.containers.exists(name) for name in ours)
        assert not engine.volumes.exists("lab-data")
        assert not engine.images.exists("lab/two-names:1")


def test_a_dry_run_names_nothing_foreign(
    engine: Engine, planted: str, ours: tuple[str, ...], work: Path
) -> None:
    told = subprocess.run(
        [sys.executable, "-m", "labkit", "reset", "--dry-run", "--json"],
        cwd=ROOT,
        env=os.environ | {"LABKIT_WORK": str(work)},
        capture_output=True,
        text=True,
        check=True,
    )
    things = json.loads(told.stdout)["objects"]
    assert {(thing["kind"], thing["name"]) for thing in things} == {
        *(("container", name) for name in ours),
        ("volume", "lab-data"),
        ("image", "lab/two-names:1"),
    }
    assert inspected(engine) == planted


@pytest.mark.parametrize("magic", ["%reset_lab", "%reset_lab --dry-run"])
def test_foreign_objects_survive_the_magics(
    engine: Engine, planted: str, ours: tuple[str, ...], magic: str
) -> None:
    script = (
        "from IPython.core.interactiveshell import InteractiveShell as S\n"
        "s = S.instance()\n"
        "s.extension_manager.load_extension('labkit')\n"
        f"assert s.run_cell({magic!r}).success"
    )
    told = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert all(f"container {name}" in told.stdout for name in ours)
    assert inspected(engine) == planted
