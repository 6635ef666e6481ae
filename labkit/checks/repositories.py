"""Checks of chapter 05, repositories and tags."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labkit.checking import CheckFailed, check
from labkit.checks.diagnosis import not_running
from labkit.errors import NoSuchContainer
from labkit.registry import Registry
from labkit.translation import _

if TYPE_CHECKING:
    from labkit.engine import Engine
    from labkit.registry import Manifest

PORT = 5005


# repositories.two_names


@check("repositories.two_names", points=1)
def menu_was_pushed(engine: Engine) -> None:
    """The registry at `localhost:5005` has a repository `lab/menu`."""
    registry = _hub(engine)
    if registry.tags("lab/menu"):
        return
    known = [name for name in registry.repositories() if registry.tags(name)]
    if known:
        raise CheckFailed(
            _("the registry has `{known}`, and no `lab/menu`").format(known=known[0]),
            hint=_(
                "The name decides where an image goes: "
                "`docker tag lab/today:1 localhost:5005/lab/menu:1`."
            ),
        )
    raise CheckFailed(
        _("the registry is empty"),
        hint=_("Tagging happens on your engine. `docker push NAME` sends an image."),
    )


@check("repositories.two_names", after=menu_was_pushed, points=1)
def menu_has_both_tags(engine: Engine) -> None:
    """It has the tags `1` and `1.0`."""
    found = _hub(engine).tags("lab/menu")
    missing = [tag for tag in ("1", "1.0") if tag not in found]
    if missing:
        raise CheckFailed(
            _("its tags are `{found}`, without `{missing}`").format(
                found=", ".join(found), missing=missing[0]
            ),
            hint=_("Each tag is pushed by itself, or all at once with `--all-tags`."),
        )


@check("repositories.two_names", after=menu_has_both_tags, points=2)
def tags_stand_for_the_menu(engine: Engine) -> None:
    """Both stand for the image `lab/today:1`."""
    registry, menu = _hub(engine), engine.images.get("lab/today:1")
    for tag in ("1", "1.0"):
        layers = registry.layers_unpacked("lab/menu", _manifest(registry, "lab/menu", tag))
        if layers == menu.layers:
            continue
        if layers == engine.images.get("lab/shell").layers:
            raise CheckFailed(
                _("`{tag}` stands for `lab/shell`").format(tag=tag),
                hint=_("That is what `lab/today:1` was made from, not what it is."),
            )
        raise CheckFailed(
            _("`{tag}` stands for another image").format(tag=tag),
            hint=_("After another run of the first cell, tag and push `lab/today:1` again."),
        )


# repositories.latest


@check("repositories.latest", points=2)
def latest_is_version_two(engine: Engine) -> None:
    """In the registry, `lab/clock:latest` stands for version 2."""
    registry = _hub(engine)
    if _version(registry, "latest") == "2":
        return
    if _version(registry, "2") != "2":
        raise CheckFailed(
            _("`latest` is as it was, and `2` has become version 1"),
            hint=_("`docker tag` takes the old name first, then the new one. Begin again."),
        )
    raise CheckFailed(
        _("`latest` stands for version 1"),
        hint=_(
            "What you tag changes on your engine: `docker push localhost:5005/lab/clock:latest`."
        ),
    )


@check("repositories.latest", after=latest_is_version_two, points=1)
def versions_stayed(engine: Engine) -> None:
    """`1` and `2` stand for what they stood for."""
    registry = _hub(engine)
    for tag in ("1", "2"):
        found = _version(registry, tag)
        if found != tag:
            raise CheckFailed(
                _("`{tag}` stands for version {found}").format(tag=tag, found=found or "?"),
                hint=_(
                    "`{tag}` was moved. Run the first cells again, and move `latest` only."
                ).format(tag=tag),
            )


def _version(registry: Registry, tag: str) -> str:
    manifest = _manifest(registry, "lab/clock", tag)
    return registry.labels("lab/clock", manifest).get("lab.clock", "")


# repositories.pinned


@check("repositories.pinned", points=2)
def pump_is_pinned(engine: Engine) -> None:
    """A container `lab-pump` was made from an image that was named by its digest."""
    pump = engine.containers.get("lab-pump")
    if "@sha256:" not in pump.image:
        raise CheckFailed(
            _("it was made from `{image}`").format(image=pump.image),
            hint=_("A tag can move, an id is known here only: `localhost:5005/lab/pump@sha256:…`."),
        )


@check("repositories.pinned", after=pump_is_pinned, points=2)
def pump_is_the_tested_one(engine: Engine) -> None:
    """It is the tested image, and the container has ended with 0."""
    pump = engine.containers.get("lab-pump")
    if engine.images.get(pump.image_id).labels.get("lab.pump") != "tested":
        raise CheckFailed(
            _("that digest is what `stable` stands for today"),
            hint=_("The first cells print the digest of the tested image."),
        )
    if pump.status != "exited" or pump.exit_code:
        raise not_running(engine, pump)


# repositories.repair


@check("repositories.repair", points=2)
def till_runs_the_good_image(engine: Engine) -> None:
    """`lab-till` runs the image that `lab-till-old` ran."""
    old = engine.containers.get("lab-till-old")
    try:
        till = engine.containers.get("lab-till")
    except NoSuchContainer:
        raise CheckFailed(
            _("there is no container named `lab-till`"),
            hint=_("Run it again, under this name."),
        ) from None
    if till.image_id != old.image_id:
        raise CheckFailed(
            _("it was made from another image than `lab-till-old`"),
            hint=_("`docker inspect lab-till-old` knows the id of its image."),
        )
    if not till.running:
        raise not_running(engine, till)


@check("repositories.repair", after=till_runs_the_good_image, points=1)
def till_is_pinned(engine: Engine) -> None:
    """It was asked for by its digest."""
    asked = engine.containers.get("lab-till").image
    if "@sha256:" in asked:
        return
    raise CheckFailed(
        _("it was made from `{image}`").format(image=asked),
        hint=_("An id is known to this engine only; a digest, every registry can look up.")
        if asked.startswith("sha256:")
        else _("And the next time somebody moves the tag? `REPOSITORY@sha256:…` cannot move."),
    )


@check("repositories.repair", after=till_runs_the_good_image, points=2)
def latest_is_good_again(engine: Engine) -> None:
    """In the registry, `lab/till:latest` stands for that image."""
    registry = _hub(engine)
    latest = registry.layers_unpacked("lab/till", _manifest(registry, "lab/till", "latest"))
    good = engine.images.get(engine.containers.get("lab-till-old").image_id)
    if latest != good.layers:
        raise CheckFailed(
            _("there, `latest` is still the image that does not start"),
            hint=_(
                "Give the good image the name again, then `docker push localhost:5005/lab/till`."
            ),
        )


def _hub(engine: Engine) -> Registry:
    return Registry(engine.host, PORT)


def _manifest(registry: Registry, repository: str, tag: str) -> Manifest:
    found = registry.image(repository, tag)
    if found is None:
        raise CheckFailed(
            _("the registry has no `{repository}:{tag}`").format(repository=repository, tag=tag),
            hint=_("Run the exercise's first cells again."),
        )
    return found
