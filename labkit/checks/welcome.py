"""Checks of chapter 00, Welcome."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labkit.checking import CheckFailed, check
from labkit.checks.diagnosis import made_from, program_not_found
from labkit.engine.objects import listed_name
from labkit.errors import NoSuchContainer
from labkit.translation import _

if TYPE_CHECKING:
    from labkit.engine import Engine


@check("welcome.hello", points=1)
def container_is_there(engine: Engine) -> None:
    """There is a container named `lab-hello`."""
    if engine.containers.exists("lab-hello"):
        return
    others = [
        listed_name(line) for line in engine.containers.list() if line["Image"] == "lab/shell"
    ]
    found = _("there is none; a container from `lab/shell` is named `{name}`")
    raise CheckFailed(
        found.format(name=others[0]) if others else _("there is none"),
        hint=_("Give the container its name with `--name lab-hello`, before the image."),
    )


@check("welcome.hello", points=1, after=container_is_there)
def container_has_run(engine: Engine) -> None:
    """`lab-hello` has run `lab/shell`, and ended without an error."""
    container = engine.containers.get("lab-hello")
    again = _("Remove it with `docker rm --force lab-hello`, and run `echo hello` instead.")
    if not made_from(engine, container, "lab/shell"):
        raise CheckFailed(
            _("it was made from `{image}`").format(image=container.image),
            hint=_("Remove it, and name `lab/shell` after the options."),
        )
    if container.paused:
        raise CheckFailed(_("it is paused, and has not ended"), hint=again)
    if program := program_not_found(container.error):
        raise CheckFailed(
            _("it could not be started: there is no program `{program}`").format(program=program),
            hint=_(
                "Remove it with `docker rm lab-hello`. The command is `echo hello`: two words, "
                "without quotes around both."
            ),
        )
    if container.status == "created":
        raise CheckFailed(
            _("it was created, and never started"),
            hint=_("Run `docker start lab-hello`."),
        )
    if container.running:
        raise CheckFailed(
            _("it is still running `{command}`").format(command=" ".join(container.command)),
            hint=again,
        )
    if container.exit_code:
        raise CheckFailed(
            _("it ended with exit code {code}").format(code=container.exit_code),
            hint=_("`docker logs lab-hello` shows its last words."),
        )


@check("welcome.hello", points=1, after=container_has_run)
def container_said_hello(engine: Engine) -> None:
    """`lab-hello` wrote `hello`, and nothing else."""
    said = engine.containers.logs("lab-hello", tail=20).strip()
    if said != "hello":
        raise CheckFailed(
            _("it wrote `{said}`").format(said=said) if said else _("it wrote nothing"),
            hint=_(
                "A container's command is fixed when it is made: remove the container, and make "
                "it again with exactly `echo hello` after the image."
            ),
        )


@check("welcome.tidy_up", points=1)
def leftovers_are_gone(engine: Engine) -> None:
    """`lab-left-1` and `lab-left-2` are gone."""
    renamed = [
        listed_name(line)
        for line in engine.containers.list()
        if (line.get("Labels") or {}).get("left") == "behind"
    ]
    names = dict.fromkeys(("lab-left-1", "lab-left-2", *sorted(renamed)))
    left = [name for name in names if engine.containers.exists(name)]
    if left:
        states = ", ".join(f"`{name}` ({engine.containers.get(name).status})" for name in left)
        raise CheckFailed(
            _("still there: {states}").format(states=states),
            hint=_(
                "A stopped container is not gone; `docker rm` removes it. A running one is "
                "refused, unless you add `--force`."
            ),
        )


@check("welcome.tidy_up", points=1)
def kept_container_runs(engine: Engine) -> None:
    """`lab-keep` is running."""
    again = _("Run the first cell of the exercise again; it makes all three anew.")
    try:
        container = engine.containers.get("lab-keep")
    except NoSuchContainer as error:
        raise CheckFailed(_("there is no `lab-keep` any more"), hint=again) from error
    if not container.running:
        raise CheckFailed(_("it is {status}").format(status=container.status), hint=again)


@check("welcome.tidy_up", points=1, after=kept_container_runs)
def kept_container_was_left_alone(engine: Engine) -> None:
    """`lab-keep` was never stopped."""
    container = engine.containers.get("lab-keep")
    if container.labels.get("started-by") != "exercise":
        raise CheckFailed(
            _("this `lab-keep` is not the one of the first cell: its work is lost"),
            hint=_("What is removed does not come back. Run the first cell again, and spare it."),
        )
    # A container that has never ended has Docker's zero time as its end.
    if not container.finished_at.startswith("0001-"):
        raise CheckFailed(
            _("it was stopped at {time}, and started again").format(time=container.finished_at),
            hint=_(
                "`docker rm --force` takes the names of the two leftovers only. Run the first cell "
                "of the exercise again for another try."
            ),
        )
