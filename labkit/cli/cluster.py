"""Commands about the Kubernetes cluster: up, status, load, down."""

from __future__ import annotations

import os
import shlex
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
    say,
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
    from labkit.engine.kubeconfig import VARIABLE, course_kubeconfig

    course = Course.load()
    with brief_progress() as shown:
        found = cluster.up(
            connect(),
            course,
            context=arguments.context,
            empty=arguments.empty,
            progress=shown,
        )
    path = str(course_kubeconfig(course.work()))
    if os.environ.get(VARIABLE) != path:
        say(_("For `kubectl` here: `export {setting}`.").format(
            setting=f"{VARIABLE}={shlex.quote(path)}"
        ))  # fmt: skip
    return _shown(found, as_json=arguments.json)


def show(arguments: argparse.Namespace) -> int:
    """`labkit cluster status`."""
    from labkit import cluster
    from labkit.course import Course
    from labkit.engine import connect

    return _shown(cluster.status(connect(), Course.load()), as_json=arguments.json)


def load(arguments: argparse.Namespace) -> int:
    """`labkit cluster load IMAGE...`."""
    from labkit import cluster_images
    from labkit.course import Course
    from labkit.engine import connect

    with brief_progress() as shown:
        loaded = cluster_images.load(connect(), Course.load(), arguments.images, progress=shown)
    if arguments.json:
        print_json({"brought": loaded.brought, "lacking": dict(loaded.lacking)})
        return GOOD
    there = [image for image in arguments.images if image not in dict(loaded.lacking)]
    print_brought(there, loaded.brought, _("{image}  brought"))
    for image, command in loaded.lacking:
        print(
            _("{image}  is not on all machines of your cluster: run `{command}`").format(
                image=image, command=command
            )
        )
    return GOOD


def down(arguments: argparse.Namespace) -> int:
    """`labkit cluster down`."""
    from labkit import cluster, rendering
    from labkit.course import Course
    from labkit.engine import connect
    from labkit.resetting import ResetDone, ResetPlan

    engine, course = connect(), Course.load()
    plan = ResetPlan(None, None, cluster.plan_down(engine, course))
    text = rendering.reset_plan_text(plan)
    if (code := ended(arguments, plan, text, empty=plan.empty)) is not None:
        return code
    removal = cluster.down(engine, course, plan.things)
    return print_removed(ResetDone(removal), as_json=arguments.json)


def _shown(found: ClusterStatus, *, as_json: bool) -> int:
    ready = found.state == "ready"
    if as_json:
        print_json(asdict(found))
    elif found.context:
        parts = (found.context, found.state, found.version, ", ".join(found.nodes))
        print("  ".join(part for part in (*parts, f"({found.served_by})") if part))
        if not ready:
            print(_("`labkit cluster up` waits until it is ready."))
    else:
        print(_("There is no cluster. `labkit cluster up` makes one."))
    return GOOD if ready else NOT_GOOD
