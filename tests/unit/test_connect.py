from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING, Any

import docker
import pytest
import requests

from labkit.engine import KeptConnection, connect
from labkit.errors import (
    EngineError,
    EnginePermissionDenied,
    EngineTooOld,
    EngineTooSlow,
    EngineUnreachable,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Answers = dict[str, "str | Exception"]

#: The package's attribute of this name is the function.
MODULE = sys.modules["labkit.engine.connect"]


class Client:
    """docker-py's client as far as a connection needs it."""

    def __init__(self, answer: str | Exception) -> None:
        self.api = self
        self.base_url = "http+docker://localhost"
        self.timeout = 1
        self.trust_env = True
        self.closed = False
        self.environment: dict[str, str] = {}
        self._answer = answer

    def get(self, _url: str, *, timeout: int) -> requests.Response:
        assert timeout
        if isinstance(self._answer, Exception):
            raise requests.ConnectionError(self._answer) from self._answer
        reply = requests.Response()
        reply.headers["Api-Version"] = self._answer
        return reply

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def made() -> list[Client]:
    """The clients that were made."""
    return []


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, made: list[Client]) -> Answers:
    """What answers at which address: an API version or an error; the home folder is empty."""
    at: Answers = {}

    def from_env(*, environment: dict[str, str], **_options: Any) -> Client:
        missing = FileNotFoundError(2, "No such file or directory")
        client = Client(at.get(environment["DOCKER_HOST"], missing))
        client.environment = environment
        made.append(client)
        return client

    monkeypatch.setattr(docker, "from_env", from_env)
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.setattr(MODULE, "DEFAULT_SOCKET", str(tmp_path / "docker.sock"))
    return at


@pytest.fixture
def make_socket(tmp_path: Path) -> Callable[[str], str]:
    """Put a file where a socket is looked for, and return its address."""

    def make(name: str) -> str:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        return f"unix://{path}"

    return make


@pytest.fixture
def make_context(tmp_path: Path) -> Callable[[str, str], None]:
    """Make a Docker context the current one."""

    def make(name: str, host: str) -> None:
        from hashlib import sha256

        folder = tmp_path / ".docker"
        meta = folder / "contexts" / "meta" / sha256(name.encode()).hexdigest()
        meta.mkdir(parents=True)
        endpoints = {"docker": {"Host": host, "SkipTLSVerify": False}}
        content = {"Name": name, "Metadata": {}, "Endpoints": endpoints}
        (meta / "meta.json").write_text(json.dumps(content))
        (folder / "config.json").write_text(json.dumps({"currentContext": name}))

    return make


