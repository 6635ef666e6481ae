"""Read `course.toml`, and say which entry is wrong."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Any

from labkit.course import MANIFEST, Chapter, Course, CourseImage, Exercise, Lesson
from labkit.errors import CourseError
from labkit.translation import _

if TYPE_CHECKING:
    from pathlib import Path


def read(folder: Path) -> Course:
    """Read the manifest in `folder`; only once, as long as the file stays as it is.

    Raises:
        CourseError: There is none, or it is wrong.
    """
    path = folder / MANIFEST
    try:
        stat = path.stat()
        return _read(folder, stat.st_mtime_ns, stat.st_size)
    except OSError as error:
        raise CourseError(path, _("cannot be read: {why}.").format(why=error.strerror)) from error


@lru_cache(maxsize=1)
def _read(folder: Path, _changed: int, _size: int) -> Course:
    path = folder / MANIFEST
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CourseError(path, _("is not TOML: {why}.").format(why=error)) from error
    reader = _Reader(path)
    course = Course(
        root=folder,
        title=reader.text(data, "title", where="course"),
        images=tuple(reader.image(entry) for entry in reader.tables(data, "images")),
        chapters=tuple(reader.chapter(entry) for entry in reader.tables(data, "chapters")),
    )
    reader.refuse_contradictions(course)
    return course


class _Reader:
    """Reads tables of the manifest, and says which entry is wrong."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def text(self, table: dict[str, Any], key: str, *, where: str) -> str:
        value = table.get(key)
        if not isinstance(value, str) or not value.strip():
            raise self._error(_("{where} needs a text `{key}`."), where=where, key=key)
        return value

    def number(self, table: dict[str, Any], key: str, *, where: str) -> int:
        value = table.get(key)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise self._error(_("{where} needs a whole number `{key}`."), where=where, key=key)
        return value

    def texts(self, table: dict[str, Any], key: str, *, where: str) -> tuple[str, ...]:
        value = table.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self._error(_("{where}: `{key}` is a list of texts."), where=where, key=key)
        return tuple(value)

    def tables(self, table: dict[str, Any], key: str) -> list[dict[str, Any]]:
        value = table.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise self._error(_("`{key}` is a list of tables."), key=key)
        return value

    def image(self, table: dict[str, Any]) -> CourseImage:
        name = self.text(table, "name", where=_("an image"))
        if not name.startswith("lab/"):
            raise self._error(_("image `{name}`: its name begins with `lab/`."), name=name)
        return CourseImage(
            name,
            self.text(table, "why", where=name),
            self.texts(table, "from", where=name),
            bool(table.get("on_demand", False)),
        )

    def chapter(self, table: dict[str, Any]) -> Chapter:
        slug = self.text(table, "slug", where=_("a chapter"))
        where = _("chapter `{slug}`").format(slug=slug)
        lesson = Lesson(
            number=self.number(table, "number", where=where),
            slug=slug,
            title=self.text(table, "title", where=where),
            goal=self.text(table, "goal", where=where),
            minutes=self.number(table, "minutes", where=where),
            images=self.texts(table, "images", where=where),
            needs=self.texts(table, "needs", where=where),
        )
        entries = self.tables(table, "exercises")
        return Chapter(lesson, tuple(self.exercise(entry, slug) for entry in entries))

    def exercise(self, table: dict[str, Any], chapter: str) -> Exercise:
        name = self.text(table, "slug", where=_("an exercise of `{c}`").format(c=chapter))
        slug = f"{chapter}.{name.removeprefix(f'{chapter}.')}"
        where = _("exercise `{slug}`").format(slug=slug)
        return Exercise(
            slug=slug,
            chapter=chapter,
            title=self.text(table, "title", where=where),
            points=self.number(table, "points", where=where),
            hints=self.texts(table, "hints", where=where),
            needs=self.texts(table, "needs", where=where),
            images=self.texts(table, "images", where=where),
            objects=self.texts(table, "objects", where=where),
            repair=bool(table.get("repair", False)),
            builds_on=self.text(table, "builds_on", where=where) if "builds_on" in table else "",
            reaches=self.texts(table, "reaches", where=where),
        )

    def refuse_contradictions(self, course: Course) -> None:
        names = [image.name for image in course.images]
        self._refuse_twice(names)
        self._refuse_twice([lesson.slug for lesson in course.lessons])
        self._refuse_twice([exercise.slug for exercise in course.exercises])
        wanted = (
            *((image.name, image.needs) for image in course.images),
            *((lesson.slug, lesson.images) for lesson in course.lessons),
            *((exercise.slug, exercise.images) for exercise in course.exercises),
        )
        for where, images in wanted:
            for image in images:
                if image not in names:
                    raise self._error(
                        _("`{where}` needs the image `{image}`, which no [[images]] entry names."),
                        where=where,
                        image=image,
                    )
        for place, exercise in enumerate(course.exercises):
            earlier = {other.slug for other in course.exercises[:place]}
            if exercise.builds_on and exercise.builds_on not in earlier:
                raise self._error(
                    _("`{where}` builds on `{other}`, which is no exercise before it."),
                    where=exercise.slug,
                    other=exercise.builds_on,
                )
            for address in exercise.reaches:
                if not _is_address(address):
                    raise self._error(
                        _("`{where}` reaches `{address}`; write it like `192.0.2.7:5000`."),
                        where=exercise.slug,
                        address=address,
                    )
            for thing in exercise.objects:
                if not thing.startswith(("lab-", "lab/")):
                    raise self._error(
                        _("`{where}`: `{thing}` begins neither with `lab-` nor with `lab/`."),
                        where=exercise.slug,
                        thing=thing,
                    )

    def _refuse_twice(self, names: list[str]) -> None:
        for name in names:
            if names.count(name) > 1:
                raise self._error(_("`{name}` is named twice."), name=name)

    def _error(self, text: str, **facts: str) -> CourseError:
        return CourseError(self._path, text.format(**facts))


def _is_address(text: str) -> bool:
    """Tell whether this is an address of IPv4 and a port."""
    address, _colon, port = text.rpartition(":")
    try:
        IPv4Address(address)
        return 0 < int(port) < 1 << 16
    except ValueError:
        return False
