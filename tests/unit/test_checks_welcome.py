from __future__ import annotations

from typing import Any

import pytest

from labkit.checking import CheckFailed
from labkit.checks import welcome


def refusal(check: Any, engine: Any) -> CheckFailed:
    with pytest.raises(CheckFailed) as caught:
        check(engine)
    return caught.value


def test_hello_under_another_name_is_told_by_that_name(fake_engine: Any) -> None:
    fake_engine.containers.lines = ({"Image": "lab/shell", "Names": ["/bold_bell"]},)
    assert "`bold_bell`" in refusal(welcome.container_is_there, fake_engine).found


def test_hello_that_still_runs_is_told_its_command(fake_engine: Any, make_container: Any) -> None:
    fake_engine.containers.things["lab-hello"] = make_container("lab-hello", Status="running")
    assert "`echo hello`" in refusal(welcome.container_has_run, fake_engine).found


def test_hello_that_failed_is_told_its_exit_code(fake_engine: Any, make_container: Any) -> None:
    fake_engine.containers.things["lab-hello"] = make_container("lab-hello", ExitCode=127)
    assert "127" in refusal(welcome.container_has_run, fake_engine).found


def test_hello_passes_when_it_said_so(fake_engine: Any, make_container: Any) -> None:
    fake_engine.containers.things["lab-hello"] = make_container("lab-hello")
    fake_engine.containers.log_texts["lab-hello"] = "hello\n"
    welcome.container_is_there(fake_engine)
    welcome.container_has_run(fake_engine)
    welcome.container_said_hello(fake_engine)


def test_hello_without_output_is_told_so(fake_engine: Any, make_container: Any) -> None:
    fake_engine.containers.things["lab-hello"] = make_container("lab-hello")
    assert "nothing" in refusal(welcome.container_said_hello, fake_engine).found


def test_leftovers_are_named_with_their_states(fake_engine: Any, make_container: Any) -> None:
    fake_engine.containers.things["lab-left-2"] = make_container("lab-left-2")
    found = refusal(welcome.leftovers_are_gone, fake_engine).found
    assert "`lab-left-2` (exited)" in found
    assert "lab-left-1" not in found


def test_a_kept_container_that_ended_once_is_found_out(
    fake_engine: Any, make_container: Any
) -> None:
    again = make_container("lab-keep", {"started-by": "exercise"}, Status="running")
    fake_engine.containers.things["lab-keep"] = again
    welcome.kept_container_runs(fake_engine)
    assert "2026-01-01" in refusal(welcome.kept_container_was_left_alone, fake_engine).found


def test_a_kept_container_that_was_made_anew_is_found_out(
    fake_engine: Any, make_container: Any
) -> None:
    fake_engine.containers.things["lab-keep"] = make_container("lab-keep", Status="running")
    assert "is not the one" in refusal(welcome.kept_container_was_left_alone, fake_engine).found


def test_a_leftover_under_another_name_is_still_a_leftover(
    fake_engine: Any, make_container: Any
) -> None:
    fake_engine.containers.things["other"] = make_container("other")
    fake_engine.containers.lines = ({"Names": ["/other"], "Labels": {"left": "behind"}},)
    assert "`other` (exited)" in refusal(welcome.leftovers_are_gone, fake_engine).found


def test_hello_that_is_paused_has_not_ended(fake_engine: Any, make_container: Any) -> None:
    fake_engine.containers.things["lab-hello"] = make_container("lab-hello", Status="paused")
    assert "paused" in refusal(welcome.container_has_run, fake_engine).found
