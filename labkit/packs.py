"""Pack files: course images in one file that a class hands out instead of pulling.

A pack is what `docker save` writes, plain or compressed with gzip, so `docker load` takes it too.
"""

from __future__ import annotations

import gzip
import json
import os
import tarfile
import zlib
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from labkit.engine import transfer
from labkit.errors import LabError
from labkit.provenance import DIGEST_LABEL
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labkit.course import Course
    from labkit.engine import Engine
    from labkit.engine.transfer import Report

#: Bytes; a manifest or an image's configuration has a few thousand.
LONGEST_JSON = 1 << 24
ENDINGS = (".tar", ".tar.gz", ".tgz")


@dataclass(frozen=True)
class Pack:
    """A pack file and what is in it.

    Attributes:
        path: The file.
        digests: For each image name without tag, the digest of the folder that it was built from;
            empty where the image does not carry one.
    """

    path: Path
    digests: dict[str, str]


def find(course: Course, named: Path | None = None) -> tuple[Path, ...]:
    """List the pack files at hand, newest first.

    Args:
        course: Its folder `packs/` is looked into.
        named: A file or folder to look into instead; None takes `LABKIT_PACKS`, then `packs/`.

    Raises:
        LabError: Where one was named, there is none.
    """
    if named is None and (variable := os.environ.get("LABKIT_PACKS")):
        named = Path(variable)
    place = named or course.root / "packs"
    if place.is_file():
        return (place,)
    files = [file for file in place.glob("*") if file.name.endswith(ENDINGS) and file.is_file()]
    if named and not files:
        raise LabError(
            _("`{path}` is no pack file and no folder with one.").format(path=named),
            hint=_("Make one with `labkit images pack FILE`, or name another."),
        )
    return tuple(sorted(files, key=lambda file: file.stat().st_mtime, reverse=True))


def read(path: Path) -> Pack:
    """Read what a pack holds, without loading it.

    Raises:
        LabError: It is no pack, or it is damaged.
    """
    try:
        with tarfile.open(path) as archive:
            manifest = json.loads(_member(archive, "manifest.json"))
            digests = {}
            for entry in manifest:
                config = json.loads(_member(archive, entry["Config"]))
                labels = (config.get("config") or {}).get("Labels") or {}
                for tag in entry["RepoTags"] or ():
                    digests[tag.removesuffix(":latest")] = labels.get(DIGEST_LABEL, "")
    except (
        OSError, EOFError, tarfile.TarError, zlib.error,
        ValueError, LookupError, TypeError, AttributeError,  # JSON, but of another shape
    ) as error:  # fmt: skip
        raise LabError(
            _("`{path}` is no pack of images, or it is damaged ({why}).").format(
                path=path, why=error
            ),
            hint=_("Make it anew with `labkit images pack`."),
        ) from error
    return Pack(path, digests)


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    if file is None or len(content := file.read(LONGEST_JSON + 1)) > LONGEST_JSON:
        raise ValueError(name)
    return content


def write(engine: Engine, names: Sequence[str], path: Path, report: Report) -> int:
    """Save images into a pack; a failed or interrupted one leaves no file.

    Args:
        engine: It has the images.
        names: Such as `lab/web`.
        path: The file; it is compressed when its name ends in `gz`.
        report: Told the bytes saved so far.

    Returns:
        The file's size in bytes.

    Raises:
        NoSuchImage: The engine does not have one of them.
        LabError: The file cannot be written.
    """
    sizes = [engine.images.get(name).size for name in names]
    partial = path.with_name(f".{path.name}.partial")
    done = 0
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            out: BinaryIO = stack.enter_context(partial.open("wb"))
            if path.suffix.endswith("gz"):
                # Level 1: nearly as small as the default, in a fraction of the time.
                packed = gzip.GzipFile("", "wb", 1, fileobj=out, mtime=0)
                out = cast("BinaryIO", stack.enter_context(packed))
            for chunk in transfer.save(engine, names):
                out.write(chunk)
                done += len(chunk)
                # Shared layers are saved once, so the sum is an upper bound.
                report(_("saving {file}").format(file=path.name), done, max(done, sum(sizes)))
        partial.replace(path)
    except OSError as error:
        raise LabError(
            _("`{path}` cannot be written: {why}.").format(path=path, why=error.strerror)
        ) from error
    finally:
        with suppress(OSError):
            partial.unlink()
    return path.stat().st_size
