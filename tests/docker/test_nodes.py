"""Real nodes: machines with an engine each, on this machine's engine."""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import threading
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from labkit import node_registry, nodes
from labkit.cli import main
from labkit.dashboard.accounts import Account, Role
from labkit.dashboard.operating import Change, perform
from labkit.dashboard.swarms import KeptManager
from labkit.docker_config import course_config
from labkit.engine import contexts, nested
from labkit.engine.ownership import owned, remove
from labkit.engine.processes import mount_points
from labkit.engine.swarm import Swarm
from labkit.errors import EngineUnreachable, NoSuchImage
from labkit.live.following import Following
from labkit.live.placement import Placement
from labkit.resetting import plan_reset, reset
from labkit.waiting import wait_until
from tests.remains import of_an_engine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labkit.course import Course
    from labkit.dashboard.inventory import Row
    from labkit.engine import Engine

#: What a node uses, and what of it is only files that were read; of control groups 2, then of 1.
MEMORY = """
cd /sys/fs/cgroup
[ -f memory.current ] || cd memory"$(sed -n 's/.*:memory://p' /proc/1/cgroup)"
cat memory.current memory.usage_in_bytes 2> /dev/null
sed -n 's/^\\(total_\\)*inactive_file //p' memory.stat | tail -n 1
"""
#: How the refusal of a client reads that shows no certificate, or a wrong one.
REFUSED = {
    "nothing": "(?i)certificate.required|bad.certificate",
    "of another authority": "(?i)unknown.ca|bad.certificate|decrypt.error",
}


@pytest.fixture(scope="module")
def work_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("nodes") / "work"
        patch.setenv("LABKIT_WORK", str(folder))
        yield folder


@pytest.fixture(scope="module")
def before(engine: Engine, course: Course) -> set[str]:
    """What the machine has before there are nodes."""
    remove(engine, owned(engine, keep_images=course.image_tags))
    return of_an_engine(engine)


@pytest.fixture(scope="module")
def two(
    engine: Engine, course: Course, work_folder: Path, before: set[str]
) -> Iterator[tuple[nodes.NodeStatus, ...]]:
    assert work_folder
    assert before
    yield nodes.up(engine, course, 2)
    nodes.down(engine, course, nodes.plan_down(engine))


def docker(engine: Engine, course: Course, *words: str) -> str:
    env = {**engine.cli_env(), "DOCKER_CONFIG": str(course_config(course.work()))}
    done = subprocess.run(["docker", *words], capture_output=True, text=True, check=True, env=env)
    return done.stdout


def test_each_node_is_a_machine_with_an_engine_and_an_address(
    engine: Engine, two: tuple[nodes.NodeStatus, ...]
) -> None:
    assert [node.state for node in two] == ["ready", "ready"]
    assert len({node.address for node in two}) == len({node.endpoint for node in two}) == len(two)
    for status in two:
        with nested.connected(engine, status.name) as node:
            assert node.info()["Name"] == status.name
            assert node.info()["ID"] != engine.info()["ID"]


def test_a_context_leads_there_and_a_course_image_has_its_name_there(
    engine: Engine, course: Course, two: tuple[nodes.NodeStatus, ...]
) -> None:
    where = ("--context", two[1].name)
    said = docker(engine, course, *where, "run", "--rm", "lab/shell", "hostname", "-i")
    assert said
    assert docker(engine, course, *where, "images", "-q", "lab/shell")


@pytest.mark.parametrize("shown", ["nothing", "of another authority", "its own"])
def test_a_node_answers_only_who_shows_a_certificate_of_its_authority(
    engine: Engine, two: tuple[nodes.NodeStatus, ...], tmp_path: Path, shown: str
) -> None:
    files = nested.certificates(engine, two[0].name)
    if shown == "of another authority":
        files |= {
            n: c for n, c in nested.certificates(engine, two[1].name).items() if n != "ca.pem"
        }
    for name, content in files.items():
        Path(tmp_path, name).write_bytes(content)
    trusting = ssl.create_default_context(cafile=tmp_path / "ca.pem")
    if shown != "nothing":
        trusting.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    port = int(two[0].endpoint.rpartition(":")[2])

    def answer() -> bytes:
        with (
            socket.create_connection(("127.0.0.1", port), timeout=10) as plain,
            trusting.wrap_socket(plain, server_hostname="127.0.0.1") as secured,
        ):
            secured.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
            return secured.recv(1024)

    if shown == "its own":
        assert b" 200 " in answer()
        return
    with pytest.raises(ssl.SSLError, match=REFUSED[shown]):
        answer()


