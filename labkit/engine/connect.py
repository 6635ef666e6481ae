"""Find the engine and connect to it.

Order, as the `docker` command has it: what the caller names, `DOCKER_HOST`, the current context;
then the sockets where engines are usually found.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labkit.engine import contexts
from labkit.engine.engine import Engine, is_here
from labkit.engine.translate import os_error, unreachable
from labkit.errors import EnginePermissionDenied, EngineTooOld, EngineUnreachable, LabError
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Docker 20.10. Older engines lack what the lessons show.
OLDEST_API = "1.41"
DEFAULT_SOCKET = "/var/run/docker.sock"


def connect(host: str | None = None, *, timeout: int = 30) -> Engine:
    """Connect to the first engine that answers.

    Args:
        host: An address such as `unix:///run/docker.sock`; None looks in the usual places.
        timeout: Whole seconds for each request.

    Raises:
        EngineUnreachable: None answers; the error names the place that people expect it at.
        EngineError: Docker's configuration does not tell which engine is meant.
        EnginePermissionDenied: A socket is there, but this account may not use it.
        EngineTooOld: The engine's newest API is older than `OLDEST_API`.
    """
    if host:
        return _connect_to({"DOCKER_HOST": host}, timeout)
    if variable := os.environ.get("DOCKER_HOST"):
        return _connect_to({"DOCKER_HOST": variable}, timeout, named_by="DOCKER_HOST")
    if context := contexts.current():
        return _connect_to(context.environment(), timeout, named_by=context.named_by)
    places = _usual_places()
    first_error: LabError | None = None
    for place in places:
        try:
            return _connect_to({"DOCKER_HOST": f"unix://{place}"}, timeout)
        except EngineTooOld:
            raise
        except LabError as error:
            # A refused permission says more than a missing socket does.
            if first_error is None or isinstance(error, EnginePermissionDenied):
                first_error = error
    raise first_error or EngineUnreachable(f"unix://{DEFAULT_SOCKET}", _("no socket is there"))


def connect_with(host: str, certificates: Path, *, timeout: int = 30) -> Engine:
    """Connect to an engine that wants to see certificates, and has one to show.

    Args:
        host: An address such as `tcp://127.0.0.1:2376`.
        certificates: The folder of `ca.pem`, `cert.pem` and `key.pem`.
        timeout: Whole seconds for each request.

    Raises:
        EngineUnreachable: It does not answer.
    """
    place = contexts.Context(host, "", certificates, verify=True)
    return _connect_to(place.environment(), timeout)


def connect_again(engine: Engine, *, timeout: int = 30) -> Engine:
    """Connect once more to an engine, such as for a thread of its own, or after a restart.

    Raises:
        EngineUnreachable: It does not answer any more.
    """
    return _connect_to(engine.cli_env(), timeout)


class KeptConnection:
    """Connects once, and again when another engine was chosen or the last one was lost.

    It goes by what the `docker` command goes by: the environment and its configuration file.
    """

    def __init__(self, *, timeout: int = 30) -> None:
        self._timeout = timeout
        self._engine: Engine | None = None
        self._choice: object = None

    def engine(self) -> Engine:
        """Return the engine; raises what `connect` raises."""
        choice = _choice()
        if choice != self._choice:
            self.lost()
        if self._engine is None:
            self._engine = connect(timeout=self._timeout)
            self._choice = choice
        return self._engine

    def lost(self) -> None:
        """Look for an engine anew the next time: this one did not answer."""
        if self._engine is not None:
            self._engine.close()
        self._engine = None


def _choice() -> tuple[object, ...]:
    """What decides which engine is meant; another value may mean another engine."""
    names = ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG")
    try:
        changed = contexts.configuration().stat().st_mtime_ns
    except OSError:
        changed = 0
    return (*(os.environ.get(name) for name in names), changed)


def _usual_places() -> tuple[Path, ...]:
    home, runtime = Path.home(), os.environ.get("XDG_RUNTIME_DIR", f"/run/user/{os.getuid()}")
    candidates = (
        Path(DEFAULT_SOCKET),
        home / ".docker/run/docker.sock",
        home / ".docker/desktop/docker.sock",
        home / ".colima/default/docker.sock",
        Path(runtime) / "docker.sock",
        Path(runtime) / "podman/podman.sock",
    )
    return tuple(place for place in candidates if _is_there(place))


def _is_there(place: Path) -> bool:
    try:
        return place.exists()
    except PermissionError:
        return False


def _connect_to(environment: Mapping[str, str], timeout: int, *, named_by: str = "") -> Engine:
    """Connect to what the variables say, as the `docker` command reads them."""
    host = environment["DOCKER_HOST"]
    _refuse_ssh(host, named_by)
    client = _client({**os.environ, **environment}, timeout, named_by=named_by)
    try:
        api: Any = client.api
        if is_here(host):
            # No proxy stands before this machine; ALL_PROXY would break it, and looking costs time.
            # REQUESTS_CA_BUNDLE would take the place of the authority that the engine is known by.
            api.trust_env = False
        # As docker-py does for version="auto".
        api._version = _usable_version(api, host, named_by)  # noqa: SLF001
    except BaseException:
        client.close()
        raise
    return Engine(client, host, environment)


def _refuse_ssh(host: str, named_by: str) -> None:
    if host.startswith("ssh:"):
        raise EngineUnreachable(
            host,
            _("labkit does not connect through ssh"),
            named_by=named_by,
            hint=_(
                "Bring its socket here with `ssh -NL /tmp/docker.sock:/var/run/docker.sock {host}`,"
                " then run `export DOCKER_HOST=unix:///tmp/docker.sock` in another terminal."
            ).format(host=host.removeprefix("ssh://")),
        )


def _client(environment: Mapping[str, str], timeout: int, *, named_by: str) -> Any:
    import docker
    import docker.errors

    try:
        return docker.from_env(version=OLDEST_API, timeout=timeout, environment=dict(environment))
    except (docker.errors.DockerException, ValueError) as error:  # an address that is none
        raise unreachable(environment["DOCKER_HOST"], error, named_by=named_by) from error
    except (AttributeError, LookupError, TypeError) as error:
        # docker-py takes every value of the configuration to be of the right kind.
        raise contexts.broken(contexts.configuration(), error) from error


def _usable_version(api: Any, host: str, named_by: str) -> str:
    """Ask for the engine's newest API version; refuse one that is too old, and what is no engine.

    docker-py's own way, `GET /version`, takes an engine ten times as long as a ping.
    """
    import requests.exceptions

    try:
        reply = api.get(f"{api.base_url}/_ping", timeout=api.timeout)
    except (requests.exceptions.RequestException, ValueError) as error:
        if isinstance(os_error(error), PermissionError):
            raise EnginePermissionDenied(host) from error
        raise unreachable(host, error, named_by=named_by) from error
    # Some engines add a word, as in `1.48-beta`.
    found = re.match(r"\d+\.\d+", str(reply.headers.get("Api-Version", "")))
    if not found:
        raise EngineUnreachable(
            host, _("what answers there is not a Docker engine"), named_by=named_by
        )
    if _number(found[0]) < _number(OLDEST_API):
        raise EngineTooOld(found[0], OLDEST_API)
    return found[0]


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
