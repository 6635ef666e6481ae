"""Probes against the real engine."""

from __future__ import annotations

import os
import platform
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from labkit import images
from labkit.doctor import examine, leftovers
from labkit.engine import connect, trials
from labkit.engine.probes import ENGINE_PROBES, HOST_PROBES, Verdict, probe
from labkit.engine.trials import LABEL
from labkit.errors import EngineRequestFailed
from labkit.live.usage import Usage
from labkit.show.live import usage
from tests.skips import skip

if TYPE_CHECKING:
    from labkit.course import Course
    from labkit.engine import Engine


@pytest.fixture(autouse=True)
def shell_image(engine: Engine, course: Course) -> None:
    images.ensure(engine, course, ["lab/shell"])


@pytest.fixture
def own_kernel(engine: Engine) -> Path:
    """Where this process reads what the engine's kernel says of itself."""
    if not engine.endpoint.startswith("unix:") or (
        engine.info()["KernelVersion"] != platform.release()
    ):
        skip("socket", "the engine's kernel is another machine's")
    return Path("/proc")


def probe_containers(engine: Engine) -> list[str]:
    found = engine.client.api.containers(all=True, filters={"label": LABEL})
    return [line["Id"] for line in found]


@pytest.mark.parametrize("name", [*ENGINE_PROBES, *HOST_PROBES])
def test_a_probe_says_a_sentence_and_never_fails_on_a_real_engine(
    engine: Engine, name: str
) -> None:
    result = probe(name, engine)
    assert result.name == name
    assert result.verdict is not Verdict.ERROR, result.said
    assert result.said.endswith(".")
    if result.verdict is Verdict.BAD:
        assert "`" in result.remedy
    if result.verdict is Verdict.ABSENT:
        assert result.cost or result.remedy


def test_the_memory_probe_agrees_with_the_engines_own_answer(engine: Engine) -> None:
    found = probe("limits", engine).verdict
    if not engine.info()["MemoryLimit"]:
        assert found is not Verdict.GOOD
        skip("limits", "this engine enforces no memory limit, and says so")
    assert found is Verdict.GOOD


def test_the_usage_probe_agrees_with_the_picture_of_a_container_that_computes(
    clean_engine: Engine,
) -> None:
    command = ["sh", "-c", "while :; do :; done"]
    clean_engine.client.containers.run("lab/shell", command, name="lab-busy", detach=True)
    found = Usage(("lab-busy",)).read(clean_engine, None)
    (used,) = found.values()
    if probe("usage", clean_engine).verdict is Verdict.GOOD:
        first, *_between, last = used.samples
        assert last.share(first) > 0
        assert last.memory > 0
    else:
        assert used.samples == ()
        assert "no figures from the engine" in repr(usage(found))


def test_the_privileged_probe_agrees_with_the_docker_command(engine: Engine) -> None:
    command = ["docker", "run", "--rm", "--privileged", "--name", "lab-try-privileged"]
    done = subprocess.run(
        [*command, "lab/shell", "true"], env=engine.cli_env(), capture_output=True, check=False
    )
    subprocess.run(
        ["docker", "rm", "--force", "lab-try-privileged"],
        env=engine.cli_env(), capture_output=True, check=False,
    )  # fmt: skip
    assert (probe("privileged", engine).verdict is Verdict.GOOD) == (done.returncode == 0)


def test_the_folders_probe_agrees_with_the_docker_command(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "seen").touch()
    command = [
        "docker",
        "run",
        "--rm",
        "--name",
        "lab-try-folders",
        "--volume",
        f"{tmp_path}:/here",
    ]
    done = subprocess.run(
        [*command, "lab/shell", "test", "-e", "/here/seen"],
        env=engine.cli_env(), capture_output=True, check=False,
    )  # fmt: skip
    assert (probe("folders", engine).verdict is Verdict.GOOD) == (done.returncode == 0)


def test_the_ipvs_probe_agrees_with_the_kernel(engine: Engine, own_kernel: Path) -> None:
    modules = Path("/lib/modules", platform.release())
    there = (
        (own_kernel / "net/ip_vs").exists()
        or any(modules.rglob("ip_vs.ko*"))
        or "ip_vs.ko" in built_in(modules)
    )
    assert probe("ipvs", engine).verdict is (Verdict.GOOD if there else Verdict.ABSENT)


def built_in(modules: Path) -> set[str]:
    listed = modules / "modules.builtin"
    lines = listed.read_text().splitlines() if listed.exists() else []
    return {Path(line).name for line in lines}


def test_the_forwarding_probe_agrees_with_the_kernel(engine: Engine, own_kernel: Path) -> None:
    forwards = (own_kernel / "sys/net/ipv4/ip_forward").read_text().strip() == "1"
    assert (probe("forwarding", engine).verdict is Verdict.GOOD) == forwards


def test_the_doctor_answers_every_probe_and_leaves_nothing(engine: Engine, course: Course) -> None:
    before = {line["Id"] for line in engine.containers.list()}
    results = list(examine(lambda: connect(engine.endpoint), course))
    assert [r.name for r in results] == [*ENGINE_PROBES, *HOST_PROBES, "images", "leftovers"]
    assert not [r for r in results if r.verdict is Verdict.ERROR]
    assert probe_containers(engine) == []
    assert {line["Id"] for line in engine.containers.list()} == before


def test_a_trial_that_cannot_start_leaves_no_container(engine: Engine) -> None:
    with pytest.raises(EngineRequestFailed):
        trials.run(engine, "no-program", ["no-such-program"])
    assert probe_containers(engine) == []


def test_a_registry_that_says_nothing_is_given_up(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, never answers
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        monkeypatch.setenv("LABKIT_REGISTRY_MIRROR", address)
        result = probe("registry", engine)
    assert result.verdict is Verdict.ABSENT
    assert address in result.said


def test_leftovers_name_what_the_course_made_and_nothing_else(
    engine: Engine, course: Course
) -> None:
    api = engine.client.api
    api.create_volume("lab-try-leftover")
    foreign = api.create_volume()["Name"]  # the engine names it, so it is nobody's
    try:
        said = leftovers(engine, course).said
    finally:
        for name in ("lab-try-leftover", foreign):
            api.remove_volume(name)
    assert "`lab-try-leftover`" in said
    assert foreign not in said


def test_without_an_engine_the_doctor_says_so_first_and_probes_the_host(
    course: Course, tmp_path: Path
) -> None:
    results = list(examine(lambda: connect(f"unix://{tmp_path}/none.sock"), course))
    assert [r.name for r in results] == ["engine", *HOST_PROBES]
    assert results[0].verdict is Verdict.BAD
    assert "labkit engine start" in results[0].remedy
    assert os.fspath(tmp_path) in results[0].said
