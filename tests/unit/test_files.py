from __future__ import annotations

import fcntl
import multiprocessing
import os
from typing import TYPE_CHECKING

import pytest

from labkit import files
from labkit.errors import WorkspaceError
from labkit.files import locked, write_atomically

if TYPE_CHECKING:
    from pathlib import Path


def test_a_file_is_written_with_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file"
    write_atomically(path, b"content")
    assert path.read_bytes() == b"content"
    assert path.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_write_that_fails_leaves_the_old_content_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, step, full)
    with pytest.raises(WorkspaceError, match=r"`.*/file` cannot be written: No space left"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_of_another_account_is_named_with_the_command_that_helps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object, **_options: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(tmp_path), "mkdir", refuse)
    with pytest.raises(WorkspaceError) as caught, locked(tmp_path / ".labkit" / "lock"):
        pass
    assert "Permission denied" in caught.value.message
    assert f'sudo chown -R "$USER" {tmp_path / ".labkit"}' in caught.value.hint


def append_slowly(folder: Path) -> None:
    for _ in range(20):
        with locked(folder / "lock"):
            number = int((folder / "count").read_text())
            (folder / "count").write_text(str(number + 1))


def test_a_lock_keeps_other_processes_out(tmp_path: Path) -> None:
    (tmp_path / "count").write_text("0")
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=append_slowly, args=(tmp_path,)) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert (tmp_path / "count").read_text() == "80"


def test_a_lock_is_given_back_after_an_error(tmp_path: Path) -> None:
    def fail_inside() -> None:
        with locked(tmp_path / "lock"):
            raise ValueError

    with pytest.raises(ValueError, match=r"^$"):
        fail_inside()
    with locked(tmp_path / "lock"):
        pass


@pytest.mark.parametrize("patience", [0, 60])
def test_a_lock_that_is_held_long_is_told_before_it_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, patience: float
) -> None:
    monkeypatch.setattr(files, "PATIENCE", patience)
    path, told = tmp_path / "lock", []
    with path.open("a") as other:
        fcntl.flock(other, fcntl.LOCK_EX)

        def waiting() -> None:
            told.append("waiting")
            fcntl.flock(other, fcntl.LOCK_UN)

        if patience:
            fcntl.flock(other, fcntl.LOCK_UN)
        with locked(path, waiting=waiting):
            pass
    assert told == ([] if patience else ["waiting"])


def test_a_private_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_bytes(b"old")
    write_atomically(path, b"new", private=True)
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"new", 0o600)