def test_the_callers_host_goes_before_docker_host(
    answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers.update({"unix:///named": "1.43", "unix:///variable": "1.43"})
    monkeypatch.setenv("DOCKER_HOST", "unix:///variable")
    assert connect("unix:///named").endpoint == "unix:///named"
    assert connect().endpoint == "unix:///variable"


def test_docker_host_goes_before_the_context(
    answers: Answers, monkeypatch: pytest.MonkeyPatch, make_context: Callable[[str, str], None]
) -> None:
    make_context("remote", "unix:///context")
    answers.update({"unix:///variable": "1.43", "unix:///context": "1.43"})
    assert connect().endpoint == "unix:///context"
    monkeypatch.setenv("DOCKER_HOST", "unix:///variable")
    assert connect().endpoint == "unix:///variable"


def test_docker_context_names_a_context(
    answers: Answers, monkeypatch: pytest.MonkeyPatch, make_context: Callable[[str, str], None]
) -> None:
    make_context("remote", "unix:///context")
    answers["unix:///context"] = "1.43"
    monkeypatch.setenv("DOCKER_CONTEXT", "remote")
    assert connect().endpoint == "unix:///context"


def test_a_context_that_is_not_there_is_not_replaced_by_another_engine(
    answers: Answers, monkeypatch: pytest.MonkeyPatch, make_socket: Callable[[str], str]
) -> None:
    answers[make_socket("docker.sock")] = "1.43"
    monkeypatch.setenv("DOCKER_CONTEXT", "gone")
    with pytest.raises(EngineUnreachable, match="`gone`") as caught:
        connect()
    assert "`docker context ls`" in caught.value.hint
    assert "`unset DOCKER_CONTEXT`" in caught.value.hint


def test_a_chosen_engine_that_is_away_is_not_replaced_by_another(
    answers: Answers, monkeypatch: pytest.MonkeyPatch, make_socket: Callable[[str], str]
) -> None:
    answers[make_socket("docker.sock")] = "1.43"
    monkeypatch.setenv("DOCKER_HOST", "unix:///chosen")
    with pytest.raises(EngineUnreachable, match="`unix:///chosen`"):
        connect()


@pytest.mark.parametrize(
    "place",
    [
        "docker.sock",
        ".docker/run/docker.sock",
        ".docker/desktop/docker.sock",
        ".colima/default/docker.sock",
        "run/docker.sock",
        "run/podman/podman.sock",
    ],
)
def test_engines_are_found_in_the_usual_places(
    answers: Answers, make_socket: Callable[[str], str], place: str
) -> None:
    address = make_socket(place)
    answers[address] = "1.43"
    assert connect().endpoint == address


def test_a_dead_socket_does_not_hide_an_engine_that_answers(
    answers: Answers, make_socket: Callable[[str], str]
) -> None:
    answers[make_socket("docker.sock")] = ConnectionRefusedError(111, "Connection refused")
    alive = make_socket("run/docker.sock")
    answers[alive] = "1.43"
    assert connect().endpoint == alive


@pytest.mark.usefixtures("answers")
def test_no_socket_at_all_names_the_usual_one(tmp_path: Path) -> None:
    with pytest.raises(EngineUnreachable, match="no socket is there") as caught:
        connect()
    assert caught.value.endpoint == f"unix://{tmp_path / 'docker.sock'}"


def test_a_refused_permission_says_more_than_a_dead_socket(
    answers: Answers, make_socket: Callable[[str], str]
) -> None:
    answers[make_socket("docker.sock")] = ConnectionRefusedError(111, "Connection refused")
    refused = make_socket("run/docker.sock")
    answers[refused] = PermissionError(13, "Permission denied")
    with pytest.raises(EnginePermissionDenied) as caught:
        connect()
    assert caught.value.endpoint == refused


@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        (FileNotFoundError(2, "No such file or directory"), EngineUnreachable, "No such file"),
        (ConnectionRefusedError(111, "Connection refused"), EngineUnreachable, "refused"),
        (TimeoutError("timed out"), EngineTooSlow, "answers too slowly"),
        (PermissionError(13, "Permission denied"), EnginePermissionDenied, "may not use"),
        ("1.40", EngineTooOld, "1.40"),
        ("1.9", EngineTooOld, "1.41 or newer"),
        ("", EngineUnreachable, "not a Docker engine"),
        ("beta", EngineUnreachable, "not a Docker engine"),
    ],
)
def test_what_is_wrong_is_told_in_the_systems_own_words(
    answers: Answers, answer: str | Exception, error: type[EngineError], said: str
) -> None:
    answers["unix:///x"] = answer
    with pytest.raises(error, match=said):
        connect("unix:///x")


@pytest.mark.usefixtures("answers")
@pytest.mark.parametrize("told", ["1.51", "1.51-beta"])
def test_the_newest_version_that_the_engine_speaks_is_used(answers: Answers, told: str) -> None:
    answers["unix:///x"] = told
    assert connect("unix:///x").client.api._version == "1.51"  # type: ignore[attr-defined]


@pytest.mark.usefixtures("answers")
def test_a_chosen_context_whose_engine_is_away_is_named(
    make_context: Callable[[str, str], None],
) -> None:
    make_context("remote", "unix:///context")
    with pytest.raises(EngineUnreachable) as caught:
        connect()
    assert caught.value.named_by == "docker context"
    assert "`docker context use default`" in caught.value.hint


@pytest.mark.usefixtures("answers")
def test_a_context_that_names_no_engine_is_said_to(
    make_context: Callable[[str, str], None],
) -> None:
    make_context("empty", "")
    with pytest.raises(EngineUnreachable, match="`empty`: this context names no engine") as caught:
        connect()
    assert "`docker context use default`" in caught.value.hint


@pytest.mark.usefixtures("answers")
@pytest.mark.parametrize("content", ["{bad", "[]", "\udcff"])
def test_a_broken_configuration_is_named_with_the_command_that_helps(
    tmp_path: Path, content: str
) -> None:
    path = tmp_path / ".docker/config.json"
    path.parent.mkdir()
    path.write_text(content, errors="surrogateescape")
    with pytest.raises(EngineError, match=re.escape(f"`{path}` cannot be used")) as caught:
        connect()
    assert f"mv {path}" in caught.value.hint


@pytest.mark.usefixtures("answers")
@pytest.mark.parametrize("content", ["{bad", "3"])
def test_a_broken_context_is_named(
    tmp_path: Path, make_context: Callable[[str, str], None], content: str
) -> None:
    make_context("remote", "unix:///context")
    (meta,) = tmp_path.rglob("meta.json")
    meta.write_text(content)
    with pytest.raises(EngineError, match=re.escape(f"`{meta}` cannot be used")):
        connect()


