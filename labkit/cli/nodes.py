"""Commands about nodes: up, list, push, down."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from labkit.cli.output import (
    GOOD,
    NOT_GOOD,
    brief_progress,
    ended,
    print_brought,
    print_json,
    print_removed,
    removing,
)
from labkit.translation import _

if TYPE_CHECKING:
    import argparse

    from labkit.nodes import NodeStatus


def up(arguments: argparse.Namespace) -> int:
    """`labkit nodes up N`."""
    from labkit import nodes
    from labkit.course import Course
    from labkit.engine import connect

    engine = connect()
    with brief_progress() as shown:
        found = nodes.up(engine, Course.load(), arguments.count, progress=shown)
        if arguments.swarm:
            shown.step(_("nodes"), _("forming a swarm"), None, None)
            nodes.swarm(engine, arguments.count)
    _print(found, as_json=arguments.json)
    return GOOD


def show(arguments: argparse.Namespace) -> int:
    """`labkit nodes list`."""
    from labkit import nodes
    from labkit.engine import connect

    found = nodes.statuses(connect())
    _print(found, as_json=arguments.json)
    return GOOD if all(node.state == "ready" for node in found) else NOT_GOOD


def push(arguments: argparse.Namespace) -> int:
    """`labkit nodes push IMAGE...`."""
    from labkit import node_registry
    from labkit.engine import connect

    with brief_progress() as shown:
        pushed = node_registry.push(connect(), arguments.images, progress=shown)
    if arguments.json:
        print_json({"pushed": pushed})
    else:
        print_brought(arguments.images, pushed, _("{image}  pushed"))
    return GOOD


def down(arguments: argparse.Namespace) -> int:
    """`labkit nodes down`."""
    from labkit import nodes, rendering
    from labkit.course import Course
    from labkit.engine import connect
    from labkit.resetting import ResetDone, ResetPlan

    engine = connect()
    things = nodes.plan_down(engine)
    plan = ResetPlan(None, None, things)
    text = rendering.reset_plan_text(plan)
    course = Course.load()
    if plan.empty and not arguments.dry_run:
        nodes.forget_missing(engine, course)  # they may have been removed in another way
    if (code := ended(arguments, plan, text, empty=plan.empty)) is not None:
        return code
    with brief_progress() as shown:
        removal = nodes.down(engine, course, things, progress=removing(shown, things))
    return print_removed(ResetDone(removal), as_json=arguments.json)


def _print(found: tuple[NodeStatus, ...], *, as_json: bool) -> None:
    if as_json:
        print_json([asdict(node) for node in found])
    elif found:
        for node in found:
            print(
                f"{node.name}  {node.state:9}  {node.address:13}  {node.endpoint}  {node.version}"
            )
        if away := [node.name for node in found if node.state != "ready"]:
            print(
                _("`labkit nodes up {number}` has all of them run again.").format(
                    number=away[-1].rpartition("-")[2]
                )
            )
    else:
        print(_("There are no nodes. `labkit nodes up 3` makes three."))
