"""CONTRIBUTING.md quotes what is there, and gives a reason for each dependency."""

from __future__ import annotations

import re
import textwrap
import tomllib
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "CONTRIBUTING.md").read_text()


def quotes() -> Iterator[tuple[str, str]]:
    """Each indented block, and the file that was named last before it."""
    named = ""
    for part in re.findall(r"^ {4}.*\n(?: {4}.*\n|\n(?= {4}))*|^.*\n", TEXT, re.MULTILINE):
        if part.startswith("    "):
            yield named, textwrap.dedent(part).strip()
        for name in re.findall(r"`([\w./-]+)`", part):
            if "/" in name and (ROOT / name).is_file():
                named = name


@pytest.mark.parametrize(("name", "quoted"), list(quotes()))
def test_what_is_quoted_stands_in_the_file(name: str, quoted: str) -> None:
    assert quoted in (ROOT / name).read_text()


def test_solution_wrong_answer_and_check_are_quoted() -> None:
    assert [name for name, _quoted in quotes()] == [
        *2 * ["solutions/00_welcome/hello.md"],
        "labkit/checks/welcome.py",
    ]


def dependencies() -> set[str]:
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [*project["project"]["dependencies"]]
    extras = project["project"]["optional-dependencies"]
    for group in (*project["dependency-groups"].values(), *extras.values()):
        wanted += [entry for entry in group if isinstance(entry, str)]
    return {re.split(r"[\s><=;\[]", entry)[0] for entry in wanted}


def test_each_dependency_has_a_reason_and_each_reason_a_dependency() -> None:
    section = TEXT.partition("## Dependencies, and why")[2]
    rows = re.findall(r"^\| (.+?) \| .+ \|$", section, re.MULTILINE)
    patterns = {name for row in rows if row != "package" for name in row.split(", ")}
    assert {d for d in dependencies() if not any(fnmatchcase(d, p) for p in patterns)} == set()
    assert {p for p in patterns if not any(fnmatchcase(d, p) for d in dependencies())} == set()
