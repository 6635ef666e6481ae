"""A real Kubernetes cluster: the course's own node, on this machine's engine; one for all tests."""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import sys
import threading
from http.client import HTTPSConnection
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from labkit import cluster, cluster_images, cluster_ways
from labkit.cli import main
from labkit.cli.output import WRONG
from labkit.engine import kubeconfig, namespace, trials
from labkit.engine.kubernetes import NAMESPACE, Cluster, program
from labkit.engine.ownership import owned, remove
from labkit.errors import ClusterError
from labkit.live.following import Following
from labkit.live.pods import Pods
from labkit.running import workspace_environment
from labkit.waiting import wait_until
from tests.skips import skip_without

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labkit.course import Course
    from labkit.engine import Engine
    from labkit.engine.kubernetes import Kubectl

#: Settings of the whole kernel that kubelet would change.
KERNEL = (
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
)
UNAUTHORIZED = 401
#: Where a kubelet answers: those who may ask it, and, unless it is told not to, everybody.
KUBELET, READ_ONLY = 10250, 10255
HELLO = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: hello}
spec:
  replicas: 3
  selector: {matchLabels: {app: hello}}
  template:
    metadata: {labels: {app: hello}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - name: hello
        image: lab/shell
        imagePullPolicy: IfNotPresent
        command: [sh, -c, "hostname > /tmp/index.html; exec httpd -f -p 8080 -h /tmp"]
        readinessProbe: {httpGet: {path: /index.html, port: 8080}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: hello}
spec:
  selector: {app: hello}
  ports: [{port: 80, targetPort: 8080}]
"""
BUDGET = """\
apiVersion: policy/v1beta1
kind: PodDisruptionBudget
metadata: {name: budget}
spec: {minAvailable: 1, selector: {matchLabels: {app: hello}}}
"""


def settings() -> list[str]:
    return [Path("/proc/sys", name).read_text() for name in KERNEL]


@pytest.fixture(scope="module")
def work_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cluster") / "work"
        patch.setenv("LABKIT_WORK", str(folder))
        yield folder


@pytest.fixture(scope="module")
def up(engine: Engine, course: Course, work_folder: Path) -> Iterator[cluster.ClusterStatus]:
    assert work_folder
    skip_without(["cluster"], engine)
    remove(engine, owned(engine, keep_images=course.image_tags))
    before = settings()
    with pytest.MonkeyPatch.context() as patch:
        # This is about the course's own, also where another way would serve.
        for module in (cluster, cluster_ways, trials):
            patch.setattr(module, "TOOLS", ())
        try:
            yield cluster.up(engine, course)
            assert settings() == before
        finally:
            cluster.down(engine, course, cluster.plan_down(engine, course))


@pytest.fixture(scope="module")
def kubectl(engine: Engine, course: Course, up: cluster.ClusterStatus) -> Iterator[Kubectl]:
    assert up.state == "ready"
    with cluster.reached(engine, course) as reached:
        yield reached


def test_it_is_one_node_that_is_ready_and_says_its_version(up: cluster.ClusterStatus) -> None:
    assert up.nodes == ("lab-cluster",)
    assert up.version == "v1.20.2"
    assert up.served_by == "lab/kubernetes"


def test_pods_of_a_course_image_run_and_find_each_other_by_a_services_name(
    engine: Engine, course: Course, kubectl: Kubectl
) -> None:
    cluster_images.load(engine, course, ["lab/shell"])
    assert cluster_images.load(engine, course, ["lab/shell"]).brought == ()
    kubectl.ask("apply", "--filename=-", given=HELLO)
    wait_until(
        lambda: len(Cluster.read(kubectl).addresses("hello")) == 3,
        what="three pods that are ready",
        timeout=60,
        interval=0.5,
    )
    pods = {pod.name for pod in Cluster.read(kubectl).pods}
    ask = "for i in 1 2 3 4 5 6 7 8 9 10; do wget -q -O - http://hello/index.html; done"

    def answered() -> set[str]:
        return set(kubectl.ask("exec", "deployment/hello", "--", "sh", "-c", ask).split())

    # The machine learns of each address a moment after the API.
    wait_until(
        lambda: answered() == pods, what="all pods to answer, the asking one, too", timeout=30
    )


def test_a_pod_that_is_removed_comes_back_and_the_live_picture_follows(
    engine: Engine, kubectl: Kubectl
) -> None:
    threads, programs = threading.active_count(), psutil.Process().children()
    before, told = Cluster.read(kubectl), [Cluster()]
    following = Following(
        Pods(), engine, lambda found, _problem: told.append(found), value=Cluster()
    )
    following.start()
    wait_until(lambda: told[-1].pods == before.pods, what="the pods", timeout=30)
    old = before.pods[0]
    kubectl.ask("delete", "pod", old.name, "--wait=false")

    def replaced() -> bool:
        names = {pod.name for pod in told[-1].pods}
        ready = all(pod.ready for pod in told[-1].pods)
        return ready and len(names) == len(before.pods) and old.name not in names

    wait_until(replaced, what="another pod that is ready", timeout=60)
    assert told[-1].pods == Cluster.read(kubectl).pods
    following.close()
    assert threading.active_count() == threads
    assert psutil.Process().children() == programs


def test_the_api_is_on_loopback_alone_and_nobody_gets_in_without_a_certificate(
    engine: Engine, up: cluster.ClusterStatus
) -> None:
    assert up
    ports = engine.containers.get(cluster_ways.NAME).ports
    assert {ip for places in ports.values() for ip, _port in places or ()} == {"127.0.0.1"}
    ((_ip, port),) = ports["6443/tcp"]
    assert asked_by_nobody("127.0.0.1", port, "/api/v1/namespaces") == UNAUTHORIZED


def test_other_containers_of_the_host_get_nothing_from_the_machine(
    engine: Engine, up: cluster.ClusterStatus
) -> None:
    assert up
    address = engine.containers.get(cluster_ways.NAME).networks["bridge"].ip
    assert asked_by_nobody(address, KUBELET, "/pods") == UNAUTHORIZED
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((address, READ_ONLY), timeout=10)


def asked_by_nobody(host: str, port: int, path: str) -> int:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    connection = HTTPSConnection(host, port, context=context, timeout=10)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


def test_the_visitor_reads_pods_but_no_secrets_and_changes_nothing(
    course: Course, kubectl: Kubectl
) -> None:
    assert kubectl
    path = str(kubeconfig.course_kubeconfig(course.work()))

    def visitor(*words: str) -> subprocess.CompletedProcess[str]:
        command = [program(), f"--kubeconfig={path}", "--context=lab-cluster-visitor", *words]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    assert visitor("get", "pods").returncode == 0
    for words in (("get", "secrets"), ("delete", "pods", "--all"), ("get", "nodes")):
        assert "Forbidden" in visitor(*words).stderr


def test_it_is_emptied_and_keeps_what_kubernetes_needs(
    engine: Engine, course: Course, kubectl: Kubectl
) -> None:
    kubectl.ask("create", "configmap", "a", "--from-literal=b=c")
    kubectl.ask("create", "secret", "generic", "d", "--from-literal=e=f")
    kubectl.ask("create", "quota", "g", "--hard=pods=9")
    kubectl.ask("create", "role", "h", "--verb=get", "--resource=pods")
    kubectl.ask("create", "rolebinding", "i", "--role=h", "--user=j")
    kubectl.ask("create", "serviceaccount", "k")
    # `kubectl create` knows only what newer servers call it.
    kubectl.ask("apply", "--filename=-", given=BUDGET)
    cluster.up(engine, course, empty=True)
    found = Cluster.read(kubectl)
    assert found.deployments == found.pods == ()
    kinds = [(other["kind"], other["metadata"]["name"]) for other in found.others]
    assert all(name.startswith(("default-token", "kube-root")) for _kind, name in kinds), kinds
    more = "resourcequotas,roles,rolebindings,serviceaccounts,poddisruptionbudgets"
    kept = {item["metadata"]["name"] for item in kubectl.get(more)}
    assert kept == {"default", "visitor"}


def test_a_namespace_of_the_courses_name_that_is_somebody_elses_stays_as_it_is(
    engine: Engine, course: Course, kubectl: Kubectl, capsys: pytest.CaptureFixture[str]
) -> None:
    kubectl.ask("delete", "namespace", NAMESPACE)
    kubectl.ask("create", "namespace", NAMESPACE)
    kubectl.ask("create", "configmap", "theirs", "--from-literal=a=b")
    for words in (["up"], ["up", "--empty"]):
        assert main(["cluster", *words]) == WRONG
        assert "is not the course's" in capsys.readouterr().err
    with pytest.raises(ClusterError, match="is not the course's"):
        namespace.remove(kubectl)
    assert Cluster.read(kubectl).other("ConfigMap", "theirs")
    kubectl.ask("delete", "namespace", NAMESPACE, "--wait=false")
    # As right after `labkit cluster down`: it waits for the end of the one before.
    assert cluster.up(engine, course).state == "ready"


def test_a_service_account_may_do_nothing_until_it_is_given_rights(kubectl: Kubectl) -> None:
    kubectl.ask("create", "serviceaccount", "stranger", f"--namespace={NAMESPACE}")
    stranger = f"--as=system:serviceaccount:{NAMESPACE}:stranger"
    with pytest.raises(ClusterError, match="Forbidden"):
        kubectl.ask("get", "pods", f"--namespace={NAMESPACE}", stranger)
    rights = ("--clusterrole=view", f"--serviceaccount={NAMESPACE}:stranger")
    kubectl.ask("create", "rolebinding", "stranger", *rights, f"--namespace={NAMESPACE}")
    wait_until(lambda: _may(kubectl, stranger), what="its right", timeout=20)
    with pytest.raises(ClusterError, match="Forbidden"):
        kubectl.ask("get", "secrets", f"--namespace={NAMESPACE}", stranger)


def _may(kubectl: Kubectl, who: str) -> bool:
    try:
        kubectl.ask("get", "pods", f"--namespace={NAMESPACE}", who)
    except ClusterError:
        return False
    return True


def test_a_context_that_the_learner_names_serves_and_loses_only_the_courses_namespace(
    engine: Engine,
    course: Course,
    kubectl: Kubectl,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own = tmp_path / "own"
    own.write_bytes(kubectl.kubeconfig.read_bytes())
    named = ["config", "rename-context", cluster_ways.NAME, "mine", f"--kubeconfig={own}"]
    subprocess.run([program(), *named], check=True, capture_output=True)
    before = own.read_bytes()
    monkeypatch.setenv(kubeconfig.OWN, str(own))
    monkeypatch.setenv("LABKIT_WORK", str(tmp_path / "work"))
    found = cluster.up(engine, course, context="mine")
    assert (found.context, found.served_by, found.state) == ("mine", "you", "ready")
    cluster.up(engine, course, empty=True)
    # A machine tells of its images every half a minute.
    wait_until(
        lambda: cluster_images.load(engine, course, ["lab/shell"]) == cluster_images.Loaded(),
        what="the machine to tell of `lab/shell`",
        timeout=90,
        interval=1,
    )
    (lacking,) = cluster_images.load(engine, course, ["lab/web"]).lacking
    assert lacking[0] == "lab/web"
    assert set_up_of(engine, course, "kubernetes.front_door", tmp_path) == 0
    assert Cluster.read(kubectl).deployment("page")
    kubectl.ask("create", "namespace", "theirs")
    part = [t for t in cluster.plan_down(engine, course) if t.kind != "container"]
    assert cluster.down(engine, course, [t for t in part if t.kind != "volume"]).refused == {}
    assert engine.containers.get(cluster_ways.NAME).status == "running"
    assert own.read_bytes() == before
    namespaces = kubectl.get("namespaces")
    assert "theirs" in {item["metadata"]["name"] for item in namespaces}
    assert NAMESPACE not in {
        item["metadata"]["name"]
        for item in namespaces
        if "deletionTimestamp" not in item["metadata"]
    }
    kubectl.ask("delete", "namespace", "theirs", "--wait=false")
    cluster.up(engine, course)


def set_up_of(engine: Engine, course: Course, slug: str, folder: Path) -> int:
    """Run the set-up cell of an exercise, and return its exit code."""
    exercise = course.exercise(slug)
    notebook = json.loads(course.exercise_notebook(exercise).read_bytes())
    cells = ("".join(cell["source"]) for cell in notebook["cells"])
    script = next(cell for cell in cells if "labkit cluster up" in cell)
    work = course.work()
    environment = {**workspace_environment(engine, course, work), **kubeconfig.variables(work)}
    environment["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    bash = ["bash", "-c", script.removeprefix("%%bash\n")]
    return subprocess.run(bash, env=environment, cwd=folder, check=False).returncode


def test_it_comes_back_with_what_was_in_it_when_its_node_lost_its_power(
    engine: Engine, course: Course, kubectl: Kubectl
) -> None:
    kubectl.ask("create", "configmap", "kept", "--from-literal=b=c")
    engine.client.api.kill(cluster_ways.NAME)
    wait_until(
        lambda: engine.containers.get(cluster_ways.NAME).status == "exited",
        what="its end",
        timeout=20,
    )
    assert cluster.status(engine, course).state == "stopped"
    assert cluster.up(engine, course).state == "ready"
    with cluster.reached(engine, course) as again:
        assert Cluster.read(again).other("ConfigMap", "kept")


def test_it_is_paused_and_stopped_at_once_and_up_goes_on_with_it(
    engine: Engine, course: Course, up: cluster.ClusterStatus
) -> None:
    assert up
    engine.client.api.pause(cluster_ways.NAME)
    assert cluster.status(engine, course).state == "paused"
    assert cluster.up(engine, course).state == "ready"
    engine.client.api.stop(cluster_ways.NAME, timeout=60)
    # Not 137: it was not killed after a time in which it had not listened.
    assert engine.containers.get(cluster_ways.NAME).exit_code == 0
    assert cluster.up(engine, course).state == "ready"


def test_down_removes_the_node_its_volume_and_its_kubeconfig(
    engine: Engine,
    course: Course,
    up: cluster.ClusterStatus,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert up
    assert main(["cluster", "status", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["nodes"] == ["lab-cluster"]
    assert main(["cluster", "down", "--dry-run"]) == 0
    assert engine.containers.exists(cluster_ways.NAME)
    assert main(["cluster", "down", "--yes", "--json"]) == 0
    assert owned(engine, keep_images=course.image_tags) == ()
    assert not kubeconfig.course_kubeconfig(course.work()).exists()
    with pytest.raises(ClusterError, match="labkit cluster up"), cluster.reached(engine, course):
        pass
