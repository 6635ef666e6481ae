"""The registry beside the nodes, from which their engines pull.

To them it is the mirror of Docker Hub, so `lab/web` is the same image there under the same name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labkit.engine import transfer
from labkit.errors import LabError, NoSuchContainer
from labkit.obtaining import Silent
from labkit.ports import first_free
from labkit.registry import Registry
from labkit.translation import _
from labkit.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labkit.engine import Engine
    from labkit.obtaining import Progress

NAME = "lab-nodes-registry"
IMAGE = "lab/registry"
PORT = "5000/tcp"
READY_SECONDS = 30.0


def have(engine: Engine, network: str, address: str, port: int) -> None:
    """Have the registry run, and wait until it answers.

    Args:
        engine: The host's.
        network: That of the nodes.
        address: The registry's there.
        port: Where it answers on this machine, unless it is there already; or one near it.

    Raises:
        NoSuchImage: `lab/registry` is not here.
        EngineRequestFailed: The engine refused, in its words.
        WaitTimeout: It did not answer.
    """
    api: Any = engine.client.api
    if not engine.containers.exists(NAME):
        place = api.create_endpoint_config(ipv4_address=address, aliases=["registry"])
        with engine.errors():
            api.create_container(
                IMAGE,
                name=NAME,
                ports=[5000],
                host_config=api.create_host_config(
                    network_mode=network,
                    port_bindings={PORT: ("127.0.0.1", free_port(port))},
                ),
                networking_config=api.create_networking_config({network: place}),
            )
    with engine.errors():
        api.start(NAME)
    wait_until(
        lambda: _answers(registry(engine)),
        what=_("the nodes' registry"),
        timeout=READY_SECONDS,
        state=lambda: engine.containers.get(NAME).status,
        log_tail=lambda: engine.containers.logs(NAME, tail=5),
        hint=_("Run `docker logs {name}`.").format(name=NAME),
    )


def registry(engine: Engine) -> Registry:
    """Return the registry of the nodes, as this machine reaches it.

    Raises:
        LabError: There are no nodes, and so there is none.
    """
    try:
        places = engine.containers.get(NAME).ports.get(PORT)
    except NoSuchContainer:
        places = None
    if not places:
        raise LabError(
            _("The nodes' registry does not run."), hint=_("Run `labkit nodes up 1` first.")
        )
    return Registry("127.0.0.1", places[0][1])


def push(
    engine: Engine, images: Sequence[str], *, progress: Progress | None = None
) -> tuple[str, ...]:
    """Bring images to the registry of the nodes, from where their engines pull them.

    Args:
        engine: The host's, which has the images.
        images: Such as `lab/web`, with a tag or without.
        progress: Told how far it is.

    Returns:
        Those that the registry did not have yet.

    Raises:
        NoSuchImage: The engine has no such image.
        EngineRequestFailed: The registry refused.
        LabError: There are no nodes.
    """
    progress = progress or Silent()
    target = registry(engine)
    pushed = []
    for image in images:
        repository, _colon, tag = image.partition(":")
        tag = tag or "latest"
        found = engine.images.get(image)
        manifest = target.image(repository, tag)
        if manifest and manifest.config and manifest.config.digest == found.id:
            continue
        there = f"{target.address}/{repository}"
        transfer.tag(engine, found.id, there, tag)
        try:
            transfer.push(
                engine,
                f"{there}:{tag}",
                lambda text, done, total, image=image: progress.step(image, text, done, total),  # type: ignore[misc]
            )
        finally:
            transfer.untag(engine, f"{there}:{tag}")
        pushed.append(image)
    return tuple(pushed)


def free_port(first: int) -> int:
    """Return `first`, or the next of the same last digit that nobody listens on.

    Raises:
        LabError: There is none among the next thousand.
    """
    return first_free(
        range(first, first + 1000, 10),
        what=_("a node, in steps of ten"),
        hint=_("End some of the programs that listen there, then run the command again."),
    )


def _answers(registry: Registry) -> bool:
    try:
        registry.repositories()
    except LabError:
        return False
    return True
