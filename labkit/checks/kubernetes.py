"""Checks of chapter 11, Kubernetes."""

from __future__ import annotations

import base64
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from labkit.checking import CheckFailed, check
from labkit.checks.diagnosis import listed, quoted
from labkit.cluster import reached
from labkit.course import Course
from labkit.engine.kubernetes import NAMESPACE, Cluster
from labkit.errors import ClusterError, WaitTimeout
from labkit.translation import _
from labkit.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labkit.engine import Engine
    from labkit.engine.kubernetes import Deployment, Kubectl, Pod
    from labkit.engine.objects import Attrs

#: Seconds for what a cluster has begun to do; a learner who checks early is not told it went wrong.
SETTLING = 25.0
INTERVAL = 0.4
NO_IMAGE = {"ErrImagePull", "ImagePullBackOff", "InvalidImageName"}
NO_LUCK = {*NO_IMAGE, "CrashLoopBackOff", "Unschedulable", "CreateContainerConfigError"}
PORT = 8080


# kubernetes.three_bells


@check("kubernetes.three_bells", points=1)
def bell_is_a_deployment(engine: Engine) -> None:
    """The namespace `lab-kubernetes` has a Deployment `bell`."""
    with _cluster(engine) as kubectl:
        _deployment(Cluster.read(kubectl), "bell")


@check("kubernetes.three_bells", points=1, after=bell_is_a_deployment)
def bell_sleeps(engine: Engine) -> None:
    """Its pods run `sleep infinity` in `lab/shell`."""
    with _cluster(engine) as kubectl:
        (container, *_more) = _deployment(Cluster.read(kubectl), "bell").containers
        if container["image"].removesuffix(":latest") != "lab/shell":
            raise CheckFailed(
                _("the image is `{image}`").format(image=container["image"]),
                hint=_("`image: lab/shell`."),
            )
        words = " ".join((*(container.get("command") or ()), *(container.get("args") or ())))
        if not words.endswith("sleep infinity"):
            raise CheckFailed(
                _("the pods run {command}").format(
                    command=quoted(words) if words else _("what the image says")
                ),
                hint=_("`command: [sleep, infinity]`."),
            )


@check("kubernetes.three_bells", points=1, after=bell_sleeps)
def three_bells_are_ready(engine: Engine) -> None:
    """It wants three pods, and all of them are ready."""
    with _cluster(engine) as kubectl:
        _expect_wanted(kubectl, "bell", 3)
        _expect_ready(kubectl, "bell")


# kubernetes.front_door


@check("kubernetes.front_door", points=1)
def page_is_a_service(engine: Engine) -> None:
    """There is a Service `page`, with port 80."""
    with _cluster(engine) as kubectl:
        service = _service(Cluster.read(kubectl), "page")
        ports = [port["port"] for port in service["spec"].get("ports") or ()]
        if 80 not in ports:  # noqa: PLR2004 - as the exercise asks
            raise CheckFailed(
                _("the port of `page` is {ports}").format(ports=listed(map(str, ports))),
                hint=_(
                    "`port` is that of the Service, `targetPort` that of the pods: `--port 80`."
                ),
            )


@check("kubernetes.front_door", points=2, after=page_is_a_service)
def page_has_pods_behind_it(engine: Engine) -> None:
    """Both pods of the Deployment `page` are behind it."""
    with _cluster(engine) as kubectl:
        _expect_wanted(kubectl, "page", 2)
        _expect_ready(kubectl, "page")
        _expect_behind(kubectl, "page")


@check("kubernetes.front_door", points=2, after=page_has_pods_behind_it)
def page_is_read(engine: Engine) -> None:
    """Who asks the Service at port 80 gets the page of the pods."""
    with _cluster(engine) as kubectl:
        _expect_page(kubectl, "page")


# kubernetes.settings


