"""The notebook's face: `%load_ext labkit`, then `%check`, `%exercise`, `%hint`, `%panel` and more.

Parse, call the core, render; a labkit error is shown as one paragraph, never as a traceback.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from IPython.core.magic import Magics, line_magic, magics_class
from IPython.core.magic_arguments import argument, magic_arguments, parse_argstring
from IPython.display import display

from labkit import attempts, rendering, resetting
from labkit.checking import missing_images
from labkit.course import Course
from labkit.dashboard.attached import AttachedDashboard
from labkit.dashboard.frame import frame_html, frame_text
from labkit.docker_config import VARIABLE, course_config
from labkit.engine import KeptConnection, kubeconfig
from labkit.errors import EngineUnreachable, LabError
from labkit.go_templates import keep_go_templates
from labkit.rendering import Shown
from labkit.terminals import close_at_once
from labkit.translation import _
from labkit.watching import PATIENCE, Watcher
from labkit.workspace import Workspace

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable

    from IPython.core.interactiveshell import ExecutionInfo, ExecutionResult, InteractiveShell

    F = TypeVar("F", bound=Callable[..., Any])

#: IPython would print how to reload an extension, which is of no use to a learner.
_LOADS_AGAIN = re.compile(r"^\s*%load_ext\s+labkit\s*$", re.MULTILINE)
#: How Compose shows its progress; on the terminal that `!` imitates it would move the cursor.
PROGRESS = "COMPOSE_PROGRESS"


def _told(magic: F) -> F:
    """Show a labkit error as a paragraph instead of raising it."""
    from functools import wraps

    @wraps(magic)
    def wrapper(self: LabMagics, line: str) -> None:
        try:
            magic(self, line)
        except LabError as error:
            if isinstance(error, EngineUnreachable):
                self.connection.lost()
            display(Shown(str(error)))

    return wrapper  # type: ignore[return-value]


@magics_class
class LabMagics(Magics):
    """The magics of the course."""

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell)
        self._shell: Any = shell
        changed = (VARIABLE, PROGRESS, kubeconfig.VARIABLE, kubeconfig.OWN)
        self.variables = {name: os.environ.get(name) for name in changed}
        self.folder = Path.cwd()
        self.connection = KeptConnection()
        self._impatient = KeptConnection(timeout=PATIENCE)
        self.watcher = Watcher(self._impatient)
        self.board = AttachedDashboard()

    @line_magic
    @magic_arguments()
    @argument("slug", help="the exercise, such as containers.published")
    @_told
    def check(self, line: str) -> None:
        """Check an exercise: what should be true, what was found, the next step."""
        slug = _arguments(LabMagics.check, line).slug
        attempt = attempts.attempt(self.connection.engine(), Course.load(), slug)
        display(Shown(rendering.attempt_text(attempt), rendering.attempt_html(attempt)))

    @line_magic
    @magic_arguments()
    @argument("slug", help="the exercise, such as containers.published")
    @_told
    def panel(self, line: str) -> None:
        """Show a panel with buttons to check an exercise, to see a hint, and to begin again."""
        from labkit.widgets import check_panel

        display(check_panel(Course.load(), _arguments(LabMagics.panel, line).slug))

    @line_magic
    @magic_arguments()
    @argument("slug", help="the exercise, such as containers.published")
    @_told
    def hint(self, line: str) -> None:
        """Show the next hint for an exercise."""
        hint = attempts.next_hint(Course.load(), _arguments(LabMagics.hint, line).slug)
        display(Shown(rendering.hint_text(hint)))

    @line_magic
    @magic_arguments()
    @argument("slug", help="the exercise, such as containers.published")
    @_told
    def exercise(self, line: str) -> None:
        """Copy an exercise into the workspace and link to it."""
        course = Course.load()
        exercise = course.exercise(_arguments(LabMagics.exercise, line).slug)
        workspace = Workspace(course)
        started = workspace.start(exercise)
        status = attempts.status_of(course, exercise.slug)
        place = started.path.relative_to(workspace.root).as_posix()
        # A link in an output is relative to its notebook; `%cd` may have left that folder.
        href = Path(os.path.relpath(started.path, self.folder)).as_posix()
        display(
            Shown(
                rendering.exercise_text(exercise, place, status),
                rendering.exercise_html(exercise, href, status),
            )
        )

    @line_magic
    @magic_arguments()
    @argument("path", help="a Dockerfile, or the folder that it is in")
    @_told
    def lint(self, line: str) -> None:
        """Say what is wrong in a Dockerfile, line by line, and what it leads to."""
        from labkit.dockerfile_report import reading_text
        from labkit.dockerfiles import lint

        reading = lint(Path(_arguments(LabMagics.lint, line).path))
        display(Shown(reading_text(reading, rendering.Style())))

    @line_magic
    @magic_arguments()
    @argument("--stop", action="store_true", help="end it")
    @_told
    def dashboard(self, line: str) -> None:
        """Show the engine on a page: status, objects, events, a terminal in a container."""
        if _arguments(LabMagics.dashboard, line).stop:
            self.board.close()
            return
        address = self.board.address(os.environ)
        display(Shown(frame_text(address), frame_html(address, os.environ)))

    @line_magic
    @magic_arguments()
    @argument("slug", nargs="?", help="only what this exercise makes")
    @argument("--dry-run", action="store_true", help="only list what would be removed")
    @_told
    def reset_lab(self, line: str) -> None:
        """Remove the course's containers, networks, volumes and images, and nothing else."""
        arguments = _arguments(LabMagics.reset_lab, line)
        engine, course = self.connection.engine(), Course.load()
        plan = resetting.plan_reset(engine, course, arguments.slug)
        # Also when nothing is left: what was removed in another way may have left a context.
        done = None if arguments.dry_run else resetting.reset(engine, course, plan)
        if done is None or plan.empty:
            display(Shown(rendering.reset_plan_text(plan)))
            return
        display(Shown(rendering.reset_done_text(done)))
        self.watcher.begin()  # what was removed has just been said

    @line_magic
    @magic_arguments()
    @argument("switch", choices=("on", "off"), help="on or off")
    @_told
    def changes(self, line: str) -> None:
        """Switch the line on or off that says what a cell changed on the engine."""
        self.watcher.on = _arguments(LabMagics.changes, line).switch == "on"

    def before_cell(self, info: ExecutionInfo) -> None:
        """Look at the engine before a cell runs."""
        if _LOADS_AGAIN.search(info.raw_cell or ""):
            self._shell.extension_manager.loaded.discard("labkit")
        self.watcher.begin()

    def after_cell(self, result: ExecutionResult) -> None:
        """Say what the cell changed, and which course image it failed for."""
        found = self.watcher.end()
        if found:
            display(Shown(rendering.changes_text(found), rendering.changes_html(found)))
        elif self.watcher.notice:
            display(Shown(self.watcher.notice))
        if missing := self._missing_images(result):
            display(Shown(missing))

    def _missing_images(self, result: ExecutionResult) -> str:
        """Say which course image a failed cell names in vain; Docker would ask a registry."""
        failed = result.error_in_exec is not None or self._shell.user_ns.get("_exit_code")
        if not failed or result.info is None:
            return ""
        words = set(re.findall(r"(?<![\w./-])lab/[\w.-]+", result.info.raw_cell or ""))
        try:
            named = sorted(words & {image.name for image in Course.load().images})
            return missing_images(self._impatient.engine(), named) if named else ""
        except LabError:  # said where it is asked for
            self._impatient.lost()
            return ""


