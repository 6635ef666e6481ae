"""Checks of chapter 01, architecture."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from labkit.checking import CheckFailed, check
from labkit.checks.diagnosis import (
    answers,
    expect_image,
    made_from,
    memory,
    not_running,
    page_at,
)
from labkit.errors import NoSuchContainer
from labkit.translation import _

if TYPE_CHECKING:
    from labkit.engine import Engine

MIB = 2**20
SHORT_ID = 12
TOWER_PORT = 8091


# architecture.by_hand


@check("architecture.by_hand", points=1)
def container_was_made(engine: Engine) -> None:
    """A container `lab-by-hand` of the image `lab/shell` is there."""
    try:
        made = engine.containers.get("lab-by-hand")
    except NoSuchContainer:
        raise CheckFailed(
            _("there is no container named `lab-by-hand`"),
            hint=_(
                "Read the engine's answer to the first request. A limit is a number of bytes: "
                "`64m` is an invention of the command."
            ),
        ) from None
    expect_image(engine, made, "lab/shell", hint=_("`Image` names the image: `lab/shell`."))


@check("architecture.by_hand", after=container_was_made, points=2)
def container_has_run(engine: Engine) -> None:
    """It has run, and printed `made by hand`."""
    made = engine.containers.get("lab-by-hand")
    if made.status == "created" and not made.error:
        raise CheckFailed(
            _("it was made and never started"),
            hint=_("That is a second request: `POST /containers/lab-by-hand/start`."),
        )
    if made.error and len(made.command) == 1 and " " in made.command[0]:
        raise CheckFailed(
            _("the engine looked for a program named `{name}`").format(name=made.command[0]),
            hint=_("`Cmd` is a list of words: the program, then each argument."),
        )
    if made.status != "exited" or made.exit_code:
        raise not_running(engine, made)
    said = engine.containers.logs("lab-by-hand", tail=1).strip()
    if said != "made by hand":
        raise CheckFailed(
            _("its last line is `{line}`").format(line=said),
            hint=_("Let `Cmd` be an `echo` of `made by hand`."),
        )


@check("architecture.by_hand", after=container_was_made, points=1)
def container_is_limited(engine: Engine) -> None:
    """Its memory is limited to 64 MiB."""
    found = engine.containers.get("lab-by-hand").memory_limit
    if found == 64 * MIB:
        return
    raise CheckFailed(
        _("it has {amount}").format(amount=memory(found)),
        hint=_("A MiB is 2**20 bytes: `64 * 2**20`.")
        if found
        else _("`Memory` belongs into `HostConfig`; what the engine does not know, it ignores."),
    )


# architecture.witness


@check("architecture.witness", points=1)
def witness_is_there(engine: Engine) -> None:
    """A container `lab-witness` of `lab/shell` has the labels `lab.exit` and `lab.ghost`."""
    witness = engine.containers.get("lab-witness")
    expect_image(engine, witness, "lab/shell", hint=_("The image is `lab/shell`."))
    missing = [name for name in ("lab.exit", "lab.ghost") if name not in witness.labels]
    if not missing:
        return
    after = any(word == "--label" for word in witness.command)
    raise CheckFailed(
        _("it has no label `{name}`").format(name=missing[0]),
        hint=_("Options come before the image; what follows it is the container's command.")
        if after
        else _("Labels are given when a container is made: `--label {name}=…`.").format(
            name=missing[0]
        ),
    )


@check("architecture.witness", after=witness_is_there, points=2)
def witness_names_the_ghost(engine: Engine) -> None:
    """`lab.ghost` is the id of the last container that was named `lab-ghost`."""
    deaths = _deaths(engine)
    named = engine.containers.get("lab-witness").labels["lab.ghost"]
    ids = [death["Actor"]["ID"] for death in deaths]
    if _is_id_of(named, ids[-1]):
        return
    if any(_is_id_of(named, earlier) for earlier in ids[:-1]):
        raise CheckFailed(
            _("`{id}` is an earlier container of this name").format(id=named),
            hint=_("There was more than one; the last one counts."),
        )
    raise CheckFailed(
        _("no container `{id}` was named `lab-ghost`").format(id=named),
        hint=_("The events of `lab-ghost` have its id: `docker events --since … --until …`."),
    )


@check("architecture.witness", after=witness_names_the_ghost, points=1)
def witness_knows_the_exit_code(engine: Engine) -> None:
    """`lab.exit` is its exit code."""
    code = _deaths(engine)[-1]["Actor"]["Attributes"]["exitCode"]
    told = engine.containers.get("lab-witness").labels["lab.exit"]
    if told != code:
        raise CheckFailed(
            _("`lab.exit` is `{told}`, and that is not how it ended").format(told=told),
            hint=_("The event `die` has an attribute `exitCode`."),
        )


def _deaths(engine: Engine) -> tuple[dict[str, Any], ...]:
    """Return how the containers named `lab-ghost` ended in the last hours, oldest first."""
    now = datetime.fromisoformat(engine.info()["SystemTime"])
    filters = {"type": "container", "container": "lab-ghost", "event": "die"}
    since = (now - timedelta(hours=12)).timestamp()
    deaths = engine.events(since=since, until=now.timestamp(), filters=filters)
    if not deaths:
        raise CheckFailed(
            _("the engine remembers no `lab-ghost`"),
            hint=_("It keeps a few hundred events. Run the exercise's first cells again."),
        )
    return deaths


def _is_id_of(text: str, identifier: str) -> bool:
    return len(text) >= SHORT_ID and identifier.startswith(text)


# architecture.passport


@check("architecture.passport", points=1)
def passport_names_the_version(engine: Engine) -> None:
    """A container `lab-passport` has the label `lab.version`: the engine's version."""
    found = _label(engine, "lab.version")
    if found == engine.info()["ServerVersion"]:
        return
    if "{{" in found:
        hint = _("A template is filled in by `docker info --format`, not by `--label`.")
    elif found == engine.version()["ApiVersion"]:
        hint = _("That is the version of the API. `docker info` has `ServerVersion`.")
    else:
        hint = _("`docker info --format '{{.ServerVersion}}'` prints the engine's.")
    raise CheckFailed(_("`lab.version` is `{found}`").format(found=found), hint=hint)


