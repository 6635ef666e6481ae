"""Turn docker-py's errors into labkit's, in one place."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from labkit.errors import EngineRequestFailed, EngineUnreachable
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Iterator

HTTP_NOT_FOUND = 404


@contextmanager
def engine_errors(missing: Exception | None = None, *, endpoint: str = "") -> Iterator[None]:
    """Translate what docker-py and requests raise inside the block.

    Args:
        missing: Raised when the engine answers 404.
        endpoint: The engine's address, for the message; docker-py's errors do not know it.

    Raises:
        EngineUnreachable: The engine went away.
        EngineRequestFailed: The engine refused, in its own words.
    """
    import docker.errors
    import requests.exceptions

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
    except (requests.exceptions.RequestException, ConnectionError) as error:
        where = endpoint or _("its socket")
        raise EngineUnreachable(where, innermost_reason(error)) from error


def innermost_reason(error: BaseException) -> str:
    """Say in a few words why a connection failed: the operating system's own words."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)


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