def test_certificates_that_a_broken_off_start_left_half_made_are_made_anew(
    engine: Engine, two: tuple[nodes.NodeStatus, ...]
) -> None:
    assert two
    made = "sha256sum /certs/client/*"
    again = (
        f"certificates; {made}; certificates; {made}; rm /certs/client/ca.pem; certificates; {made}"
    )
    verified = "openssl verify -CAfile /certs/client/ca.pem /certs/client/cert.pem"
    api: Any = engine.client.api
    container = api.create_container(
        nested.IMAGE, ["sh", "-c", f"set -e; {again}; {verified}"], name="lab-certificates"
    )
    try:
        api.start(container)
        assert api.wait(container, timeout=60)["StatusCode"] == 0
        lines = engine.containers.logs("lab-certificates").splitlines()
    finally:
        api.remove_container(container, force=True)
    first, second, third = lines[:3], lines[3:6], lines[6:9]
    assert first == second
    assert not set(first) & set(third)
    assert lines[9].endswith("OK")


def test_an_image_that_is_pushed_once_is_not_pushed_again(
    engine: Engine, two: tuple[nodes.NodeStatus, ...]
) -> None:
    assert two
    assert node_registry.push(engine, ["lab/shell"]) == ()
    assert not any("lab-" in tag for tag in engine.images.get("lab/shell").tags)
    with pytest.raises(NoSuchImage):
        node_registry.push(engine, ["lab/no-such-image"])


