"""Why a container or an image is not what an exercise asks for, found out by inspection."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from labkit.checking import CheckFailed
from labkit.translation import _
from labkit.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labkit.engine import Engine
    from labkit.engine.objects import Container, HistoryEntry, Image


def not_running(engine: Engine, container: Container) -> CheckFailed:
    """Say why a container does not run, from its state and its log."""
    name, code = container.name, container.exit_code
    if container.paused:
        return CheckFailed(
            _("`{name}` is paused").format(name=name),
            hint=_("`docker unpause {name}`.").format(name=name),
        )
    if container.status == "created" and not container.error:
        return CheckFailed(
            _("`{name}` was made but never started").format(name=name),
            hint=_("`docker start {name}`, or `docker run`, which does both.").format(name=name),
        )
    missing = program_not_found(container.error) or program_not_found(
        engine.containers.logs(name, tail=6)
    )
    if missing:
        return CheckFailed(
            _("`{name}` exited with {code}: `{program}` was not found").format(
                name=name, code=code, program=missing
            ),
            hint=_("Compare its command with what you meant: `docker inspect {name}`.").format(
                name=name
            ),
        )
    if port := port_taken(container.error):
        return CheckFailed(
            _("`{name}` could not be started: something else has port {port} of this host").format(
                name=name, port=port
            ),
            hint=_(
                "`docker ps` shows a container that has it, `sudo ss -ltnp 'sport = :{port}'` any "
                "other program. End that one, then `docker start {name}`."
            ).format(name=name, port=port),
        )
    if container.error:
        return CheckFailed(
            _("`{name}` could not be started: {error}").format(name=name, error=container.error),
            hint=_("Mend the reason, remove it with `docker rm {name}`, and run it again.").format(
                name=name
            ),
        )
    restarting = _("`{name}` ends with {code} and is started again, over and over")
    ended = _("`{name}` has ended with {code}")
    text = restarting if container.status == "restarting" else ended
    return CheckFailed(
        text.format(name=name, code=code), hint=_("`docker logs {name}`.").format(name=name)
    )


def port_taken(error: str) -> str:
    """Pick the port that the engine could not publish because it is in use, or nothing."""
    if not re.search("address already in use|port is already allocated", error):
        return ""
    found = re.search(r"(?:tcp\d? |for |port )\S*?:(\d+)\b", error)
    return found[1] if found else ""


def program_not_found(text: str) -> str:
    """Pick the program that a runtime or a shell did not find, or nothing."""
    runtime = re.search(r'exec: "([^"]+)":.*(?:not found|no such file)', text)
    shell = re.search(r"([^\s:]+): not found", text)
    found = runtime or shell
    return found[1] if found else ""


def expect_published(container: Container, port: int) -> None:
    """Expect the container's port 80 at `port` of the host."""
    published = [(host, inner) for inner, at in container.ports.items() for _ip, host in at]
    if (port, "80/tcp") in published:
        return
    name = container.name
    if not published:
        raise CheckFailed(
            _("`{name}` publishes no port: its port 80 answers inside only").format(name=name),
            hint=_("Publish it with `--publish {port}:80`.").format(port=port),
        )
    host, inner = published[0]
    found = _("you published {host}->{inner}, the exercise asks for {port}->80").format(
        host=host, inner=inner.removesuffix("/tcp"), port=port
    )
    if inner == f"{port}/tcp":
        raise CheckFailed(
            found, hint=_("The host's port comes first, then the container's: `HOST:CONTAINER`.")
        )
    raise CheckFailed(
        found,
        hint=_("Ports are fixed when a container is made: remove it, and run it again."),
    )


def page_at(engine: Engine, port: int, name: str) -> str:
    """Read a page; a server that was started a moment ago gets some time."""

    def answer() -> str:
        with suppress(ConnectionError):
            return engine.http_get(port).body
        return ""

    return wait_until(
        answer,
        what=_("a page at port {port}").format(port=port),
        timeout=3.0,
        log_tail=lambda: engine.containers.logs(name, tail=5),
        hint=_("Look at `docker ps` and `docker logs {name}`.").format(name=name),
    )


def answers(engine: Engine, port: int) -> bool:
    """Tell whether a published port answers."""
    try:
        engine.http_get(port)
    except ConnectionError:
        return False
    return True


def drawn(engine: Engine, name: str, label: str, *, volume: bool = False) -> str:
    """Return what the set-up cell drew by lot, and keeps as a label of a container or a volume."""
    things = engine.volumes if volume else engine.containers
    if not things.exists(name) or not (kept := things.get(name).labels.get(label)):
        gone = (
            _("the volume `{name}` of the set-up cell is gone")
            if volume
            else _("the container `{name}` of the set-up cell is gone")
        )
        raise CheckFailed(
            gone.format(name=name),
            hint=_("Run the set-up cell again, and begin with what it makes."),
        )
    return kept


