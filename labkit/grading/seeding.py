"""The data root that every desk's engine begins with: the course images, made once.

A rootless engine loads the images into a data root on the disk. Later engines see its layers
read-only, each as files of its own accounts, and get a copy of the few small files beside them. So
nothing is copied per submission, and nothing that a learner does can reach another's engine.

With it lie copies of the engine's programs that nobody but the host's root may read. Of a process
that runs such a file, the kernel lets nobody see or change anything who could not read the file. So
a container with every right that a desk has cannot change what its engine tells the grader.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from labkit.engine import transfer
from labkit.engine.rootless import PATH, pack_seed
from labkit.files import locked

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from labkit.engine import Engine

FOLDER = Path("/var/lib/labkit/grading")
#: Told in the name of every template, so that another layout is made anew.
LAYOUT = 2
#: Bytes of what `st_blocks` counts.
BLOCK = 512
#: What answers the grader.
PROGRAMS = ("dockerd", "containerd")


@dataclass(frozen=True)
class Template:
    """A data root that holds the course images.

    Attributes:
        folder: Where it is.
        lock: Held while a grader uses it, so that no other removes it.
    """

    folder: Path
    lock: int

    @property
    def layers(self) -> str:
        """The folder of its layers."""
        return str(self.folder / "data" / "overlay2")

    @property
    def seed(self) -> str:
        """The file with all of it but the layers."""
        return str(self.folder / "seed")

    @property
    def programs(self) -> tuple[tuple[str, str], ...]:
        """The programs that nobody may read, and where they are shown."""
        return tuple((str(self.folder / "programs" / path.name), str(path)) for path in _programs())

    def release(self) -> None:
        """Say that this grader does not use it any more."""
        os.close(self.lock)


def template(
    images: Engine | Path,
    names: Sequence[str],
    engine_on: Callable[[Path], AbstractContextManager[Engine]],
) -> Template:
    """Find the template of these images, or make it; templates that nobody uses are removed.

    Args:
        images: An engine that has the images, or a pack file of them.
        names: The course images; those that the engine lacks are left out.
        engine_on: Runs a rootless engine on a data root, and stops it properly.
    """
    key, present = _key(images, names)
    folder = FOLDER / key
    FOLDER.mkdir(mode=0o711, parents=True, exist_ok=True)
    with locked(FOLDER / "lock"):
        for other in _unused():
            if other != folder:
                _remove(other)
        if not folder.exists():
            _make(folder, images, present, engine_on)
        return Template(folder, _hold(folder))


def _make(
    folder: Path,
    images: Engine | Path,
    names: Sequence[str],
    engine_on: Callable[[Path], AbstractContextManager[Engine]],
) -> None:
    half = folder.with_suffix(".part")
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir(mode=0o711)
    data = half / "data"
    data.mkdir(mode=0o711)
    with engine_on(data) as engine:
        if isinstance(images, Path):
            transfer.load(engine, images, _silent)
        elif names:
            transfer.copy(images, names, engine)
    pack_seed(data, half / "seed")
    (half / "programs").mkdir()
    for program in _programs():
        copy = half / "programs" / program.name
        shutil.copyfile(program, copy)
        copy.chmod(0o711)
    half.rename(folder)


def _programs() -> tuple[Path, ...]:
    found = (shutil.which(name, path=PATH) for name in PROGRAMS)
    return tuple(Path(program).resolve() for program in found if program)


def _silent(_text: str, _done: int | None, _total: int | None) -> None:
    pass


def _key(images: Engine | Path, names: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    if isinstance(images, Path):
        state = images.stat()
        what: object = [str(images), state.st_size, state.st_mtime_ns]
        present: tuple[str, ...] = ()
    else:
        present = tuple(name for name in names if images.images.exists(name))
        what = [[name, images.images.get(name).id] for name in present]
    programs = [(str(path), path.stat().st_mtime_ns) for path in _programs()]
    text = json.dumps([LAYOUT, what, programs])
    return hashlib.sha256(text.encode()).hexdigest()[:16], present


def clean(*, dry_run: bool) -> dict[Path, int]:
    """Remove the templates that no grader uses.

    Args:
        dry_run: Remove nothing.

    Returns:
        Their folders, with the bytes that they take.
    """
    if not FOLDER.is_dir():
        return {}
    with locked(FOLDER / "lock"):
        found = {folder: _size(folder) for folder in _unused()}
        if not dry_run:
            for folder in found:
                _remove(folder)
    return found


def _unused() -> list[Path]:
    """List what no grader holds, halves that a killed one left included."""
    unused = []
    for folder in sorted(path for path in FOLDER.iterdir() if path.is_dir()):
        with suppress(BlockingIOError):
            os.close(_hold(folder, alone=True))
            unused.append(folder)
    return unused


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def _size(folder: Path) -> int:
    return sum(
        BLOCK * Path(parent, name).lstat().st_blocks
        for parent, _folders, names in os.walk(folder)
        for name in names
    )


def _hold(folder: Path, *, alone: bool = False) -> int:
    """Lock a template: its folder itself, which is there as long as it is."""
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(file, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        raise
    return file
