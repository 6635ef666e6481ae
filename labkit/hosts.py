"""Hosts without an engine, or with one that does not run yet, for the lesson on installation."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from labkit import images
from labkit.engine import hosts, nested, trials
from labkit.engine.ownership import owned, remove
from labkit.engine.verdicts import Verdict
from labkit.errors import LabError
from labkit.translation import _

if TYPE_CHECKING:
    from labkit.course import Course
    from labkit.engine import Engine
    from labkit.obtaining import Progress

BARE = "lab/debian"
#: The name is also the machine's own, and that may not be longer.
NAME = re.compile(r"lab-[a-z0-9-]{1,59}")


def up(
    engine: Engine,
    course: Course,
    name: str,
    *,
    installed: bool = False,
    progress: Progress | None = None,
) -> str:
    """Make a host, or replace it, on a network `NAME-net` from which nothing leads out.

    Args:
        engine: Where.
        course: Whose images it is made from; what is missing is obtained.
        name: The host's: `lab-`, then lower-case letters, digits and hyphens.
        installed: Whether it has an engine installed, which does not run yet.
        progress: Told what takes time.

    Returns:
        Its address.

    Raises:
        LabError: The name is not the course's, something else has it, or the engine cannot have
            hosts. Nothing was changed.
        ImageUnavailable: A course image could not be obtained.
        EngineRequestFailed: The engine refused to make it.
        WaitTimeout: It did not become ready.
    """
    if not NAME.fullmatch(name):
        raise LabError(
            _("`{name}` is no name for a host of the course.").format(name=name),
            hint=_(
                "It begins with `lab-`, then has lower-case letters, digits and hyphens: run "
                "`labkit host lab-host`."
            ),
        )
    network = f"{name}-net"
    _expect_ours(engine, name, network)
    able = trials.nodes(engine)
    if able.verdict is not Verdict.GOOD:
        raise LabError(able.said, hint=able.remedy)
    image = nested.IMAGE if installed else BARE
    images.ensure(engine, course, (trials.IMAGE, image), progress=progress)
    if not engine.networks.exists(network):
        api: Any = engine.client.api
        with engine.errors():
            api.create_network(network, internal=True, check_duplicate=True)
    remove(engine, [thing for thing in owned(engine, names=(name,)) if thing.kind == "container"])
    hosts.create(engine, name, image, network)
    return engine.containers.get(name).networks[network].ip


def _expect_ours(engine: Engine, name: str, network: str) -> None:
    """Refuse to replace what is no host, and to use a network that leads out."""
    if engine.containers.exists(name) and hosts.LABEL not in engine.containers.get(name).labels:
        raise LabError(
            _("The container `{name}` is no host, and is not replaced.").format(name=name),
            hint=_("Take another name, or run `docker rm --force {name}` first.").format(name=name),
        )
    if engine.networks.exists(network) and not engine.networks.get(network).internal:
        raise LabError(
            _("Something leads out of the network `{network}`.").format(network=network),
            hint=_("Run `docker network rm {network}`: a host's own has no way out.").format(
                network=network
            ),
        )