def made_from(engine: Engine, container: Container, image: str) -> bool:
    """Tell whether the container's image is `image`, by whatever name or id it was given."""
    if repository(container.image) == image:
        return True
    return engine.images.exists(image) and engine.images.get(image).id == container.image_id


def expect_image(engine: Engine, container: Container, image: str, *, hint: str = "") -> None:
    """Expect a container to be made from `image`; without a hint, the image is named."""
    if not made_from(engine, container, image):
        raise CheckFailed(
            _("`{name}` was made from `{image}`").format(
                name=container.name, image=container.image
            ),
            hint=hint or _("The exercise asks for the image `{image}`.").format(image=image),
        )


def repository(image: str) -> str:
    """Leave out the tag that is meant when none is named."""
    return image.removesuffix(":latest")


def memory(count: int) -> str:
    """Write a memory limit of `count` bytes in the units that `--memory` takes; 0 is none."""
    if not count:
        return _("memory without limit")
    for unit, size in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if count >= size:
            return f"{count / size:.4g} {unit}"
    return _("{count} bytes").format(count=count)


def image_named(engine: Engine, name: str, *, hint: str) -> Image:
    """Return the image `name`, or fail with a hint."""
    if not engine.images.exists(name):
        raise CheckFailed(_("no image is called `{name}`").format(name=name), hint=hint)
    return engine.images.get(name)


def container_of(engine: Engine, name: str, image: str) -> Container:
    """Return the container `name`, which should be made from `image` as it is now."""
    container = engine.containers.get(name)
    wanted = engine.images.get(image).id
    if container.image_id != wanted:
        raise CheckFailed(
            _("`{name}` was made from image {found}, and `{image}` is {wanted}").format(
                name=name, image=image, found=short_id(container.image_id), wanted=short_id(wanted)
            ),
            hint=_("Remove `{name}` and run it anew, from `{image}`.").format(
                name=name, image=image
            ),
        )
    return container


def plain_container(engine: Engine, name: str, image: str) -> Container:
    """Return the container `name` of `image`, which should run what the image says."""
    container = container_of(engine, name, image)
    config = engine.images.get(image)
    if container.entrypoint != config.entrypoint:
        raise CheckFailed(
            _("`{name}` was started with {entrypoint} as its entrypoint").format(
                name=name, entrypoint=in_ticks(container.entrypoint)
            ),
            hint=_("`--entrypoint` helps this one container; it is the image that should do it."),
        )
    if container.command != config.command:
        raise CheckFailed(
            _("`{name}` was started with the command {command}").format(
                name=name, command=in_ticks(container.command)
            ),
            hint=_(
                "Run it with nothing after the image's name, so that it takes the image's command."
            ),
        )
    return container


def expect_ended_well(container: Container, printed: str) -> None:
    """Fail unless the container ran and exited with 0."""
    if container.status == "exited" and container.exit_code == 0:
        return
    if container.exit_code:
        raise CheckFailed(
            _("`{name}` exited with {code}: {words}").format(
                name=container.name,
                code=container.exit_code,
                words=quoted(container.error or printed.rpartition("\n")[2]),
            ),
            hint=_(
                "Read the message, and look at the image's command with `docker image inspect`."
            ),
        )
    raise CheckFailed(
        _("`{name}` is {status}").format(name=container.name, status=container.status),
        hint=_("It should have run and exited with 0. Start it, or wait until it has ended."),
    )


def recent_events(engine: Engine, **filters: str) -> tuple[dict[str, Any], ...]:
    """Return what the engine still knows of the last hour, by its own clock."""
    now = datetime.fromisoformat(engine.info()["SystemTime"])
    since, until = (now - timedelta(hours=1)).timestamp(), now.timestamp()
    return engine.events(since=since, until=until, filters=filters)


def text_of(engine: Engine, name: str, path: str) -> str:
    """Read a text of a container."""
    try:
        return engine.containers.read_file(name, path).decode(errors="replace").strip()
    except FileNotFoundError:
        raise CheckFailed(
            _("`{name}` has no file `{path}`").format(name=name, path=path),
            hint=_("Run the first cells of the exercise again, and begin with what they make."),
        ) from None


def stands_on(image: Image, base: Image) -> bool:
    """Tell whether the layers of `base` are the lowest of `image`."""
    return image.layers[: len(base.layers)] == base.layers


def short_id(identifier: str) -> str:
    """Write an id as `docker image ls` does."""
    return identifier.removeprefix("sha256:")[:12]


def in_ticks(words: tuple[str, ...]) -> str:
    """Write a command in backticks."""
    return "`" + (" ".join(words) or _("nothing")) + "`"


def quoted(text: str) -> str:
    """Write what was printed in backticks."""
    return f"`{text}`" if text else _("nothing")


def listed(names: Iterable[str]) -> str:
    """Write names in backticks, one after the other."""
    return ", ".join(f"`{name}`" for name in names)


def step_of(entry: HistoryEntry) -> str:
    """Name a step of a history as its author wrote it."""
    return "`" + (entry.instruction or entry.comment)[:60] + "`"
