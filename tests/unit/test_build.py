"""Building notebooks from sources, and what `check` says about a course's files."""

from __future__ import annotations

import json
import shutil
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import nbformat
import pytest

from labkit import checking
from labkit.authoring import consistency
from labkit.authoring.__main__ import main
from labkit.authoring.build import answered, build, built, check_markers, lesson_notebook, starter
from labkit.authoring.consistency import check
from labkit.authoring.sources import Source
from labkit.errors import AuthoringError
from tests.unit.tiny_course import EXERCISE, HEADER, LESSON, MANIFEST, add_checks, write_course

if TYPE_CHECKING:
    from pathlib import Path

    from labkit.course import Course

SOLUTION = (
    "# Say it in one line.\n"
    "# BEGIN SOLUTION\n!docker run --name lab-a lab/shell true\n# END SOLUTION"
)


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Course:
    add_checks(monkeypatch)
    return write_course(tmp_path)


def exercise_source(course: Course) -> Source:
    return Source.read(course.solution(course.exercises[0]))


def with_solution(root: Path, cell: str) -> tuple[Source, Course]:
    course = write_course(root, exercise=EXERCISE.replace(SOLUTION, cell))
    return exercise_source(course), course


def test_a_source_knows_the_line_of_each_cell(tiny: Course) -> None:
    source = exercise_source(tiny)
    lines = source.path.read_text().splitlines()
    for cell in source.cells:
        assert lines[cell.line - 1].strip() == cell.source.split("\n")[0].strip()


def test_a_starter_has_the_task_and_a_stub_but_no_answer(tiny: Course) -> None:
    cells = starter(exercise_source(tiny), tiny.exercises[0]).cells
    assert [cell.source for cell in cells] == [
        "# First\n\nA container named `lab-a` has run.",
        "%load_ext labkit",
        "# Say it in one line.\n# Your commands here",
        "%check tiny.first",
    ]


def test_cell_ids_are_pinned_to_the_slug(tiny: Course) -> None:
    exercise = starter(exercise_source(tiny), tiny.exercises[0])
    lesson = lesson_notebook(Source.read(tiny.lesson_source(tiny.lessons[0])), "tiny")
    assert [cell.id for cell in exercise.cells] == [f"tiny-first-0{n}" for n in (1, 2, 3, 4)]
    assert lesson.cells[0].id == "tiny-01"


@pytest.mark.parametrize(
    ("cell", "stub"),
    [
        ("%%bash\n# BEGIN SOLUTION\ndocker ps\n# END SOLUTION", "%%bash\n# Your commands here"),
        (
            "%%writefile app/Dockerfile\nFROM lab/shell\n# BEGIN SOLUTION\nCMD sh\n# END SOLUTION",
            "%%writefile app/Dockerfile\nFROM lab/shell\n# Your instructions here",
        ),
        (
            "%%writefile compose.yaml\nservices:\n  # BEGIN SOLUTION\n  web: {}\n  # END SOLUTION",
            "%%writefile compose.yaml\nservices:\n  # Your lines here",
        ),
        (
            "%%writefile index.html\n<!-- BEGIN SOLUTION -->\n<p>\n<!-- END SOLUTION -->",
            "%%writefile index.html\n<!-- Your lines here -->",
        ),
        (
            "for name in names:\n    # BEGIN SOLUTION\n    print(name)\n    # END SOLUTION",
            "for name in names:\n    # Your code here",
        ),
    ],
)
def test_the_stub_suits_what_the_cell_holds(tmp_path: Path, cell: str, stub: str) -> None:
    source, course = with_solution(tmp_path, cell)
    assert starter(source, course.exercises[0]).cells[2].source == stub


def test_a_cell_without_a_region_is_kept_as_it_is(tmp_path: Path) -> None:
    text = EXERCISE.replace(
        "```{code-cell} ipython3\n# Say",
        "```{code-cell} ipython3\n!docker rm -f lab-a\n```\n\n```{code-cell} ipython3\n# Say",
    )
    course = write_course(tmp_path, exercise=text)
    cells = starter(exercise_source(course), course.exercises[0]).cells
    assert cells[2].source == "!docker rm -f lab-a"
    assert cells[2].metadata.nbgrader["locked"]


@pytest.mark.parametrize(
    ("cell", "problem"),
    [
        ("!true\n# END SOLUTION", "`# END SOLUTION` without a `# BEGIN SOLUTION`"),
        ("# BEGIN SOLUTION\n!true", "`# BEGIN SOLUTION` without a `# END SOLUTION`"),
        ("# BEGIN SOLUTION\n# BEGIN SOLUTION\n# END SOLUTION", "has begun one already"),
        ("!true # BEGIN SOLUTION\n# END SOLUTION", "a line of their own"),
    ],
)
def test_markers_that_do_not_balance_are_refused_with_their_line(
    tmp_path: Path, cell: str, problem: str
) -> None:
    source, course = with_solution(tmp_path, cell)
    with pytest.raises(AuthoringError, match=r"first\.md:\d+`") as caught:
        starter(source, course.exercises[0])
    assert problem in caught.value.problem
    line = int(str(caught.value.path).rpartition(":")[2])
    assert "SOLUTION" in source.path.read_text().splitlines()[line - 1]