@check("kubernetes.settings", points=2)
def word_is_a_secret(engine: Engine) -> None:
    """There is a Secret `word`; its key `word` has the content of the file."""
    with _cluster(engine) as kubectl:
        found = Cluster.read(kubectl)
        secret = found.other("Secret", "word")
        if secret is None:
            if found.other("ConfigMap", "word"):
                raise CheckFailed(
                    _("`word` is a ConfigMap"),
                    hint=_(
                        "A ConfigMap is read by everybody who may look. "
                        "`kubectl create secret generic word --from-file …` makes a Secret."
                    ),
                )
            raise CheckFailed(
                _("there is no Secret `word`"),
                hint=_("`kubectl create secret generic word --from-file=word=lab-word.txt`."),
            )
        data = secret.get("data") or {}
        if "word" not in data:
            raise CheckFailed(
                _("the keys of the Secret are {keys}").format(keys=listed(data) or _("none")),
                hint=_("A file's name becomes the key, unless you name one: `word=lab-word.txt`."),
            )
        content = base64.b64decode(data["word"]).decode(errors="replace")
        if content != _drawn(found, "vault"):
            raise CheckFailed(
                _("its content is not that of the file: {count} characters").format(
                    count=len(content)
                ),
                hint=_("Is there a line end too many? `--from-file` takes the file as it is."),
            )


@check("kubernetes.settings", points=2, after=word_is_a_secret)
def vault_names_the_secret(engine: Engine) -> None:
    """The Deployment `vault` takes its variable `WORD` from the Secret."""
    with _cluster(engine) as kubectl:
        found = Cluster.read(kubectl)
        (container, *_more) = _deployment(found, "vault").containers
        variables = [v for v in container.get("env") or () if v["name"] == "WORD"]
        variable = variables[0] if variables else {}
        if "value" in variable:
            raise CheckFailed(
                _("the password stands in the Deployment itself, for all to read"),
                hint=_("`kubectl set env deployment/vault --from=secret/word` only names it."),
            )
        reference = (variable.get("valueFrom") or {}).get("secretKeyRef") or {}
        if reference.get("name") == "word" and reference.get("key") != "word":
            raise CheckFailed(
                _("`WORD` comes from the key `{key}` of the Secret").format(
                    key=reference.get("key")
                ),
                hint=_("The password is in the key `word`: `key: word`."),
            )
        names = {"WORD"} if reference.get("name") == "word" else _from_all(found, container)
        if names and "WORD" not in names:
            raise CheckFailed(
                _("the variables of `vault` from the Secret are {names}").format(
                    names=listed(sorted(names))
                ),
                hint=_(
                    "`envFrom` calls a variable as its key is called, `word`. "
                    "`kubectl set env deployment/vault --from=secret/word` makes it `WORD`."
                ),
            )
        if not names:
            raise CheckFailed(
                _("the container of `vault` is not given it as `WORD`"),
                hint=_("A Secret reaches those only that ask for it: `kubectl set env --help`."),
            )


def _from_all(found: Cluster, container: Attrs) -> set[str]:
    """Name the variables that a container gets of the Secret `word` as a whole."""
    keys = (found.other("Secret", "word") or {}).get("data") or {}
    return {
        source.get("prefix", "") + key
        for source in container.get("envFrom") or ()
        if (source.get("secretRef") or {}).get("name") == "word"
        for key in keys
    }


@check("kubernetes.settings", points=1, after=vault_names_the_secret)
def vault_reads_the_word(engine: Engine) -> None:
    """Its pod has the password in `WORD`."""
    with _cluster(engine) as kubectl:
        _expect_wanted(kubectl, "vault", 1)
        (pod,) = _expect_ready(kubectl, "vault")
        ask = ("--", "sh", "-c", 'printf %s "$WORD"')
        said = kubectl.ask("exec", pod.name, f"--namespace={NAMESPACE}", *ask)
        if said != _drawn(Cluster.read(kubectl), "vault"):
            raise CheckFailed(
                _("`WORD` is something else there"),
                hint=_("A variable is read when a pod starts: `kubectl rollout restart`."),
            )


# kubernetes.repair


