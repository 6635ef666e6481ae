from __future__ import annotations

import re

import pytest

from labkit import reports
from labkit.authoring.prove import Proof, Step
from labkit.engine.starting import EngineStatus
from labkit.engine.verdicts import ProbeResult, Verdict
from labkit.images import ImageStatus
from labkit.rendering import Style
from labkit.running import RunReport

PLAIN = Style()


@pytest.mark.parametrize(
    ("verdict", "word"),
    [
        (Verdict.GOOD, "good"),
        (Verdict.BAD, "bad"),
        (Verdict.ABSENT, "not here"),
        (Verdict.ERROR, "our fault"),
    ],
)
def test_a_probe_begins_with_its_verdict_and_ends_with_what_mends_it(
    verdict: Verdict, word: str
) -> None:
    result = ProbeResult("disk", verdict, "It is full.", cost="Nothing fits.", remedy="Run `df`.")
    assert re.fullmatch(
        rf"{word} +disk +It is full. Nothing fits. Run `df`.", reports.probe_text(result, PLAIN)
    )


def test_a_long_probe_goes_on_below_its_first_word_and_breaks_no_word() -> None:
    words = [f"`LABKIT_{number:03}-OPTION`" for number in range(20)]
    text = reports.probe_text(ProbeResult("x", Verdict.GOOD, " ".join(words)), PLAIN)
    first, *more = text.splitlines()
    column = first.index("`")
    assert more
    assert all(line.startswith(" " * column + "`") for line in more)
    assert max(map(len, text.splitlines())) <= 100
    assert [word for word in text.split() if word.startswith("`")] == words


def test_an_engine_that_is_away_is_told_with_its_remedy() -> None:
    status = EngineStatus(False, "unix:///x", problem="None answers. Run `labkit engine start`.")
    assert reports.engine_text(status) == "None answers. Run `labkit engine start`."


def test_an_engine_that_answers_is_told_line_by_line_and_without_empty_ones() -> None:
    status = EngineStatus(
        running=True, endpoint="unix:///x", version="27.1", started_by="systemd", data_root="/d"
    )
    assert [line.split() for line in reports.engine_text(status).splitlines()] == [
        ["engine", "Docker", "Engine", "27.1"],
        ["endpoint", "unix:///x"],
        ["started", "by", "systemd"],
        ["data", "/d"],
    ]


@pytest.mark.parametrize(
    ("present", "outdated", "word"),
    [(True, False, "here"), (True, True, "outdated"), (False, False, "missing")],
)
def test_an_image_begins_with_whether_it_is_here(
    *, present: bool, outdated: bool, word: str
) -> None:
    amount = 3_000_000 if present else 0
    status = ImageStatus(
        "lab/web", "a web server", present=present, outdated=outdated, size=amount, id="", source=""
    )
    text = reports.image_text(status, PLAIN)
    assert text.split()[:2] == [word, "lab/web"]
    assert ("3 MB" in text) is present


def test_a_failed_lesson_shows_why_and_a_good_one_does_not() -> None:
    good = RunReport("welcome", ok=True, seconds=1.0, cells=())
    failed = RunReport("welcome", ok=False, seconds=1.0, cells=(), error="Cell 2: boom")
    absent = RunReport("swarm", ok=True, seconds=0.0, cells=(), not_here="no IPVS")
    assert reports.run_text(good, PLAIN) == "good      welcome  (0 cells, 1.0 s)"
    assert reports.run_text(failed, PLAIN).splitlines()[1] == "Cell 2: boom"
    assert reports.run_text(absent, PLAIN) == "not here  swarm: no IPVS"


def test_a_proof_counts_what_is_proved_and_names_what_could_not_be_tried() -> None:
    bad = Step("the solution passes", ok=False, found="exited with 1")
    assert reports.step_text("a.b", bad, PLAIN).splitlines()[1].strip() == "exited with 1"
    proofs = (
        Proof("a.a", (Step("starter", ok=True, found=""),)),
        Proof("a.b", (bad,)),
        Proof("a.c", (), not_here="no IPVS"),
    )
    assert reports.proofs_text(proofs).splitlines() == [
        "not here  a.c: no IPVS",
        "1 of 3 exercises are proved.",
    ]
