from __future__ import annotations

import gettext
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from labkit.checking import checks_of

if TYPE_CHECKING:
    from labkit.course import Course

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("locale") / "labkit.pot"
    command = ["-q", "extract", "-F", "pyproject.toml", "-o", str(path), "labkit"]
    subprocess.run(
        [sys.executable, "-m", "babel.messages.frontend", *command], cwd=ROOT, check=True
    )
    return path


def texts_of(template: Path) -> set[str]:
    from babel.messages.pofile import read_po

    with template.open("rb") as file:
        return {str(message.id) for message in read_po(file)}


def test_messages_of_errors_and_hints_are_extracted(template: Path) -> None:
    texts = texts_of(template)
    assert "There is no container named `{name}`." in texts
    assert "Run `labkit engine start`, then try again." in texts


def test_what_each_check_expects_is_extracted(template: Path, course: Course) -> None:
    texts = texts_of(template)
    expected = {c.expected for e in course.exercises for c in checks_of(e, course, hidden=True)}
    assert expected
    assert expected <= texts


def test_a_catalogue_translates_what_a_check_expects(template: Path, tmp_path: Path) -> None:
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    with template.open("rb") as file:
        catalogue = read_po(file)
    text = "There is a container named `lab-hello`."
    catalogue[text].string = "有一个名为 `lab-hello` 的容器。"
    compiled = tmp_path / "labkit.mo"
    with compiled.open("wb") as file:
        write_mo(file, catalogue)
    with compiled.open("rb") as file:
        assert gettext.GNUTranslations(file).gettext(text) == "有一个名为 `lab-hello` 的容器。"
