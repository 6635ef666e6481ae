"""The two builders: which of them made an image, and how to call the other one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labkit.engine import connect, tools
from labkit.show.boxes import Box, Picture
from labkit.translation import _

if TYPE_CHECKING:
    from labkit.engine import Engine

#: BuildKit writes its name into the history of what it builds; the classic builder writes nothing.
MARK = "buildkit"


def builders(image: str, *, engine: Engine | None = None) -> Picture:
    """Draw which builder `docker build` runs here, and what BuildKit is called with.

    Args:
        image: What `docker build` has just made.
        engine: Where it is; None connects to the one that answers.

    Raises:
        NoSuchImage: The engine does not have the image.
    """
    newest = (engine or connect()).images.history(image)[0]
    if newest.comment.startswith(MARK):
        says = _("the history of `{image}` says `{comment}`")
        plain = Box("docker build", "BuildKit", (says.format(image=image, comment=newest.comment),))
        return Picture(_("Who builds here"), (plain,))
    plain = Box(
        "docker build",
        _("classic builder"),
        (_("no step in the history of `{image}` is signed by BuildKit").format(image=image),),
    )
    command = tools.buildkit_command()
    other = Box(f"{command} build", "BuildKit")
    if not command:
        other = Box(_("BuildKit"), _("not here"), (_("no command on this machine calls it"),))
    return Picture(_("Who builds here"), (plain, other))
