"""`python -m benchmarks [NAME…] [--json]`: run them on the engine that answers, print the ratios.

A number says something only beside its peer of the same run, so both alternate, and their medians
are compared. Nothing is asserted: the exit code is 0 also where a target is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from benchmarks import (
    checking,
    cluster,
    grading,
    growing,
    live,
    memory,
    nodes,
    resetting,
    startup,
    watching,
)
from labkit.course import Course
from labkit.engine import connect
from labkit.engine.ownership import owned, remove
from labkit.errors import LabError

BENCHMARKS = {
    "checking": checking.run,
    "startup": startup.run,
    "watching": watching.run,
    "resetting": resetting.run,
    "memory": memory.run,
    "grading": grading.run,
    "growing": growing.run,
    "live": live.run,
    "nodes": nodes.run,
    "cluster": cluster.run,
}


def main() -> int:
    """Run what was asked for; 2 where there is no engine or one that is in use."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"any of {', '.join(BENCHMARKS)}; all by default")
    parser.add_argument("--json", action="store_true", help="print JSON, for machines")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - BENCHMARKS.keys():
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}")

    course = Course.load(Path(__file__).parents[1])
    try:
        engine = connect()
    except LabError as error:
        parser.error(str(error))
    if there := owned(engine, keep_images=course.image_tags):
        found = ", ".join(map(str, there[:3]))
        parser.error(f"the engine holds work of the course ({found}). Run `labkit reset` first.")

    findings = []
    with tempfile.TemporaryDirectory() as work:
        os.environ["LABKIT_WORK"] = work  # the learner's own progress is left alone
        try:
            for name in arguments.names or BENCHMARKS:
                for finding in BENCHMARKS[name](engine, course):
                    findings.append(finding)
                    if not arguments.json:
                        print(finding, flush=True)
        finally:
            remove(engine, owned(engine, keep_images=course.image_tags))
    if arguments.json:
        versions = {"python": platform.python_version(), "engine": engine.version()["Version"]}
        lines = [asdict(finding) | {"holds": finding.holds} for finding in findings]
        print(json.dumps({**versions, "cpus": os.cpu_count(), "findings": lines}, indent=2))
    engine.close()
    return 0


sys.exit(main())
