"""Logs, events and what containers use: live in a notebook, as they are now elsewhere."""

from __future__ import annotations

from datetime import UTC, datetime
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
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from labkit.engine import Engine
    from labkit.live.happenings import Event
    from labkit.live.usage import Sample, Samples
    from labkit.widgets.live_view import LiveView

#: Lines of a log, and events, that are kept.
MOST = 500
#: What of an event's attributes is worth a place on its line.
TOLD = ("image", "container", "exitCode", "signal", "oldName", "driver", "destination")
SHORT = 12


def logs(
    container: str, *, containing: str = "", engine: Engine | None = None
) -> LiveView[tuple[str, ...]]:
    """Show the last lines that a container wrote, and those that it writes from now on.

    Args:
        container: Its name.
        containing: Only lines with this text.
        engine: Where it is; None connects to the one that answers.

    Raises:
        NoSuchContainer: The engine does not have it.
    """
    from labkit.widgets.live_view import LiveView

    title = _("What {name} writes").format(name=container)

    def drawn(lines: tuple[str, ...]) -> Lines:
        return _with(containing, title, [time_and_text(line)[1] for line in lines])

    return LiveView(Log(container, most=MOST), engine or connect(), drawn, lines=True)


def events(
    *, containing: str = "", seconds: int = 600, engine: Engine | None = None
) -> LiveView[tuple[Event, ...]]:
    """Show what happened on the engine, and what happens from now on.

    Args:
        containing: Only lines with this text.
        seconds: How far back it begins.
        engine: Which one; None connects to the one that answers.
    """
    from labkit.widgets.live_view import LiveView

    title = _("What happens on the engine")

    def drawn(found: tuple[Event, ...]) -> Lines:
        return _with(containing, title, map(event_line, found))

    subject = Happenings(seconds=seconds, most=MOST)
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

    return LiveView(Usage(containers), engine or connect(), usage)


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
    boxes = tuple(Box(name, _("container"), children=_used(found[name])) for name in sorted(found))
    return Picture(_("What containers use, over the last two minutes at most"), boxes)


def _used(samples: Sequence[Sample]) -> tuple[Box, ...]:
    if not samples:
        why = _("If it stays so, labkit doctor tells why, under usage.")
        return (Box(_("no figures from the engine"), details=(why,)),)
    last = samples[-1]
    received = [max(b.received - a.received, 0) for a, b in pairwise(samples)]
    sent = [max(b.sent - a.sent, 0) for a, b in pairwise(samples)]
    rate = _("{size} each second")
    return (
        Box(f"{last.cpu:.0%}", _("of a processor"), series=tuple(one.cpu for one in samples)),
        Box(
            size(last.memory),
            _("memory, of {limit} at most").format(limit=size(last.limit)),
            series=tuple(float(one.memory) for one in samples),
        ),
        Box(rate.format(size=size((received or [0])[-1])), _("received"), series=tuple(received)),
        Box(rate.format(size=size((sent or [0])[-1])), _("sent"), series=tuple(sent)),
    )


def _with(text: str, title: str, lines: Iterable[str]) -> Lines:
    return Lines(title, tuple(line for line in lines if text in line))


def _short(word: str) -> str:
    """Shorten an ID as Docker does; names stay."""
    plain = word.removeprefix("sha256:")
    return plain[:SHORT] if ANONYMOUS.fullmatch(plain) else word
