"""Find the engine and connect to it.

Order, as the `docker` command has it: what the caller names, `DOCKER_HOST`, the current context;
then the sockets where engines are usually found.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from labkit.engine.engine import Engine
from labkit.engine.translate import innermost_reason
from labkit.errors import EnginePermissionDenied, EngineTooOld, EngineUnreachable, LabError
from labkit.translation import _

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
        EnginePermissionDenied: A socket is there, but this account may not use it.
        EngineTooOld: The engine's newest API is older than `OLDEST_API`.
    """
    if named := host or os.environ.get("DOCKER_HOST") or _context_host():
        return _connect_to(named, timeout)
    places = _usual_places()
    first_error: LabError | None = None
    for place in places:
        try:
            return _connect_to(f"unix://{place}", timeout)
        except EngineTooOld:
            raise
        except LabError as error:
            # A refused permission says more than a missing socket does.
            if first_error is None or isinstance(error, EnginePermissionDenied):
                first_error = error
    raise first_error or EngineUnreachable(f"unix://{DEFAULT_SOCKET}", _("no socket is there"))


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
        if self._engine is None or choice != self._choice:
            self._engine = connect(timeout=self._timeout)
            self._choice = choice
        return self._engine

    def lost(self) -> None:
        """Look for an engine anew the next time: this one did not answer."""
        self._engine = None


def _choice() -> tuple[object, ...]:
    """What decides which engine is meant; another value may mean another engine."""
    names = ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG")
    try:
        changed = _configuration().stat().st_mtime_ns
    except OSError:
        changed = 0
    return (*(os.environ.get(name) for name in names), changed)


def _configuration() -> Path:
    return Path(os.environ.get("DOCKER_CONFIG", Path.home() / ".docker")) / "config.json"


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


def _context_host() -> str | None:
    """Return the endpoint of the current `docker context`, unless it is the default one."""
    name = os.environ.get("DOCKER_CONTEXT")
    if name is None and not _is_there(_configuration()):
        return None
    from docker.context import ContextAPI

    context = ContextAPI.get_context(name) if name else ContextAPI.get_current_context()
    if context is None:
        # Another engine than the one the `docker` command would use is worse than none.
        raise EngineUnreachable(name or "docker context", _("Docker has no such context"))
    if context.name == "default":
        return None
    return str(context.Host)


def _connect_to(host: str, timeout: int) -> Engine:
    import docker
    import docker.errors
    import docker.tls
    import requests.exceptions

    try:
        # Only the address is ours: docker-py reads DOCKER_TLS_VERIFY and DOCKER_CERT_PATH.
        client = docker.from_env(
            version=OLDEST_API, timeout=timeout, environment={**os.environ, "DOCKER_HOST": host}
        )
        api: Any = client.api
        if host.startswith("unix:"):
            # No proxy stands before a socket; ALL_PROXY would break it, and looking costs time.
            api.trust_env = False
        found = _api_version(api)
    except (
        docker.errors.DockerException,
        requests.exceptions.RequestException,
        ValueError,  # an address that is none
    ) as error:
        if isinstance(_os_error(error), PermissionError):
            raise EnginePermissionDenied(host) from error
        raise EngineUnreachable(host, innermost_reason(error)) from error
    if not found:
        client.close()
        raise EngineUnreachable(host, _("what answers there is not a Docker engine"))
    if _number(found) < _number(OLDEST_API):
        client.close()
        raise EngineTooOld(found, OLDEST_API)
    api._version = found  # noqa: SLF001 - as docker-py does for version="auto"
    return Engine(client, host)


def _api_version(api: Any) -> str:
    """Ask for the engine's newest API version; empty when it names none.

    docker-py's own way, `GET /version`, takes an engine ten times as long as a ping.
    """
    reply = api.get(f"{api.base_url}/_ping", timeout=api.timeout)
    return str(reply.headers.get("Api-Version", ""))


def _os_error(error: BaseException | None) -> OSError | None:
    while error is not None:
        if isinstance(error, OSError) and error.errno is not None:
            return error
        error = error.__cause__ or error.__context__
    return None


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
