"""Probes on engines and machines that are described rather than there."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from labkit import doctor
from labkit.engine import probes, tools, transfer, trials
from labkit.engine.probes import Verdict, probe
from labkit.errors import EngineRequestFailed, EngineUnreachable, LabError, NoSuchImage

if TYPE_CHECKING:
    from pathlib import Path

    from labkit.course import Course

HEALTHY = {
    "ServerVersion": "28.2.2",
    "OperatingSystem": "Debian GNU/Linux 12",
    "Driver": "overlay2",
    "CgroupVersion": "2",
    "CgroupDriver": "systemd",
    "IPv4Forwarding": True,
    "BridgeNfIptables": True,
    "DockerRootDir": "/",
    "KernelVersion": "1.2.3",
}


def engine_with(**facts: Any) -> Any:
    """An engine whose `docker info` says `facts`."""
    return SimpleNamespace(
        endpoint="tcp://elsewhere",
        info=lambda: {**HEALTHY, **facts},
        version=lambda: {"ApiVersion": "1.50", "MinAPIVersion": "1.24"},
        client=SimpleNamespace(api=SimpleNamespace(api_version="1.50")),
        images=SimpleNamespace(list=lambda: ({"Size": 1_500_000_000},)),
        close=lambda: None,
    )


def answering(output: str) -> Any:
    """A trial whose container writes `output`."""
    return lambda *_args, **_host: (0, output)


def refusing(error: Exception) -> Any:
    def run(*_args: object, **_host: object) -> tuple[int, str]:
        raise error

    return run


def test_an_unknown_probe_is_an_error_that_names_the_known_ones() -> None:
    with pytest.raises(LabError, match="ipvs"):
        probe("ipsv", None)


def test_a_probe_that_crashes_is_a_line_and_not_an_exception() -> None:
    broken = engine_with()
    broken.info = lambda: 1 / 0
    result = probe("storage", broken)
    assert result.verdict is Verdict.ERROR
    assert "ZeroDivisionError" in result.said


def test_an_engine_probe_without_an_engine_is_absent() -> None:
    assert probe("ipvs", None).verdict is Verdict.ABSENT


def test_a_trial_without_its_image_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trials, "run", refusing(NoSuchImage("lab/shell")))
    for name in ("limits", "privileged", "ipvs", "folders"):
        result = probe(name, engine_with())
        assert result.verdict is Verdict.ABSENT
        assert "labkit images ensure" in result.remedy


@pytest.mark.parametrize(
    ("output", "verdict"),
    [
        ("33554432\n", Verdict.GOOD),
        ("max\n", Verdict.ABSENT),
        ("9223372036854771712\n", Verdict.ABSENT),
        ("", Verdict.ABSENT),
    ],
)
def test_a_limit_is_enforced_only_when_the_container_reads_it(
    output: str, verdict: Verdict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trials, "run", answering(output))
    assert probe("limits", engine_with()).verdict is verdict


def test_a_refused_privileged_container_is_absent_in_the_engines_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wrapped = "failed to create task: runc create failed: " * 5
    refused = EngineRequestFailed(
        wrapped + "unable to apply caps: operation not permitted: unknown"
    )
    monkeypatch.setattr(trials, "run", refusing(refused))
    result = probe("privileged", engine_with())
    assert result.verdict is Verdict.ABSENT
    assert "unable to apply caps: operation not permitted." in result.said
    assert "runc" not in result.said


@pytest.mark.parametrize(("output", "verdict"), [("there\n", Verdict.GOOD), ("", Verdict.ABSENT)])
def test_ipvs_of_an_engine_elsewhere_is_looked_for_in_a_container(
    output: str, verdict: Verdict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trials, "run", answering(output))
    assert probe("ipvs", engine_with()).verdict is verdict


def test_a_folder_that_the_engine_does_not_have_is_absent_in_its_words(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for trial in (
        refusing(EngineRequestFailed("bind source path does not exist: /here")),
        answering("cat: can't open '/folder/word': No such file or directory\n"),
    ):
        monkeypatch.setattr(trials, "run", trial)
        result = probe("folders", engine_with())
        assert result.verdict is Verdict.ABSENT
        assert "does not exist: /here" in result.said or "No such file" in result.said
    assert list(tmp_path.iterdir()) == []


def test_a_no_of_a_newer_engine_is_checked_in_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trials, "run", answering("1\n"))
    assert probe("bridge_filter", engine_with(BridgeNfIptables=False)).verdict is Verdict.GOOD
    monkeypatch.setattr(trials, "run", answering("0\n"))
    result = probe("bridge_filter", engine_with(BridgeNfIptables=False))
    assert result.verdict is Verdict.ABSENT
    assert "br_netfilter" in result.remedy


def test_forwarding_that_is_off_is_bad_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trials, "run", answering("0\n"))
    result = probe("forwarding", engine_with(IPv4Forwarding=False))
    assert result.verdict is Verdict.BAD
    assert "sysctl -w net.ipv4.ip_forward=1" in result.remedy


def test_a_storage_driver_without_overlays_costs_part_of_a_lesson() -> None:
    result = probe("storage", engine_with(Driver="vfs"))
    assert result.verdict is Verdict.ABSENT
    assert result.cost


def test_little_disk_is_bad(monkeypatch: pytest.MonkeyPatch) -> None:
    local = engine_with()
    local.endpoint = "unix:///socket"
    usage = SimpleNamespace(free=500_000_000)
    monkeypatch.setattr(probes.shutil, "disk_usage", lambda _path: usage)
    result = probe("disk", local)
    assert result.verdict is Verdict.BAD
    assert "0.5 GB" in result.said
    assert "elsewhere" not in result.said


def test_a_disk_that_cannot_be_seen_is_not_guessed() -> None:
    assert "1.5 GB" in probe("disk", engine_with()).said


@pytest.mark.parametrize(
    "facts",
    [
        {"DockerRootDir": "/var/lib/no-such-folder"},
        {"DockerRootDir": "/", "OperatingSystem": "Docker Desktop"},  # the virtual machine's "/"
        {"DockerRootDir": "/proc/1/fdinfo/no-folder"},
        {"DockerRootDir": ""},
    ],
)
def test_a_data_root_that_is_not_this_machines_is_not_looked_at(facts: dict[str, str]) -> None:
    local = engine_with(**facts)
    local.endpoint = "unix:///socket"
    result = probe("disk", local)
    assert result.verdict is Verdict.GOOD
    assert "cannot be seen from here" in result.said


def test_a_data_root_that_may_not_be_looked_at_is_not_this_machines_fault(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def deny(_path: object) -> None:
        raise PermissionError(13, "Permission denied")

    local = engine_with()
    local.endpoint = "unix:///socket"
    monkeypatch.setattr(probes.shutil, "disk_usage", deny)
    assert "cannot be seen from here" in probe("disk", local).said


@pytest.mark.parametrize(("why", "verdict"), [("", Verdict.GOOD), ("no host", Verdict.ABSENT)])
def test_the_registry_probe_names_the_mirror_that_is_set(
    why: str, verdict: Verdict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABKIT_REGISTRY_MIRROR", "http://mirror.class:5000")
    monkeypatch.setattr(transfer, "reach_registry", lambda _e, _registry, **_options: why)
    result = probe("registry", engine_with())
    assert result.verdict is verdict
    assert "mirror.class:5000" in result.said
    assert why in result.said


# The docker command


def program(folder: Path, script: str, name: str = "docker") -> str:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


NEW = """case "$*" in
--version) echo "Docker version 28.2.2, build abc" ;;
"compose version --short") echo 5.0.1 ;;
"buildx version") echo "github.com/docker/buildx v0.24" ;;
*) exit 1 ;;
esac"""
BARE = 'test "$*" = --version && echo "Docker version 28.2.2, build abc"'
OLD = 'test "$*" = --version && echo "Docker version 20.10.24, build abc"'


def test_a_machine_without_docker_is_told_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert tools.cli().verdict is Verdict.BAD
    assert "docker.io" in tools.cli().remedy
    assert tools.compose().verdict is Verdict.ABSENT
    assert tools.buildkit().verdict is Verdict.ABSENT


@pytest.mark.parametrize(
    ("endpoint", "verdict"),
    [("unix:///run/docker.sock", Verdict.GOOD), ("tcp://elsewhere", Verdict.ABSENT)],
)
def test_a_socket_is_told_from_another_endpoint(endpoint: str, verdict: Verdict) -> None:
    engine = engine_with()
    engine.endpoint = endpoint
    assert probe("socket", engine).verdict is verdict


def test_a_command_with_its_plugins_is_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path, NEW)
    monkeypatch.setenv("PATH", str(tmp_path))
    results = tools.cli(), tools.buildkit(), tools.compose()
    assert {result.verdict for result in results} == {Verdict.GOOD}
    assert "28.2.2" in results[0].said
    assert "5.0.1" in results[2].said


def test_an_older_command_further_down_the_path_is_offered_for_buildkit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path / "first", BARE)
    old = program(tmp_path / "second", OLD)
    monkeypatch.setenv("PATH", f"{tmp_path}/first:{tmp_path}/second")
    result = tools.buildkit()
    assert result.verdict is Verdict.ABSENT
    assert f"DOCKER_BUILDKIT=1 {old} build" in result.remedy
    assert tools.buildkit_command() == f"DOCKER_BUILDKIT=1 {old}"


def test_an_older_command_builds_with_buildkit_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path, OLD)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert tools.buildkit().verdict is Verdict.GOOD
    assert tools.buildkit_command() == "DOCKER_BUILDKIT=1 docker"


def test_a_command_with_buildx_needs_nothing_more_for_buildkit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path, NEW)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert tools.buildkit_command() == "docker"


def test_a_command_that_hangs_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path, "exec /bin/sleep 60")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(tools, "SECONDS", 0.2)
    assert tools.buildkit().verdict is Verdict.ABSENT


@pytest.mark.parametrize("there", [True, False])
def test_compose_that_was_installed_with_labkit_serves_where_the_machine_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, there: bool
) -> None:
    program(tmp_path / "bin", BARE)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    if there:
        program(tmp_path / "scripts", "echo 5.6.1", name="docker-compose")
    monkeypatch.setattr(tools.sysconfig, "get_path", lambda _name: str(tmp_path / "scripts"))
    result = tools.compose()
    assert result.verdict is (Verdict.GOOD if there else Verdict.ABSENT)
    assert ("5.6.1" in result.said) is there


# The doctor


def test_the_doctor_goes_on_after_a_probe_that_crashes(
    monkeypatch: pytest.MonkeyPatch, course: Course
) -> None:
    monkeypatch.setattr(trials, "run", answering("33554432\n"))
    monkeypatch.setattr(transfer, "reach_registry", lambda *_args, **_options: "")
    broken = engine_with()
    broken.version = lambda: 1 / 0
    results = list(doctor.examine(lambda: broken, course))
    verdicts = {result.name: result.verdict for result in results}
    assert verdicts["api"] is Verdict.ERROR
    assert verdicts["storage"] is Verdict.GOOD
    assert verdicts["leftovers"] is Verdict.ERROR  # this engine cannot be asked for its objects


def test_the_doctor_says_first_that_no_engine_answers(course: Course) -> None:
    def away() -> Any:
        raise EngineUnreachable("unix:///socket", "no such file")

    results = list(doctor.examine(away, course))
    assert results[0].verdict is Verdict.BAD
    assert "labkit engine start" in results[0].remedy
    assert [result.name for result in results[1:]] == ["cli", "buildkit", "compose"]
