"""Write files so that a crash leaves the old one or the new one, never half of one."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from labkit.errors import WaitTimeout, WorkspaceError
from labkit.translation import _
from labkit.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TextIO

#: Seconds for which nobody needs to know that another process is waited for.
PATIENCE = 1.0


def write_atomically(path: Path, content: bytes, *, private: bool = False) -> None:
    """Replace the content of `path`, making its folder when it is missing.

    Args:
        path: The file.
        content: All that it is to have.
        private: Whether only its owner may read it, at no moment anybody else.

    Raises:
        WorkspaceError: It cannot be written; the old content is still there.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            if not private:
                Path(name).chmod(0o644)
            Path(name).replace(path)
        except BaseException:
            with suppress(FileNotFoundError):
                Path(name).unlink()
            raise


@contextmanager
def locked(path: Path, *, waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold an exclusive lock on `path` (made when missing) against other processes.

    Args:
        path: The lock file.
        waiting: Called when another process has held it for a second.

    Raises:
        WorkspaceError: The lock cannot be written.
    """
    import fcntl

    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a")
    with file:
        if waiting is not None and not _locked_soon(file):
            waiting()
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _locked_soon(file: TextIO) -> bool:
    import fcntl

    def taken() -> bool:
        with suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        return False

    try:
        return wait_until(taken, what="the lock", timeout=PATIENCE)
    except WaitTimeout:
        return False


def read_bytes(path: Path, *, hint: str = "") -> bytes:
    """Read a file of the learner's.

    Args:
        path: The file.
        hint: What helps, unless it is a matter of permissions.

    Raises:
        WorkspaceError: It cannot be read.
    """
    with _named(_("`{path}` cannot be read: {why}."), path, hint):
        return path.read_bytes()


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Say which file could not be written, and why.

    Raises:
        WorkspaceError: In place of an OSError of the block.
    """
    with _named(_("`{path}` cannot be written: {why}."), path):
        yield


@contextmanager
def _named(text: str, path: Path, hint: str = "") -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if isinstance(error, PermissionError):
            # Most often: it was made by `sudo make lab`, and now somebody works without sudo.
            hint = _('Run `sudo chown -R "$USER" {folder}`.').format(folder=path.parent)
        raise WorkspaceError(text.format(path=path, why=error.strerror), hint=hint) from error
