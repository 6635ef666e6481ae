"""Hosts without an engine, or with one that does not run yet, for the lesson on installation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labkit import images
from labkit.engine import hosts, nested, trials
from labkit.engine.ownership import OBJECT_PREFIX, owned, remove
from labkit.engine.verdicts import Verdict
from labkit.errors import LabError
from labkit.translation import _

if TYPE_CHECKING:
    from labkit.course import Course
    from labkit.engine import Engine
    from labkit.obtaining import Progress

BARE = "lab/debian"


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
        name: The host's, which begins with `lab-`.
        installed: Whether it has an engine installed, which does not run yet.
        progress: Told what takes time.

    Returns:
        Its address.

    Raises:
        LabError: The name is not the course's, or the engine cannot have hosts.
        ImageUnavailable: A course image could not be obtained.
        EngineRequestFailed: The engine refused to make it.
        WaitTimeout: It did not become ready.
    """
    if not name.startswith(OBJECT_PREFIX):
        raise LabError(
            _("`{name}` is no name of the course's.").format(name=name),
            hint=_("Run `labkit host {prefix}{name}`.").format(prefix=OBJECT_PREFIX, name=name),
        )
    able = trials.nodes(engine)
    if able.verdict is not Verdict.GOOD:
        raise LabError(able.said, hint=able.remedy)
    image = nested.IMAGE if installed else BARE
    images.ensure(engine, course, (trials.IMAGE, image), progress=progress)
    network = f"{name}-net"
    if not engine.networks.exists(network):
        api: Any = engine.client.api
        with engine.errors():
            api.create_network(network, internal=True, check_duplicate=True)
    remove(engine, [thing for thing in owned(engine, names=(name,)) if thing.kind == "container"])
    hosts.create(engine, name, image, network)
    return engine.containers.get(name).networks[network].ip
