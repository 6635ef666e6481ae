"""Images that come and go: pull, load and push.

What comes in takes its name from the image that had it. So that name must be typed where it is not
the course's, as for all else that takes something from somebody.
"""

from __future__ import annotations

import json
import tarfile
from typing import TYPE_CHECKING, Any

from labkit.dashboard.inventory import rows
from labkit.dashboard.operating import permit, record
from labkit.engine import transfer
from labkit.errors import DashboardError, NameNotTyped
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

    from labkit.dashboard.accounts import Account
    from labkit.engine import Engine
    from labkit.engine.transfer import Report

#: The files in which an archive names its images: of `docker save`, and of the OCI.
MANIFEST, INDEX = "manifest.json", "index.json"
#: Bytes of such a file.
LONGEST_MANIFEST = 1 << 24
NAME = "io.containerd.image.name"


def whole(reference: str) -> str:
    """Write a name as the engine lists it: with a tag, without Docker Hub's own name."""
    name = reference.strip()
    for registry in ("docker.io/", "index.docker.io/"):
        name = name.removeprefix(registry)
    short = name.removeprefix("library/")
    name = name if "/" in short else short
    if name and "@" not in name and ":" not in name.rpartition("/")[2]:
        name += ":latest"
    return name


def pull(
    engine: Engine, account: Account | None, reference: str, typed: Collection[str], show: Report
) -> None:
    """Pull an image.

    Args:
        engine: Where to.
        account: Who wants it.
        reference: With a tag or a digest.
        typed: Names that were typed.
        show: Told how far it is.

    Raises:
        NameNotTyped: Its name is that of an image that is not the course's.
        LabError: The account may not, or the registry or the engine refused.
    """
    permit(account)
    _ask_for(engine, [reference], typed)
    transfer.pull(engine, reference, show)
    record(account, f"pull image {reference}")


def load(
    engine: Engine, account: Account | None, path: Path, typed: Collection[str], show: Report
) -> None:
    """Load an archive; arguments and errors are as with `pull`.

    Raises:
        DashboardError: It does not say which images are in it.
    """
    permit(account)
    names = names_in(path)
    _ask_for(engine, names, typed)
    transfer.load(engine, path, show)
    record(account, f"load image {' '.join(names)}")


def push(engine: Engine, account: Account | None, name: str, show: Report) -> None:
    """Push an image."""
    permit(account)
    transfer.push(engine, name, show)
    record(account, f"push image {name}")


def names_in(path: Path) -> tuple[str, ...]:
    """Read the names of the images in an archive of `docker save`.

    Raises:
        DashboardError: There is no list of them in it.
    """
    found: dict[str, Any] = {}
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                name = member.name.removeprefix("./")
                if name in {MANIFEST, INDEX} and member.isreg() and member.size < LONGEST_MANIFEST:
                    file = archive.extractfile(member)
                    found[name] = json.load(file) if file else None
        if not found:
            raise KeyError(MANIFEST)
        names = {
            *(tag for image in found.get(MANIFEST, ()) for tag in image["RepoTags"] or ()),
            *(
                image["annotations"][NAME]
                for image in found.get(INDEX, {}).get("manifests", ())
                if NAME in (image.get("annotations") or {})
            ),
        }
        return tuple(sorted(map(whole, names)))
    except (
        tarfile.TarError,
        OSError,
        EOFError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
    ) as error:
        raise DashboardError(
            _("This file is no archive of images."),
            hint=_("`docker save IMAGE > FILE` writes one, plain or with `gzip`."),
        ) from error


def _ask_for(engine: Engine, names: Iterable[str], typed: Collection[str]) -> None:
    foreign = {row.name for row in rows(engine) if row.kind == "image" and not row.ours}
    for name in names:
        if whole(name) in foreign and whole(name) not in typed:
            raise NameNotTyped(whole(name))
