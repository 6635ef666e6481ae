"""What of the host a learner's process sees: programs, Python, and the course without its secrets.

The course is shown as a copy that leaves out the solutions, the hidden checks and the grader.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import labkit
from labkit.course import MANIFEST

if TYPE_CHECKING:
    from labkit.course import Course

PACKAGE = Path(labkit.__file__).parent
#: Parts of the package that a handed-out course does without.
SECRET = ("hidden_checks", "grading", "authoring", "__pycache__")
#: Parts of the course that cells may want to read.
COURSE = ("exercises", "images")
#: The host's own programs are shown anyway.
SYSTEM = Path("/usr")


def prepare(course: Course, folder: Path) -> tuple[tuple[str, str], ...]:
    """Copy the course as learners have it, and say what is shown where, outermost first.

    Args:
        course: Which.
        folder: An empty folder for the copy.
    """
    copy, package = folder / "course", folder / "labkit"
    copy.mkdir(parents=True)
    shutil.copyfile(course.root / MANIFEST, copy / MANIFEST)
    for name in COURSE:
        if (course.root / name).is_dir():
            shutil.copytree(course.root / name, copy / name)
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns(*SECRET))
    shown = {str(course.root.resolve()): copy, str(PACKAGE.resolve()): package}
    for path in _programs():
        shown[str(path)] = path
    for target in shown:  # what is shown inside the copy needs a place there
        if Path(target).is_relative_to(course.root.resolve()):
            inside = copy / Path(target).relative_to(course.root.resolve())
            inside.mkdir(parents=True, exist_ok=True)
    _make_readable(folder)
    ordered = sorted(shown.items(), key=lambda item: item[0].count("/"))
    return tuple((str(source), target) for target, source in ordered)


def settings(course: Course) -> dict[str, str]:
    """Return the environment variables that a learner's process has beside its own."""
    path = [str(Path(sys.prefix, "bin"))]
    if program := shutil.which("docker"):
        path.append(str(Path(program).parent))
    return {
        "PATH": ":".join(path),
        "LABKIT_COURSE": str(course.root.resolve()),
        "PYTHONPATH": str(PACKAGE.parent),
        "LANG": "C.UTF-8",
    }


def _programs() -> set[Path]:
    """The folders of Python, its packages and the `docker` command outside the system's own."""
    found = {Path(sys.prefix), Path(sys.base_prefix)}
    if program := shutil.which("docker"):
        found |= {Path(program), Path(program).resolve()}
    return {path for path in found if path.exists() and not path.is_relative_to(SYSTEM)}


def _make_readable(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
