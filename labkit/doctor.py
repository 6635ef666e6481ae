"""`labkit doctor`: all probes, the course images, and what the course left on the engine."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from labkit.engine.ownership import owned
from labkit.engine.probes import HOST_PROBES, names, probe
from labkit.engine.verdicts import ProbeResult, Verdict, failed
from labkit.errors import EngineError
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from labkit.course import Course
    from labkit.engine import Engine

#: Starting containers is what takes time; more at once only delays each.
AT_ONCE = 4
#: What a learner wants to know before the first lesson.
FIRST = {"engine", "images"}
#: More names make the line unreadable.
SHOWN = 5


def examine(connect: Callable[[], Engine], course: Course) -> Iterator[ProbeResult]:
    """Run all probes at once and yield their results in order, each when it is there.

    Args:
        connect: Finds the engine; what it raises becomes the first line.
        course: Its images are no leftovers.
    """
    try:
        engine: Engine | None = connect()
    except EngineError as error:
        engine = None
        yield ProbeResult("engine", Verdict.BAD, error.message, remedy=error.hint)
    chosen = names() if engine else tuple(HOST_PROBES)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield from pool.map(lambda name: probe(name, engine), chosen)
    if engine:
        yield course_images(engine, course)
        # Last and alone, so that it does not see the other probes' containers.
        yield leftovers(engine, course)
        engine.close()


def matters_at_once(result: ProbeResult) -> bool:
    """Tell what a learner must see at once from what a later lesson may want."""
    return result.name in FIRST or result.verdict in {Verdict.BAD, Verdict.ERROR}


def course_images(engine: Engine, course: Course) -> ProbeResult:
    """Say which course images are missing."""
    name = "images"
    try:
        wanted = [i.name for i in course.images if not i.on_demand]
        missing = [name for name in wanted if not engine.images.exists(name)]
    except Exception as error:  # noqa: BLE001 - as any probe
        return failed(name, error)
    if not missing:
        said = _("All {count} course images are here.").format(count=len(wanted))
        return ProbeResult(name, Verdict.GOOD, said)
    return ProbeResult(
        name,
        Verdict.BAD,
        _("Course images are missing: {names}.").format(names=", ".join(f"`{n}`" for n in missing)),
        cost=_("What uses them cannot run."),
        remedy=_("Run `labkit images ensure`."),
    )


def leftovers(engine: Engine, course: Course) -> ProbeResult:
    """List what the course left on the engine; nothing is wrong with that in mid-lesson."""
    name = "leftovers"
    try:
        things = owned(engine, keep_images=course.image_tags)
    except Exception as error:  # noqa: BLE001 - as any probe
        return failed(name, error)
    if not things:
        return ProbeResult(name, Verdict.GOOD, _("Nothing of the course is left on the engine."))
    shown = ", ".join(f"`{thing.name}`" for thing in things[:SHOWN])
    more = _(" and {count} more").format(count=len(things) - SHOWN) if things[SHOWN:] else ""
    return ProbeResult(
        name,
        Verdict.GOOD,
        _("The course's own things on the engine: {shown}{more}.").format(shown=shown, more=more),
        remedy=_("Run `labkit reset` to remove them."),
    )
