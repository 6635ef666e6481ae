from __future__ import annotations

import pytest
from IPython.core.interactiveshell import InteractiveShell

from labkit.go_templates import keep_go_templates


@pytest.fixture
def expand() -> object:
    """What a shell is given for a cell, from the transformer and IPython's own expansion."""
    shell = InteractiveShell()
    shell.user_ns["name"] = "lab-web"

    def expanded(line: str) -> str:
        text = "".join(keep_go_templates([line + "\n"]))
        return str(shell.var_expand(text.partition("!")[2].rstrip("\n")))

    return expanded


@pytest.mark.parametrize(
    ("cell", "command"),
    [
        ("!docker ps --format '{{.Names}}'", "docker ps --format '{{.Names}}'"),
        ("ids = !docker ps -q --format '{{json .}}'", "docker ps -q --format '{{json .}}'"),
        ("!docker inspect -f '{{.Id}}' {name}", "docker inspect -f '{{.Id}}' lab-web"),
        ("    !docker rm {name}", "docker rm lab-web"),
        ("!docker ps --format '{{{{.Names}}}}'", "docker ps --format '{{.Names}}'"),
    ],
)
def test_a_template_reaches_docker_as_typed(expand: object, cell: str, command: str) -> None:
    assert callable(expand)
    assert expand(cell) == command


def test_a_continued_command_keeps_its_templates() -> None:
    cell = ["!docker ps \\\n", "  --format '{{.ID}}'\n", "print(f'{{}}')\n"]
    assert keep_go_templates(cell) == [cell[0], "  --format '{{{{.ID}}}}'\n", cell[2]]


@pytest.mark.parametrize(
    "cell",
    [
        ["%%bash\n", "! docker inspect --format '{{.Id}}' lab-web\n"],
        ["print(f'{{{name}}}')\n"],
        ["a = {1: {2: 3}}\n", "b != {{}}\n"],
        [],
    ],
)
def test_other_cells_stay_as_they_are(cell: list[str]) -> None:
    assert keep_go_templates(cell) == cell
