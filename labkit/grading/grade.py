"""Grade submissions: read each, run it at a desk of its own, check, and keep the verdict."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from labkit.checking import first_not_passed
from labkit.errors import EngineError, LabError
from labkit.grading import reading
from labkit.grading.transcript import Ending
from labkit.grading.verdicts import Evidence, Note, Status, Verdict
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labkit.checking import CheckResult
    from labkit.course import Course, Exercise
    from labkit.grading.desk import Desk, Desks
    from labkit.grading.results import Results
    from labkit.grading.submissions import Problem, Submission
    from labkit.grading.transcript import CellRun, Transcript

#: An exercise that another one builds on, and the same student's answer to it.
Earlier = tuple["Exercise", bytes]
#: Gives a submission's content its verdict.
Judge = Callable[["Submission", bytes, "Sequence[Earlier]"], Verdict]
#: How often a submission is tried when it is our desk that fails.
TRIES = 2


@dataclass(frozen=True)
class Deadlines:
    """How long a learner's cells may take, in seconds."""

    cell: float = 120.0
    whole: float = 300.0


@dataclass(frozen=True)
class Graded:
    """A verdict, and whether it was there from an earlier run."""

    verdict: Verdict
    kept: bool


def grade(
    course: Course,
    submissions: Sequence[Submission],
    results: Results,
    judge: Judge,
    *,
    workers: int = 1,
    again: bool = False,
    progress: Callable[[Graded], None] | None = None,
) -> tuple[Verdict, ...]:
    """Grade submissions, and keep each verdict as soon as it is there.

    What has a verdict on the same content by the same course is not graded again.

    Args:
        course: Its checks and set-up cells are used.
        submissions: What `find` found.
        results: Where verdicts are kept; the caller holds it.
        judge: Gives a submission's content its verdict; several threads call it. `grade_one`
            does, once its first arguments are given.
        workers: How many at a time.
        again: Grade also what has a verdict.
        progress: Told of each verdict, by one thread at a time.

    Returns:
        The verdicts, in the order of `submissions`.

    Raises:
        WorkspaceError: A verdict cannot be written.
    """
    rules = Rules(course)
    done: dict[tuple[str, str], Verdict] = {}
    handed_in = {submission.key: submission for submission in submissions}

    def one(submission: Submission) -> Graded:
        data, refusal = _read(submission)
        earlier: list[Earlier] = []
        for exercise in course.chain(submission.exercise) if submission.exercise else ():
            before = handed_in.get((submission.student, exercise.slug))
            earlier.append((exercise, _read(before)[0] if before else b""))
        content = reading.digest(b"".join((data, *(other for _exercise, other in earlier))))
        rule = rules.digest(submission.exercise)
        if not again and (old := results.kept(submission, content=content, course=rule)):
            return Graded(old, kept=True)
        begun = time.monotonic()
        verdict = refusal or judge(submission, data, earlier)
        verdict = replace(
            verdict, submission=content, course=rule, seconds=time.monotonic() - begun
        )
        results.write(verdict)
        return Graded(verdict, kept=False)

    with ThreadPoolExecutor(workers, thread_name_prefix="labkit-grade") as pool:
        futures = [pool.submit(one, submission) for submission in submissions]
        try:
            for future in as_completed(futures):
                graded = future.result()
                done[graded.verdict.student, graded.verdict.slug] = graded.verdict
                if progress is not None:
                    progress(graded)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return tuple(done[submission.key] for submission in submissions)


class Rules:
    """What a verdict depends on besides the submission, as a digest for each exercise."""

    def __init__(self, course: Course) -> None:
        self._course = course
        checks = sorted((course.root / "labkit").glob("*checks/*.py"))
        self._common = b"\0".join(path.read_bytes() for path in checks)

    def digest(self, exercise: Exercise | None) -> str:
        """Digest an exercise: its entry, its notebook, all checks and its images."""
        if exercise is None:
            return ""
        found = hashlib.sha256(repr(exercise).encode())
        found.update(self._course.exercise_notebook(exercise).read_bytes())
        found.update(self._common)
        for image in self._course.images:
            if image.name in exercise.images:
                folder = self._course.image_folder(image)
                for path in sorted(path for path in folder.rglob("*") if path.is_file()):
                    found.update(path.read_bytes())
        return found.hexdigest()


