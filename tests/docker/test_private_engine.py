from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from labkit import commands
from labkit.engine import private as module
from labkit.engine.private import PrivateEngine, PrivatePaths
from labkit.engine.processes import command_line
from labkit.errors import EngineStartFailed, WaitTimeout
from labkit.waiting import wait_until
from tests.second import leftovers, silent

if TYPE_CHECKING:
    from labkit.engine import Engine

pytestmark = pytest.mark.docker


def run_sleeper(engine: Engine, folder: Path) -> int:
    """Start a container that sleeps; return its process on this host."""
    program = Path("/bin/sleep").resolve()
    libraries = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=True)
    files = [word for word in libraries.stdout.split() if word.startswith("/")]
    with tarfile.open(folder / "image.tar", "w") as tar:
        for name in (str(program), *files):
            tar.add(Path(name).resolve(), arcname=name)
    with (folder / "image.tar").open("rb") as tar_file:
        engine.client.api.import_image_from_data(tar_file.read(), repository="lab/sleeper")
    container = engine.client.containers.run(
        "lab/sleeper",
        [str(program), "1000"],
        detach=True,
        network_mode="none",
        stop_signal="SIGKILL",  # a PID 1 without a handler does not hear SIGTERM
    )
    container.reload()
    return int(container.attrs["State"]["Pid"])


def test_it_starts_and_stops_and_keeps_its_containers(private: PrivateEngine, folder: Path) -> None:
    engine = private.start(silent)
    run_sleeper(engine, folder)
    engine.close()
    assert private.stop(silent)
    assert leftovers(folder) == []
    again = private.start(silent)
    assert len(again.containers.list()) == 1
    again.close()


def test_a_second_start_finds_the_first(private: PrivateEngine) -> None:
    private.start(silent).close()
    pid, said = private.pid(), list[str]()
    PrivateEngine(private.paths, own_network=True).start(said.append).close()
    assert private.pid() == pid
    assert said == []


def test_stop_is_quiet_where_nothing_runs(private: PrivateEngine) -> None:
    said: list[str] = []
    assert not private.stop(said.append)
    assert said == []


def test_what_a_killed_daemon_leaves_is_cleared_away(private: PrivateEngine, folder: Path) -> None:
    engine = private.start(silent)
    sleeper = run_sleeper(engine, folder)
    engine.close()
    os.kill(private.pid() or 0, signal.SIGKILL)
    wait_until(lambda: private.pid() is None, what="the daemon to be gone", timeout=5)
    assert leftovers(folder)
    assert private.stop(silent)
    assert leftovers(folder) == []
    assert command_line(sleeper) == []


def test_it_starts_again_after_it_was_killed(private: PrivateEngine, folder: Path) -> None:
    engine = private.start(silent)
    run_sleeper(engine, folder)
    engine.close()
    os.kill(private.pid() or 0, signal.SIGKILL)
    wait_until(lambda: private.pid() is None, what="the daemon to be gone", timeout=5)
    again = private.start(silent)
    assert [line["State"] for line in again.containers.list()] == ["exited"]
    again.close()


def test_a_stale_pid_file_harms_nobody(private: PrivateEngine) -> None:
    with subprocess.Popen(["/bin/sleep", "1000"]) as stranger:
        private.paths.pid_file.write_text(str(stranger.pid))
        assert private.pid() is None
        assert not private.stop(silent)
        private.paths.pid_file.write_text(str(stranger.pid))
        private.start(silent).close()
        assert stranger.poll() is None
        stranger.kill()


def test_a_dead_socket_is_replaced(private: PrivateEngine) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(private.paths.socket))
    private.start(silent).close()


def test_a_socket_that_another_process_has_is_left_to_it(private: PrivateEngine) -> None:
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(private.paths.socket))
        other.listen()
        with pytest.raises(EngineStartFailed, match="Another process listens"):
            private.start(silent)
        assert private.pid() is None


def test_a_failed_start_tells_the_last_log_lines(private: PrivateEngine) -> None:
    private.paths.data_root.write_text("not a folder")
    with pytest.raises(EngineStartFailed, match="ended right after its start") as failure:
        private.start(silent)
    assert "canonical path points to a file" in failure.value.log_tail


def test_its_socket_is_for_the_group_that_was_asked_for(folder: Path) -> None:
    private = PrivateEngine(PrivatePaths.under(folder), own_network=True, group="nogroup")
    try:
        private.start(silent).close()
        assert private.paths.socket.group() == "nogroup"
    finally:
        private.stop(silent)


def test_one_that_does_not_answer_in_time_is_not_left_running(
    private: PrivateEngine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "START_TIMEOUT", 0.0)
    monkeypatch.setattr(private, "_answers", lambda: False)
    with pytest.raises(EngineStartFailed, match="in vain"):
        private.start(silent)
    assert private.pid() is None
    assert leftovers(folder) == []


def test_while_it_comes_up_something_is_said(
    private: PrivateEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "FIRST_PAUSE", 0.05)
    said: list[str] = []
    private.start(said.append).close()
    assert any("waiting for the engine to answer" in line for line in said)


def test_a_start_beside_another_says_what_it_waits_for(
    private: PrivateEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "FIRST_PAUSE", 0.0)
    monkeypatch.setattr(module, "START_TIMEOUT", 0.1)
    monkeypatch.setattr(module, "STOP_TIMEOUT", 0.1)
    said: list[str] = []
    with (private.paths.pid_file.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(WaitTimeout, match="another labkit"):
            private.start(said.append)
    assert "another labkit" in said[0]
