"""A swarm: its nodes, and the tasks that are on each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labkit.engine import connect, nested
from labkit.engine.swarm import Swarm
from labkit.live.placement import Placement
from labkit.show.boxes import Box, Picture
from labkit.show.followed import follow
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Callable

    from labkit.engine import Engine
    from labkit.engine.swarm import Member, Task
    from labkit.widgets.live_view import LiveView


def swarm(manager: str = nested.FIRST, *, engine: Engine | None = None) -> LiveView[Swarm]:
    """Draw where the tasks of a swarm are, as one of its managers tells it, live in a notebook.

    Tasks of one service have the same colour. What has no node stands apart. Engines tell of nodes
    and of containers, but not of tasks; so for some seconds after each event the manager is asked
    a few times a second, and otherwise not at all.

    Args:
        manager: The node to ask.
        engine: Where the nodes are; None connects to the one that answers.
    """
    from labkit.widgets.live_view import LiveView

    return LiveView(Placement(manager), engine or connect(), lambda found: drawn(found, manager))


def follow_swarm(
    until: Callable[[Swarm], object],
    manager: str = nested.FIRST,
    *,
    engine: Engine | None = None,
    timeout: float = 120.0,
) -> None:
    """Draw a swarm, and again whenever it has changed, in the same place.

    Args:
        until: Given the swarm each time; that it returns something true ends it.
        manager: The node to ask.
        engine: Where the nodes are; None connects to the one that answers.
        timeout: Seconds until giving up.

    Raises:
        WaitTimeout: It took longer.
    """
    with nested.connected(engine or connect(), manager) as asked:
        follow(
            lambda: Swarm.read(asked),
            lambda found, after: drawn(found, manager, after=after),
            until,
            what=_("the swarm"),
            title=_("The swarm"),
            timeout=timeout,
        )


def drawn(found: Swarm, manager: str, *, after: float | None = None) -> Picture:
    """Draw a swarm that was read, so many seconds after something else."""
    wanted = [task for task in found.tasks if task.desired == "running"]
    boxes = [_member(found, member, wanted) for member in found.members]
    if nowhere := [task for task in wanted if not task.node]:
        boxes.append(Box(_("no node"), "", (), tuple(_task(found, task) for task in nowhere)))
    title = _("The swarm, as {manager} sees it").format(manager=manager)
    if after is not None:
        title = _("{title} after {seconds:.0f} s").format(title=title, seconds=after)
    return Picture(title, tuple(boxes))


def _member(found: Swarm, member: Member, wanted: list[Task]) -> Box:
    role = _("leader") if member.leader else member.role
    states = [member.state]
    if member.availability != "active":
        states.append(member.availability)
    if member.reachability == "unreachable":
        states.append(member.reachability)
    labels = tuple(f"{name}={value}" for name, value in sorted(member.labels.items()))
    here = tuple(_task(found, task) for task in wanted if task.node == member.id)
    return Box(member.name, f"{role}, {', '.join(states)}", labels, here)


def _task(found: Swarm, task: Task) -> Box:
    service = next((s for s in found.services if s.id == task.service), None)
    name = service.name if service else task.service
    details = (_("image {image}").format(image=task.image), *((task.error,) if task.error else ()))
    title = f"{name}.{task.slot}" if task.slot else name
    return Box(title, _("task, {state}").format(state=task.state), details, mark=name)
