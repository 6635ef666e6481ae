"""Turn docker-py's errors into labkit's, in one place."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from labkit.errors import EngineRequestFailed, EngineTooSlow, EngineUnreachable
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Iterator

HTTP_NOT_FOUND = 404


@contextmanager
def engine_errors(missing: Exception | None = None, *, endpoint: str = "") -> Iterator[None]:
    """Translate what docker-py, and the libraries below it, raise inside the block.

    docker-py reads streams past requests, so errors of urllib3 and http.client come as they are.

    Args:
        missing: Raised when the engine answers 404.
        endpoint: The engine's address, for the message; docker-py's errors do not know it.

    Raises:
        EngineUnreachable: The engine went away, also in the middle of an answer.
        EngineTooSlow: It did not answer in time.
        EngineRequestFailed: The engine refused, in its own words.
    """
    import http.client
    import json

    import docker.errors
    import urllib3.exceptions

    try:
        yield
    except docker.errors.APIError as error:
        if error.status_code == HTTP_NOT_FOUND and missing is not None:
            raise missing from error
        raise EngineRequestFailed(
            _("The engine refused: {reason}").format(reason=error.explanation or error),
            status=error.status_code,
            hint=_hint(str(error.explanation or "")),
        ) from error
    except (
        OSError,  # requests' exceptions are of this kind, too
        http.client.HTTPException,
        urllib3.exceptions.HTTPError,
        docker.errors.StreamParseError,
        json.JSONDecodeError,
    ) as error:
        if isinstance(error, OSError) and error.filename is not None:
            raise  # a file of this machine is at fault
        raise unreachable(endpoint or _("its socket"), error) from error


def unreachable(endpoint: str, error: BaseException, *, named_by: str = "") -> EngineUnreachable:
    """Say in a person's words that a request got no answer, or half of one."""
    if _is_read_timeout(error):
        return EngineTooSlow(endpoint, named_by=named_by)
    return EngineUnreachable(endpoint, _reason(error), named_by=named_by)


def os_error(error: BaseException) -> OSError | None:
    """Return what the operating system said, if that is what an error comes from."""
    for link in _chain(error):
        if isinstance(link, OSError) and link.strerror:
            return link
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _is_read_timeout(error: BaseException) -> bool:
    import requests.exceptions
    import urllib3.exceptions

    links = tuple(_chain(error))
    never_connected = (requests.exceptions.ConnectTimeout, urllib3.exceptions.ConnectTimeoutError)
    if any(isinstance(link, never_connected) for link in links):
        return False
    silent = (requests.exceptions.ReadTimeout, urllib3.exceptions.ReadTimeoutError)
    # The system's own TimeoutError has a number: there, the network gave up.
    return any(
        isinstance(link, silent) or (isinstance(link, TimeoutError) and link.errno is None)
        for link in links
    )


def _reason(error: BaseException) -> str:
    """Say in a few words why there is no answer: the operating system's words, if there are any."""
    import http.client
    import json

    import docker.errors
    import requests.exceptions
    import urllib3.exceptions

    if found := os_error(error):
        return str(found.strerror)
    cut_off = (
        http.client.HTTPException,
        urllib3.exceptions.ProtocolError,
        requests.exceptions.ChunkedEncodingError,
        docker.errors.StreamParseError,
        json.JSONDecodeError,
    )
    links = tuple(_chain(error))
    if any(isinstance(link, cut_off) for link in links):
        return _("the connection broke off before the answer was complete")
    return str(links[-1]) or type(links[-1]).__name__


def _hint(explanation: str) -> str:
    """Name the command that helps with the refusals a learner meets most."""
    text = explanation.lower()
    if "port is already allocated" in text or "address already in use" in text:
        return _("Run `docker ps` to see which container has the port, or choose another.")
    if "no space left on device" in text:
        return _("Run `docker system df` to see what takes the space.")
    if "is already in use by container" in text:
        return _("Remove the old container with `docker rm -f`, or choose another name.")
    return ""
