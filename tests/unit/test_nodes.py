"""Nodes without an engine: bounds, rights, certificates, contexts, and what is said of a node."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from labkit import node_registry, nodes
from labkit.engine import contexts, forming, nested, trials
from labkit.engine.objects import Container, FileEntry
from labkit.engine.verdicts import ProbeResult, Verdict
from labkit.errors import EngineUnreachable, LabError

if TYPE_CHECKING:
    from pathlib import Path

FILES = {"ca.pem": b"ca", "cert.pem": b"cert", "key.pem": b"key"}


def a_node(status: str = "running", *, connected: bool = True) -> Container:
    ports = {"2376/tcp": [{"HostIp": "127.0.0.1", "HostPort": "23761"}]} if connected else {}
    networks = {nodes.NETWORK: {"IPAddress": "10.213.0.101"}} if connected else {}
    return Container.from_inspect(
        {
            "Id": "c0ffee",
            "Name": "/lab-node-1",
            "Image": "sha256:feed",
            "State": {"Status": status},
            "Config": {"Image": "lab/node", "Cmd": ["node"]},
            "HostConfig": {},
            "NetworkSettings": {"Ports": ports, "Networks": networks},
        }
    )


@pytest.mark.parametrize("count", [0, nodes.MOST + 1])
def test_so_many_nodes_are_refused(fake_engine: Any, count: int) -> None:
    with pytest.raises(LabError, match=rf"from 1 to 7 nodes, not {count}\..*`labkit nodes up 3`"):
        nodes.up(fake_engine, None, count)  # type: ignore[arg-type]


def test_nodes_are_not_made_on_another_machine(fake_engine: Any) -> None:
    fake_engine.host, fake_engine.endpoint = "far.example", "tcp://far.example:2376"
    with pytest.raises(LabError, match="another machine's engine"):
        nodes.up(fake_engine, None, 1)  # type: ignore[arg-type]


def test_nodes_are_not_made_where_the_engine_is_rootless(fake_engine: Any) -> None:
    fake_engine.info = lambda: {"SecurityOptions": ["name=seccomp", "name=rootless"]}
    with pytest.raises(LabError, match="rootless"):
        nodes.up(fake_engine, None, 1)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("container", "state"),
    [
        (a_node("exited"), "stopped"),
        (a_node("paused"), "paused"),
        (a_node(connected=False), "cut off"),
    ],
)
def test_a_node_that_does_not_answer_is_told(
    fake_engine: Any, container: Container, state: str
) -> None:
    fake_engine.containers.things["lab-node-1"] = container
    assert nodes.status(fake_engine, "lab-node-1").state == state


@pytest.mark.parametrize("version", ["1", "2"])
def test_a_node_gets_all_rights_where_the_engine_can_give_them(
    fake_engine: Any, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    fake_engine.info = lambda: {"CgroupVersion": version}
    verdict = ProbeResult("privileged", Verdict.GOOD, "")
    monkeypatch.setattr(trials, "privileged", lambda _engine: verdict)
    given = nested.rights(fake_engine)
    assert given["Privileged"]
    assert given["CgroupnsMode"] == ("private" if version == "2" else "host")


@pytest.mark.parametrize("version", ["1", "2"])
def test_elsewhere_it_gets_each_right_but_the_one_that_is_lacking(
    fake_engine: Any, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    fake_engine.info = lambda: {"CgroupVersion": version}
    verdict = ProbeResult("privileged", Verdict.ABSENT, "")
    monkeypatch.setattr(trials, "privileged", lambda _engine: verdict)
    given = nested.rights(fake_engine)
    assert "Privileged" not in given
    assert given["CapDrop"] == [nested.RARELY_GIVEN]
    # Of version 2 a node has a view of its own, which it makes writable itself.
    assert given["CgroupnsMode"] == ("private" if version == "2" else "host")
    assert ("Binds" in given) == (version == "1")


def test_who_cannot_reach_a_node_is_told_the_command_that_starts_it(fake_engine: Any) -> None:
    fake_engine.containers.things["lab-node-2"] = a_node("exited")
    fake_engine.containers.trees["lab-node-2", nested.CERTIFICATES] = {}
    with (
        pytest.raises(EngineUnreachable, match="`labkit nodes up 2`"),
        nested.connected(fake_engine, "lab-node-2"),
    ):
        pytest.fail("it was reached")
    with (
        pytest.raises(EngineUnreachable, match=r"Run `labkit cluster up`\.$"),
        nested.connected(fake_engine, "lab-node-2", hint="Run `labkit cluster up`."),
    ):
        pytest.fail("it was reached")


def test_a_swarm_is_made_of_nodes_only_since_all_that_is_on_them_goes(fake_engine: Any) -> None:
    fake_engine.info = lambda: {"Name": "office"}
    with pytest.raises(LabError, match="`office` is no node"):
        forming.form([fake_engine])


def test_certificates_count_only_when_all_of_them_are_written(fake_engine: Any) -> None:
    fake_engine.containers.things["lab-node-1"] = a_node()
    tree = {name: FileEntry("file", 0o600, 0, 0, content) for name, content in FILES.items()}
    fake_engine.containers.trees["lab-node-1", nested.CERTIFICATES] = tree
    assert nested.certificates(fake_engine, "lab-node-1") == FILES
    tree["ca.pem"] = FileEntry("file", 0o600, 0, 0, b"")
    assert nested.certificates(fake_engine, "lab-node-1") == {}


def test_a_context_can_be_written_used_and_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("DOCKER_CONTEXT", "lab-node-1")
    contexts.write(tmp_path, "lab-node-1", "tcp://127.0.0.1:23761", FILES)
    found = contexts.current()
    assert found is not None
    assert found.host == "tcp://127.0.0.1:23761"
    assert found.certificates is not None
    assert {f.name: f.read_bytes() for f in found.certificates.iterdir()} == FILES
    (meta,) = tmp_path.glob("contexts/meta/*/meta.json")
    assert json.loads(meta.read_text())["Name"] == "lab-node-1"
    assert contexts.exists(tmp_path, "lab-node-1")
    contexts.forget(tmp_path, "lab-node-1")
    assert not contexts.exists(tmp_path, "lab-node-1")
    contexts.forget(tmp_path, "lab-node-1")
    with pytest.raises(EngineUnreachable):
        contexts.current()


def test_a_push_without_nodes_says_what_to_do(fake_engine: Any) -> None:
    with pytest.raises(LabError, match="labkit nodes up"):
        node_registry.push(fake_engine, ["lab/web"])
