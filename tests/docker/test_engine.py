"""The facade on a real engine: what it reads is what Docker did."""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest

from labkit.engine.snapshot import changes
from labkit.engine.translate import engine_errors
from labkit.errors import (
    EngineRequestFailed,
    NoSuchContainer,
    NoSuchImage,
    NoSuchNetwork,
    NoSuchVolume,
)
from labkit.ports import first_free
from labkit.waiting import wait_until

if TYPE_CHECKING:
    from labkit.engine import Engine

pytestmark = pytest.mark.usefixtures("clean_engine")


def run(engine: Engine, name: str, *command: str, **options: Any) -> Any:
    """Run a container to its end, with docker-py's own options."""
    api: Any = engine.client.api
    host = api.create_host_config(**options)
    made = api.create_container("lab/shell", list(command), name=name, host_config=host)
    api.start(made)
    api.wait(made)
    return made


@pytest.mark.parametrize(
    ("collection", "error"),
    [
        ("containers", NoSuchContainer),
        ("images", NoSuchImage),
        ("networks", NoSuchNetwork),
        ("volumes", NoSuchVolume),
    ],
)
def test_what_is_not_there_has_its_own_error(
    engine: Engine, collection: str, error: type[Exception]
) -> None:
    things = getattr(engine, collection)
    assert not things.exists("lab-nothing")
    with pytest.raises(error, match="`lab-nothing`"):
        things.get("lab-nothing")


@pytest.mark.parametrize("method", ["logs", "diff"])
def test_questions_about_a_missing_container_have_its_error(engine: Engine, method: str) -> None:
    with pytest.raises(NoSuchContainer):
        getattr(engine.containers, method)("lab-nothing")


def test_a_container_is_read_as_it_was_run(engine: Engine) -> None:
    run(engine, "lab-a", "sh", "-c", "exit 3", mem_limit="32m", nano_cpus=500_000_000)
    container = engine.containers.get("lab-a")
    assert (container.name, container.status, container.exit_code) == ("lab-a", "exited", 3)
    assert (container.memory_limit, container.cpus) == (32 * 1024**2, 0.5)
    assert engine.containers.get(container.id[:12]) == container


def test_logs_hold_both_streams_and_can_be_cut(engine: Engine) -> None:
    run(engine, "lab-a", "sh", "-c", "echo one; echo two >&2; echo three")
    assert sorted(engine.containers.logs("lab-a").split()) == ["one", "three", "two"]
    assert len(engine.containers.logs("lab-a", tail=1).splitlines()) == 1
    assert engine.containers.logs("lab-a", tail=0) == ""


def test_a_container_that_changed_nothing_has_no_diff(engine: Engine) -> None:
    run(engine, "lab-a", "true")
    assert engine.containers.diff("lab-a") == {}


def test_a_diff_tells_added_changed_and_deleted_paths(engine: Engine) -> None:
    run(engine, "lab-a", "sh", "-c", "echo x > /new; echo x >> /etc/passwd; rm /etc/group")
    diff = engine.containers.diff("lab-a")
    assert (diff["/new"], diff["/etc/passwd"], diff["/etc/group"]) == ("A", "C", "D")


def test_files_are_read_from_containers_that_ended(engine: Engine) -> None:
    run(engine, "lab-a", "sh", "-c", "printf 'a\\0b' > /new; ln -s /new /link; ln -s / /root-link")
    assert engine.containers.read_file("lab-a", "/new") == b"a\0b"
    assert engine.containers.read_file("lab-a", "/link") == b"a\0b"
    assert engine.containers.read_file("lab-a", "/root-link/new") == b"a\0b"


@pytest.mark.parametrize("path", ["/nothing", "/etc", "/etc/passwd/x", "/broken", "/loop"])
def test_what_is_no_file_is_not_found(engine: Engine, path: str) -> None:
    run(engine, "lab-a", "sh", "-c", "ln -s /nowhere /broken; ln -s /loop /loop")
    with pytest.raises(FileNotFoundError, match=f"lab-a:{path}"):
        engine.containers.read_file("lab-a", path)


def test_an_image_and_its_history_are_read(engine: Engine) -> None:
    image = engine.images.get("lab/web")
    assert "lab/web:latest" in image.tags
    assert image.exposed_ports == ("80/tcp",)
    history = engine.images.history("lab/web")
    assert "lab/web:latest" in history[0].tags
    assert sum(entry.size for entry in history) == pytest.approx(image.size, rel=0.01)


def test_a_network_and_a_volume_are_read(engine: Engine) -> None:
    api: Any = engine.client.api
    api.create_network("lab-net", internal=True, labels={"purpose": "test"})
    api.create_volume("lab-data")
    network = engine.networks.get("lab-net")
    assert (network.driver, network.internal, network.labels) == (
        "bridge",
        True,
        {"purpose": "test"},
    )
    assert engine.volumes.get("lab-data").driver == "local"
    assert "lab-data" in {line["Name"] for line in engine.volumes.list()}
    assert "lab-net" in {line["Name"] for line in engine.networks.list()}


