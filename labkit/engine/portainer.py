"""Portainer, which is not the course's: can its image be had here, and does it answer?"""

from __future__ import annotations

import http.client
import json
import ssl
from typing import TYPE_CHECKING

from labkit.engine import transfer
from labkit.engine.verdicts import ProbeResult, Verdict
from labkit.translation import _
from labkit.waiting import wait_until

if TYPE_CHECKING:
    from labkit.engine.engine import Engine

IMAGE = "portainer/portainer-ce:lts"
#: For a registry to greet, and to look an image up.
SECONDS = 3.0, 10.0
#: Where it answers, by HTTPS, and says which version it is; the second is that of older ones.
PORT, STATUS = 9443, ("/api/system/status", "/api/status")
#: Seconds for it to start, and for an answer; bytes of that.
START, ANSWER, LONGEST = 60.0, 2.0, 1 << 16


def reference() -> str:
    """Return the image's name, at the mirror that the user names."""
    mirror = transfer.registry_mirror()
    return f"{mirror}/{IMAGE}" if mirror else IMAGE


def portainer(engine: Engine) -> ProbeResult:
    """Look for the image on the engine, then in the registry; nothing is pulled."""
    image = reference()
    if engine.images.exists(image):
        return _found(_("The image `{image}` is on the engine.").format(image=image))
    greeting, looking = SECONDS
    why = transfer.reach_registry(engine, transfer.registry_mirror(), timeout=greeting)
    why = why or transfer.look_up(engine, image, timeout=looking)
    if not why:
        return _found(_("The image `{image}` can be pulled.").format(image=image))
    return ProbeResult(
        "portainer",
        Verdict.ABSENT,
        _("The image `{image}` cannot be had: {why}.").format(image=image, why=why),
        cost=_("The lesson on operations does not deploy Portainer."),
        remedy=_("`docker load` takes it from an archive that `docker save` wrote elsewhere."),
    )


def version(engine: Engine, *, port: int = PORT, timeout: float = START) -> str:
    """Wait until a Portainer that was just started answers, and return its version.

    Args:
        engine: Whose host it is published on.
        port: Where.
        timeout: Seconds.

    Raises:
        WaitTimeout: It does not answer in time.
    """
    return wait_until(
        lambda: next(filter(None, (_version(engine.host, port, path) for path in STATUS)), ""),
        what=_("an answer of Portainer"),
        timeout=timeout,
        interval=0.5,
        hint=_("`docker logs` of its container says what it does."),
    )


def _version(host: str, port: int, path: str) -> str:
    """Ask for the version; empty while there is no answer."""
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    own.check_hostname, own.verify_mode = False, ssl.CERT_NONE  # its certificate is its own
    connection = http.client.HTTPSConnection(host, port, timeout=ANSWER, context=own)
    try:
        connection.request("GET", path)
        told = json.loads(connection.getresponse().read(LONGEST))
    except (OSError, http.client.HTTPException, ValueError):
        return ""
    finally:
        connection.close()
    return str(told.get("Version", "")) if isinstance(told, dict) else ""


def _found(said: str) -> ProbeResult:
    return ProbeResult("portainer", Verdict.GOOD, said)
