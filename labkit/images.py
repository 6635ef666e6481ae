"""The course images: which are here, and how each of the others is obtained.

In this order: present, pack file, registry or mirror, build. Whatever way was taken is said and
recorded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from labkit import packs
from labkit.files import locked
from labkit.obtaining import Obtainer, Progress, Silent
from labkit.provenance import DIGEST_LABEL, Obtained, Records, Way, chosen, find, folder_digest
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from labkit.course import Course, CourseImage
    from labkit.engine import Engine

__all__ = ["ImageStatus", "Obtained", "Progress", "Way", "ensure", "pack", "statuses"]


@dataclass(frozen=True)
class ImageStatus:
    """One course image, as the engine has it.

    Attributes:
        name: Such as `lab/web`.
        why: What it is for.
        present: Whether the engine has it.
        outdated: Whether its folder has changed since it was built.
        size: Bytes; 0 when it is not present.
        id: Its id, or empty.
        source: Where it came from, as far as it was recorded.
        on_demand: Whether it is obtained only when something asks for it.
    """

    name: str
    why: str
    present: bool
    outdated: bool
    size: int
    id: str
    source: str
    on_demand: bool = False


def statuses(engine: Engine, course: Course) -> tuple[ImageStatus, ...]:
    """Say of each course image whether it is here; nothing is changed."""
    records = Records(course)
    return tuple(_status(engine, course, image, records) for image in course.images)


def ensure(
    engine: Engine,
    course: Course,
    names: Sequence[str] | None = None,
    *,
    progress: Progress | None = None,
    pull: bool = True,
    pack: Path | None = None,
) -> tuple[Obtained, ...]:
    """Obtain the images that are missing or outdated, dependencies first.

    Args:
        engine: Where they go.
        course: Which images there are, and their folders.
        names: Only these and what they are built on; None is all but those on demand.
        progress: Told each step.
        pull: Whether a registry may be asked.
        pack: A pack file, or a folder of them; None looks where `labkit.packs.find` says.

    Returns:
        How each was obtained, in the order of work.

    Raises:
        ImageUnavailable: No way worked for one of them; the others stay.
    """
    records, told = Records(course), progress or Silent()

    def waiting() -> None:
        text = _("another `labkit images ensure` is at work; waiting for it")
        told.step("", text, None, None)

    with locked(records.path.with_suffix(".lock"), waiting=waiting):
        run = Obtainer(engine, course, told, records, pull, packs.find(course, pack))
        for image in chosen(course, names):
            run.obtain(image)
        return tuple(run.done.values())


def pack(
    engine: Engine, names: Sequence[str], path: Path, *, progress: Progress | None = None
) -> int:
    """Write images into one pack file for a class, and return its size in bytes.

    Raises:
        NoSuchImage: The engine does not have one of them.
    """
    told = progress or Silent()
    return packs.write(
        engine, names, path, lambda text, done, all_: told.step("", text, done, all_)
    )


def _status(engine: Engine, course: Course, image: CourseImage, records: Records) -> ImageStatus:
    found = find(engine, image.name)
    if found is None:
        return ImageStatus(image.name, image.why, False, False, 0, "", "", image.on_demand)
    outdated = found.labels.get(DIGEST_LABEL) != folder_digest(course, image)
    source = records.source_of(image.name, found.id)
    return ImageStatus(
        image.name, image.why, True, outdated, found.size, found.id, source, image.on_demand
    )
