"""Obtain one course image after the other: pack file, registry or mirror, build."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from labkit import packs, rootfs
from labkit.engine import transfer
from labkit.engine.probes import free_space
from labkit.errors import ImageUnavailable, LabError
from labkit.provenance import DIGEST_LABEL, Obtained, Way, chosen, find, folder_digest
from labkit.translation import _
from labkit.wheels import build_context

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from labkit.course import Course, CourseImage
    from labkit.engine import Engine
    from labkit.packs import Pack
    from labkit.provenance import Records

BASE = "debian:bookworm-slim"
#: Seconds that a registry has for its first word.
REGISTRY_PATIENCE = 4.0
DISK_FULL = ("no space left on device", "enough free space", "disk quota exceeded")


class Progress(Protocol):
    """Where `ensure` and `pack` say what they do; the faces implement it."""

    def step(self, image: str, text: str, done: int | None, total: int | None) -> None:
        """Say that work on `image` is at `text`, `done` of `total` where that is known."""


class Silent:
    """Progress that nobody wants to see."""

    def step(self, image: str, text: str, done: int | None, total: int | None) -> None:
        """Say nothing."""


@dataclass
class Obtainer:
    """One run of `ensure`, and what it has learnt: a registry that is away stays away."""

    engine: Engine
    course: Course
    progress: Progress
    records: Records
    may_pull: bool
    pack_files: tuple[Path, ...]
    done: dict[str, Obtained] = field(default_factory=dict)
    registry_problem: str | None = None
    mirror: str = field(default_factory=transfer.registry_mirror)

    def obtain(self, image: CourseImage) -> None:
        """Obtain one image, and first what it is built on; `done` says how.

        Raises:
            ImageUnavailable: No way worked, and there is no older one either.
        """
        if image.name in self.done:
            return
        before = find(self.engine, image.name)
        digest = folder_digest(self.course, image)
        if before and before.labels.get(DIGEST_LABEL) == digest:
            source = self.records.source_of(image.name, before.id)
            self._note(image, Way.PRESENT, source or _("was here"))
            return
        tried: list[str] = []
        if not (
            self._from_pack(image, tried)
            or self._from_mirror(image, digest, tried)
            or self._built(image, digest, tried)
        ):
            if before is None:
                raise ImageUnavailable(image.name, tried, hint=self._hint(tried))
            self._note(image, Way.OUTDATED, _("an older one is used; tried: ") + "; ".join(tried))
            return
        self.records.add(self.done[image.name], digest)
        if before:
            transfer.remove_unnamed(self.engine, before.id)

    def _report(self, image: CourseImage) -> transfer.Report:
        return lambda text, done, total: self.progress.step(image.name, text, done, total)

    def _note(
        self, image: CourseImage, way: Way, source: str, repo_digests: tuple[str, ...] = ()
    ) -> bool:
        found = self.engine.images.get(image.name)
        self.done[image.name] = Obtained(
            image.name, way, source, found.id, found.size, found.digests or repo_digests
        )
        return True

    def _from_pack(self, image: CourseImage, tried: list[str]) -> bool:
        for path in self.pack_files:
            try:
                contents = packs.read(path)
                if image.name not in contents.digests:
                    continue
                self._refuse_foreign_names(contents)
                if not self._is_current(contents):
                    tried.append(_("pack `{pack}`: it is outdated").format(pack=path.name))
                    continue
                transfer.load(self.engine, path, self._report(image))
            except LabError as error:
                tried.append(_("pack `{pack}`: {why}").format(pack=path.name, why=_line(error)))
                continue
            return self._note(image, Way.PACK, _("pack `{pack}`").format(pack=path.name))
        return False

    def _is_current(self, contents: Pack) -> bool:
        """Loading a pack replaces every image that it holds, so none of them may be old."""
        known = {image.name: image for image in self.course.images}
        return all(
            digest == folder_digest(self.course, known[name])
            for name, digest in contents.digests.items()
        )

    def _refuse_foreign_names(self, contents: Pack) -> None:
        """Load nothing that would take other people's names from their images."""
        foreign = contents.digests.keys() - {image.name for image in self.course.images}
        if foreign:
            raise LabError(
                _("it holds images that are not the course's: {names}").format(
                    names=", ".join(f"`{name}`" for name in sorted(foreign))
                )
            )

    def _from_mirror(self, image: CourseImage, digest: str, tried: list[str]) -> bool:
        """Pull a course image; only a mirror can have one, the course publishes none."""
        if not (self.may_pull and self.mirror):
            return False
        reference = f"{self.mirror}/{image.name}:latest"
        try:
            self._refuse_if_away()
            with self._borrowed(reference):
                transfer.pull(self.engine, reference, self._report(image))
                found = self.engine.images.get(reference)
                current = found.labels.get(DIGEST_LABEL) == digest
                if current:
                    transfer.tag(self.engine, found.id, image.name)
        except LabError as error:
            tried.append(f"`{reference}`: {_line(error)}")
            return False
        if not current:
            tried.append(_("`{reference}`: it is outdated").format(reference=reference))
            return False
        return self._note(image, Way.REGISTRY, f"`{reference}`", found.digests)

    @contextmanager
    def _borrowed(self, reference: str) -> Iterator[None]:
        """Take a name off again that a pull gives to an image, unless it was here before."""
        was_here = find(self.engine, reference)
        try:
            yield
        finally:
            if not was_here:
                with suppress(LabError):
                    transfer.untag(self.engine, reference)

    def _built(self, image: CourseImage, digest: str, tried: list[str]) -> bool:
        for below in chosen(self.course, image.needs):
            self.obtain(below)
        with ExitStack() as stack:
            try:
                args, source, digests = self._base(image, stack, tried)
                context = build_context(self.course.image_folder(image), self._report(image))
                transfer.build(
                    self.engine,
                    stack.enter_context(context),
                    image.name,
                    args=args,
                    labels={DIGEST_LABEL: digest},
                    report=self._report(image),
                )
            except LabError as error:
                tried.append(_("build: {why}").format(why=_line(error)))
                return False
        return self._note(image, Way.BUILT, source, digests)

    def _base(
        self, image: CourseImage, stack: ExitStack, tried: list[str]
    ) -> tuple[dict[str, str], str, tuple[str, ...]]:
        """Obtain what an image is built on: its build arguments, its source, its digests."""
        if image.needs:
            below = ", ".join(f"`{name}`" for name in image.needs)
            return {}, _("built on {below}").format(below=below), ()
        reference = f"{self.mirror}/library/{BASE}" if self.mirror else BASE
        if not (found := find(self.engine, reference)) and self.may_pull:
            try:
                self._refuse_if_away()
                transfer.pull(self.engine, reference, self._report(image))
                found = self.engine.images.get(reference)
            except LabError as error:
                tried.append(f"`{reference}`: {_line(error)}")
        if found:
            source = _("built on `{reference}`").format(reference=reference)
            return {"BASE": reference}, source, found.digests
        tar = stack.enter_context(rootfs.made(self._report(image)))
        base = transfer.import_rootfs(self.engine, tar, ['CMD ["bash"]'], self._report(image))
        # Once the build has put a name on top of it, it stays; if not, it goes.
        stack.callback(transfer.remove_unnamed, self.engine, base)
        return {"BASE": base}, _("built on a root file system made by mmdebstrap"), ()

    def _refuse_if_away(self) -> None:
        if self.registry_problem is None:
            self.registry_problem = transfer.reach_registry(
                self.engine, self.mirror, timeout=REGISTRY_PATIENCE
            )
        if self.registry_problem:
            raise LabError(self.registry_problem)

    def _hint(self, tried: Sequence[str]) -> str:
        if not any(words in sentence.lower() for words in DISK_FULL for sentence in tried):
            return ""
        free = ""
        if found := free_space(self.engine):
            free = _("{free:.0f} MB are free in `{root}`.").format(
                free=found[1] / 1e6, root=found[0]
            )
        wanted = _(
            "Run `docker system df` to see what takes the space, make room, "
            "then run `labkit images ensure` again."
        )
        return f"{free} {wanted}".strip()


def _line(error: LabError) -> str:
    """Write an error's message in one line, without its full stop."""
    return " / ".join(error.message.split("\n")).rstrip(". ")