def test_a_node_takes_so_much_memory(
    engine: Engine, two: tuple[nodes.NodeStatus, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    for node in two:
        used, read = map(int, engine.containers.ask(node.name, "sh", "-c", MEMORY).output.split())
        assert used > read
        with capsys.disabled():
            print(f"\n{node.name} takes {(used - read) / 2**20:.0f} MiB")  # noqa: T201 - what is asked for


def test_nodes_become_one_swarm_which_is_emptied_and_kept_the_next_time(
    engine: Engine, course: Course, two: tuple[nodes.NodeStatus, ...]
) -> None:
    first, second = (status.name for status in two)
    nodes.swarm(engine, 2)
    on_first = ("--context", first)
    docker(
        engine, course, *on_first, "service", "create", "--detach", "--name", "lab-a", "lab/shell"
    )
    docker(engine, course, *on_first, "network", "create", "--driver", "overlay", "lab-b")
    docker(engine, course, *on_first, "node", "update", "--label-add", "a=b", second)
    docker(engine, course, "--context", second, "volume", "create", "lab-c")
    docker(engine, course, "--context", second, "network", "create", "lab-d")
    with nested.connected(engine, first) as manager:
        swarm = manager.client.api.inspect_swarm()["ID"]
        nodes.swarm(engine, 2)
        found = Swarm.read(manager)
        assert manager.client.api.inspect_swarm()["ID"] == swarm
        assert [(member.name, member.role) for member in found.members] == [
            (first, "manager"),
            (second, "worker"),
        ]
        assert found.services == found.tasks == ()
        assert not any(member.labels for member in found.members)
        assert not manager.networks.exists("lab-b")
    with nested.connected(engine, second) as worker:
        assert worker.volumes.list() == ()
        assert worker.client.api.containers(all=True) == []
        assert not worker.networks.exists("lab-d")


def test_the_live_picture_follows_tasks_to_another_node_when_theirs_dies(
    engine: Engine, course: Course, two: tuple[nodes.NodeStatus, ...]
) -> None:
    first, second = (status.name for status in two)
    nodes.swarm(engine, 2)
    beat = ("--dispatcher-heartbeat", "1s")  # so that its silence is noticed soon
    docker(engine, course, "--context", first, "swarm", "update", *beat)
    threads, told = threading.active_count(), [Swarm()]
    subject = Placement(first)
    following = Following(
        subject,
        engine,
        lambda found, _problem: told.append(found),
        value=subject.read(engine, None),
    )
    following.start()

    def running() -> dict[str, int]:
        """How many tasks run on each node that is ready."""
        members = {member.id: member.name for member in told[-1].members if member.state == "ready"}
        of = [task for service in told[-1].services for task in told[-1].running(service)]
        return Counter(members[task.node] for task in of if task.node in members)

    create = ("service", "create", "--detach", "--replicas=2", "--stop-grace-period=0s")
    docker(engine, course, "--context", first, *create, "--name=lab-a", "lab/shell", "sleep", "600")
    wait_until(lambda: running() == {first: 1, second: 1}, what="one task on each", timeout=60)
    engine.client.api.kill(second)
    wait_until(lambda: running() == {first: 2}, what="both on the first", timeout=60)
    assert told[-1].down == (second,)
    assert nodes.up(engine, course, 2) == two
    wait_until(lambda: not told[-1].down, what="the second to be back", timeout=60)
    docker(engine, course, "--context", first, "node", "update", "--availability=drain", first)
    wait_until(lambda: running() == {second: 2}, what="both on the second", timeout=60)
    following.close()
    assert threading.active_count() == threads


def test_the_dashboard_follows_and_changes_the_swarm_of_the_nodes(
    engine: Engine, course: Course, two: tuple[nodes.NodeStatus, ...]
) -> None:
    nodes.swarm(engine, 2)
    operator, kept = Account("ada", Role.OPERATOR), KeptManager(engine)
    on_first = ("--context", two[0].name)

    def row(name: str) -> Row:
        return next(one for one in kept.rows() if one.name == name)

    def state(name: str, wanted: str) -> None:
        wait_until(lambda: row(name).state == wanted, what=f"{name} {wanted}", timeout=30)

    try:
        assert [(one.kind, one.name, one.detail) for one in kept.rows()] == [
            ("node", two[0].name, "manager, leader"),
            ("node", two[1].name, "worker"),
        ]
        asked = ("--detach", "--name", "lab-a", "lab/shell", "sleep", "600")
        docker(engine, course, *on_first, "service", "create", *asked)
        state("lab-a", "1 of 1 run")
        docker(engine, course, *on_first, "service", "scale", "--detach", "lab-a=2")
        state("lab-a", "2 of 2 run")
        for name, action, number in (("lab-a", "scale", 1), (two[1].name, "drain", 0)):
            found = row(name)
            perform(engine, operator, Change(found.kind, found.key, action, number))
        state("lab-a", "1 of 1 run")
        state(two[1].name, "ready, drain")
        perform(engine, operator, Change("service", row("lab-a").key, "remove"))
        assert [one.name for one in kept.rows()] == [node.name for node in two]
    finally:
        kept.close()


def test_a_swarm_that_is_not_whole_is_made_anew(
    engine: Engine, two: tuple[nodes.NodeStatus, ...]
) -> None:
    nodes.swarm(engine, 2)
    with nested.connected(engine, two[1].name) as worker:
        worker.client.api.leave_swarm(force=True)
    nodes.swarm(engine, 2)
    with nested.connected(engine, two[0].name) as manager:
        assert [member.state for member in Swarm.read(manager).members] == ["ready"] * 2
    nodes.swarm(engine, 1)
    with nested.connected(engine, two[0].name) as manager:
        assert len(Swarm.read(manager).members) == 1


def test_a_node_that_was_stopped_or_cut_off_is_told_and_comes_back_with_its_address(
    engine: Engine, course: Course, two: tuple[nodes.NodeStatus, ...]
) -> None:
    api: Any = engine.client.api
    api.kill(two[0].name)
    wait_until(
        lambda: nodes.status(engine, two[0].name).state == "stopped", what="its end", timeout=10
    )
    api.disconnect_container_from_network(two[1].name, nodes.NETWORK)
    assert nodes.status(engine, two[1].name).state == "cut off"
    assert nodes.up(engine, course, 2) == two


def test_down_leaves_no_node_context_mount_network_or_rule(
    engine: Engine,
    course: Course,
    before: set[str],
    two: tuple[nodes.NodeStatus, ...],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert of_an_engine(engine) > before
    namespaces = {network_namespace(engine, node.name) for node in two}
    assert namespaces <= set(mount_points())
    assert main(["nodes", "list", "--json"]) == 0
    assert [n["state"] for n in json.loads(capsys.readouterr().out)] == ["ready"] * len(two)
    assert main(["nodes", "down", "--dry-run"]) == 0
    assert two[0].name in capsys.readouterr().out
    assert nodes.statuses(engine) == two
    assert main(["nodes", "down", "--yes", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["removed"]) == 2 * len(two) + 2
    assert nodes.statuses(engine) == ()
    assert of_an_engine(engine) == before
    assert not namespaces & set(mount_points())
    assert not any(known(course, node.name) for node in two)


def test_a_reset_forgets_the_contexts_of_nodes_that_are_gone(
    engine: Engine, course: Course, work_folder: Path
) -> None:
    assert work_folder
    gone = f"{nodes.PREFIX}{nodes.MOST}"
    contexts.write(course_config(course.work()), gone, "tcp://127.0.0.1:1", {})
    assert known(course, gone)
    assert not reset(engine, course, plan_reset(engine, course)).removal.refused
    assert not known(course, gone)


def network_namespace(engine: Engine, name: str) -> str:
    """Return where the engine has mounted the network namespace of a node."""
    return os.path.realpath(engine.containers.get(name).attrs["NetworkSettings"]["SandboxKey"])


def known(course: Course, name: str) -> bool:
    """Tell whether the course's configuration has a context of this name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_CONFIG", str(course_config(course.work())))
        patch.setenv("DOCKER_CONTEXT", name)
        with suppress(EngineUnreachable):
            return contexts.current() is not None
    return os.environ.get("DOCKER_CONTEXT") == name