@check("architecture.passport", after=passport_names_the_version, points=1)
def passport_names_the_driver(engine: Engine) -> None:
    """Its label `lab.driver` is the engine's storage driver."""
    found, info = _label(engine, "lab.driver"), engine.info()
    if found == info["Driver"]:
        return
    raise CheckFailed(
        _("`lab.driver` is `{found}`").format(found=found),
        hint=_("That one keeps logs. The storage driver is called `Driver`.")
        if found == info["LoggingDriver"]
        else _("Look for `Storage Driver` in `docker info`."),
    )


@check("architecture.passport", after=passport_names_the_version, points=1)
def passport_names_the_kernel(engine: Engine) -> None:
    """Its label `lab.kernel` is the version of the kernel under the engine."""
    found = _label(engine, "lab.kernel")
    if found != engine.info()["KernelVersion"]:
        raise CheckFailed(
            _("`lab.kernel` is `{found}`").format(found=found),
            hint=_("`docker info` calls it `KernelVersion`; in a container, `uname -r` says it."),
        )


def _label(engine: Engine, name: str) -> str:
    labels = engine.containers.get("lab-passport").labels
    if name not in labels:
        raise CheckFailed(
            _("`lab-passport` has no label `{name}`").format(name=name),
            hint=_("Labels are given when a container is made: `--label {name}=…`.").format(
                name=name
            ),
        )
    return labels[name]


# architecture.repair


@check("architecture.repair", points=2)
def tower_runs(engine: Engine) -> None:
    """A container `lab-tower` of the image `lab/shell` runs."""
    try:
        tower = engine.containers.get("lab-tower")
    except NoSuchContainer:
        raise CheckFailed(
            _("there is no container named `lab-tower`"),
            hint=_("The engine's answer names what it could not read, and where that stands."),
        ) from None
    if tower.running and made_from(engine, tower, "lab/shell"):
        return
    if tower.error and len(tower.command) == 1:
        raise CheckFailed(
            _("it could not be started: {error}").format(error=tower.error),
            hint=_(
                "`Cmd` is one text, so the engine looked for a program of that whole name. "
                "It is a line for a shell."
            ),
        )
    if ">" in tower.command or "&&" in tower.command:
        raise CheckFailed(
            _("it ended with {code}: `{program}` was given `>` and `&&` as words").format(
                code=tower.exit_code, program=tower.command[0]
            ),
            hint=_("Only a shell knows these signs: `sh -c`, and the line as one word."),
        )
    raise not_running(engine, tower)


@check("architecture.repair", after=tower_runs, points=2)
def tower_answers(engine: Engine) -> None:
    """`http://localhost:8091/` shows `It is time.`."""
    tower = engine.containers.get("lab-tower")
    if not tower.ports:
        raise CheckFailed(
            _("it runs, and publishes no port"),
            hint=_("`PortBindings` is a setting of the host: it stands in `HostConfig`."),
        )
    if not answers(engine, TOWER_PORT):
        raise CheckFailed(
            _("nothing answers at port {port}").format(port=TOWER_PORT),
            hint=_("Compare `docker port lab-tower` with what the exercise asks for."),
        )
    page = page_at(engine, TOWER_PORT, "lab-tower").strip()
    if page != "It is time.":
        raise CheckFailed(
            _("the page says `{page}`").format(page=page[:60]),
            hint=_("The shell's line writes the page; leave that part as it was."),
        )


@check("architecture.repair", after=tower_runs, points=1)
def tower_is_limited(engine: Engine) -> None:
    """Its memory is limited to 32 MiB."""
    found = engine.containers.get("lab-tower").memory_limit
    if found != 32 * MIB:
        raise CheckFailed(
            _("it has {amount}").format(amount=memory(found)),
            hint=_("`HostConfig` keeps a `Memory` of `32 * 2**20` bytes."),
        )
