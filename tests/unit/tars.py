"""Tar archives made in memory."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def tar_of(files: Mapping[str, bytes], mode: str = "w") -> bytes:
    """Return an archive of these files, by their paths in it."""
    made = io.BytesIO()
    anything: Any = mode
    with tarfile.open(fileobj=made, mode=anything) as archive:
        for path, content in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return made.getvalue()