def _arguments(magic: Callable[..., Any], line: str) -> Namespace:
    """Parse a magic's line; a wrong one is a labkit error with the usage."""
    from IPython.core.error import UsageError

    try:
        arguments: Namespace = parse_argstring(magic, line)
    except UsageError as error:
        raise LabError(
            _("`%{name} {line}`: {why}.").format(
                name=magic.__name__, line=line, why=str(error).rstrip(".")
            ),
            hint=_("`%{name}?` shows how it is used.").format(name=magic.__name__),
        ) from error
    return arguments


def load(shell: InteractiveShell) -> None:
    """Register the magics and the what-changed line; a second call changes nothing."""
    if "LabMagics" in shell.magics_manager.registry:
        return
    magics = LabMagics(shell)
    try:
        work = Course.load().work()
        os.environ[VARIABLE] = str(course_config(work))
        os.environ.update(kubeconfig.variables(work))
    except LabError as error:
        display(Shown(str(error)))
    os.environ.setdefault(PROGRESS, "plain")
    shell.register_magics(magics)
    shell.events.register("pre_run_cell", magics.before_cell)
    shell.events.register("post_run_cell", magics.after_cell)
    shell.input_transformers_cleanup.append(keep_go_templates)
    close_at_once()


def unload(shell: InteractiveShell) -> None:
    """Take the what-changed line away and forget the magics."""
    magics = shell.magics_manager.registry.pop("LabMagics", None)
    if magics is None:
        return
    magics.board.close()
    for name, value in magics.variables.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value
    shell.events.unregister("pre_run_cell", magics.before_cell)
    shell.events.unregister("post_run_cell", magics.after_cell)
    shell.input_transformers_cleanup.remove(keep_go_templates)
    for names in shell.magics_manager.magics.values():
        for name in [n for n, m in names.items() if getattr(m, "__self__", None) is magics]:
            del names[name]
