"""The rules of the course that a machine can check, each broken once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from labkit.authoring.commands import commands, created
from labkit.authoring.lint import lint_exercise, lint_lesson, prose_lines
from labkit.authoring.sources import Cell, Source
from labkit.course import Course
from tests.unit.tiny_course import EXERCISE, LESSON, MANIFEST, write_course

if TYPE_CHECKING:
    from pathlib import Path

    from labkit.authoring.lint import Finding

CHECKS = ("it_is_there", "it_has_run")


def lesson_findings(root: Path, *changes: tuple[str, str]) -> tuple[Finding, ...]:
    text = LESSON
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    course = write_course(root, lesson=text)
    return lint_lesson(Source.read(course.lesson_source(course.lessons[0])), course.chapters[0])


def exercise_findings(root: Path, *changes: tuple[str, str]) -> tuple[Finding, ...]:
    text = EXERCISE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    course = write_course(root, exercise=text)
    source = Source.read(course.solution(course.exercises[0]))
    return lint_exercise(source, course.exercises[0], course.chapters[0], CHECKS)


def names_in(code: str) -> list[str]:
    return [name for command in commands(Cell("code", code, 1)) for name in created(command)]


def test_a_good_lesson_and_a_good_exercise_have_no_findings(tmp_path: Path) -> None:
    assert lesson_findings(tmp_path) == ()
    assert exercise_findings(tmp_path) == ()


@pytest.mark.parametrize(
    ("opening", "command"),
    [
        ("%reset_lab", "docker create --name lab-a lab/shell"),
        (
            "!docker rm $(docker ps --quiet --filter label=labkit.lesson=tiny)",
            "docker create --label labkit.lesson=tiny --name lab-a lab/shell",
        ),
        ("!docker rm lab-1 lab-2", "docker create --name lab-$number lab/shell"),
    ],
)
def test_what_a_lesson_makes_may_be_removed_without_its_name(
    tmp_path: Path, opening: str, command: str
) -> None:
    changes = (
        ("!docker rm --force lab-a 2>/dev/null", opening),
        ("!docker run --name lab-a lab/shell true", f"!{command}"),
    )
    assert lesson_findings(tmp_path, *changes) == ()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("%load_ext labkit", "import labkit"), "does not load labkit"),
        (("One line.", "A line.\n\n" * 6), "6 lines of text"),
        (("show.details(", "print("), "no cell draws anything"),
        (("## Summary", "## More"), "no summary"),
        (("## Clean up", "## Further"), "does not end with a clean-up"),
        (("!docker rm --force lab-a", "!docker rm --force lab-b"), "`lab-a` may be there from an"),
        (("%exercise tiny.first", "%exercise tiny.second"), "`tiny.first`"),
        (("One line.", "One powerful line."), "“powerful” says nothing"),
        (("!docker rm -f lab-a", "!sleep 5"), "sleeps for 5 s"),
        (("--name lab-a lab/shell true\n```\n\n```", "--name web nginx\n```\n\n```"), "`web`"),
    ],
)
def test_a_lesson_that_breaks_a_rule_is_found_out(
    tmp_path: Path, change: tuple[str, str], problem: str
) -> None:
    (finding,) = lesson_findings(tmp_path, change)
    assert problem in finding.problem
    assert finding.mend
    assert "07_tiny.md" in finding.where


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("%load_ext labkit", "import labkit"), "does not load labkit"),
        (("check: it_has_run", "check: it_is_warm"), "`it_is_warm`, which is no check of it"),
        (("hint: docker start", "hint: use --name"), "is also found in that of `not_started`"),
        (("# BEGIN SOLUTION\n", ""), "no solution"),
    ],
)
def test_an_exercise_that_breaks_a_rule_is_found_out(
    tmp_path: Path, change: tuple[str, str], problem: str
) -> None:
    changes = [change]
    if "BEGIN" in change[0]:  # without a solution there is nothing that is wrong
        start = EXERCISE.index("```{code-cell} ipython3\n---\nwrong")
        wrong = EXERCISE[start : EXERCISE.index("```{code-cell} ipython3\n%check")]
        changes += [("# END SOLUTION\n", ""), (wrong, "")]
    found = exercise_findings(tmp_path, *changes)
    assert any(problem in finding.problem for finding in found)


def test_the_last_exercise_of_a_chapter_is_a_repair(tmp_path: Path) -> None:
    course = write_course(tmp_path)
    (tmp_path / "course.toml").write_text(MANIFEST.replace("repair = true", "repair = false"))
    course = Course.load(tmp_path)
    source = Source.read(course.solution(course.exercises[0]))
    (finding,) = lint_exercise(source, course.exercises[0], course.chapters[0], CHECKS)
    assert "not a repair" in finding.problem


def test_a_finding_names_the_line(tmp_path: Path) -> None:
    (finding,) = lesson_findings(tmp_path, ("One line.", "Obviously one line."))
    line = int(finding.where.rpartition(":")[2])
    text = (tmp_path / "notebooks/07_tiny.md").read_text().splitlines()
    assert text[line - 1] == "Obviously one line."


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("one\nparagraph\nin three short source lines", 1),
        ("x " * 120, 3),
        ("- one\n- two", 2),
        ("# Heading\n\n| a | b |\n|---|---|\n| 1 | 2 |", 0),
        ("```text\nno prose\n```\n\nprose", 1),
        ("> A box\n> of its own", 0),
        ("![alt](image.png)", 0),
    ],
)
def test_only_prose_counts_as_lines_of_text(text: str, lines: int) -> None:
    assert prose_lines(text) == lines


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("!docker run -d --name lab-a lab/shell", ["lab-a"]),
        ("!docker run --name=web lab/web", ["web"]),
        ("out = !docker create --name b lab/shell", ["b"]),
        ("!docker run lab/shell app --name inner", []),
        ("!docker run -it lab/shell", []),
        ("!docker run -v data:/data -v /tmp:/tmp -v ./x:/x lab/shell", ["data"]),
        ("!docker build -t web .", ["web"]),
        ("!docker build --tag localhost:5000/lab/web:1 .", ["lab/web:1"]),
        ("!docker network create --driver bridge front", ["front"]),
        ("!docker volume create data", ["data"]),
        ("!docker volume create", []),
        ("!docker tag lab/shell mine", ["mine"]),
        ("!docker rename lab-a other", ["other"]),
        (
            "%%bash\ndocker run \\\n  --name x lab/shell && docker run --name y lab/shell",
            ["x", "y"],
        ),
        ("%%bash\ncat > f <<'EOF'\ndocker run --name x lab/shell\nEOF", []),
        ("%%time\n!docker run --name x lab/shell", ["x"]),
        ("%%writefile f\n!docker run --name x lab/shell", []),
        ("# !docker run --name x lab/shell", []),
        ("!docker ps  # not docker run --name x", []),
        ("!docker run --rm lab/shell sh -c 'echo; docker run --name x'", []),
        ("!echo 'unbalanced", []),
        ("print('docker run --name x')", []),
    ],
)
def test_names_are_read_from_commands_and_from_nothing_else(code: str, names: list[str]) -> None:
    assert names_in(code) == names


def test_a_refused_name_may_be_shown(tmp_path: Path) -> None:
    tagged = ":tags: [fails]\n\n!docker run --name lab-a"
    assert lesson_findings(tmp_path, (tagged, tagged.replace("lab-a", "'no name'"))) == ()


def test_a_container_may_sleep_as_long_as_it_likes(tmp_path: Path) -> None:
    change = (
        "--name lab-a lab/shell true\n```\n\n```",
        "--name lab-a lab/shell sleep 600\n```\n\n```",
    )
    assert lesson_findings(tmp_path, change) == ()