@check("kubernetes.repair", points=1)
def probe_is_kept(engine: Engine) -> None:
    """The pods of `shop` still have a readiness probe over HTTP."""
    with _cluster(engine) as kubectl:
        (container, *_more) = _deployment(Cluster.read(kubectl), "shop").containers
        if "httpGet" not in (container.get("readinessProbe") or {}):
            raise CheckFailed(
                _("the probe is gone"),
                hint=_("Without it, requests reach pods that cannot answer yet: put it back."),
            )


@check("kubernetes.repair", points=3, after=probe_is_kept)
def shop_is_ready(engine: Engine) -> None:
    """Both pods of `shop` are ready."""
    with _cluster(engine) as kubectl:
        _expect_wanted(kubectl, "shop", 2)
        _expect_ready(kubectl, "shop")


@check("kubernetes.repair", points=2, after=shop_is_ready)
def shop_is_open(engine: Engine) -> None:
    """Who asks the Service `shop` at port 80 gets the page of the pods."""
    with _cluster(engine) as kubectl:
        _service(Cluster.read(kubectl), "shop")
        _expect_behind(kubectl, "shop")
        _expect_page(kubectl, "shop")


# shared


@contextmanager
def _cluster(engine: Engine) -> Iterator[Kubectl]:
    """Reach the cluster; that there is none is a finding, and so is what it refuses."""
    try:
        with reached(engine, Course.load()) as kubectl:
            yield kubectl
    except ClusterError as error:
        raise CheckFailed(
            error.message.rstrip("."),
            hint=error.hint or _("`labkit cluster status`; run the set-up cell again."),
        ) from error


def _deployment(found: Cluster, name: str) -> Deployment:
    if deployment := found.deployment(name):
        return deployment
    if any(pod.name == name for pod in found.pods):
        raise CheckFailed(
            _("`{name}` is a pod of its own").format(name=name),
            hint=_(
                "Nobody makes such a pod again when it is gone; a Deployment's, its ReplicaSet."
            ),
        )
    others = listed(deployment.name for deployment in found.deployments)
    raise CheckFailed(
        _("there is no Deployment `{name}`, but {others}").format(name=name, others=others)
        if others
        else _("there is no Deployment in the namespace `{name}`").format(name=NAMESPACE),
        hint=_("`kubectl apply --filename FILE` makes what a file describes."),
    )


def _service(found: Cluster, name: str) -> Attrs:
    if service := found.other("Service", name):
        return service
    raise CheckFailed(
        _("there is no Service `{name}`").format(name=name),
        hint=_("`kubectl expose deployment {name} …`, or a file for `kubectl apply`.").format(
            name=name
        ),
    )


def _drawn(found: Cluster, name: str) -> str:
    """Return what the set-up cell drew by lot, and keeps as a label of a Deployment."""
    labels = _deployment(found, name).attrs["metadata"].get("labels") or {}
    if "drawn" not in labels:
        raise CheckFailed(
            _("the Deployment `{name}` of the set-up cell is gone").format(name=name),
            hint=_("Run the set-up cell again, and change what it makes."),
        )
    return str(labels["drawn"])


def _expect_wanted(kubectl: Kubectl, name: str, count: int) -> None:
    """Expect a Deployment to want so many pods."""
    wanted = _deployment(Cluster.read(kubectl), name).replicas
    if wanted != count:
        raise CheckFailed(
            _("`{name}` wants {wanted}, not {count}").format(name=name, wanted=wanted, count=count),
            hint=_("`kubectl scale deployment/{name} --replicas {count}`.").format(
                name=name, count=count
            ),
        )


def _expect_ready(kubectl: Kubectl, name: str) -> tuple[Pod, ...]:
    """Expect all pods of a Deployment to be there and ready, and return them."""

    def over() -> bool:
        found = Cluster.read(kubectl)
        deployment = _deployment(found, name)
        pods = found.pods_of(deployment, newest=True)
        stuck = deployment.current and any(pod.reason in NO_LUCK for pod in pods)
        return deployment.settled or stuck

    with suppress(WaitTimeout):
        wait_until(over, what=name, timeout=SETTLING, interval=INTERVAL)
    found = Cluster.read(kubectl)
    deployment = _deployment(found, name)
    pods = found.pods_of(deployment, newest=True)
    if not deployment.settled:
        raise _not_ready(deployment, pods)
    return pods


