"""Python packages for a course image, fetched by this machine's pip.

A build reaches the Debian mirror, and not always PyPI: its address may be one of the user's own pip
settings. So what an image's `requirements.txt` names is fetched here, and given to the build.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from labkit import commands
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labkit.engine.transfer import Report

REQUIREMENTS = "requirements.txt"
FOLDER = "wheels"


@contextmanager
def build_context(folder: Path, report: Report) -> Iterator[Path]:
    """Yield what an image is built from: its folder, or a copy of it with its wheels.

    Args:
        folder: The image's. A `requirements.txt` in it names all its packages, with hashes.
        report: Told each step.

    Raises:
        CommandFailed: pip could not fetch one of them.
    """
    if not (folder / REQUIREMENTS).exists():
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="labkit-") as scratch:
        copy = Path(scratch, folder.name)
        shutil.copytree(folder, copy)
        report(_("fetching Python packages"), None, None)
        commands.run(
            [
                *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"),
                *("--require-hashes", "--only-binary", ":all:"),
                *("--requirement", str(copy / REQUIREMENTS), "--dest", str(copy / FOLDER)),
            ],
            say=lambda line: report(line.strip(), None, None),
            progress=lambda _output: _("fetching Python packages"),
        )
        yield copy
