"""Real hosts: machines without an engine, or with one that does not run yet."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from labkit import hosts
from labkit.cli import main
from labkit.engine.ownership import owned, remove
from labkit.waiting import wait_until
from tests.remains import of_an_engine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labkit.course import Course
    from labkit.engine import Engine

NAME = "lab-try"
NETWORK = f"{NAME}-net"


@pytest.fixture(scope="module")
def before(engine: Engine, course: Course) -> set[str]:
    """What the machine has before there is a host."""
    remove(engine, owned(engine, keep_images=course.image_tags))
    return of_an_engine(engine)


@pytest.fixture(scope="module")
def bare(engine: Engine, course: Course, before: set[str]) -> Iterator[str]:
    """A host without an engine: its address."""
    assert before
    yield hosts.up(engine, course, NAME)
    remove(engine, owned(engine, names=(NAME, NETWORK)))


def said(engine: Engine, *command: str) -> str:
    reply = engine.containers.ask(NAME, *command)
    assert reply.exit_code == 0, reply.output
    return reply.output.strip()


def test_a_host_is_as_it_came_out_of_its_box(engine: Engine, bare: str) -> None:
    assert bare in said(engine, "hostname", "-I").split()
    assert said(engine, "hostname") == NAME
    for program in ("docker", "dockerd", "containerd"):
        assert engine.containers.ask(NAME, "sh", "-c", f"command -v {program}").exit_code != 0
    assert said(engine, "cat", "/proc/sys/net/ipv4/ip_forward") == "0"
    assert list(engine.containers.get(NAME).networks) == [NETWORK]


def test_nothing_leads_out_of_a_host(engine: Engine, bare: str) -> None:
    """A server on another network, which a container there reaches, and the host does not."""
    assert bare
    server = engine.client.containers.run(
        "lab/shell", ["httpd", "-f"], name="lab-try-out", detach=True
    )
    try:
        address = engine.containers.get("lab-try-out").networks["bridge"].ip
        knock = f"until (exec 3<> /dev/tcp/{address}/80) 2> /dev/null; do :; done"
        beside = ["timeout", "20", "bash", "-c", knock]
        engine.client.containers.run("lab/debian", beside, name="lab-try-beside", remove=True)
        assert engine.containers.ask(NAME, "timeout", "2", "bash", "-c", knock).exit_code == 124
    finally:
        server.remove(force=True)


def test_the_depot_has_what_a_host_without_an_engine_lacks_and_needs_no_network(
    engine: Engine, bare: str
) -> None:
    assert bare
    status, _stat = engine.client.containers.get(NAME).get_archive("/var/lib/dpkg/status")
    lacking = ["apt-get", "--option", "Dir::State::status=/srv/status", "--simulate", "install"]
    depot = engine.client.containers.create("lab/depot", name="lab-try-depot", network_mode="none")
    try:
        depot.put_archive("/srv", b"".join(status))
        depot.start()
        wanted = ("--no-install-recommends", "docker.io", "procps")
        found = engine.containers.ask("lab-try-depot", *lacking, *wanted)
    finally:
        depot.remove(force=True)
    assert found.exit_code == 0, found.output
    assert {"docker.io", "containerd", "runc", "iptables", "procps"} <= {
        line.split()[1] for line in found.output.splitlines() if line.startswith("Inst ")
    }


def test_a_host_of_the_same_name_is_made_anew_with_an_engine_that_does_not_run(
    engine: Engine, bare: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bare
    first = engine.containers.get(NAME).id
    assert main(["host", NAME, "--installed", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["name"] == NAME
    assert engine.containers.get(NAME).id != first
    assert said(engine, "sh", "-c", "command -v dockerd")
    assert engine.containers.ask(NAME, "docker", "info").exit_code != 0


def test_an_engine_that_a_host_starts_changes_no_control_groups_of_the_machine(
    engine: Engine, bare: str
) -> None:
    assert bare
    before = hierarchies()
    said(engine, "service", "docker", "start")
    wait_until(
        lambda: engine.containers.ask(NAME, "docker", "info").exit_code == 0,
        what="the engine of the host",
        timeout=30,
    )
    assert hierarchies() == before


def hierarchies() -> list[list[str]]:
    """The kernel's controllers, and the mounted hierarchy of each."""
    lines = Path("/proc/cgroups").read_text().splitlines()
    return [line.split()[:2] for line in lines]


def test_a_host_that_is_removed_leaves_no_object_mount_network_or_rule(
    engine: Engine, bare: str, before: set[str]
) -> None:
    assert bare
    assert of_an_engine(engine) > before
    remove(engine, owned(engine, names=(NAME, NETWORK)))
    assert of_an_engine(engine) == before