def test_markers_in_text_are_refused(tmp_path: Path) -> None:
    course = write_course(tmp_path, exercise=EXERCISE.replace("# First", "# BEGIN SOLUTION"))
    with pytest.raises(AuthoringError, match="code cell"):
        check_markers(exercise_source(course))


def test_an_exercise_must_end_with_its_own_check(tmp_path: Path) -> None:
    course = write_course(tmp_path, exercise=EXERCISE.replace("%check tiny.first", "%check tiny"))
    with pytest.raises(AuthoringError, match=r"must be `%check tiny\.first`"):
        starter(exercise_source(course), course.exercises[0])


def test_the_answer_has_no_markers_and_a_wrong_answer_takes_its_place(tiny: Course) -> None:
    source, exercise = exercise_source(tiny), tiny.exercises[0]
    wrong = source.wrong_answers()[1]
    assert "SOLUTION" not in answered(source, exercise).cells[2].source
    assert answered(source, exercise, wrong.replaces).cells[2].source.startswith("!docker create")


def test_a_wrong_answer_may_replace_several_solution_cells(tmp_path: Path) -> None:
    part = "```{{code-cell}} ipython3\n# BEGIN SOLUTION\n!echo {0}\n# END SOLUTION\n```\n\n"
    wrong = (
        "```{{code-cell}} ipython3\n---\nwrong:\n  name: both\n  check: it_is_there\n"
        "  hint: both\n---\n!echo not {0}\n```\n\n"
    )
    parts = "".join((part + wrong).format(n) for n in (1, 2))
    path = tmp_path / "both.md"
    path.write_text(HEADER + parts)
    (answer,) = Source.read(path).wrong_answers()
    assert list(answer.replaces.values()) == ["!echo not 1", "!echo not 2"]


def test_an_incomplete_wrong_answer_is_refused_with_its_line(tmp_path: Path) -> None:
    course = write_course(tmp_path, exercise=EXERCISE.replace("  hint: --name\n", ""))
    with pytest.raises(AuthoringError, match=r"first\.md:\d+`: a wrong cell needs a text `hint`"):
        exercise_source(course).wrong_answers()


def test_a_cell_that_fails_on_purpose_lets_run_all_go_on(tiny: Course) -> None:
    lesson = lesson_notebook(Source.read(tiny.lesson_source(tiny.lessons[0])), "tiny")
    tagged = [cell for cell in lesson.cells if cell.metadata.get("tags")]
    assert [cell.metadata.tags for cell in tagged] == [["fails", "raises-exception"]]


def test_a_rebuild_is_byte_identical_and_writes_nothing(tiny: Course) -> None:
    first = build(tiny)
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in first}
    assert [path.name for path in first] == ["07_tiny.ipynb", "first.ipynb"]
    assert build(tiny) == ()
    assert before == {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in first}


def test_built_notebooks_are_valid_and_hold_nothing_that_changes_by_itself(tiny: Course) -> None:
    for notebook in built(tiny):
        plain: dict[str, Any] = json.loads(notebook.content)
        nbformat.validate(plain)
        assert (plain["nbformat"], plain["nbformat_minor"]) == (4, 5)
        assert set(plain["metadata"]) == {"kernelspec", "language_info"}
        assert not any(cell.get("outputs") for cell in plain["cells"])
        assert notebook.content.endswith(b"}\n")
        assert b"jupytext" not in notebook.content


def test_build_removes_only_built_notebooks_that_nothing_stands_behind(tiny: Course) -> None:
    strays = [tiny.root / "notebooks/99_old.ipynb", tiny.root / "exercises/99_old/x.ipynb"]
    bystanders = [tiny.root / "work/mine.ipynb", tiny.root / "exercises/07_tiny/notes.txt"]
    for path in (*strays, *bystanders):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
    assert set(strays) <= set(build(tiny))
    assert not any(path.exists() for path in strays)
    assert all(path.exists() for path in bystanders)


def test_a_broken_source_leaves_every_notebook_as_it_was(tiny: Course) -> None:
    build(tiny)
    tiny.lesson_source(tiny.lessons[0]).write_text(LESSON.replace("One line.", "Another."))
    tiny.solution(tiny.exercises[0]).write_text(EXERCISE.replace("# END SOLUTION", ""))
    before = tiny.lesson_notebook(tiny.lessons[0]).read_bytes()
    with pytest.raises(AuthoringError):
        build(tiny)
    assert tiny.lesson_notebook(tiny.lessons[0]).read_bytes() == before


