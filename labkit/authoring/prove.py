"""Prove exercises on a real engine: each must refuse what is wrong and accept what is right.

For each exercise, every notebook in a kernel and a folder of its own, as a learner would run it:

1. the untouched starter FAILS, by a check and not by our own fault;
2. the solution PASSES from a clean engine, and what the manifest says it makes (`objects`) is
   all there is to remove;
3. the solution PASSES a second time from clean, and once more on top of itself;
4. every wrong answer fails first at the check it names, with its own hint and no other's.

A proof removes everything of the course from the engine (course images stay), before and after.
Machines of the lessons on clusters stay between its steps, as between a learner's attempts: to make
them takes ten times as long as a step, and the set-up cell empties them. A Kubernetes cluster
belongs to no exercise, and so it stays until the end.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labkit import cluster, nodes
from labkit.authoring.build import answered, starter
from labkit.authoring.sources import Source
from labkit.checking import Outcome, first_not_passed, run_checks
from labkit.cluster_ways import lacking
from labkit.engine.ownership import owned, remove
from labkit.engine.probes import unmet
from labkit.errors import AuthoringError, CourseError
from labkit.running import run_notebook, workspace_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from nbformat import NotebookNode

    from labkit.authoring.sources import WrongAnswer
    from labkit.checking import CheckOutcome, CheckResult
    from labkit.course import Course, Exercise
    from labkit.engine import Engine
    from labkit.engine.ownership import Owned

#: Seconds for one cell; a solution may build an image.
CELL_TIMEOUT = 300.0


@dataclass(frozen=True, slots=True)
class Step:
    """One part of a proof.

    Attributes:
        claim: What should be so, in words.
        ok: It is so.
        found: What was found, in words.
    """

    claim: str
    ok: bool
    found: str


@dataclass(frozen=True, slots=True)
class Proof:
    """What was proved of one exercise, or why it could not be.

    Attributes:
        slug: The exercise.
        steps: Its parts, in order; a failed one does not keep the others from being tried.
        not_here: What this machine lacks for it; empty when it was tried.
    """

    slug: str
    steps: tuple[Step, ...]
    not_here: str = ""

    @property
    def ok(self) -> bool:
        """Whether nothing speaks against the exercise, as far as it could be tried here."""
        return all(step.ok for step in self.steps)

    def as_json(self) -> dict[str, Any]:
        """Return plain values for `json.dumps`."""
        return {**asdict(self), "ok": self.ok}


def prove(
    engine: Engine,
    course: Course,
    slugs: Sequence[str] | None = None,
    *,
    progress: Callable[[str, Step], None] | None = None,
) -> tuple[Proof, ...]:
    """Prove exercises on the engine.

    Args:
        engine: What is the course's on it is removed.
        course: Where the exercises and their sources are.
        slugs: Which ones; None proves all.
        progress: Told of each step when it is done.

    Raises:
        UnknownSlug: There is no such exercise; nothing was run.
        EngineError: The engine went away.
    """
    exercises = course.exercises if slugs is None else [course.exercise(slug) for slug in slugs]
    proofs = []
    for exercise in exercises:
        prover = _Prover(engine, course, exercise)
        try:
            prover.clean()
            missing = " ".join(unmet(exercise.needs, engine))
            steps = [] if missing else list(_told(prover.steps(), exercise.slug, progress))
        except (AuthoringError, CourseError) as error:
            missing, steps = "", [Step("its source can be read", ok=False, found=str(error))]
        finally:
            prover.clean()
        proofs.append(Proof(exercise.slug, tuple(steps), missing))
    return tuple(proofs)


def _told(
    steps: Iterator[Step], slug: str, progress: Callable[[str, Step], None] | None
) -> Iterator[Step]:
    for step in steps:
        if progress is not None:
            progress(slug, step)
        yield step


@dataclass(frozen=True, slots=True)
class _Prover:
    """Proves one exercise."""

    engine: Engine
    course: Course
    exercise: Exercise

    def steps(self) -> Iterator[Step]:
        """Try everything; the engine is clean before the first step."""
        source = Source.read(self.course.solution(self.exercise))
        notebook = starter(source, self.exercise)  # refuses unbalanced markers
        missing = [name for name in self.exercise.images if not self.engine.images.exists(name)]
        if missing:
            names = ", ".join(f"`{name}`" for name in missing)
            found = f"missing: {names}. Run `labkit images ensure`."
            yield Step("its images are here", ok=False, found=found)
            return
        if "cluster" in self.exercise.needs and (found := lacking(self.engine)):
            yield Step("its cluster is here", ok=False, found=found)
            return
        yield self._starter(notebook)
        solution = answered(source, self.exercise)
        for attempt in ("from a clean engine", "a second time from a clean engine"):
            self.clean(keep_machines=True)
            with self._scratch() as scratch:
                yield self._solution(solution, Path(scratch), attempt)
                if attempt.startswith("a second"):
                    yield self._solution(solution, Path(scratch), "on top of itself")
            yield self._only_declared()
        answers = source.wrong_answers()
        for answer in answers:
            self.clean(keep_machines=True)
            others = [other for other in answers if other is not answer]
            yield self._wrong(answered(source, self.exercise, answer.replaces), answer, others)

    def clean(self, *, keep_machines: bool = False) -> None:
        """Remove everything of the course from the engine, but its images."""
        things = owned(self.engine, keep_images=self.course.image_tags)
        machines = self._machines() if keep_machines else ()
        if "cluster" in self.exercise.needs and not keep_machines:
            cluster.remove_made(self.engine)
        remove(self.engine, [thing for thing in things if thing not in machines])

    def _machines(self) -> tuple[Owned, ...]:
        return (*self._nodes(), *self._cluster())

    def _nodes(self) -> tuple[Owned, ...]:
        return nodes.plan_down(self.engine) if "nodes" in self.exercise.needs else ()

    def _cluster(self) -> tuple[Owned, ...]:
        return cluster.machines(self.engine) if "cluster" in self.exercise.needs else ()

    def _starter(self, notebook: NotebookNode) -> Step:
        claim = "the untouched starter fails"
        with self._scratch() as scratch:
            stopped, result = self._run(notebook, Path(scratch), strict=False)
        first = _at_fault(result) or first_not_passed(result.outcomes)
        if stopped or first is None:
            return Step(claim, ok=False, found=stopped or "it passes: nothing is left to be done")
        return Step(claim, ok=first.outcome is Outcome.FAILED, found=_told_by(first))

    def _solution(self, notebook: NotebookNode, scratch: Path, attempt: str) -> Step:
        claim = f"the solution passes {attempt}"
        stopped, result = self._run(notebook, scratch, strict=True)
        if stopped:
            return Step(claim, ok=False, found=stopped)
        first = first_not_passed(result.outcomes)
        found = _told_by(first) if first else f"{result.earned} of {result.points} points"
        return Step(claim, ok=result.passed, found=found)

    def _only_declared(self) -> Step:
        claim = "it makes nothing but its declared objects"
        keep, machines = self.course.image_tags, self._nodes()
        declared = owned(self.engine, keep_images=keep, names=self.exercise.objects)
        # An exercise declares its nodes; the cluster is everybody's, and so nobody's to declare.
        staying = [*self._cluster(), *(thing for thing in declared if thing in machines)]
        remove(self.engine, [thing for thing in declared if thing not in staying])
        left = [t for t in owned(self.engine, keep_images=keep) if t not in staying]
        if left:
            names = ", ".join(f"`{thing}`" for thing in left)
            found = f"left behind: {names}. Add to its `objects` in course.toml."
            return Step(claim, ok=False, found=found)
        return Step(claim, ok=True, found="nothing is left behind")

    def _wrong(
        self, notebook: NotebookNode, answer: WrongAnswer, others: Sequence[WrongAnswer]
    ) -> Step:
        claim = f"the wrong answer `{answer.name}` fails at `{answer.check}` with its own hint"
        with self._scratch() as scratch:
            stopped, result = self._run(notebook, Path(scratch), strict=False)
        objection = stopped or _objection(result, answer, others)
        first = first_not_passed(result.outcomes)
        return Step(claim, ok=not objection, found=objection or (_told_by(first) if first else ""))

    def _run(
        self, notebook: NotebookNode, scratch: Path, *, strict: bool
    ) -> tuple[str, CheckResult]:
        """Run a notebook as a learner would, then its checks.

        Args:
            notebook: The starter, or one with an answer.
            scratch: A folder for its files and its progress.
            strict: Its cells must do what they should; else only the end must be reached.

        Returns:
            Why the run does not count, or nothing; and what the checks said.
        """
        work = scratch / "work"
        folder = work / self.course.exercise_notebook(self.exercise).parent.name
        folder.mkdir(parents=True, exist_ok=True)
        report = run_notebook(
            notebook,
            cwd=folder,
            env=workspace_environment(self.engine, self.course, work),
            timeout=CELL_TIMEOUT,
            allow_errors=not strict,
            name=self.exercise.slug,
        )
        stopped = report.error if strict or not report.finished else ""
        with _work_in(work):
            return stopped, run_checks(self.engine, self.exercise, self.course, hidden=True)

    def _scratch(self) -> tempfile.TemporaryDirectory[str]:
        return tempfile.TemporaryDirectory(prefix="labkit-prove-")


@contextmanager
def _work_in(folder: Path) -> Iterator[None]:
    """Have checks look where the notebook worked, for what an engine does not know."""
    before = os.environ.get("LABKIT_WORK")
    os.environ["LABKIT_WORK"] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ["LABKIT_WORK"]
        else:
            os.environ["LABKIT_WORK"] = before


def _at_fault(result: CheckResult) -> CheckOutcome | None:
    return next((o for o in result.outcomes if o.outcome is Outcome.ERROR), None)


def _objection(result: CheckResult, answer: WrongAnswer, others: Sequence[WrongAnswer]) -> str:
    """Say why the checks did not refuse a wrong answer for its own reason, or nothing."""
    first = _at_fault(result) or first_not_passed(result.outcomes)
    if first is None:
        return "it passes"
    told, shown = _told_by(first), first.hint.casefold()
    if first.outcome is not Outcome.FAILED:
        return told
    if first.name != answer.check:
        return f"another check fails first: {told}"
    if answer.hint.casefold() not in shown:
        return f"the hint lacks “{answer.hint}”: {told}"
    for other in others:
        if other.hint.casefold() in shown:
            return f"the hint is also that of `{other.name}`: {told}"
    return ""


def _told_by(outcome: CheckOutcome) -> str:
    """Say what a check found, in one line."""
    hint = f" Hint: {outcome.hint}" if outcome.hint else ""
    return f"`{outcome.name}` {outcome.outcome.value}: {outcome.found}.{hint}"
