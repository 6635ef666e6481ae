"""Imports run one way: faces, core, engine, errors."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import labkit

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(labkit.__file__).parent
MODULES = {
    ".".join(("labkit", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(
        ".__init__"
    ): path
    for path in PACKAGE.rglob("*.py")
}

#: From the highest layer to the lowest; a module belongs to the first that names it or its package.
FACES = (
    "labkit.cli",
    "labkit.dashboard.page",
    "labkit.magics",
    "labkit.show",
    "labkit.widgets",
    "labkit.__main__",
    "labkit.bootstrap",
)
AUTHORING = ("labkit.authoring",)
FOUNDATION = (
    "labkit.errors",
    "labkit.translation",
    "labkit.waiting",
    "labkit.files",
    "labkit.commands",
    "labkit.distribution",
)
ENGINE = ("labkit.engine",)


def layer(module: str) -> str:
    for name, members in (
        ("face", FACES),
        ("authoring", AUTHORING),
        ("engine", ENGINE),
        ("foundation", FOUNDATION),
    ):
        if any(module == m or module.startswith(f"{m}.") for m in members):
            return name
    return "core"


BELOW = {
    "face": {"face", "authoring", "core", "engine", "foundation"},
    "authoring": {"authoring", "core", "engine", "foundation"},
    "core": {"core", "engine", "foundation"},
    "engine": {"engine", "foundation"},
    "foundation": {"foundation"},
}


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, also inside functions; not for type checkers only."""
    tree = ast.parse(path.read_text())
    for_checkers = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in for_checkers:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                yield submodule if submodule in MODULES else node.module


def calls(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


#: A program of its own that is an IPython shell: the learner's process of a desk.
SHELLS = ("labkit.grading.learner", "labkit.grading.warm")


@pytest.mark.parametrize("module", sorted(MODULES.keys() - {"labkit"}))
def test_a_module_imports_from_its_own_layer_and_below(module: str) -> None:
    allowed = BELOW[layer(module)]
    upward = {
        name
        for name in imports(MODULES[module])
        if name.startswith("labkit.") and layer(name) not in allowed
    }
    assert upward == set(), f"{module} ({layer(module)}) imports from above"


@pytest.mark.parametrize("module", sorted(m for m in MODULES if layer(m) != "face"))
def test_below_the_faces_nothing_prints_and_nothing_knows_ipython(module: str) -> None:
    if module in {
        "labkit",
        "labkit.authoring.__main__",
        *SHELLS,
    }:  # the extension's hook; a command line
        return
    packages = {name.partition(".")[0] for name in imports(MODULES[module])}
    assert not packages & {"IPython", "ipywidgets", "argparse", "rich"}
    assert "print" not in set(calls(MODULES[module]))


@pytest.mark.parametrize("module", sorted(m for m in MODULES if layer(m) != "engine"))
def test_only_the_engine_package_talks_to_docker(module: str) -> None:
    assert "docker" not in {name.partition(".")[0] for name in imports(MODULES[module])}


@pytest.mark.parametrize("module", sorted(MODULES.keys() - {"labkit.waiting"}))
def test_only_waiting_sleeps(module: str) -> None:
    assert not {"time.sleep", "sleep"} & set(calls(MODULES[module]))


@pytest.mark.parametrize(
    "statement",
    [
        "import labkit",
        "import labkit.cli",
        "from labkit.cli import main; main(['list'])",
        "import labkit.attempts, labkit.engine, labkit.checks.welcome",
    ],
)
def test_heavy_packages_are_imported_only_where_they_are_used(
    statement: str, tmp_path: Path
) -> None:
    packages = ("docker", "nbformat", "nbclient", "ipywidgets", "rich", "IPython", "jupyterlab")
    heavy = {*packages, "nicegui"}
    script = f"{statement}\nimport sys\nprint(sorted({heavy} & set(sys.modules)), file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        cwd=PACKAGE,
        env={**os.environ, "LABKIT_WORK": str(tmp_path)},
    )
    assert done.stderr.strip() == "[]"


def test_a_check_imports_docker_and_none_of_the_notebooks_packages(tmp_path: Path) -> None:
    heavy = "{'nbformat', 'nbclient', 'ipywidgets', 'rich', 'IPython', 'jupyterlab', 'nicegui'}"
    script = (
        "from labkit.cli import main; import sys\n"
        "main(['check', 'welcome.hello', '--json'])\n"
        f"print(sorted({heavy} & set(sys.modules)), 'docker' in sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        cwd=PACKAGE,
        env={"DOCKER_HOST": "unix:///nowhere/docker.sock", "LABKIT_WORK": str(tmp_path)},
    )
    assert done.stderr.strip() == "[] True"
