from __future__ import annotations

import signal
import subprocess
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
    monkeypatch.setattr(commands, "FIRST_PAUSE", 0.2)
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


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr("time.monotonic", lambda: self.now)


def heard(clock: Clock, seconds: int, **options: float) -> list[str]:
    said: list[str] = []
    reporter = commands.Reporter(said.append, lambda: "here", **options)  # type: ignore[arg-type]
    began = clock.now
    for tenth in range(seconds * 10 + 1):
        clock.now = began + tenth / 10 + 0.001
        reporter.tick()
    return [line.split(" s ")[0].strip() for line in said]


def test_the_first_word_comes_after_a_second_and_the_pauses_grow_to_three(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock(monkeypatch)
    assert heard(clock, 13) == ["1", "3", "6", "9", "12"]


def test_who_must_not_wait_long_hears_something_each_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock(monkeypatch)
    assert heard(clock, 4, longest_pause=1.0) == ["1", "2", "3", "4"]


class RootsProcess:
    """A child that became another account's: it takes no signals of ours."""

    def __init__(self) -> None:
        self.waited: list[float] = []

    def poll(self) -> None:
        return None

    def terminate(self) -> None:
        raise PermissionError(1, "Operation not permitted")

    kill = terminate

    def wait(self, timeout: float) -> None:
        self.waited.append(timeout)
        raise subprocess.TimeoutExpired("sudo", timeout)


def test_a_child_of_roots_is_given_up_in_the_end_and_breaks_nothing() -> None:
    child = RootsProcess()
    commands.end(child, patience=3.0)  # type: ignore[arg-type]
    assert child.waited == [3.0, 3.0]


def test_a_child_that_does_not_listen_is_killed() -> None:
    code = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True)"
    command = python(f"{code}; import time; time.sleep(60)")
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        assert child.stdout
        assert child.stdout.readline() == b"deaf\n"
        commands.end(child, patience=0.2)
        assert child.returncode == -signal.SIGKILL
