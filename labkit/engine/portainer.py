"""Portainer's image, which is not the course's: can it be had here?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from labkit.engine import transfer
from labkit.engine.verdicts import ProbeResult, Verdict
from labkit.translation import _

if TYPE_CHECKING:
    from labkit.engine.engine import Engine

IMAGE = "portainer/portainer-ce:lts"
#: For a registry to greet, and to look an image up.
SECONDS = 3.0, 10.0


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


def _found(said: str) -> ProbeResult:
    return ProbeResult("portainer", Verdict.GOOD, said)
