"""Progress: bars on a terminal, lines elsewhere, never among the results."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

from labkit.cli import output

if TYPE_CHECKING:
    import pytest


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Make standard error a terminal; in the test itself, since pytest sets it before each."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    made = Terminal()
    monkeypatch.setattr(sys, "stderr", made)
    return made


def test_a_bar_is_shown_on_a_terminal_and_results_go_to_standard_output(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = on_a_terminal(monkeypatch)
    with output.progress(transient=True) as shown:
        shown.step("containers", "cell 2 of 9", 1, 9)
        shown.result("good  containers")
        shown.step("images", "cell 1 of 9", 0, 9)
    assert capsys.readouterr().out == "good  containers\n"
    assert "cell 2 of 9" in terminal.getvalue()
    assert "cell 1 of 9" in terminal.getvalue()


def test_a_bar_that_waits_is_not_shown_for_what_is_quick(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal = on_a_terminal(monkeypatch)
    with output.progress(after=60, transient=True) as shown:
        shown.step("removing", "container lab-a", 1, 1)
    assert terminal.getvalue() == ""


def test_without_a_terminal_a_line_comes_for_each_thing_and_then_every_few_seconds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with output.progress() as shown:
        for cell in range(3):
            shown.step("containers", f"cell {cell + 1} of 3", cell, 3)
        shown.step("images", "cell 1 of 4", 0, 4)
        monkeypatch.setattr(output, "LINE_EVERY", 0)
        shown.step("images", "cell 2 of 4", 1, 4)
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [
        "containers  cell 1 of 3 (0%)",
        "images  cell 1 of 4 (0%)",
        "images  cell 2 of 4 (25%)",
    ]


def test_lines_that_wait_are_not_shown_for_what_is_quick(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with output.progress(after=60) as shown:
        shown.step("removing", "container lab-a", 1, 1)
    assert capsys.readouterr().err == ""
