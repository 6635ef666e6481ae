"""Logs, events and what containers use: live in a notebook, as they are now elsewhere."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

from labkit.engine import connect
from labkit.engine.objects import ANONYMOUS
from labkit.engine.snapshot import size
from labkit.live.happenings import Happenings
from labkit.live.logs import Log, time_and_text
from labkit.live.usage import Usage
from labkit.show.boxes import Box, Picture
from labkit.show.lines import Lines
from labkit.show.progress import in_notebook
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labkit.engine import Engine
    from labkit.live.happenings import Event
    from labkit.live.usage import Samples, Used
    from labkit.show.boxes import Series
    from labkit.widgets.live_view import LiveView

#: Lines of a log, and events, that are kept.
MOST = 500
#: What of an event's attributes is worth a place on its line.
TOLD = ("image", "container", "exitCode", "signal", "oldName", "driver", "destination")
SHORT = 12
#: What the actions of events begin with that only looking at a container makes, as checks and the
#: dashboard do; health checks bring three of them every few seconds.
LOOKING = ("exec_", "top", "archive-path")
#: Samples that are taken first where no page follows.
WITHOUT_A_PAGE = 6


def logs(
    container: str, *, containing: str = "", engine: Engine | None = None
) -> LiveView[tuple[str, ...]]:
    """Show the last lines that a container wrote, and those that it writes from now on.

    Args:
        container: Its name.
        containing: Only lines with this text, in large or small letters.
        engine: Where it is; None connects to the one that answers.

    Raises:
        NoSuchContainer: The engine does not have it.
    """
    from labkit.widgets.live_view import LiveView

    title = _("What {name} writes").format(name=container)

    def drawn(lines: tuple[str, ...]) -> Lines:
        return Lines(title, tuple(time_and_text(line)[1] for line in lines))

    wanted = partial(_has, containing) if containing else None
    subject = Log(container, most=MOST, wanted=wanted)
    return LiveView(subject, engine or connect(), drawn, lines=True)


def events(
    *, containing: str = "", seconds: int = 600, engine: Engine | None = None
) -> LiveView[tuple[Event, ...]]:
    """Show what happened on the engine, and what happens from now on.

    What only looks at a container, as `docker exec` may, is left out unless it is asked for.

    Args:
        containing: Only lines with this text, in large or small letters.
        seconds: How far back it begins.
        engine: Which one; None connects to the one that answers.
    """
    from labkit.widgets.live_view import LiveView

    title = _("What happens on the engine")

    def wanted(event: Event) -> bool:
        asked = containing and _has(containing, event["Action"])
        if event["Action"].startswith(LOOKING) and not asked:
            return False
        return _has(containing, event_line(event))

    def drawn(found: tuple[Event, ...]) -> Lines:
        return Lines(title, tuple(map(event_line, found)))

    subject = Happenings(seconds=seconds, most=MOST, wanted=wanted)
    return LiveView(subject, engine or connect(), drawn, lines=True)


def stats(*containers: str, engine: Engine | None = None) -> LiveView[Samples]:
    """Show what containers use over time: processors, memory, network.

    Args:
        *containers: Their names; none is all that run.
        engine: Where they are; None connects to the one that answers.

    Raises:
        NoSuchContainer: The engine does not have one of them.
    """
    from labkit.widgets.live_view import LiveView

    subject = Usage(containers) if in_notebook() else Usage(containers, first=WITHOUT_A_PAGE)
    return LiveView(subject, engine or connect(), usage)


def event_line(event: Event) -> str:
    """Write an event on one line: when, what, to whom."""
    actor = event["Actor"]
    attributes = actor.get("Attributes") or {}
    when = datetime.fromtimestamp(event["time"], UTC).astimezone()
    more = (f"{name}={_short(attributes[name])}" for name in TOLD if attributes.get(name))
    words = (event["Type"], event["Action"], _short(attributes.get("name") or actor["ID"]), *more)
    return f"{when:%H:%M:%S}  {' '.join(words)}"


def usage(found: Samples) -> Picture:
    """Draw what containers used."""
    boxes = tuple(_used(found[key]) for key in sorted(found, key=lambda key: found[key].name))
    return Picture(_("What containers use, over the last two minutes at most"), boxes)


def _used(used: Used) -> Box:
    if not used.running:
        return Box(used.name, _("container, not running"))
    samples = used.samples
    if not samples:
        why = _("If it stays so, labkit doctor tells why, under usage.")
        none = Box(_("no figures from the engine"), details=(why,))
        return Box(used.name, _("container"), children=(none,))
    last = samples[-1]
    shares = tuple((b.at, b.share(a)) for a, b in pairwise(samples))
    memory = tuple((float(one.at), float(one.memory)) for one in samples)
    received = _rates([(one.at, one.received) for one in samples])
    sent = _rates([(one.at, one.sent) for one in samples])
    limit = _("memory, of {limit} at most").format(limit=size(last.limit))
    figures = (
        Box(f"{_last(shares):.0%}", _("of a processor"), series=shares),
        Box(size(last.memory), limit, series=memory),
        Box(_rate(received), _("received"), series=received),
        Box(_rate(sent), _("sent"), series=sent),
    )
    return Box(used.name, _("container"), children=figures)


def _rates(counted: Sequence[tuple[float, int]]) -> Series:
    """Turn counts, which begin anew with a container, into how much it was each second."""
    return tuple(
        (then, max(count - before, 0) / (then - earlier))
        for (earlier, before), (then, count) in pairwise(counted)
    )


def _rate(series: Series) -> str:
    return _("{size} each second").format(size=size(round(_last(series))))


def _last(series: Series) -> float:
    return series[-1][1] if series else 0.0


def _has(text: str, line: str) -> bool:
    """Tell whether a text is in a line, as the filter of the page tells it."""
    return text.casefold() in line.casefold()


def _short(word: str) -> str:
    """Shorten an ID as Docker does; names stay."""
    plain = word.removeprefix("sha256:")
    return plain[:SHORT] if ANONYMOUS.fullmatch(plain) else word
