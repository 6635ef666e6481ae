"""Commands about the machine: doctor, engine, images, lab."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from labkit.cli.output import GOOD, NOT_GOOD, print_json, progress, say, style
from labkit.translation import _

if TYPE_CHECKING:
    import argparse


def doctor(arguments: argparse.Namespace) -> int:
    """`labkit doctor`."""
    from labkit import reports
    from labkit.course import Course
    from labkit.doctor import examine, matters_at_once
    from labkit.engine import connect
    from labkit.engine.verdicts import Verdict

    results = []
    for result in examine(connect, Course.load()):
        if arguments.short and not matters_at_once(result):
            continue
        results.append(result)
        if not arguments.json:
            print(reports.probe_text(result, style()), flush=True)
    if arguments.json:
        print_json([asdict(result) for result in results])
    bad = any(result.verdict in {Verdict.BAD, Verdict.ERROR} for result in results)
    return NOT_GOOD if bad else GOOD


def engine_start(arguments: argparse.Namespace) -> int:
    """`labkit engine start`."""
    from labkit.engine.starting import engine_status, reach_engine

    reach_engine(say).close()
    status = engine_status()
    if arguments.json:
        print_json(asdict(status))
    else:
        text = _("Docker Engine {version} answers at {endpoint}.")
        print(text.format(version=status.version, endpoint=status.endpoint))
    return GOOD


def engine_stop(arguments: argparse.Namespace) -> int:
    """`labkit engine stop`."""
    from labkit.engine.starting import stop_engine

    stopped = stop_engine(say)
    if arguments.json:
        print_json({"stopped": stopped})
    elif stopped:
        print(_("The engine is stopped. Its images, containers and volumes are kept."))
    else:
        print(_("Labkit has started no engine here; others are left alone."))
    return GOOD


def engine_show(arguments: argparse.Namespace) -> int:
    """`labkit engine status`."""
    from labkit import reports
    from labkit.engine.starting import engine_status

    status = engine_status()
    if arguments.json:
        print_json(asdict(status))
    else:
        print(reports.engine_text(status))
    return GOOD if status.running else NOT_GOOD


def images_list(arguments: argparse.Namespace) -> int:
    """`labkit images list`."""
    from labkit import images, reports
    from labkit.course import Course
    from labkit.engine import connect

    found = images.statuses(connect(), Course.load())
    if arguments.json:
        print_json([asdict(status) for status in found])
    else:
        print("\n".join(reports.image_text(status, style()) for status in found))
    return GOOD if all(status.present or status.on_demand for status in found) else NOT_GOOD


def images_ensure(arguments: argparse.Namespace) -> int:
    """`labkit images ensure`."""
    from labkit import images, reports
    from labkit.course import Course
    from labkit.engine import connect

    course = Course.load()
    everything = [image.name for image in course.images] if arguments.all else None
    with progress() as shown:
        obtained = images.ensure(
            connect(),
            course,
            arguments.images or everything,
            progress=shown,
            pull=not arguments.no_pull,
            pack=arguments.pack,
        )
    if arguments.json:
        print_json([asdict(one) for one in obtained])
    else:
        print("\n".join(map(reports.obtained_text, obtained)))
    return GOOD


def images_pack(arguments: argparse.Namespace) -> int:
    """`labkit images pack FILE`."""
    from labkit import images
    from labkit.course import Course
    from labkit.engine import connect
    from labkit.engine.snapshot import size

    engine = connect()
    names = [
        image.name
        for image in Course.load().images
        if not image.on_demand or engine.images.exists(image.name)
    ]
    with progress() as shown:
        written = images.pack(engine, names, arguments.file, progress=shown)
    if arguments.json:
        print_json({"path": str(arguments.file), "size": written})
    else:
        text = _("{path} holds {count} images ({size}).")
        print(text.format(path=arguments.file, count=len(names), size=size(written)))
    return GOOD


def lab(arguments: argparse.Namespace) -> int:
    """`labkit lab`."""
    from labkit.course import Course
    from labkit.lab import open_course

    return open_course(
        Course.load(),
        say=say,
        progress=progress,
        port=arguments.port,
        browser=False if arguments.no_browser else None,
    )
