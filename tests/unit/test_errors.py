from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from labkit import errors
from labkit.errors import (
    CommandFailed,
    CourseError,
    EngineError,
    EnginePermissionDenied,
    EngineStartFailed,
    EngineTooOld,
    EngineTooSlow,
    EngineUnreachable,
    ImageUnavailable,
    LabError,
    NoSuchContainer,
    NoSuchImage,
    NoSuchNetwork,
    NoSuchVolume,
    ProgressCorrupt,
    UnknownSlug,
    WaitTimeout,
)

if TYPE_CHECKING:
    from labkit.errors import (
        NoSuchObject,
    )

FAMILY = [
    error
    for error in vars(errors).values()
    if inspect.isclass(error) and issubclass(error, LabError)
]


def test_the_tree_in_the_docstring_is_the_family() -> None:
    depths = {
        match[2]: len(match[1]) // 4
        for match in re.finditer(r"^ {4}([│├└─ ]*)(\w+)$", errors.__doc__ or "", re.MULTILINE)
    }
    real = {error.__name__: error.__mro__.index(LabError) for error in FAMILY}
    assert depths == real


def test_an_error_reads_as_its_message_and_its_hint() -> None:
    assert str(LabError("It broke.", hint="Run `mend`.")) == "It broke. Run `mend`."
    assert str(LabError("It broke.")) == "It broke."


@pytest.mark.parametrize(
    ("error", "said", "command"),
    [
        (EngineUnreachable("unix:///x", "Connection refused."), "`unix:///x`", "engine start"),
        (EngineTooSlow("unix:///x"), "`unix:///x` answers too slowly", "docker version"),
        (EnginePermissionDenied("unix:///x"), "`unix:///x`", "usermod"),
        (EngineTooOld("1.30", "1.41"), "1.30", "labkit doctor"),
        (EngineStartFailed("It ended.", log_tail="no space"), "no space", "labkit doctor"),
        (ImageUnavailable("lab/web", ["no pack file"]), "`lab/web`", "labkit images ensure"),
        (UnknownSlug("x.y", ["a.b", "a.c"]), "`x.y`", "`a.b` or `a.c`"),
        (UnknownSlug("x.y", []), "`x.y`", "labkit list"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, LabError) else None,
)
def test_an_error_names_what_it_concerns_and_the_command_that_helps(
    error: LabError, said: str, command: str
) -> None:
    assert said in error.message
    assert command in error.hint


@pytest.mark.parametrize("error", [NoSuchContainer, NoSuchImage, NoSuchNetwork, NoSuchVolume])
def test_a_missing_object_is_named_with_its_kind(error: type[NoSuchObject]) -> None:
    missing = error("lab-web")
    assert missing.name == "lab-web"
    assert missing.kind in missing.message
    assert "`lab-web`" in missing.message
    assert isinstance(missing, EngineError)


def test_a_failed_command_tells_its_last_line_of_stderr() -> None:
    error = CommandFailed(["docker", "build", "."], 1, "step 1\nno space left\n")
    assert error.message == "`docker build .` exited with 1: no space left"
    assert (error.command, error.exit_code) == (("docker", "build", "."), 1)


def test_a_failed_command_without_a_word_says_so() -> None:
    assert CommandFailed(["false"], 1, "").message == "`false` exited with 1: no message"


def test_a_time_out_tells_the_state_the_log_and_the_next_step() -> None:
    error = WaitTimeout("`lab-web`", 5, state="exited", log_tail="bind failed", hint="Look.")
    assert str(error).startswith("Waited 5 s for `lab-web`, in vain. Last state: exited.")
    assert "bind failed" in str(error)
    assert str(error).endswith("Look.")


def test_errors_about_files_name_the_file() -> None:
    assert CourseError(Path("course.toml"), "is empty.").message == "`course.toml`: is empty."
    kept = ProgressCorrupt(Path("progress.json"), Path("kept.json"))
    assert "`progress.json`" in kept.message
    assert "`kept.json`" in kept.message
