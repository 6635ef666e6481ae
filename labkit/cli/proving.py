"""Commands that prove the course: run, prove."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from labkit.cli.output import GOOD, NOT_GOOD, confirmed, print_json, progress, style
from labkit.errors import LabError
from labkit.translation import _

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from labkit.authoring.prove import Proof, Step
    from labkit.course import Course
    from labkit.engine import Engine


def run(arguments: argparse.Namespace) -> int:
    """`labkit run [LESSON…]`."""
    from labkit import cluster, nodes, reports
    from labkit.course import Course
    from labkit.engine import connect
    from labkit.running import run_lessons

    engine, course = connect(), Course.load()
    if not _way_is_clear(engine, course, yes=arguments.yes):
        return NOT_GOOD
    done = []
    with progress(transient=True) as shown:

        def told(slug: str, cells: int, total: int) -> None:
            place = min(cells + 1, total)
            text = _("cell {place} of {total}").format(place=place, total=total)
            shown.step(slug, text, cells, total)

        for report in run_lessons(
            engine, course, arguments.lessons or None, timeout=arguments.timeout, progress=told
        ):
            done.append(report)
            if not arguments.json:
                shown.result(reports.run_text(report, style()))
    nodes.forget_missing(engine, course)
    cluster.forget_missing(engine, course)
    if arguments.json:
        print_json([report.as_json() for report in done])
    return GOOD if all(report.ok for report in done) else NOT_GOOD


def prove(arguments: argparse.Namespace) -> int:
    """`labkit prove [SLUG…]`."""
    try:
        from labkit.authoring.prove import prove as do_prove
    except ModuleNotFoundError as error:
        raise LabError(
            _("Proving needs `{module}`, which only the developer's environment has.").format(
                module=error.name
            ),
            hint=_("Run `make build` once, then `.venv-dev/bin/labkit prove`."),
        ) from error
    from labkit import cluster, nodes, reports
    from labkit.course import Course
    from labkit.engine import connect

    engine, course = connect(), Course.load()
    exercises = [course.exercise(slug) for slug in arguments.slugs] or course.exercises
    if not _way_is_clear(engine, course, yes=arguments.yes):
        return NOT_GOOD
    proofs: list[Proof] = []
    with progress(transient=True) as shown:

        def begin(slug: str, run: int) -> None:
            text = _("exercise {n} of {all}, run {run}")
            place, total = len(proofs), len(exercises)
            shown.step(slug, text.format(n=place + 1, all=total, run=run), place, total)

        for exercise in exercises:
            runs = count(1)
            begin(exercise.slug, next(runs))

            def told(slug: str, step: Step, runs: Iterator[int] = runs) -> None:
                if not arguments.json:
                    shown.result(reports.step_text(slug, step, style()))
                begin(slug, next(runs))

            proofs += do_prove(engine, course, [exercise.slug], progress=told)
    nodes.forget_missing(engine, course)
    cluster.forget_missing(engine, course)
    if arguments.json:
        print_json([proof.as_json() for proof in proofs])
    else:
        print(reports.proofs_text(proofs))
    return GOOD if all(proof.ok for proof in proofs) else NOT_GOOD


def _way_is_clear(engine: Engine, course: Course, *, yes: bool) -> bool:
    """Ask before a learner's own containers go; lessons and proofs begin without any."""
    from labkit import rendering
    from labkit.resetting import plan_reset

    plan = plan_reset(engine, course)
    return plan.empty or yes or confirmed(rendering.reset_plan_text(plan))
