"""Commands of a learner: list, start, check, hint, reset."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from labkit.cli.output import GOOD, NOT_GOOD, WRONG, confirmed, print_json, style
from labkit.translation import _

if TYPE_CHECKING:
    import argparse


def list_course(arguments: argparse.Namespace) -> int:
    """`labkit list`."""
    from labkit import rendering
    from labkit.course import Course
    from labkit.progress import ExerciseProgress, Progress

    course = Course.load()
    progress = Progress(course.work()).read()
    if arguments.json:
        chapters = [
            {
                **asdict(chapter.lesson),
                "exercises": [
                    {**asdict(e), **asdict(progress.get(e.slug, ExerciseProgress()))}
                    for e in chapter.exercises
                ],
            }
            for chapter in course.chapters
        ]
        print_json({"title": course.title, "chapters": chapters})
    else:
        print(rendering.course_text(course, progress, style()))
    return GOOD


def start(arguments: argparse.Namespace) -> int:
    """`labkit start SLUG`."""
    from labkit.course import Course
    from labkit.workspace import Workspace

    course = Course.load()
    started = Workspace(course).start(course.exercise(arguments.slug))
    if arguments.json:
        print_json({"path": str(started.path), "new": started.new})
    elif started.new:
        print(_("Copied to {path}.").format(path=started.path))
    else:
        text = _("Already there: {path}. `labkit reset {slug}` begins again.")
        print(text.format(path=started.path, slug=arguments.slug))
    return GOOD


def check(arguments: argparse.Namespace) -> int:
    """`labkit check SLUG`."""
    from labkit import rendering
    from labkit.attempts import attempt
    from labkit.course import Course
    from labkit.engine import connect

    course = Course.load()
    course.exercise(arguments.slug)  # a wrong slug is said before the engine is looked for
    done = attempt(connect(), course, arguments.slug)
    if arguments.json:
        print_json({**done.result.as_json(), "warning": done.warning})
    else:
        print(rendering.attempt_text(done, style()))
    if done.result.at_fault:
        return WRONG
    return GOOD if done.result.passed else NOT_GOOD


def hint(arguments: argparse.Namespace) -> int:
    """`labkit hint SLUG`."""
    from labkit import rendering
    from labkit.attempts import next_hint
    from labkit.course import Course

    found = next_hint(Course.load(), arguments.slug)
    print_json(asdict(found)) if arguments.json else print(rendering.hint_text(found))
    return GOOD


def reset(arguments: argparse.Namespace) -> int:
    """`labkit reset [SLUG]`."""
    from labkit import rendering
    from labkit.course import Course
    from labkit.engine import connect
    from labkit.resetting import plan_reset
    from labkit.resetting import reset as do_reset

    course, engine = Course.load(), connect()
    plan = plan_reset(engine, course, arguments.slug)
    if arguments.dry_run or plan.empty:
        print_json(plan.as_json()) if arguments.json else print(rendering.reset_plan_text(plan))
        return GOOD
    if not arguments.yes and not confirmed(rendering.reset_plan_text(plan)):
        return NOT_GOOD
    done = do_reset(engine, course, plan)
    if arguments.json:
        refused = {str(thing): why for thing, why in done.removal.refused.items()}
        removed = [str(thing) for thing in done.removal.removed]
        kept_as = str(done.kept_as) if done.kept_as else None
        print_json({"removed": removed, "refused": refused, "kept_as": kept_as})
    else:
        print(rendering.reset_done_text(done))
    return NOT_GOOD if done.removal.refused else GOOD
