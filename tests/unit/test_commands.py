from __future__ import annotations

import sys

import pytest

from labkit import commands
from labkit.errors import CommandFailed, WaitTimeout


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_a_quick_command_says_nothing_and_returns_its_output() -> None:
    said: list[str] = []
    assert commands.run(python("print('done')"), say=said.append) == "done\n"
    assert said == []


def test_a_slow_command_says_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "REPORT_EVERY", 0.2)
    said: list[str] = []
    code = "import time; print('step one', flush=True); time.sleep(0.7)"
    commands.run(python(code), say=said.append)
    assert said
    assert all(line.endswith("step one") for line in said)


def test_a_failed_command_tells_its_last_words() -> None:
    code = "import sys; sys.stderr.write('first\\nno space left'); sys.exit(3)"
    with pytest.raises(CommandFailed) as failure:
        commands.run(python(code), say=lambda _line: None)
    assert failure.value.exit_code == 3
    assert "no space left" in str(failure.value)


def test_a_failed_command_without_standard_error_tells_its_output() -> None:
    with pytest.raises(CommandFailed, match="the reason"):
        commands.run(python("print('the reason'); raise SystemExit(1)"), say=lambda _line: None)


def test_a_program_that_is_not_there_is_named() -> None:
    with pytest.raises(CommandFailed, match="no-such-program"):
        commands.run(["no-such-program"], say=lambda _line: None)


def test_a_command_that_takes_too_long_is_ended() -> None:
    with pytest.raises(WaitTimeout):
        commands.run(python("import time; time.sleep(60)"), say=lambda _line: None, timeout=0.3)
