"""`python -m labkit.authoring build`, `check` and `nbgrader FOLDER`; `make` calls the first two."""
# ruff: noqa: T201 - a command prints

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from labkit.course import Course
from labkit.errors import LabError

GOOD, NOT_GOOD, FAULT = 0, 1, 2


def main(arguments: list[str] | None = None) -> int:
    """Run one command.

    Returns:
        0 when all is well, 1 when `check` found something, 2 when a command could not be done.
    """
    parser = argparse.ArgumentParser(prog="labkit.authoring", description=__doc__)
    parser.add_argument("--course", type=Path, help="the folder that holds course.toml")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("build", help="write the notebooks whose source has changed")
    commands.add_parser("check", help="find what contradicts the manifest, a source or a rule")
    one = commands.add_parser("nbgrader", help="write the exercises as an nbgrader course")
    one.add_argument("folder", type=Path, help="the course's folder; made when there is none")
    chosen = parser.parse_args(arguments)
    try:
        course = Course.load(chosen.course)
        if chosen.command == "nbgrader":
            return _nbgrader(course, chosen.folder)
        return _build(course) if chosen.command == "build" else _check(course)
    except LabError as error:
        print(error, file=sys.stderr)
        return FAULT


def _build(course: Course) -> int:
    from labkit.authoring.build import build

    changed = build(course)
    for path in changed:
        verb = "built" if path.exists() else "removed"
        print(f"{verb} {path.relative_to(course.root)}")
    if not changed:
        print("Every notebook is up to date.")
    return GOOD


def _check(course: Course) -> int:
    from labkit.authoring.consistency import check

    findings = check(course)
    for finding in findings:
        print(finding)
    if findings:
        count = len(findings)
        print(f"{count} finding{'s' if count > 1 else ''}.")
        return NOT_GOOD
    print("The course agrees with its manifest, its sources and its rules.")
    return GOOD


def _nbgrader(course: Course, folder: Path) -> int:
    from labkit.authoring.nbgrader_course import write

    written = write(course, folder)
    print(f"{len(written)} exercises are in {folder / 'source'}.")
    print("Next: `nbgrader generate_assignment ASSIGNMENT` in that folder.")
    return GOOD


if __name__ == "__main__":
    sys.exit(main())