def test_check_is_content_with_a_course_that_was_built(tiny: Course) -> None:
    build(tiny)
    assert check(tiny) == ()


def test_check_says_what_is_outdated_and_the_command_that_mends_it(
    tiny: Course, capsys: pytest.CaptureFixture[str]
) -> None:
    build(tiny)
    tiny.exercise_notebook(tiny.exercises[0]).write_text("{}")
    assert main(["--course", str(tiny.root), "check"]) == 1
    said = capsys.readouterr().out
    assert "`exercises/07_tiny/first.ipynb` is outdated. Run `make build`." in said
    assert main(["--course", str(tiny.root), "build"]) == 0
    assert "built exercises/07_tiny/first.ipynb" in capsys.readouterr().out
    assert main(["--course", str(tiny.root), "check"]) == 0


def test_check_names_files_that_are_missing_and_files_that_nothing_names(tiny: Course) -> None:
    tiny.solution(tiny.exercises[0]).unlink()
    shutil.rmtree(tiny.root / "images/shell")
    for name in ("notebooks/08_more.md", "solutions/07_tiny/second.md", "images/web/Dockerfile"):
        path = tiny.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    assert {finding.where for finding in check(tiny)} == {
        "solutions/07_tiny/first.md",
        "images/shell/Dockerfile",
        "notebooks/08_more.md",
        "solutions/07_tiny/second.md",
        "images/web",
    }


def test_check_compares_points(tiny: Course) -> None:
    (tiny.root / "course.toml").write_text(MANIFEST.replace("points = 2", "points = 5"))
    course = type(tiny).load(tiny.root)
    build(course)
    (finding,) = check(course)
    assert "has 5 points, its checks give 2" in finding.problem


def test_check_misses_checks(tmp_path: Path) -> None:
    course = write_course(tmp_path)
    build(course)
    assert [finding.problem for finding in check(course)] == [
        "exercise `tiny.first` has no checks."
    ]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("minutes = 5", 'minutes = 5\nneeds = ["telepathy"]', "`tiny` needs `telepathy`"),
        ("repair = true", 'repair = true\nneeds = ["socket", "ipv"]', "`tiny.first` needs `ipv`"),
        ('images = ["lab/shell"]\nrepair', "repair", "`images` of `tiny.first` do not list it"),
        ('minutes = 5\nimages = ["lab/shell"]', "minutes = 5", "`images` of `tiny` do not list it"),
    ],
)
def test_check_compares_what_the_manifest_says_is_needed(
    tiny: Course, old: str, new: str, problem: str
) -> None:
    assert old in MANIFEST
    (tiny.root / "course.toml").write_text(MANIFEST.replace(old, new))
    course = type(tiny).load(tiny.root)
    build(course)
    (finding,) = check(course)
    assert problem in finding.problem


@pytest.mark.parametrize(
    ("name", "listed"),
    [("lab/shell:latest", False), ("lab/shell:2", True), ("lab/shell/more", True)],
)
def test_only_the_course_image_itself_must_be_listed(
    tiny: Course, name: str, *, listed: bool
) -> None:
    lesson = tiny.lesson_source(tiny.lessons[0])
    lesson.write_text(LESSON.replace("lab/shell true", f"{name} true"))
    without = MANIFEST.replace('minutes = 5\nimages = ["lab/shell"]', "minutes = 5")
    (tiny.root / "course.toml").write_text(without)
    course = type(tiny).load(tiny.root)
    build(course)
    assert (check(course) == ()) is listed


def test_check_finds_a_check_that_comes_after_none_above_it(
    tiny: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(tiny)

    def run_after(_engine: object) -> None:
        """It is there."""

    below = checking.Check("tiny.first", "last", 1, None, run_after)
    early = checking.Check("tiny.first", "early", 1, "last", run_after)
    monkeypatch.setattr(consistency, "checks_of", lambda *_, **__: (early, below))
    problems = [finding.problem for finding in check(tiny)]
    expected = "`early` comes after `last`, which is no check of `tiny.first` above it."
    assert [problem for problem in problems if "comes after" in problem] == [expected]


def test_check_finds_a_name_that_exercises_of_two_chapters_make() -> None:
    exercises = [
        SimpleNamespace(slug="a.one", chapter="a", objects=("lab-hub", "lab-a", "lab-node-*")),
        SimpleNamespace(slug="a.two", chapter="a", objects=("lab-hub",)),
        SimpleNamespace(slug="b.one", chapter="b", objects=("lab-a", "lab-b", "lab-node-*")),
    ]
    course: Any = SimpleNamespace(exercises=exercises)
    (finding,) = consistency._shared_objects(course)
    assert finding.problem == "`lab-a` of `b.one` belongs to an exercise of `a`, too."


def test_a_course_that_cannot_be_read_is_our_fault(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--course", str(tmp_path), "check"]) == 2
    assert "course.toml" in capsys.readouterr().err