def test_a_published_port_is_asked_over_http(engine: Engine) -> None:
    api: Any = engine.client.api
    port = first_free(range(8900, 9000), what="a test", hint="Free one.")
    with pytest.raises(ConnectionError, match=f"127.0.0.1:{port}"):
        engine.http_get(port)
    host = api.create_host_config(port_bindings={80: port})
    api.start(api.create_container("lab/web", name="lab-web", ports=[80], host_config=host))

    def answer() -> Any:
        try:
            return engine.http_get(port)
        except ConnectionError:
            return None

    reply = wait_until(answer, what="nginx to answer", timeout=10)
    assert reply.status == 200
    assert "nginx" in {name.lower(): value for name, value in reply.headers.items()}["server"]
    assert engine.http_get(port, "/no-such-page").status == 404
    assert engine.containers.get("lab-web").ports["80/tcp"][0][1] == port


def test_events_between_two_moments_are_told(engine: Engine) -> None:
    began = time.time()
    run(engine, "lab-a", "true")
    events = engine.events(since=began, until=time.time(), filters={"container": "lab-a"})
    actions = [event["Action"] for event in events]
    assert [a for a in actions if a in {"create", "start", "die"}] == ["create", "start", "die"]


def test_a_tree_has_what_is_in_a_volume_of_a_container_that_has_ended(engine: Engine) -> None:
    script = "cd /data; echo hello > .a; chmod 640 .a; mkdir d; chown 1000:7 d; ln -s .a d/l"
    run(engine, "lab-a", "sh", "-c", script, binds=["lab-data:/data"])
    tree = engine.containers.read_tree("lab-a", "/data")
    assert {path: entry.kind for path, entry in tree.items()} == {
        ".a": "file",
        "d": "folder",
        "d/l": "link",
    }
    assert (tree[".a"].content, tree[".a"].mode) == (b"hello\n", 0o640)
    assert (tree["d"].uid, tree["d"].gid, tree["d/l"].content) == (1000, 7, b".a")
    with pytest.raises(FileNotFoundError, match="lab-a:/nothing"):
        engine.containers.read_tree("lab-a", "/nothing")


def test_a_tree_is_whole_though_its_files_shrink_while_it_is_read(engine: Engine) -> None:
    writes = "cd /data; for i in first $(seq 20); do echo $i > $i; done; touch /ready; "
    writes += "while true; do seq 20000 > first; : > first; done"
    api: Any = engine.client.api
    host = api.create_host_config(binds=["lab-data:/data"])
    api.start(
        api.create_container("lab/shell", ["sh", "-c", writes], name="lab-a", host_config=host)
    )
    wait_until(lambda: "/ready" in engine.containers.diff("lab-a"), what="its files", timeout=10)
    files = {"first", *(str(number) for number in range(1, 21))}
    for _time in range(100):
        assert set(engine.containers.read_tree("lab-a", "/data")) == files


def test_a_running_container_can_be_asked_and_another_refuses(engine: Engine) -> None:
    api: Any = engine.client.api
    api.start(api.create_container("lab/shell", ["sleep", "60"], name="lab-a"))
    reply = engine.containers.ask("lab-a", "sh", "-c", "echo one; echo two >&2; exit 3")
    assert (reply.exit_code, sorted(reply.output.split())) == (3, ["one", "two"])
    api.kill("lab-a")
    with pytest.raises(EngineRequestFailed, match="not running"):
        engine.containers.ask("lab-a", "true")
    with pytest.raises(NoSuchContainer):
        engine.containers.ask("lab-nothing", "true")


def test_the_docker_command_reaches_the_same_engine(engine: Engine) -> None:
    told = subprocess.run(
        ["docker", "info", "--format", "{{.ID}}"],
        env=engine.cli_env(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == engine.info()["ID"]


def test_the_engine_tells_its_version(engine: Engine) -> None:
    version = engine.version()
    assert version["ApiVersion"] == engine.client.api._version  # type: ignore[attr-defined]


def test_a_snapshot_shows_what_happened_since_the_last(engine: Engine) -> None:
    api: Any = engine.client.api
    before = engine.snapshot()
    run(engine, "lab-a", "sh", "-c", "exit 3")
    api.create_volume("lab-data")
    api.tag("lab/shell", "lab/sh", "2")
    first = [str(change) for change in changes(before, engine.snapshot())]
    assert first[0] == "+ container lab-a  exited (3)"
    assert first[1].startswith("+ image lab/sh:2  ")
    assert first[2] == "+ volume lab-data"
    between = engine.snapshot()
    api.remove_container("lab-a")
    second = [str(change) for change in changes(between, engine.snapshot())]
    assert second == ["- container lab-a"]


def test_a_name_that_is_taken_is_refused_with_the_command_that_helps(engine: Engine) -> None:
    run(engine, "lab-a", "true")
    with pytest.raises(EngineRequestFailed, match="lab-a") as caught, engine_errors():
        run(engine, "lab-a", "true")
    assert caught.value.status == 409
    assert "docker rm" in caught.value.hint