def grade_one(
    course: Course,
    desks: Desks,
    deadlines: Deadlines,
    submission: Submission,
    data: bytes,
    earlier: Sequence[Earlier] = (),
) -> Verdict:
    """Grade one submission; whatever goes wrong is in the verdict.

    Args:
        course: Its checks and set-up cells are used.
        desks: Where it is run. When a desk fails, or its engine ends, a second one is asked for.
        deadlines: For the learner's cells.
        submission: Whose it is, and for which exercise.
        data: The file's content.
        earlier: The same student's answers to what the exercise builds on, in order.
    """
    exercise = submission.exercise
    if exercise is None:
        raise ValueError(submission.slug)
    empty = _empty(submission)
    try:
        read = reading.read(data, exercise, course)
    except reading.Refused as error:
        return _refused(empty, error.problem)
    empty = replace(empty, notes=read.notes)
    answers: list[tuple[Exercise, reading.Reading]] = []
    for other, content in earlier:
        try:
            answers.append((other, reading.read(content, other, course)))
        except reading.Refused as error:
            return _blocked(empty, other, error.message)
    answers.append((exercise, read))
    verdict = empty
    for _attempt in range(TRIES):
        try:
            with desks.desk() as desk:
                verdict = _at_desk(desk, answers, empty, deadlines)
        except LabError as error:
            verdict = replace(empty, status=Status.FAULT, kind="desk", message=str(error))
        except Exception as error:  # noqa: BLE001 - one submission's trouble is not the class's
            said = f"{type(error).__name__}: {error}"
            verdict = replace(empty, status=Status.FAULT, kind="grader", message=said)
        if verdict.status is not Status.FAULT and verdict.kind != Ending.ENGINE_GONE:
            break
    return verdict


def _at_desk(
    desk: Desk,
    answers: Sequence[tuple[Exercise, reading.Reading]],
    empty: Verdict,
    deadlines: Deadlines,
) -> Verdict:
    """Run answers one after the other; each but the last must pass."""
    cells: tuple[CellRun, ...] = ()
    for exercise, read in answers:
        transcript = desk.run(
            read.cells,
            files={},
            cell_deadline=deadlines.cell,
            deadline=deadlines.whole,
            reaches=exercise.reaches,
        )
        cells += transcript.cells
        evidence = Evidence(cells=cells)
        if transcript.ending is Ending.ENGINE_GONE:
            return _engine_gone(empty, evidence, transcript.message)
        try:
            result = desk.check(exercise)
            evidence = replace(evidence, events=desk.events(), state=desk.final_state())
        except EngineError as error:
            return _engine_gone(empty, evidence, error.message)
        notes = (*empty.notes, *map(_doubt, desk.doubts()))
        verdict = _judged(replace(empty, evidence=evidence, notes=notes), transcript, result)
        if verdict.status is not Status.GRADED:
            return verdict
        failed = first_not_passed(result.outcomes)
        if exercise.slug != empty.slug and failed:
            return _blocked(replace(empty, evidence=evidence), exercise, failed.found)
    return verdict


def _doubt(mighty: str) -> Note:
    text = _("A container could have changed what the engine says: {why}.")
    return Note("mighty container", text.format(why=mighty))


def _blocked(empty: Verdict, by: Exercise, why: str) -> Verdict:
    message = _("This exercise begins where `{other}` ends, which has not passed: {why}.").format(
        other=by.slug, why=why.rstrip(".")
    )
    return replace(empty, status=Status.BLOCKED, kind="earlier exercise", message=message)


def _engine_gone(empty: Verdict, evidence: Evidence, why: str) -> Verdict:
    """Say that nothing could be checked: the learner's own cells have ended the engine."""
    message = _("The engine did not answer any more when the cells had run: {why}").format(why=why)
    return replace(
        empty,
        status=Status.GRADED,
        kind=Ending.ENGINE_GONE.value,
        message=message,
        evidence=evidence,
    )


def _judged(verdict: Verdict, transcript: Transcript, result: CheckResult) -> Verdict:
    if result.needs_unmet:
        return replace(
            verdict,
            status=Status.NOT_HERE,
            kind="needs unmet",
            message=" ".join(result.needs_unmet),
        )
    if result.at_fault:
        fault = next(o for o in result.outcomes if o.outcome == "error")
        return replace(
            verdict,
            status=Status.FAULT,
            kind="check",
            message=f"`{fault.name}`: {fault.found}.",
            outcomes=result.outcomes,
        )
    return replace(
        verdict,
        status=Status.GRADED,
        kind=transcript.ending.value,
        message=transcript.message,
        earned=result.earned,
        outcomes=result.outcomes,
    )


def _read(submission: Submission) -> tuple[bytes, Verdict | None]:
    """Read a submission's file, or say why it is refused unread."""
    problem, data = submission.problem, b""
    if problem is None:
        try:
            data = reading.content(submission.path)
        except reading.Refused as error:
            problem = error.problem
    if problem is None:
        return data, None
    return data, _refused(_empty(submission), problem)


def _refused(empty: Verdict, problem: Problem) -> Verdict:
    return replace(empty, status=Status.REFUSED, kind=problem.kind, message=problem.message)


def _empty(submission: Submission) -> Verdict:
    exercise = submission.exercise
    return Verdict(
        student=submission.student,
        slug=submission.slug,
        title=exercise.title if exercise else submission.slug,
        status=Status.FAULT,
        kind="not graded",
        points=exercise.points if exercise else 0,
    )
