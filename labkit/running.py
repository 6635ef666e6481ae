"""Execute notebooks without a browser, one real kernel each.

What counts as a failed cell:

* an exception, as in Jupyter;
* a `!command` whose exit code is not 0. IPython lets that pass without a word, so a lesson could
  be broken and still "run". A pipe has the exit code of its last part, so `… | head` and
  `… || true` are good ways to say that a failure does not matter. Removing what is not there
  (`docker rm -f …`, `docker network rm … 2>/dev/null`) is no failure;
* a timeout, and a kernel that dies.

In a `%%sh` or `%%bash` cell, the shell's own rule holds: its exit code is that of its last
command, unless the cell says `set -e`.

Two tags on a cell change that:

* `fails`: something in this cell fails on purpose, because the lesson reads the engine's refusal
  together with the learner. A cell with this tag in which nothing fails is reported, since the
  lesson promises an error that did not come. The build adds Jupyter's own `raises-exception`
  to it, so that *Run All* goes on after it.
* `raises-exception`: may fail or not.

A kernel never outlives its run, nor does anything that it started in the foreground, also after a
timeout or Ctrl-C. `run_notebook` brings its own event loop: call it from ordinary code or from a
thread, not from a coroutine.
"""

from __future__ import annotations

import re
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labkit.escapes import plain
from labkit.kernels import running_kernel, take_commands
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from nbclient import NotebookClient
    from nbformat import NotebookNode

    from labkit.course import Course
    from labkit.engine import Engine

FAILS = "fails"
MAY_FAIL = "raises-exception"
#: Characters of a cell's output that a report keeps.
OUTPUT_KEPT = 2000

_REMOVAL = re.compile(
    r"^\s*docker\s+((container|image|network|volume)\s+)?rmi?\b"  # one command that removes
    r"(?=.*(\s-f\b|\s--force\b|2>\s*/dev/null|&>\s*/dev/null|2>&1))"  # and expects nothing there
    r"([^;|&]|>&|&>)*$"
)


@dataclass(frozen=True, slots=True)
class CellReport:
    """What became of one code cell.

    Attributes:
        index: Its place in the notebook, from 0, text cells counted.
        source: Its code.
        ok: It did what it should (see the module's docstring).
        seconds: How long it took.
        error: What went wrong, in words; empty when it is ok.
        output: The text that it printed last, its end when it is long.
    """

    index: int
    source: str
    ok: bool
    seconds: float
    error: str
    output: str


@dataclass(frozen=True, slots=True)
class RunReport:
    """What became of one notebook.

    Attributes:
        name: The notebook's name, for people.
        ok: Every cell is ok and the end was reached.
        seconds: The time from the kernel's start to its end.
        cells: Code cells that were started, in order.
        error: The first thing that went wrong, in words; empty when it is ok.
        finished: The end was reached; with `allow_errors`, failed cells do not prevent that.
        not_here: What this machine lacks for it; empty when it was run.
    """

    name: str
    ok: bool
    seconds: float
    cells: tuple[CellReport, ...]
    error: str = ""
    finished: bool = True
    not_here: str = ""

    @property
    def failed_cell(self) -> CellReport | None:
        """The first cell that is not ok."""
        return next((cell for cell in self.cells if not cell.ok), None)

    def as_json(self) -> dict[str, Any]:
        """Return plain values for `json.dumps`."""
        return asdict(self)


def run_notebook(
    notebook: Path | NotebookNode,
    *,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    timeout: float = 120.0,
    allow_errors: bool = False,
    on_cell: Callable[[CellReport], None] | None = None,
    name: str = "",
) -> RunReport:
    """Execute a notebook from top to bottom in a kernel of this interpreter.

    Args:
        notebook: A file, or a notebook in memory. Neither is changed.
        cwd: The folder in which its code runs.
        env: Variables to add to this process's environment.
        timeout: Seconds that one cell may take.
        allow_errors: Go on after a failed cell, as a person may.
        on_cell: Told of each code cell when it is done.
        name: The name in the report; by default the file's.

    Returns:
        A report; failed cells, timeouts and dead kernels are in it, not raised.
    """
    import asyncio
    import copy

    import nbformat

    if isinstance(notebook, Path):
        name = name or notebook.stem
        nb = nbformat.read(notebook, as_version=4)  # type: ignore[no-untyped-call]
    else:
        nb = copy.deepcopy(notebook)
    run = _Run(nb, cwd, env, timeout, on_cell, stop_on_failure=not allow_errors)
    started = time.monotonic()
    stopped = asyncio.run(run.execute())
    failed = next((cell for cell in run.cells if not cell.ok), None)
    return RunReport(
        name=name,
        ok=not stopped and failed is None,
        seconds=time.monotonic() - started,
        cells=tuple(run.cells),
        error=_located(failed) if failed else stopped,
        finished=not stopped,
    )


