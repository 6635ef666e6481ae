"""Who takes part when a `docker` command runs: client, engine and what the engine keeps."""

from __future__ import annotations

import shutil
from collections import Counter
from typing import TYPE_CHECKING

from labkit.engine import connect, tools
from labkit.show.boxes import Box, Picture
from labkit.translation import _

if TYPE_CHECKING:
    from labkit.engine import Engine


def architecture(*, engine: Engine | None = None) -> Picture:
    """Draw the client, the engine with its parts and its objects, and the default registry."""
    asked = engine or connect()
    version, info = asked.version(), asked.info()
    programs = tuple(f"{part['Name']} {part['Version']}" for part in version.get("Components", ()))
    return Picture(
        _("Who takes part"),
        (
            Box("docker", _("client"), _client_lines(), (Box(asked.endpoint, _("speaks to")),)),
            Box(
                info["Name"],
                _("host"),
                (info["OperatingSystem"], _("kernel {it}").format(it=info["KernelVersion"])),
                (Box(_("programs"), _("the engine"), programs), _objects(asked)),
            ),
            Box(
                info.get("IndexServerAddress") or _("none"),
                _("registry"),
                (_("asked by the engine, when an image has no other registry in its name"),),
            ),
        ),
    )


def _client_lines() -> tuple[str, ...]:
    program = shutil.which("docker")
    if program is None:
        return (_("there is no `docker` command on PATH"),)
    return (program, tools.answer(program, "--version"))


def _objects(engine: Engine) -> Box:
    count = Counter(kind for kind, _key in engine.snapshot().items)
    lines = (
        _("containers: {n}").format(n=count["container"]),
        _("names of images: {n}").format(n=count["image"]),
        _("networks: {n}").format(n=count["network"]),
        _("volumes: {n}").format(n=count["volume"]),
    )
    return Box(_("objects"), _("what the engine keeps"), lines)