def _not_ready(deployment: Deployment, pods: tuple[Pod, ...]) -> CheckFailed:
    """Say why the pods of a Deployment are not ready."""
    name = deployment.name
    pod = next((p for p in pods if p.reason in NO_LUCK), None)
    pod = pod or next((p for p in pods if not p.ready), None)
    ready = sum(pod.ready for pod in pods)
    found = _("{ready} of {wanted} pods of `{name}` are ready").format(
        ready=ready, wanted=deployment.replicas, name=name
    )
    if pod is None:
        return CheckFailed(found, hint=_("`kubectl describe deployment {name}`.").format(name=name))
    found = f"{found}: `{pod.name}` {pod.status}"
    if pod.reason in NO_IMAGE:
        hint = _(
            "No machine gets the image {images} from a registry. Is its name right? What is there "
            "already is taken with `imagePullPolicy: IfNotPresent`."
        ).format(images=listed(pod.images))
    elif pod.reason == "CrashLoopBackOff":
        hint = _("Its command ends. `kubectl logs {pod}` says why.").format(pod=pod.name)
    elif pod.phase == "Running":
        hint = _(
            "It runs, but its readiness probe fails: `kubectl describe pod {pod}` shows what it "
            "asks, and the answer."
        ).format(pod=pod.name)
    else:
        hint = _("`kubectl describe pod {pod}` says what it waits for.").format(pod=pod.name)
    return CheckFailed(found, hint=hint)


def _expect_behind(kubectl: Kubectl, name: str) -> None:
    """Expect the pods of a Deployment, which are ready, behind the Service of the same name."""
    found = Cluster.read(kubectl)
    selector = _service(found, name)["spec"].get("selector") or {}
    deployment = _deployment(found, name)
    if not selector.items() <= deployment.labels.items() or not selector:
        raise CheckFailed(
            _("the Service looks for {wanted}, and the pods have {labels}").format(
                wanted=_pairs(selector), labels=_pairs(deployment.labels)
            ),
            hint=_("The Service's `selector` must be labels of the pods: `kubectl edit service`."),
        )

    def behind() -> bool:
        return len(Cluster.read(kubectl).addresses(name)) == deployment.replicas

    with suppress(WaitTimeout):
        # They come a moment after the pods, and after the Service.
        wait_until(behind, what=name, timeout=5.0, interval=INTERVAL)
        return
    raise CheckFailed(
        _("{count} of {wanted} pods are behind the Service").format(
            count=len(Cluster.read(kubectl).addresses(name)), wanted=deployment.replicas
        ),
        hint=_("`kubectl describe service {name}` shows its `Endpoints`.").format(name=name),
    )


def _expect_page(kubectl: Kubectl, name: str) -> None:
    """Expect what was drawn by lot to be what the Service answers at port 80."""
    found = Cluster.read(kubectl)
    ports = {
        port["port"]: port.get("targetPort") for port in _service(found, name)["spec"]["ports"]
    }
    path = f"/api/v1/namespaces/{NAMESPACE}/services/{name}:80/proxy/index.html"

    def page() -> str:
        try:
            return kubectl.ask("get", "--raw", path)
        except ClusterError:
            return ""

    try:
        # A Service that was made a moment ago gets some time.
        said = wait_until(page, what=name, timeout=5.0, interval=INTERVAL).strip()
    except WaitTimeout:
        raise CheckFailed(
            _("nothing answers: the Service leads from port 80 to port {target}").format(
                target=ports.get(80)
            ),
            hint=_("The pods listen at port {port}: `--target-port {port}`.").format(port=PORT),
        ) from None
    if said != _drawn(found, name):
        raise CheckFailed(
            _("the answer is {said}").format(said=quoted(said[:60])),
            hint=_("Run the set-up cell again, and leave its pods as they are."),
        )


def _pairs(labels: dict[str, str]) -> str:
    return listed(f"{key}={value}" for key, value in labels.items()) or _("none")