@pytest.mark.parametrize("content", ['{"auths": 5}', '{"proxies": 3}'])
def test_a_configuration_that_docker_py_breaks_on_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    (tmp_path / "config.json").write_text(content)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    with pytest.raises(EngineError, match=re.escape(f"`{tmp_path}/config.json` cannot be used")):
        connect("unix:///x")


@pytest.mark.parametrize("verify", [True, False])
def test_a_contexts_certificates_are_used_here_and_by_the_docker_command(
    answers: Answers,
    made: list[Client],
    tmp_path: Path,
    make_context: Callable[[str, str], None],
    *,
    verify: bool,
) -> None:
    answers["tcp://build:2376"] = "1.43"
    make_context("remote", "tcp://build:2376")
    (meta,) = tmp_path.rglob("meta.json")
    meta.write_text(meta.read_text().replace("false", "false" if verify else "true"))
    certificates = tmp_path / ".docker/contexts/tls" / meta.parent.name / "docker"
    certificates.mkdir(parents=True)
    found = connect().cli_env()
    for environment in (found, made[0].environment):
        assert environment["DOCKER_HOST"] == "tcp://build:2376"
        assert environment["DOCKER_CERT_PATH"] == str(certificates)
        assert bool(environment["DOCKER_TLS_VERIFY"]) is verify


def test_a_context_without_certificates_does_without_those_of_another_engine(
    answers: Answers,
    made: list[Client],
    monkeypatch: pytest.MonkeyPatch,
    make_context: Callable[[str, str], None],
) -> None:
    answers["unix:///context"] = "1.43"
    make_context("local", "unix:///context")
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    connect()
    assert made[0].environment["DOCKER_TLS_VERIFY"] == ""


def test_certificates_that_are_not_all_there_are_said_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    monkeypatch.setenv("DOCKER_CERT_PATH", str(tmp_path))
    with pytest.raises(EngineUnreachable, match="certificate and key files must be provided"):
        connect("tcp://127.0.0.1:2376")


def test_ssh_gets_a_sentence_that_helps() -> None:
    with pytest.raises(EngineUnreachable, match="not connect through ssh") as caught:
        connect("ssh://ada@build")
    assert "ssh -NL" in caught.value.hint
    assert "ada@build`" in caught.value.hint


@pytest.mark.parametrize("answer", ["1.40", "", ConnectionRefusedError(111, "refused")])
def test_a_connection_that_fails_is_closed(
    answers: Answers, made: list[Client], answer: str | Exception
) -> None:
    answers["unix:///x"] = answer
    with pytest.raises(EngineError):
        connect("unix:///x")
    assert made[0].closed


@pytest.mark.parametrize(
    "host", ["nonsense", "ftp://x", "tcp://127.0.0.1:notaport", "npipe:////./x"]
)
def test_an_address_that_makes_no_sense_is_named(host: str) -> None:
    with pytest.raises(EngineUnreachable) as caught:
        connect(host)
    assert caught.value.endpoint == host


def test_a_socket_is_reached_past_every_proxy(
    answers: Answers,
) -> None:
    answers.update({"unix:///x": "1.43", "tcp://10.0.0.1:2375": "1.43"})
    assert connect("unix:///x").client.api.trust_env is False
    assert connect("tcp://10.0.0.1:2375").client.api.trust_env is True


def test_a_kept_connection_connects_once(answers: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    answers["unix:///a.sock"] = "1.44"
    monkeypatch.setenv("DOCKER_HOST", "unix:///a.sock")
    connection = KeptConnection()
    assert connection.engine() is connection.engine()


def test_a_kept_connection_follows_another_choice_and_closes_the_first(
    answers: Answers, made: list[Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers["unix:///a.sock"] = answers["unix:///b.sock"] = "1.44"
    connection = KeptConnection()
    for host in ("unix:///a.sock", "unix:///b.sock"):
        monkeypatch.setenv("DOCKER_HOST", host)
        assert connection.engine().endpoint == host
    assert [client.closed for client in made] == [True, False]


def test_a_kept_connection_follows_docker_context_use(
    answers: Answers, make_context: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers["unix:///a.sock"] = answers["unix:///b.sock"] = "1.44"
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    connection = KeptConnection()
    for name in ("a", "b"):
        make_context(name, f"unix:///{name}.sock")
        assert connection.engine().endpoint == f"unix:///{name}.sock"


def test_a_lost_connection_is_closed_and_made_anew(
    answers: Answers, made: list[Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers["unix:///a.sock"] = "1.44"
    monkeypatch.setenv("DOCKER_HOST", "unix:///a.sock")
    connection = KeptConnection()
    first = connection.engine()
    connection.lost()
    assert made[0].closed
    assert connection.engine() is not first
