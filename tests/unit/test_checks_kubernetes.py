"""The checks of chapter 11 on a pretended cluster."""

from __future__ import annotations

import base64
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from labkit.checking import CheckFailed
from labkit.checks import kubernetes as checks
from labkit.engine.kubernetes import Kubectl
from labkit.errors import ClusterError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from labkit.engine import Engine


class Pretended(Kubectl):
    """A cluster that is a list of objects, and answers of its Services and containers."""

    def __init__(self, *items: dict[str, Any], page: str = "", word: str = "") -> None:
        self.items, self.page, self.word = items, page, word

    def ask(self, *words: str, given: str = "") -> str:
        assert not given
        if words[:2] == ("get", "--raw"):
            if not self.page:
                raise ClusterError("no endpoints")
            return self.page
        if words[0] == "exec":
            return self.word
        return json.dumps({"items": self.items})


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Return a function that runs a check on a cluster, and returns what it found and its hint."""
    monkeypatch.setattr(checks, "SETTLING", 0.0)
    monkeypatch.setattr(checks, "wait_until", _at_once)

    def run(check: Callable[[Engine], None], *items: dict[str, Any], **answers: str) -> str:
        @contextmanager
        def reached(_engine: object, _course: object) -> Iterator[Kubectl]:
            yield Pretended(*items, **answers)

        monkeypatch.setattr(checks, "reached", reached)
        try:
            check(object())  # type: ignore[arg-type]
        except CheckFailed as failure:
            return f"{failure} {failure.hint}"
        return ""

    return run


def _at_once(condition: Callable[[], Any], **_how: Any) -> Any:
    if answer := condition():
        return answer
    raise checks.WaitTimeout("it", 0.0)


def deployment(name: str, *, ready: int = 2, wanted: int = 2, **container: Any) -> dict[str, Any]:
    template = {
        "metadata": {"labels": {"app": name}},
        "spec": {"containers": [{"name": name, "image": "lab/shell", **container}]},
    }
    return {
        "kind": "Deployment",
        "metadata": {"name": name, "generation": 1, "labels": {"drawn": "4711"}},
        "spec": {
            "replicas": wanted,
            "selector": {"matchLabels": {"app": name}},
            "template": template,
        },
        "status": {
            "observedGeneration": 1,
            "updatedReplicas": wanted,
            "replicas": wanted,
            "readyReplicas": ready,
        },
    }


def replica_set(name: str) -> dict[str, Any]:
    meta = {"name": f"{name}-1", "ownerReferences": [{"name": name}]}
    return {"kind": "ReplicaSet", "metadata": meta}


def pod(name: str, reason: str = "", *, ready: bool = False, owned: bool = True) -> dict[str, Any]:
    state = {"waiting": {"reason": reason}} if reason else {"running": {}}
    owners = [{"name": f"{name}-1"}] if owned else []
    return {
        "kind": "Pod",
        "metadata": {"name": f"{name}-1-x" if owned else name, "ownerReferences": owners},
        "spec": {"nodeName": "n", "containers": [{"name": name, "image": "lab/shell:spring"}]},
        "status": {
            "phase": "Running",
            "containerStatuses": [{"restartCount": 0, "state": state}],
            "conditions": [{"type": "Ready", "status": str(ready)}],
        },
    }


def service(name: str, *, port: int = 80, target: int = 8080, app: str = "") -> dict[str, Any]:
    spec = {"selector": {"app": app or name}, "ports": [{"port": port, "targetPort": target}]}
    return {"kind": "Service", "metadata": {"name": name}, "spec": spec}


def endpoints(name: str, count: int = 2) -> dict[str, Any]:
    addresses = [{"ip": f"10.0.0.{number}"} for number in range(count)]
    return {"kind": "Endpoints", "metadata": {"name": name}, "subsets": [{"addresses": addresses}]}


def secret(**data: str) -> dict[str, Any]:
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    return {"kind": "Secret", "metadata": {"name": "word"}, "data": encoded}


PROBE = {"readinessProbe": {"httpGet": {"port": 8080}}}
BY_SECRET = [{"name": "WORD", "valueFrom": {"secretKeyRef": {"name": "word", "key": "word"}}}]


def test_a_pod_of_its_own_is_no_deployment(refused: Callable[..., str]) -> None:
    check = checks.bell_is_a_deployment
    assert "is a pod of its own" in refused(check, pod("bell", owned=False))
    assert "but `hello`" in refused(check, deployment("hello"))
    assert "no Deployment in the namespace" in refused(check)
    assert not refused(check, deployment("bell"))


def test_the_bells_sleep_in_the_courses_shell(refused: Callable[..., str]) -> None:
    check = checks.bell_sleeps
    assert "the image is `lab/web`" in refused(check, deployment("bell", image="lab/web"))
    assert "what the image says" in refused(check, deployment("bell"))
    other = deployment("bell", command=["sleep", "600"])
    assert "run `sleep 600` `command: [sleep, infinity]`" in refused(check, other)
    for words in ({"command": ["sleep", "infinity"]}, {"args": ["sh", "-c", "sleep infinity"]}):
        assert not refused(check, deployment("bell", image="lab/shell:latest", **words))


def test_three_bells_are_wanted_and_ready(refused: Callable[..., str]) -> None:
    check = checks.three_bells_are_ready
    assert "wants 2, not 3" in refused(check, deployment("bell"))
    waiting = deployment("bell", ready=0, wanted=3), replica_set("bell")
    found = refused(check, *waiting, pod("bell", "ErrImagePull"))
    assert "0 of 3 pods" in found
    assert "imagePullPolicy" in found
    assert "kubectl logs bell-1-x" in refused(check, *waiting, pod("bell", "CrashLoopBackOff"))
    assert "readiness probe fails" in refused(check, *waiting, pod("bell"))
    assert "kubectl describe deployment bell" in refused(check, *waiting)
    assert not refused(check, deployment("bell", ready=3, wanted=3))


def test_a_service_has_the_port_that_is_asked_for(refused: Callable[..., str]) -> None:
    check = checks.page_is_a_service
    assert "kubectl expose deployment page" in refused(check)
    assert "the port of `page` is `8080`" in refused(check, service("page", port=8080))
    assert not refused(check, service("page"))


def test_a_service_has_the_pods_behind_it(refused: Callable[..., str]) -> None:
    check, page = checks.page_has_pods_behind_it, deployment("page")
    found = refused(check, page, service("page", app="pagge"))
    assert "looks for `app=pagge`, and the pods have `app=page`" in found
    found = refused(check, page, service("page"), endpoints("page", 1))
    assert "1 of 2 pods are behind the Service" in found
    one = deployment("page", ready=1, wanted=1)
    assert "wants 1, not 2" in refused(check, one, service("page"), endpoints("page", 1))
    assert not refused(check, page, service("page"), endpoints("page"))


def test_a_services_page_is_that_of_the_pods(refused: Callable[..., str]) -> None:
    check, page = checks.page_is_read, deployment("page")
    assert "--target-port 8080" in refused(check, page, service("page", target=80))
    assert "the answer is `hello`" in refused(check, page, service("page"), page="hello\n")
    assert not refused(check, page, service("page"), page="4711\n")


def test_the_word_is_a_secret_with_the_files_content(refused: Callable[..., str]) -> None:
    check, vault = checks.word_is_a_secret, deployment("vault")
    assert "there is no Secret" in refused(check, vault)
    config = {"kind": "ConfigMap", "metadata": {"name": "word"}}
    assert "is a ConfigMap" in refused(check, vault, config)
    assert "`lab-word.txt`" in refused(check, vault, secret(**{"lab-word.txt": "4711"}))
    assert "5 characters" in refused(check, vault, secret(word="4711\n"))
    assert not refused(check, vault, secret(word="4711"))


def test_the_vault_names_the_secret_and_does_not_show_it(refused: Callable[..., str]) -> None:
    check = checks.vault_names_the_secret
    assert "kubectl set env --help" in refused(check, deployment("vault"))
    shown = [{"name": "WORD", "value": "4711"}]
    assert "for all to read" in refused(check, deployment("vault", env=shown))
    assert not refused(check, deployment("vault", env=BY_SECRET))
    wrong_key = [{"name": "WORD", "valueFrom": {"secretKeyRef": {"name": "word", "key": "w"}}}]
    assert "comes from the key `w`" in refused(check, deployment("vault", env=wrong_key))


def test_a_secret_as_a_whole_makes_variables_of_its_keys_names(refused: Callable[..., str]) -> None:
    check = checks.vault_names_the_secret
    whole = deployment("vault", envFrom=[{"secretRef": {"name": "word"}}])
    assert "from the Secret are `word`" in refused(check, whole, secret(word="4711"))
    assert not refused(check, whole, secret(word="4711", WORD="4711"))
    prefixed = deployment("vault", envFrom=[{"prefix": "W", "secretRef": {"name": "word"}}])
    assert "`Wword`" in refused(check, prefixed, secret(word="4711"))
    other = deployment("vault", envFrom=[{"secretRef": {"name": "other"}}])
    assert "is not given it" in refused(check, other, secret(word="4711"))


def test_the_vault_reads_the_word(refused: Callable[..., str]) -> None:
    check = checks.vault_reads_the_word
    things = deployment("vault", ready=1, wanted=1), replica_set("vault"), pod("vault", ready=True)
    assert "something else" in refused(check, *things, word="1")
    assert not refused(check, *things, word="4711")
    none = deployment("vault", ready=0, wanted=0)
    assert "wants 0, not 1 `kubectl scale deployment/vault --replicas 1`" in refused(check, none)


def test_the_shop_keeps_its_probe_and_opens(refused: Callable[..., str]) -> None:
    assert "put it back" in refused(checks.probe_is_kept, deployment("shop"))
    shop = deployment("shop", **PROBE)
    assert not refused(checks.probe_is_kept, shop)
    assert "wants 1, not 2" in refused(checks.shop_is_ready, deployment("shop", wanted=1))
    assert not refused(checks.shop_is_ready, shop)
    assert "labels of the pods" in refused(checks.shop_is_open, shop, service("shop", app="shopp"))
    open_shop = shop, service("shop"), endpoints("shop")
    assert not refused(checks.shop_is_open, *open_shop, page="4711")


@pytest.mark.parametrize(("own", "hint"), [("", "labkit cluster status"), ("Do it.", "Do it.")])
def test_that_there_is_no_cluster_is_a_finding(
    monkeypatch: pytest.MonkeyPatch, own: str, hint: str
) -> None:
    @contextmanager
    def reached(_engine: object, _course: object) -> Iterator[Kubectl]:
        raise ClusterError("There is no cluster.", hint=own)
        yield

    monkeypatch.setattr(checks, "reached", reached)
    with pytest.raises(CheckFailed, match=r"^There is no cluster$") as caught:
        checks.bell_is_a_deployment(object())  # type: ignore[arg-type]
    assert hint in caught.value.hint
