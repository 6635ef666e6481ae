"""A proof must find out every kind of broken exercise; here with a pretended engine and kernel."""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from labkit.authoring import prove as module
from labkit.authoring.prove import prove
from labkit.checking import run_checks
from labkit.course import Course
from labkit.engine import probes
from labkit.engine.kubeconfig import Taken, course_kubeconfig, take, taken
from labkit.engine.ownership import Owned, Removal
from labkit.errors import UnknownSlug
from labkit.running import RunReport
from tests.unit.tiny_course import EXERCISE, add_checks, write_course

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nbformat import NotebookNode

    from labkit.authoring.prove import Proof, Step
    from labkit.checking import CheckResult

RUN = "docker run --name lab-a"
CREATE = "docker create --name lab-a"


@dataclass
class PretendedContainer:
    status: str


@dataclass
class PretendedEngine:
    """Holds containers by name; a notebook's commands are understood by their first words."""

    things: dict[str, PretendedContainer] = field(default_factory=dict)
    images_there: bool = True
    runs: int = 0

    @property
    def containers(self) -> PretendedEngine:
        return self

    @property
    def images(self) -> PretendedImages:
        return PretendedImages(here=self.images_there)

    def get(self, name: str) -> PretendedContainer:
        return self.things[name]

    def exists(self, name: str) -> bool:
        return name in self.things

    def cli_env(self) -> dict[str, str]:
        return {}

    def run_notebook(self, notebook: NotebookNode, **_options: Any) -> RunReport:
        self.runs += 1
        code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
        if "die" in code:
            return RunReport("x", ok=False, seconds=0, cells=(), error="it died.", finished=False)
        for line in code.splitlines():
            words = line.removeprefix("!").split()
            if words[:3] in (RUN.split()[:3], CREATE.split()[:3]):
                status = "exited" if words[1] == "run" else "created"
                self.things[words[3]] = PretendedContainer(status)
        return RunReport("x", ok=True, seconds=0, cells=())


@dataclass
class PretendedImages:
    here: bool

    def exists(self, _name: str) -> bool:
        return self.here


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> PretendedEngine:
    add_checks(monkeypatch)
    pretended = PretendedEngine()

    def owned(
        engine: PretendedEngine, *, keep_images: object = (), names: Sequence[str] | None = None
    ) -> tuple[Owned, ...]:
        del keep_images
        return tuple(
            Owned("container", name, name)
            for name in engine.things
            if names is None or any(fnmatchcase(name, wanted) for wanted in names)
        )

    def remove(engine: PretendedEngine, things: Sequence[Owned]) -> Removal:
        for thing in things:
            del engine.things[thing.name]
        return Removal(tuple(things))

    monkeypatch.setattr(module, "run_notebook", pretended.run_notebook)
    monkeypatch.setattr(module, "owned", owned)
    monkeypatch.setattr(module, "remove", remove)
    return pretended


def prove_tiny(engine: PretendedEngine, root: Path, *changes: tuple[str, str]) -> Proof:
    text = EXERCISE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (proof,) = prove(engine, write_course(root, exercise=text))  # type: ignore[arg-type]
    return proof


def broken(proof: Proof) -> list[Step]:
    return [step for step in proof.steps if not step.ok]


def test_a_good_exercise_is_proved_step_by_step(engine: PretendedEngine, tmp_path: Path) -> None:
    proof = prove_tiny(engine, tmp_path)
    assert proof.ok
    assert [step.claim for step in proof.steps] == [
        "the untouched starter fails",
        "the solution passes from a clean engine",
        "it makes nothing but its declared objects",
        "the solution passes a second time from a clean engine",
        "the solution passes on top of itself",
        "it makes nothing but its declared objects",
        "the wrong answer `another_name` fails at `it_is_there` with its own hint",
        "the wrong answer `not_started` fails at `it_has_run` with its own hint",
    ]
    assert "it was only created. Hint: Run `docker start lab-a`." in proof.steps[-1].found
    assert engine.runs == 6
    assert engine.things == {}


def test_a_starter_that_passes_is_found_out(engine: PretendedEngine, tmp_path: Path) -> None:
    change = ("# Say it in one line.", f"!{RUN} lab/shell")
    step = broken(prove_tiny(engine, tmp_path, change))[0]
    assert (step.claim, step.found) == (
        "the untouched starter fails",
        "it passes: nothing is left to be done",
    )


def test_a_solution_that_fails_is_found_out(engine: PretendedEngine, tmp_path: Path) -> None:
    steps = broken(prove_tiny(engine, tmp_path, (f"!{RUN}", f"!{CREATE}")))
    assert [step.claim for step in steps] == [
        f"the solution passes {how}"
        for how in ("from a clean engine", "a second time from a clean engine", "on top of itself")
    ]
    assert "`it_has_run` failed" in steps[0].found


def test_a_solution_that_stops_is_found_out(engine: PretendedEngine, tmp_path: Path) -> None:
    steps = broken(prove_tiny(engine, tmp_path, (f"!{RUN} lab/shell true", "!die")))
    assert {step.found for step in steps} == {"it died."}


def test_objects_that_are_not_declared_are_found_out(
    engine: PretendedEngine, tmp_path: Path
) -> None:
    change = ("# END SOLUTION", "!docker run --name lab-more lab/shell\n# END SOLUTION")
    steps = broken(prove_tiny(engine, tmp_path, change))
    assert {step.found for step in steps} == {
        "left behind: `container lab-more`. Add to its `objects` in course.toml."
    }


def test_a_wrong_answer_that_passes_is_found_out(engine: PretendedEngine, tmp_path: Path) -> None:
    (step,) = broken(prove_tiny(engine, tmp_path, ("!docker run --name lab-b", f"!{RUN}")))
    assert step.found == "it passes"


