from __future__ import annotations

import grp
import os
import pwd
from typing import TYPE_CHECKING, Any

import pytest

from labkit.engine import starting
from labkit.errors import (
    CommandFailed,
    EnginePermissionDenied,
    EngineStartFailed,
    EngineTooSlow,
    EngineUnreachable,
    LabError,
    WaitTimeout,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

STANDARD = "unix:///var/run/docker.sock"


def silent(_line: str) -> None:
    pass


class Machine:
    """A machine whose engine answers only after it was started; commands are written down."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, root: bool, endpoint: str) -> None:
        self.ran: list[str] = []
        self.up = False
        self.away: EngineUnreachable | None = None
        self.endpoint = endpoint
        for name in ("DOCKER_HOST", "SUDO_USER"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setattr("os.geteuid", lambda: 0 if root else 1000)
        monkeypatch.setattr("sys.platform", "linux")
        monkeypatch.setattr(starting, "connect", self.connect)
        monkeypatch.setattr(starting, "is_debian", lambda: True)
        monkeypatch.setattr(starting, "find_program", lambda _name: None)
        monkeypatch.setattr(starting, "install_packages", self.install)
        monkeypatch.setattr(starting, "run", self.run)
        monkeypatch.setattr(starting, "as_root", lambda command, **_options: ("sudo", *command))
        monkeypatch.setattr(starting, "_has_systemd_unit", lambda: False)
        monkeypatch.setattr("subprocess.run", self.run)
        monkeypatch.setattr(starting.PrivateEngine, "start", self.start)

    def connect(self, *_arguments: object, **_options: object) -> str:
        if self.up:
            return "engine"
        raise self.away or EngineUnreachable(self.endpoint, "no such file")

    def install(self, packages: Sequence[str], **_options: object) -> None:
        self.ran.append(f"install {' '.join(packages)}")

    def run(self, command: Sequence[str], **_options: object) -> object:
        self.ran.append(" ".join(command))
        self.up = True
        return type("Done", (), {"returncode": 0, "stdout": ""})

    def start(self, _say: object) -> str:
        self.ran.append("start")
        return "engine"


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(monkeypatch, root=True, endpoint=STANDARD)


def test_an_engine_that_answers_is_used_and_nothing_is_said(machine: Machine) -> None:
    machine.up = True
    said: list[str] = []
    assert starting.ensure_engine(said.append) == "engine"
    assert machine.ran == said == []


def test_where_none_answers_it_is_installed_and_started(machine: Machine) -> None:
    starting.ensure_engine(silent)
    assert machine.ran == ["install docker.io iptables mmdebstrap ca-certificates", "start"]


def test_nothing_is_installed_twice(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starting, "find_program", lambda name: f"/usr/bin/{name}")
    starting.ensure_engine(silent)
    assert machine.ran == ["start"]


def test_where_systemd_runs_it_starts_the_engine(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(starting, "_has_systemd_unit", lambda: True)
    starting.ensure_engine(silent)
    assert machine.ran[1:] == ["systemctl start docker"]


def no_such_group(name: str) -> None:
    raise KeyError(name)


def group_of(*members: str) -> Callable[[str], grp.struct_group]:
    return lambda name: grp.struct_group((name, "x", 999, list(members)))


@pytest.mark.parametrize("systemd", [True, False])
@pytest.mark.parametrize(
    ("group", "expected"),
    [
        (group_of("ada"), []),
        (group_of(), ["usermod --append --groups docker ada"]),
        (no_such_group, ["groupadd --system docker", "usermod --append --groups docker ada"]),
    ],
    ids=["member", "no member", "no group"],
)
def test_who_called_sudo_comes_into_the_group_that_has_the_socket(
    machine: Machine,
    monkeypatch: pytest.MonkeyPatch,
    group: object,
    expected: list[str],
    *,
    systemd: bool,
) -> None:
    monkeypatch.setattr(starting, "_has_systemd_unit", lambda: systemd)
    monkeypatch.setattr(grp, "getgrnam", group)
    monkeypatch.setenv("SUDO_USER", "ada")
    said: list[str] = []
    starting.ensure_engine(said.append)
    assert machine.ran[1:] == [*expected, "systemctl start docker" if systemd else "start"]
    assert any("`ada` to the group `docker`" in line for line in said) is bool(expected)


def test_the_private_engines_socket_is_for_no_group_but_dockers(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked_for: list[object] = []
    made = starting.PrivateEngine.__init__

    def note(self: starting.PrivateEngine, *arguments: Any, **options: Any) -> None:
        asked_for.append(options.get("group"))
        made(self, *arguments, **options)

    monkeypatch.setattr(starting.PrivateEngine, "__init__", note)
    monkeypatch.setenv("SUDO_GID", str(os.getgid()))
    starting.ensure_engine(silent)
    assert machine.ran[-1] == "start"
    assert set(asked_for) == {None}  # None is dockerd's own default, `docker`


def test_a_systemctl_that_hangs_is_said_with_its_journal(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hang(_command: Sequence[str], **options: Any) -> str:
        raise WaitTimeout("`systemctl start docker` to end", options["timeout"])

    monkeypatch.setattr(starting, "_has_systemd_unit", lambda: True)
    monkeypatch.setattr(starting, "run", hang)
    monkeypatch.setattr(starting, "_asked", lambda *_command: "Starting docker.service...\n")
    with pytest.raises(EngineStartFailed, match="Waited 60 s for `systemctl start") as failure:
        starting.ensure_engine(silent)
    assert failure.value.log_tail == "Starting docker.service..."
    assert "`systemctl status docker`" in failure.value.hint
    assert machine.ran == ["install docker.io iptables mmdebstrap ca-certificates"]


def test_a_command_that_hangs_or_is_not_there_says_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(starting, "ASK_TIMEOUT", 0.1)
    assert starting._asked("sleep", "60") is None
    assert starting._asked("no-such-program") is None
    assert starting._asked("false") is None
    assert starting._asked("echo", "active") == "active\n"


@pytest.mark.parametrize(
    "socket", ["/run/user/1000/docker.sock", "/home/ada/.docker/desktop/docker.sock"]
)
def test_a_socket_that_another_engine_left_keeps_none_from_starting(
    monkeypatch: pytest.MonkeyPatch, socket: str
) -> None:
    machine = Machine(monkeypatch, root=True, endpoint=f"unix://{socket}")
    starting.ensure_engine(silent)
    assert machine.ran[-1] == "start"


def test_an_engine_that_hangs_is_not_joined_by_a_second(machine: Machine) -> None:
    machine.away = EngineTooSlow(STANDARD)
    with pytest.raises(EngineTooSlow):
        starting.ensure_engine(silent)
    assert machine.ran == []


def test_an_engine_chosen_by_a_context_is_not_replaced(machine: Machine) -> None:
    machine.away = EngineUnreachable(STANDARD, "no such file", named_by="docker context")
    with pytest.raises(EngineStartFailed) as failure:
        starting.ensure_engine(silent)
    assert "`docker context use default`" in failure.value.hint
    assert machine.ran == []


def test_a_systemd_unit_that_fails_tells_its_journal(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(command: Sequence[str], **_options: object) -> str:
        raise CommandFailed(command, 1, "job failed")

    journal = type("Done", (), {"returncode": 0, "stdout": "no space left on device\n"})
    monkeypatch.setattr(starting, "_has_systemd_unit", lambda: True)
    monkeypatch.setattr(starting, "run", fail)
    monkeypatch.setattr("subprocess.run", lambda *_arguments, **_options: journal)
    with pytest.raises(EngineStartFailed, match="no space left on device"):
        starting.ensure_engine(silent)
    assert machine.ran == ["install docker.io iptables mmdebstrap ca-certificates"]


def test_an_ordinary_account_starts_it_by_sudo(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, root=False, endpoint=STANDARD)
    said: list[str] = []
    assert starting.ensure_engine(said.append) == "engine"
    assert machine.ran[0].startswith("sudo env PYTHONDONTWRITEBYTECODE=1 ")
    assert machine.ran[0].endswith(" -m labkit engine start")
    assert any("sudo may ask for your password" in line for line in said)


def test_an_engine_chosen_by_docker_host_is_not_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, root=True, endpoint="tcp://build:2375")
    monkeypatch.setenv("DOCKER_HOST", "tcp://build:2375")
    with pytest.raises(EngineStartFailed, match="`tcp://build:2375`") as failure:
        starting.ensure_engine(silent)
    assert "unset DOCKER_HOST" in failure.value.hint
    assert machine.ran == []


@pytest.mark.usefixtures("machine")
def test_elsewhere_than_on_linux_one_sentence_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    with pytest.raises(EngineStartFailed) as failure:
        starting.ensure_engine(silent)
    assert "Docker Desktop" in failure.value.hint


def test_without_root_and_sudo_nothing_is_tried(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_command: object, **_options: object) -> None:
        raise LabError("no sudo")

    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr(starting, "as_root", refuse)
    with pytest.raises(LabError, match="no sudo"):
        starting.ensure_engine(silent)
    assert machine.ran == []


def test_stop_leaves_an_engine_alone_that_labkit_did_not_start(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.up = True
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr(starting.PrivateEngine, "pid", lambda _self: None)
    assert not starting.stop_engine(silent)
    assert machine.ran == []


@pytest.mark.usefixtures("machine")
def test_status_says_why_none_answers() -> None:
    status = starting.engine_status()
    assert not status.running
    assert status.endpoint == STANDARD
    assert "no such file" in status.problem


@pytest.mark.parametrize(
    ("members", "groups", "expected"),
    [
        (["ada"], [], ("sg", "docker", "-c", "labkit lab 'a b'")),
        (["ada"], [999], None),
        ([], [], None),
    ],
)
def test_a_group_helps_only_where_it_is_new(
    members: list[str],
    groups: list[int],
    expected: tuple[str, ...] | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(grp, "getgrnam", group_of(*members))
    me = pwd.getpwuid(os.getuid())
    monkeypatch.setattr(pwd, "getpwuid", lambda _uid: pwd.struct_passwd(("ada", *me[1:])))
    monkeypatch.setattr("os.getgroups", lambda: groups)
    assert starting.with_new_group(["labkit", "lab", "a b"]) == expected


def test_a_group_joined_just_now_is_used_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(_say: object) -> None:
        raise EnginePermissionDenied("unix:///x")

    became: list[str] = []
    monkeypatch.setattr(starting, "ensure_engine", denied)
    monkeypatch.setattr(starting, "with_new_group", lambda command: ("sg", "docker", *command))
    monkeypatch.setattr("os.execvp", lambda _program, command: became.extend(command))
    starting.reach_engine(silent)
    assert became[:2] == ["sg", "docker"]


def test_a_refused_socket_is_said_where_no_group_helps(monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(_say: object) -> None:
        raise EnginePermissionDenied("unix:///x")

    monkeypatch.setattr(starting, "ensure_engine", denied)
    monkeypatch.setattr(starting, "with_new_group", lambda _command: None)
    with pytest.raises(EnginePermissionDenied):
        starting.reach_engine(silent)
