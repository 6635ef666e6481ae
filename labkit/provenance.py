"""Where the course images came from: digests of their folders, and a record of each way taken.

The record is `work/.labkit/images.json`; without it, only the words about the source are lost.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from labkit.errors import NoSuchImage
from labkit.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labkit.course import Course, CourseImage
    from labkit.engine import Engine, Image

#: The label that carries `folder_digest`, so that an image whose folder has changed is noticed.
DIGEST_LABEL = "labkit.digest"


class Way(StrEnum):
    """How an image came to be here."""

    PRESENT = "present"
    PACK = "pack"
    REGISTRY = "registry"
    BUILT = "built"
    OUTDATED = "outdated"


@dataclass(frozen=True)
class Obtained:
    """How one image was obtained.

    Attributes:
        name: Such as `lab/web`.
        way: The way that worked; `OUTDATED` means that an old one is still used.
        source: Where it came from, in words.
        id: The image's id.
        size: Bytes.
        repo_digests: The registry's digests of the image, or of the base that was pulled for it.
    """

    name: str
    way: Way
    source: str
    id: str
    size: int
    repo_digests: tuple[str, ...] = ()


def folder_digest(course: Course, image: CourseImage) -> str:
    """Return a digest of an image's folder and of the folders that it is built on."""
    digest = hashlib.sha256()
    for below in chosen(course, image.needs):
        digest.update(folder_digest(course, below).encode())
    folder = course.image_folder(image)
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            runs = bool(path.stat().st_mode & 0o100)
            digest.update(f"\0{path.relative_to(folder).as_posix()}\0{runs}\0".encode())
            digest.update(path.read_bytes())
    return f"sha256:{digest.hexdigest()}"


def chosen(course: Course, names: Sequence[str] | None) -> tuple[CourseImage, ...]:
    """Find course images by name; None is all that are not obtained on demand.

    Raises:
        NoSuchImage: The course has none of that name.
    """
    known = {image.name: image for image in course.images}
    for name in names or ():
        if name not in known:
            raise NoSuchImage(name)
    if names is None:
        return tuple(image for image in course.images if not image.on_demand)
    return tuple(known[name] for name in names)


def find(engine: Engine, name: str) -> Image | None:
    """Inspect an image, or return None when it is not here."""
    try:
        return engine.images.get(name)
    except NoSuchImage:
        return None


class Records:
    """The file that says how each image was obtained."""

    def __init__(self, course: Course) -> None:
        self.path = course.work() / ".labkit" / "images.json"

    def read(self) -> dict[str, dict[str, Any]]:
        """Read the records; what cannot be read is as good as none, since it can be made anew."""
        try:
            return dict(json.loads(self.path.read_text(encoding="utf-8"))["images"])
        except (OSError, ValueError, KeyError, TypeError):
            return {}

    def source_of(self, name: str, image_id: str) -> str:
        """Return where an image came from, if that was recorded for this very one."""
        record = self.read().get(name, {})
        return str(record.get("source", "")) if record.get("id") == image_id else ""

    def add(self, obtained: Obtained, digest: str) -> None:
        """Record how an image was obtained, at once."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        entry = {**asdict(obtained), "folder_digest": digest, "time": now}
        images = {**self.read(), obtained.name: entry}
        content = {"version": 1, "images": images}
        write_atomically(self.path, (json.dumps(content, indent=2) + "\n").encode())
