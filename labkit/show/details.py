"""One object: a summary of what inspecting it tells, its log, the command that made it."""

from __future__ import annotations

import shlex
from itertools import takewhile
from typing import TYPE_CHECKING

from labkit.create_commands import network_command, volume_command
from labkit.engine import connect
from labkit.errors import NoSuchImage, NoSuchObject
from labkit.escapes import plain
from labkit.run_command import run_command
from labkit.show.boxes import Box, Picture
from labkit.show.containers import published, state
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labkit.engine import Container, Engine, Image, Network, Volume

#: Lines of a log that are shown.
TAIL = 20
KINDS = ("container", "network", "volume")


def details(name: str, kind: str = "", *, engine: Engine | None = None) -> Picture:
    """Draw what the engine knows of a container, network or volume.

    Args:
        name: Its name or ID.
        kind: `container`, `network` or `volume`; empty takes the first that has the name.
        engine: Where it is; None connects to the one that answers.

    Raises:
        NoSuchObject: There is nothing of this name.
    """
    asked = engine or connect()
    draw = {"container": _container, "network": _network, "volume": _volume}
    missing = NoSuchObject(name)
    for tried in (kind,) if kind else KINDS:
        try:
            return draw[tried](asked, name)
        except NoSuchObject as error:
            missing = error
    raise missing


def _container(engine: Engine, name: str) -> Picture:
    found = engine.containers.get(name)
    log = tuple(plain(engine.containers.logs(found.id, tail=TAIL).rstrip("\n")).split("\n"))
    boxes = (
        Box(found.name, _("container"), tuple(_summary(found))),
        Box(
            _("The command that makes it"),
            details=tuple(_foldable(run_command(found, _image(engine, found)))),
            verbatim=True,
        ),
        Box(
            _("Its last lines"),
            _("standard output and error"),
            log if any(log) else (_("it wrote nothing"),),
            verbatim=True,
        ),
    )
    return Picture(_("Container {name}").format(name=found.name), boxes)


def _foldable(commands: str) -> Iterator[str]:
    """Write each option on a line of its own: browsers break a long line after any dash."""
    for command in commands.splitlines():
        words = shlex.split(command)
        begin = next((n for n, word in enumerate(words) if word.startswith("--")), len(words))
        options = list(takewhile(lambda word: word.startswith("--"), words[begin:]))
        rest = words[begin + len(options) :]
        lines = [words[:begin], *([option] for option in options), rest]
        yield " \\\n  ".join(shlex.join(line) for line in lines if line)


def _image(engine: Engine, container: Container) -> Image | None:
    try:
        return engine.images.get(container.image_id)
    except NoSuchImage:  # removed by force
        return None


def _summary(found: Container) -> Iterator[str]:
    yield _("ID {id}").format(id=found.id[:12])
    yield _("image {image}").format(image=found.image)
    yield _("state {state}").format(state=state(found))
    if found.error:
        yield found.error
    yield _("runs {command}").format(command=" ".join((*found.entrypoint, *found.command)))
    for network, at in sorted(found.networks.items()):
        yield _("network {name} {ip}").format(name=network, ip=at.ip).rstrip()
    yield from published(found)
    for mount in found.mounts:
        source = mount.name or mount.source or mount.type
        yield _("{source} at {path}").format(source=source, path=mount.destination)
    if found.restart_policy != "no":
        yield _("restart {policy}, {n} times so far").format(
            policy=found.restart_policy, n=found.restart_count
        )


def _network(engine: Engine, name: str) -> Picture:
    found: Network = engine.networks.get(name)
    lines = [
        _("ID {id}").format(id=found.id[:12]),
        _("driver {name}").format(name=found.driver),
        *(_("subnet {range}").format(range=subnet) for subnet in found.subnets),
        *(_("gateway {address}").format(address=address) for address in found.gateways),
        *(_("on it: {name}").format(name=container) for container in found.containers),
    ]
    if found.internal:
        lines.append(_("internal: no way out"))
    command = Box(_("The command that makes it"), details=(network_command(found),), verbatim=True)
    title = _("Network {name}").format(name=found.name)
    return Picture(title, (Box(found.name, _("network"), tuple(lines)), command))


def _volume(engine: Engine, name: str) -> Picture:
    found: Volume = engine.volumes.get(name)
    lines = (
        _("driver {name}").format(name=found.driver),
        _("its files are in {path}").format(path=found.mountpoint),
    )
    command = Box(
        _("The command that makes it"),
        details=(volume_command(found),),
        verbatim=True,
    )
    title = _("Volume {name}").format(name=found.name)
    return Picture(title, (Box(found.name, _("volume"), lines), command))