def test_a_wrong_answer_that_fails_for_another_reason_is_found_out(
    engine: PretendedEngine, tmp_path: Path
) -> None:
    (step,) = broken(prove_tiny(engine, tmp_path, (f"!{CREATE}", "!true")))
    assert step.found.startswith("another check fails first: `it_is_there` failed")


def test_a_hint_that_does_not_say_what_was_promised_is_found_out(
    engine: PretendedEngine, tmp_path: Path
) -> None:
    (step,) = broken(prove_tiny(engine, tmp_path, ("hint: docker start", "hint: docker restart")))
    assert step.found.startswith("the hint lacks “docker restart”")


def test_a_hint_that_is_also_anothers_is_found_out(engine: PretendedEngine, tmp_path: Path) -> None:
    (step,) = broken(prove_tiny(engine, tmp_path, ("hint: --name", "hint: lab-a")))
    assert step.found.startswith("the hint is also that of `another_name`")


def test_a_source_that_cannot_be_read_is_a_failed_proof(
    engine: PretendedEngine, tmp_path: Path
) -> None:
    (step,) = broken(prove_tiny(engine, tmp_path, ("# END SOLUTION\n", "")))
    assert "`# BEGIN SOLUTION` without a `# END SOLUTION`" in step.found


def test_a_missing_image_is_said_and_not_taken_for_a_failed_check(
    engine: PretendedEngine, tmp_path: Path
) -> None:
    engine.images_there = False
    proof = prove_tiny(engine, tmp_path)
    assert [step.found for step in proof.steps] == [
        "missing: `lab/shell`. Run `labkit images ensure`."
    ]
    assert not proof.ok


def test_declared_machines_stay_from_the_first_step_to_the_last(
    engine: PretendedEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_up = ("%load_ext labkit", "%load_ext labkit\n!docker run --name lab-node-1 lab/shell")
    course = write_course(tmp_path, exercise=EXERCISE.replace(*set_up))
    manifest = tmp_path / "course.toml"
    text = manifest.read_text()
    changed = '["lab-a", "lab-node-*"]\nneeds = ["nodes"]'
    manifest.write_text(text.replace('["lab-a"]', changed))
    there: list[bool] = []

    def run(notebook: NotebookNode, **options: Any) -> RunReport:
        there.append("lab-node-1" in engine.things)
        return engine.run_notebook(notebook, **options)

    def machines(engine: PretendedEngine) -> tuple[Owned, ...]:
        return tuple(Owned("container", n, n) for n in engine.things if n == "lab-node-1")

    monkeypatch.setattr(module, "run_notebook", run)
    monkeypatch.setattr("labkit.nodes.plan_down", machines)
    for where in (module, probes):
        monkeypatch.setattr(where, "unmet", lambda _needs, _engine: ())
    (proof,) = prove(engine, Course.load(course.root))  # type: ignore[arg-type]
    assert proof.ok
    assert there == [False, True, True, True, True, True]
    assert engine.things == {}


def test_checks_look_into_the_workspace_of_the_notebook_that_was_run(
    engine: PretendedEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABKIT_WORK", str(tmp_path / "learners"))
    wrote, checked = [], []

    def run(notebook: NotebookNode, **options: Any) -> RunReport:
        path = course_kubeconfig(Path(options["env"]["LABKIT_WORK"]))
        take(path, Taken("you", f"run {len(wrote)}"), b"{}")
        wrote.append(taken(path))
        return engine.run_notebook(notebook, **options)

    def check(*what: Any, **how: Any) -> CheckResult:
        checked.append(taken(course_kubeconfig(course.work())))
        return run_checks(*what, **how)

    course = write_course(tmp_path / "course")
    monkeypatch.setattr(module, "run_notebook", run)
    monkeypatch.setattr(module, "run_checks", check)
    prove(engine, course)  # type: ignore[arg-type]
    assert checked == wrote
    assert len(set(wrote)) == engine.runs
    assert course.work() == tmp_path / "learners"
    assert not course.work().exists()


def test_a_cluster_whose_image_is_missing_is_not_built_in_a_cell(
    engine: PretendedEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    course = write_course(tmp_path)
    manifest = tmp_path / "course.toml"
    text = manifest.read_text()
    manifest.write_text(text.replace('["lab-a"]', '["lab-a"]\nneeds = ["cluster"]'))
    for where in (module, probes):
        monkeypatch.setattr(where, "unmet", lambda _needs, _engine: ())
    monkeypatch.setattr(module, "lacking", lambda _engine: "Run `labkit images ensure it`.")
    (proof,) = prove(engine, Course.load(course.root))  # type: ignore[arg-type]
    assert [(step.ok, step.found) for step in proof.steps] == [
        (False, "Run `labkit images ensure it`.")
    ]
    assert engine.runs == 0


def test_steps_are_told_as_they_are_done(engine: PretendedEngine, tmp_path: Path) -> None:
    told: list[tuple[str, Step]] = []
    course = write_course(tmp_path)
    (proof,) = prove(
        engine,  # type: ignore[arg-type]
        course,
        ["tiny.first"],
        progress=lambda slug, step: told.append((slug, step)),
    )
    assert told == [("tiny.first", step) for step in proof.steps]
    assert proof.as_json()["ok"] is True


def test_an_unknown_slug_runs_nothing(engine: PretendedEngine, tmp_path: Path) -> None:
    with pytest.raises(UnknownSlug, match=r"tiny\.first"):
        prove(engine, write_course(tmp_path), ["tiny.frist"])  # type: ignore[arg-type]
    assert engine.runs == 0
