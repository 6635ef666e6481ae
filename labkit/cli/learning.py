"""Commands of a learner: list, start, check, hint, lint, reset."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from labkit.cli.output import (
    GOOD,
    NOT_GOOD,
    WRONG,
    brief_progress,
    ended,
    print_json,
    print_removed,
    removing,
    say,
    style,
)
from labkit.translation import _

if TYPE_CHECKING:
    import argparse

    from labkit.course import Exercise


def list_course(arguments: argparse.Namespace) -> int:
    """`labkit list`."""
    from labkit import rendering
    from labkit.course import Course
    from labkit.progress import ExerciseProgress, Progress

    course = Course.load()
    entries = Progress(course.work()).read()
    if arguments.json:
        chapters = [
            {
                **asdict(chapter.lesson),
                "exercises": [
                    {**asdict(e), **asdict(entries.get(e.slug, ExerciseProgress()))}
                    for e in chapter.exercises
                ],
            }
            for chapter in course.chapters
        ]
        print_json({"title": course.title, "chapters": chapters})
    else:
        print(rendering.course_text(course, entries, style()))
    return GOOD


def start(arguments: argparse.Namespace) -> int:
    """`labkit start SLUG`."""
    from labkit.course import Course
    from labkit.workspace import Workspace

    course = Course.load()
    exercise, workspace = course.exercise(arguments.slug), Workspace(course)
    started, task = workspace.start(exercise), workspace.task(exercise)
    warning = _in_the_way(exercise)
    if arguments.json:
        told = {"path": str(started.path), "new": started.new, "task": task, "warning": warning}
        print_json(told)
        return GOOD
    print(f"{task}\n")
    if started.new:
        print(_("Copied to {path}.").format(path=started.path))
    else:
        text = _("Already there: {path}. `labkit reset {slug}` begins again.")
        print(text.format(path=started.path, slug=arguments.slug))
    if warning:
        say(warning)
    return GOOD


def _in_the_way(exercise: Exercise) -> str:
    """Say what would keep the learner's first command from working, or nothing."""
    from labkit.checking import missing_images
    from labkit.engine import connect
    from labkit.errors import EngineError

    try:
        return missing_images(connect(), exercise.images) if exercise.images else ""
    except EngineError as error:
        return str(error)


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


def lint(arguments: argparse.Namespace) -> int:
    """`labkit lint PATH`."""
    from labkit import dockerfiles
    from labkit.dockerfile_report import reading_text

    reading = dockerfiles.lint(arguments.path)
    print_json(asdict(reading)) if arguments.json else print(reading_text(reading, style()))
    return NOT_GOOD if reading.findings else GOOD


def reset(arguments: argparse.Namespace) -> int:
    """`labkit reset [SLUG]`."""
    from labkit import rendering
    from labkit.course import Course
    from labkit.engine import connect
    from labkit.resetting import plan_reset
    from labkit.resetting import reset as do_reset

    course, engine = Course.load(), connect()
    plan = plan_reset(engine, course, arguments.slug)
    text = rendering.reset_plan_text(plan)
    if plan.empty and not arguments.dry_run:
        do_reset(engine, course, plan)  # what was removed in another way may have left a context
    if (code := ended(arguments, plan, text, empty=plan.empty)) is not None:
        return code
    with brief_progress() as shown:
        done = do_reset(engine, course, plan, progress=removing(shown, plan.things))
    return print_removed(done, as_json=arguments.json)
