"""A live map of an engine: its networks, the containers on them, their volumes and ports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labkit.engine import connect
from labkit.engine.objects import ANONYMOUS
from labkit.live.holdings import Everything
from labkit.show.boxes import Box, Picture
from labkit.show.containers import published, state
from labkit.show.details import details
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labkit.engine import Container, Engine
    from labkit.live.holdings import Holdings
    from labkit.widgets.live_view import LiveView

#: Networks that are always there are drawn when somebody is on them.
ALWAYS = ("bridge", "host", "none", "docker_gwbridge")


def engine(*, engine: Engine | None = None) -> LiveView[Holdings]:
    """Draw the engine's containers, networks, volumes and published ports, live in a notebook.

    There, the map follows the engine's events, and pressing a name opens what is known of it.

    Args:
        engine: Which one; None connects to the one that answers.
    """
    from labkit.widgets.live_view import LiveView

    asked = engine or connect()

    def opened(key: str) -> Picture:
        kind, _slash, name = key.partition("/")
        return details(name, kind, engine=asked)

    return LiveView(Everything(), asked, drawn, opened=opened)


def drawn(found: Holdings) -> Picture:
    """Draw what an engine holds."""
    title = _("The engine. Containers: {n}, running: {running}").format(
        n=len(found.containers), running=found.running
    )
    return Picture(title, (*_networks(found), *_unmounted(found)))


def _networks(found: Holdings) -> Iterator[Box]:
    on: dict[str, list[Container]] = {
        network.name: [] for network in found.networks.values() if network.name not in ALWAYS
    }
    for container in sorted(found.containers.values(), key=lambda one: one.name):
        for name in container.networks or ("",):
            on.setdefault(name, []).append(container)
    keys = {network.name: network.id for network in found.networks.values()}
    for name in sorted(on, key=lambda name: (name in ALWAYS, not name, name)):
        children = tuple(_container(container, name) for container in on[name])
        if name:
            yield Box(name, _("network"), (), children, key=f"network/{keys.get(name, name)}")
        else:
            yield Box(_("no network of their own"), children=children)


def _container(container: Container, network: str) -> Box:
    at = container.networks.get(network)
    lines = [_("image {image}").format(image=container.image)]
    lines += [at.ip] if at and at.ip else []
    lines += published(container)
    volumes = tuple(
        _volume(mount.name, (mount.destination,))
        for mount in container.mounts
        if mount.type == "volume"
    )
    key = f"container/{container.id}"
    kind = _("container, {state}").format(state=state(container))
    return Box(container.name, kind, tuple(lines), volumes, mark=key, key=key)


def _unmounted(found: Holdings) -> Iterator[Box]:
    mounted = {mount.name for one in found.containers.values() for mount in one.mounts}
    for name in sorted(found.volumes.keys() - mounted):
        yield _volume(name, (_("no container mounts it"),))


def _volume(name: str, lines: tuple[str, ...]) -> Box:
    key = f"volume/{name}"
    if ANONYMOUS.fullmatch(name):
        return Box(f"{name[:12]}…", _("anonymous volume"), lines, mark=key, key=key)
    return Box(name, _("volume"), lines, mark=key, key=key)
