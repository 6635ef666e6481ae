"""Commands about the Kubernetes cluster: up, status, load, down."""

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
)
from labkit.translation import _

if TYPE_CHECKING:
    import argparse

    from labkit.cluster import ClusterStatus


def up(arguments: argparse.Namespace) -> int:
    """`labkit cluster up`."""
    from labkit import cluster
    from labkit.course import Course
    from labkit.engine import connect

    with brief_progress() as shown:
        found = cluster.up(
            connect(),
            Course.load(),
            context=arguments.context,
            empty=arguments.empty,
            progress=shown,
        )
    return _shown(found, as_json=arguments.json)


def show(arguments: argparse.Namespace) -> int:
    """`labkit cluster status`."""
    from labkit import cluster
    from labkit.course import Course
    from labkit.engine import connect

    return _shown(cluster.status(connect(), Course.load()), as_json=arguments.json)


def load(arguments: argparse.Namespace) -> int:
    """`labkit cluster load IMAGE...`."""
    from labkit import cluster
    from labkit.course import Course
    from labkit.engine import connect

    with brief_progress() as shown:
        brought = cluster.load(connect(), Course.load(), arguments.images, progress=shown)
    if arguments.json:
        print_json({"brought": brought})
    else:
        print_brought(arguments.images, brought, _("{image}  brought"))
    return GOOD


def down(arguments: argparse.Namespace) -> int:
    """`labkit cluster down`."""
    from labkit import cluster, rendering
    from labkit.course import Course
    from labkit.engine import connect
    from labkit.resetting import ResetDone, ResetPlan

    engine, course = connect(), Course.load()
    things = cluster.plan_down(engine)
    found = cluster.status(engine, course)
    plan = ResetPlan(None, None, things)
    text = rendering.reset_plan_text(plan)
    if not things and found.context:
        text = _("This takes the cluster `{context}` ({served_by}) from the course.").format(
            context=found.context, served_by=found.served_by
        )
    empty = not (things or found.context)
    if (code := ended(arguments, plan, text, empty=empty)) is not None:
        return code
    removal = cluster.down(engine, course, things)
    return print_removed(ResetDone(removal), as_json=arguments.json)


def _shown(found: ClusterStatus, *, as_json: bool) -> int:
    if as_json:
        print_json(asdict(found))
    elif found.context:
        print(
            f"{found.context}  {found.state}  {found.version}  {', '.join(found.nodes)}  "
            f"({found.served_by})"
        )
    else:
        print(_("There is no cluster. `labkit cluster up` makes one."))
    return GOOD if found.state == "ready" else NOT_GOOD
