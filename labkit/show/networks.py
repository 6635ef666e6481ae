"""Networks and who is on them: addresses, aliases, published ports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labkit.engine import connect
from labkit.engine.ownership import OBJECT_PREFIX
from labkit.show.boxes import Box, Picture
from labkit.show.containers import published
from labkit.translation import _

if TYPE_CHECKING:
    from labkit.engine import Engine
    from labkit.engine.objects import Container


def networks(*names: str, engine: Engine | None = None) -> Picture:
    """Draw networks side by side; a container that is on several of them is marked.

    Args:
        *names: Their names; none draws those of the course, `lab-…`.
        engine: Where they are; None connects to the one that answers.

    Raises:
        NoSuchNetwork: The engine does not have one of them.
    """
    asked = engine or connect()
    there = sorted(line["Name"] for line in asked.networks.list())
    drawn = names or tuple(name for name in there if name.startswith(OBJECT_PREFIX))
    return Picture(
        _("Networks, and the running containers on them"),
        tuple(_network(asked, name) for name in drawn),
    )


def _network(engine: Engine, name: str) -> Box:
    network = engine.networks.get(name)
    details = [
        *(_("subnet {range}").format(range=subnet) for subnet in network.subnets),
        *(_("gateway {address}").format(address=address) for address in network.gateways),
    ]
    if network.internal:
        details.append(_("internal: no way out"))
    children = tuple(
        _container(engine.containers.get(container), name) for container in network.containers
    )
    return Box(name, _("network"), tuple(details), children)


def _container(container: Container, network: str) -> Box:
    details = []
    if (place := container.networks.get(network)) is not None:
        # Engines before 25 count the short ID among the aliases.
        aliases = [alias for alias in place.aliases if not container.id.startswith(alias)]
        details += [place.ip] if place.ip else []
        details += [_("also called {alias}").format(alias=alias) for alias in aliases]
    details += published(container)
    return Box(container.name, _("container"), tuple(details), mark=container.id)
