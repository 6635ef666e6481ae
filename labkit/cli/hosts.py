"""The command that makes a host."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labkit.cli.output import GOOD, brief_progress, print_json

if TYPE_CHECKING:
    import argparse


def up(arguments: argparse.Namespace) -> int:
    """`labkit host NAME`."""
    from labkit import hosts
    from labkit.course import Course
    from labkit.engine import connect

    engine = connect()
    with brief_progress() as shown:
        address = hosts.up(
            engine,
            Course.load(),
            arguments.name,
            installed=arguments.installed,
            progress=shown,
        )
    if arguments.json:
        print_json({"name": arguments.name, "address": address})
    else:
        print(f"{arguments.name}  {address}")
    return GOOD