def run_lessons(
    engine: Engine,
    course: Course,
    slugs: Sequence[str] | None = None,
    *,
    timeout: float = 300.0,
    progress: Callable[[str, int, int], None] | None = None,
) -> Iterator[RunReport]:
    """Execute lessons one after the other, in a workspace of their own.

    Args:
        engine: The engine that their commands use.
        course: Where the lessons are.
        slugs: Which ones, as `Course.lesson` takes them; None runs all.
        timeout: Seconds that one cell may take.
        progress: Told a lesson's slug, how many of its code cells are done, and how many it has:
            when it begins, and after each cell.

    Yields:
        A report for each lesson, when it is done.

    Raises:
        UnknownSlug: There is no such lesson; nothing was run.
    """
    import nbformat

    from labkit.checking import missing_images
    from labkit.cluster_ways import lacking
    from labkit.engine.probes import unmet

    lessons = course.lessons if slugs is None else [course.lesson(slug) for slug in slugs]
    for lesson in lessons:
        missing = " ".join(unmet(lesson.needs, engine))
        if missing:
            yield RunReport(lesson.slug, ok=True, seconds=0.0, cells=(), not_here=missing)
            continue
        error = missing_images(engine, lesson.images)
        if not error and "cluster" in lesson.needs:
            error = lacking(engine)
        if error:
            yield RunReport(lesson.slug, False, 0.0, (), error, finished=False)
            continue
        notebook = nbformat.read(course.lesson_notebook(lesson), as_version=4)  # type: ignore[no-untyped-call]
        with tempfile.TemporaryDirectory(prefix="labkit-run-") as work:
            yield run_notebook(
                notebook,
                cwd=Path(work),
                env=workspace_environment(engine, course, Path(work)),
                timeout=timeout,
                on_cell=_counted(lesson.slug, notebook, progress) if progress else None,
                name=lesson.slug,
            )


def _counted(
    slug: str, notebook: NotebookNode, progress: Callable[[str, int, int], None]
) -> Callable[[CellReport], None]:
    """Return an `on_cell` that counts a lesson's code cells."""
    total = sum(is_run(cell) for cell in notebook.cells)
    done = 0

    def on_cell(_report: CellReport) -> None:
        nonlocal done
        done += 1
        progress(slug, done, total)

    progress(slug, done, total)
    return on_cell


def is_run(cell: NotebookNode) -> bool:
    """Tell whether a kernel gets anything of a cell."""
    return bool(cell.cell_type == "code" and cell.source.strip())


def workspace_environment(engine: Engine, course: Course, work: Path) -> dict[str, str]:
    """Return the variables that lead a notebook to this engine, course and workspace."""
    return {
        **engine.cli_env(),
        "LABKIT_COURSE": str(course.root),
        "LABKIT_WORK": str(work),
    }


@dataclass(slots=True)
class _Run:
    """One notebook on its way through a kernel."""

    notebook: NotebookNode
    cwd: Path
    env: Mapping[str, str] | None
    seconds: float
    on_cell: Callable[[CellReport], None] | None
    stop_on_failure: bool
    cells: list[CellReport] = field(default_factory=list)

    async def execute(self) -> str:
        """Execute the cells; return why the end was not reached, or nothing."""
        try:
            async with running_kernel(
                self.notebook, cwd=self.cwd, env=self.env, seconds=self.seconds
            ) as client:
                for index, cell in enumerate(self.notebook.cells):
                    if is_run(cell):
                        stopped = await self._execute_cell(client, cell, index)
                        if stopped:
                            return stopped
        except (RuntimeError, OSError) as error:
            return _("The kernel did not start: {reason}").format(reason=error)
        return ""

    async def _execute_cell(self, client: NotebookClient, cell: NotebookNode, index: int) -> str:
        """Execute a cell and report it; return why the run cannot go on, or nothing."""
        import asyncio

        from nbclient.exceptions import CellTimeoutError, DeadKernelError

        begun, fatal = time.monotonic(), ""
        try:
            await client.async_execute_cell(cell, index)
            error = verdict(cell, await take_commands(client))
        except CellTimeoutError:
            error = fatal = _("it took more than {seconds:g} s.").format(seconds=self.seconds)
        except DeadKernelError:
            # nbclient says so of a cancelled task, too: Ctrl-C is not the kernel's death.
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise asyncio.CancelledError from None
            error = fatal = _("the kernel died.")
        report = CellReport(
            index=index,
            source=cell.source,
            ok=not error,
            seconds=time.monotonic() - begun,
            error=error,
            output=_last_output(cell),
        )
        self.cells.append(report)
        if self.on_cell is not None:
            self.on_cell(report)
        return error if self.stop_on_failure else fatal


def _located(cell: CellReport) -> str:
    return _("Cell {number}: {error}").format(number=cell.index + 1, error=cell.error)


def verdict(cell: NotebookNode, commands: list[tuple[str, int]]) -> str:
    """Say what is wrong with an executed cell, or nothing."""
    raised = [out for out in cell.outputs if out.output_type == "error"]
    failed = [(command, code) for command, code in commands if code != 0]
    tags = cell.metadata.get("tags", [])
    if FAILS in tags:
        if raised or failed:
            return ""
        return _("it is tagged `fails`, but nothing in it failed.")
    if MAY_FAIL in tags:
        return ""
    if raised:
        return f"{raised[0].ename}: {plain(raised[0].evalue)}"
    for command, code in failed:
        if not _REMOVAL.match(command):
            return _("`{command}` exited with {code}.").format(command=command.strip(), code=code)
    return ""


def _last_output(cell: NotebookNode) -> str:
    for output in reversed(cell.get("outputs", [])):
        if output.output_type == "stream":
            text = output.text
        elif output.output_type == "error":
            text = "\n".join(output.traceback)
        else:
            text = output.get("data", {}).get("text/plain", "")
        if text.strip():
            return plain(text)[-OUTPUT_KEPT:]
    return ""
