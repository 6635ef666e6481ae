"""Write files so that a crash leaves the old one or the new one, never half of one."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from labkit.errors import WorkspaceError
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Iterator


def write_atomically(path: Path, content: bytes) -> None:
    """Replace the content of `path`, making its folder when it is missing.

    Raises:
        WorkspaceError: It cannot be written; the old content is still there.
    """
    with _named(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(name).chmod(0o644)
            Path(name).replace(path)
        except BaseException:
            with suppress(FileNotFoundError):
                Path(name).unlink()
            raise


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on `path` (made when missing) against other processes.

    Raises:
        WorkspaceError: The lock cannot be written.
    """
    import fcntl

    with _named(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a")
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Say which file could not be written, and why."""
    try:
        yield
    except OSError as error:
        hint = ""
        if isinstance(error, PermissionError):
            # Most often: it was made by `sudo make lab`, and now somebody works without sudo.
            hint = _('Run `sudo chown -R "$USER" {folder}`.').format(folder=path.parent)
        raise WorkspaceError(
            _("`{path}` cannot be written: {why}.").format(path=path, why=error.strerror),
            hint=hint,
        ) from error
