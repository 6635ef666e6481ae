"""Checks of chapter 04, Building."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from labkit.checking import CheckFailed, check
from labkit.checks.diagnosis import (
    container_of,
    drawn,
    expect_ended_well,
    image_named,
    in_ticks,
    not_running,
    plain_container,
    quoted,
    stands_on,
    step_of,
    text_of,
)
from labkit.engine.snapshot import size
from labkit.translation import _
from labkit.waiting import wait_until

if TYPE_CHECKING:
    from labkit.engine import Engine
    from labkit.engine.objects import Container, Image

#: Bytes of an image that holds one small program.
SMALL = 100_000
#: Seconds in which a container whose health is asked for often has become healthy.
SECONDS_TO_HEALTH = 5.0
KILLED = 137
ROOT = {"", "0", "root"}
UUID = re.compile(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")


@check("building.first", points=1)
def quote_is_built(engine: Engine) -> None:
    """`lab/quote:1` was built on `lab/shell`, and a step of its own copies a file in."""
    image = image_named(
        engine, "lab/quote:1", hint=_("`docker build --tag lab/quote:1 lab-quote` builds it.")
    )
    shell = engine.images.get("lab/shell")
    steps = engine.images.history("lab/quote:1")
    if not stands_on(image, shell):
        raise CheckFailed(
            _(
                "`lab/quote:1` has none of the layers of `lab/shell`; its oldest step is {step}"
            ).format(step=step_of(steps[-1])),
            hint=_("Its Dockerfile begins with `FROM lab/shell`."),
        )
    own = steps[: len(steps) - len(engine.images.history("lab/shell"))]
    if not any(re.search(r"\b(COPY|ADD) ", step.created_by) for step in own):
        raise CheckFailed(
            _("no step of `lab/quote:1` copies a file; its newest is {step}").format(
                step=step_of(steps[0])
            ),
            hint=_("In a Dockerfile, `COPY` brings a file of the folder into the image."),
        )


@check("building.first", points=1, after=quote_is_built)
def quote_is_in_its_place(engine: Engine) -> None:
    """`quote.txt` is in `/srv`, which is the working directory."""
    image = engine.images.get("lab/quote:1")
    container_of(engine, "lab-quote", "lab/quote:1")
    if image.working_dir != "/srv":
        raise CheckFailed(
            _("the working directory of `lab/quote:1` is `{path}`").format(
                path=image.working_dir or "/"
            ),
            hint=_("`WORKDIR` sets it, for the instructions below it and for containers."),
        )
    found, wanted = (
        text_of(engine, "lab-quote", "/srv/quote.txt"),
        drawn(engine, "lab-quote-seal", "drawn"),
    )
    if found != wanted:
        raise CheckFailed(
            _("`/srv/quote.txt` says {found}; the file in your folder says {wanted}").format(
                found=quoted(found), wanted=quoted(wanted)
            ),
            hint=_("Build again, then remove `lab-quote` and run it anew."),
        )


@check("building.first", points=1, after=quote_is_built)
def quote_is_not_root(engine: Engine) -> None:
    """Containers of `lab/quote:1` run as user 1000."""
    user = engine.images.get("lab/quote:1").user
    if user.partition(":")[0] == "1000":
        return
    if user in ROOT:
        raise CheckFailed(
            _("`lab/quote:1` runs as root"),
            hint=_("`USER` says who runs what comes after it, and what containers run."),
        )
    raise CheckFailed(
        _("`lab/quote:1` runs as user `{user}`").format(user=user), hint=_("The number is 1000.")
    )


@check("building.first", points=1, after=quote_is_in_its_place)
def quote_was_printed(engine: Engine) -> None:
    """`lab-quote`, a container of `lab/quote:1` with no command given, has printed the text."""
    quote = plain_container(engine, "lab-quote", "lab/quote:1")
    printed = engine.containers.logs("lab-quote").strip()
    expect_ended_well(quote, printed)
    if printed != drawn(engine, "lab-quote-seal", "drawn"):
        raise CheckFailed(
            _("`lab-quote` printed {printed}; its command is {command}").format(
                printed=quoted(printed), command=in_ticks((*quote.entrypoint, *quote.command))
            ),
            hint=_("`RUN` is done while the image is built; `CMD` is what its containers do."),
        )


@check("building.cache", points=1)
def markets_were_run(engine: Engine) -> None:
    """`lab-market-1` and `lab-market-2` have run what `lab/market:1` and `lab/market:2` say."""
    for number in (1, 2):
        image_named(
            engine, f"lab/market:{number}", hint=_("Build it from the Dockerfile in `lab-market`.")
        )
        name = f"lab-market-{number}"
        container = plain_container(engine, name, f"lab/market:{number}")
        expect_ended_well(container, engine.containers.logs(name).strip())


@check("building.cache", points=1, after=markets_were_run)
def market_was_edited(engine: Engine) -> None:
    """The two hold different versions of `market.sh`."""
    first, second = (text_of(engine, f"lab-market-{n}", "/app/market.sh") for n in (1, 2))
    if first == second:
        raise CheckFailed(
            _("both say {text} in `/app/market.sh`").format(text=quoted(first)),
            hint=_("Edit `lab-market/market.sh` after the first build, then build the second."),
        )


@check("building.cache", points=1, after=market_was_edited)
def market_stands_alone(engine: Engine) -> None:
    """`lab/market:2` was built on `lab/shell`, and not on top of `lab/market:1`."""
    first, second = engine.images.get("lab/market:1"), engine.images.get("lab/market:2")
    if stands_on(second, first):
        raise CheckFailed(
            _("`lab/market:2` holds all the layers of `lab/market:1`, and more on top"),
            hint=_(
                "An image that stands on its last version grows with each edit. Both begin with "
                "`FROM lab/shell`."
            ),
        )


@check("building.cache", points=1, after=market_stands_alone)
def packages_were_not_installed_again(engine: Engine) -> None:
    """Both have the same `/packages`: the second build took that layer from the cache."""
    first, second = (text_of(engine, f"lab-market-{n}", "/packages") for n in (1, 2))
    if first != second:
        raise CheckFailed(
            _("`/packages` is {first} in one and {second} in the other").format(
                first=quoted(first), second=quoted(second)
            ),
            hint=_(
                "What is copied before `RUN` decides whether it is done again. Copy `install.sh` "
                "alone there, and the rest below."
            ),
        )
    if not UUID.match(first):
        raise CheckFailed(
            _("`/packages` says {text}, which `install.sh` does not write").format(
                text=quoted(first)
            ),
            hint=_("Leave `install.sh` as it is, and let `RUN sh install.sh` write the file."),
        )


@check("building.small", points=2)
def lamp_is_small(engine: Engine) -> None:
    """`lab/lamp:1` is smaller than 100 kB."""
    image = image_named(
        engine, "lab/lamp:1", hint=_("`docker build --tag lab/lamp:1 lab-lamp` builds it.")
    )
    if image.size < SMALL:
        return
    found = _("`lab/lamp:1` takes {size}").format(size=size(image.size))
    if stands_on(image, engine.images.get("lab/cc")):
        raise CheckFailed(
            _("{found}: it stands on the layers of `lab/cc`").format(found=found),
            hint=_(
                "A second `FROM` begins an image without the compiler; `COPY --from` brings the "
                "program over."
            ),
        )
    raise CheckFailed(found, hint=_("`FROM scratch` begins with nothing, and nothing is needed."))


@check("building.small", points=1, after=lamp_is_small)
def lamp_is_not_root(engine: Engine) -> None:
    """`lab/lamp:1` runs as a user who is a number, and not 0."""
    user = engine.images.get("lab/lamp:1").user
    if user in ROOT:
        raise CheckFailed(
            _("`lab/lamp:1` runs as root"), hint=_("`USER` takes a number, such as 65534.")
        )
    if not user.partition(":")[0].isdigit():
        raise CheckFailed(
            _("`lab/lamp:1` runs as `{user}`, and knows nobody of this name").format(user=user),
            hint=_("Names stand in `/etc/passwd`, which an image from scratch does not have."),
        )


@check("building.small", points=1, after=lamp_is_small)
def lamp_checks_itself(engine: Engine) -> None:
    """`lab/lamp:1` has a health check that runs `/lamp check`."""
    config = engine.images.get("lab/lamp:1").attrs["Config"]
    test = tuple((config.get("Healthcheck") or {}).get("Test") or ())
    if test == ("CMD", "/lamp", "check"):
        return
    if not test or test == ("NONE",):
        raise CheckFailed(
            _("`lab/lamp:1` has no health check"),
            hint=_("`HEALTHCHECK CMD` says what the engine runs to find out."),
        )
    if test[0] == "CMD-SHELL":
        raise CheckFailed(
            _("the health check of `lab/lamp:1` is {command}, for a shell to run").format(
                command=in_ticks(test[1:])
            ),
            hint=_("There is no shell in the image. With brackets, the program itself is run."),
        )
    raise CheckFailed(
        _("the health check of `lab/lamp:1` runs {command}").format(command=in_ticks(test[1:])),
        hint=_("The program has a word for it: `/lamp check`."),
    )


@check("building.small", points=1, after=lamp_checks_itself)
def lamp_is_healthy(engine: Engine) -> None:
    """`lab-lamp`, a container of `lab/lamp:1`, has said its number, runs, and is healthy."""
    lamp = container_of(engine, "lab-lamp", "lab/lamp:1")
    if not lamp.running:
        raise not_running(engine, lamp)
    printed = engine.containers.logs("lab-lamp").strip()
    wanted = drawn(engine, "lab-lamp-seal", "drawn")
    if printed != wanted:
        raise CheckFailed(
            _("`lab-lamp` printed {printed}; `lamp.c` says {wanted}").format(
                printed=quoted(printed), wanted=quoted(wanted)
            ),
            hint=_("Build the `lamp.c` of this exercise, and run `lab-lamp` anew."),
        )
    wait_until(
        lambda: engine.containers.get("lab-lamp").health == "healthy",
        what=_("`lab-lamp` to be healthy"),
        timeout=SECONDS_TO_HEALTH,
        hint=_("The engine asks for the first time after `--interval`; 30 s if none is given."),
    )


@check("building.pid1", points=1)
def stall_was_stopped(engine: Engine) -> None:
    """`lab-stall`, a container of `lab/stall:2` with no command given, has run and was stopped."""
    image_named(
        engine, "lab/stall:2", hint=_("Change the Dockerfile in `lab-stall`, and build it.")
    )
    stall = plain_container(engine, "lab-stall", "lab/stall:2")
    if stall.running:
        raise CheckFailed(
            _("`lab-stall` is running"), hint=_("Now stop it: `docker stop lab-stall`.")
        )
    if stall.status != "exited":
        raise not_running(engine, stall)


@check("building.pid1", points=2, after=stall_was_stopped)
def stall_ended_by_itself(engine: Engine) -> None:
    """`lab-stall` ended with 0 when it was asked to."""
    stall = engine.containers.get("lab-stall")
    if stall.exit_code == 0:
        return
    command = in_ticks((*stall.entrypoint, *stall.command))
    found = _("`lab-stall` ended with {code}, and ran {command}").format(
        code=stall.exit_code, command=command
    )
    if stall.attrs["HostConfig"].get("Init"):
        raise CheckFailed(
            found,
            hint=_("`--init` hands the signal to the shell only, which ends and takes all along."),
        )
    if stall.exit_code == KILLED and _shell_stays(stall):
        raise CheckFailed(
            _("{found}: a shell was process 1").format(found=found),
            hint=_("The shell gives its place to the program with `exec`, or is not needed."),
        )
    if stall.exit_code == KILLED:
        raise CheckFailed(
            _("{found}: it was killed").format(found=found),
            hint=_("`docker kill` asks nobody. Run it anew, and `docker stop` it."),
        )
    raise CheckFailed(found, hint=_("Read `docker logs lab-stall`, and mend what it says."))


@check("building.pid1", points=1, after=stall_ended_by_itself)
def stall_was_cleared(engine: Engine) -> None:
    """`lab-stall` has said that the stall with its number was cleared."""
    number = engine.images.get("lab/stall:1").env["STALL"]
    lines = engine.containers.logs("lab-stall").strip().splitlines()
    wanted = f"stall {number}: cleared away"
    if lines[-1:] == [wanted]:
        return
    found = _("the last that `lab-stall` said is {line}").format(line=quoted("".join(lines[-1:])))
    if lines and "$" in lines[-1]:
        raise CheckFailed(
            found, hint=_("In brackets, no shell replaces `$STALL` by its value: it needs one.")
        )
    raise CheckFailed(
        found, hint=_("It should be `{wanted}`; leave `stall.sh` as it is.").format(wanted=wanted)
    )


@check("building.repair", points=1)
def letter_is_built(engine: Engine) -> None:
    """`lab/letter:1` was built on `lab/shell`."""
    image = image_named(
        engine,
        "lab/letter:1",
        hint=_("Build it, and read the message from its end: which file, and who may not?"),
    )
    if not stands_on(image, engine.images.get("lab/shell")):
        raise CheckFailed(
            _("`lab/letter:1` has none of the layers of `lab/shell`"),
            hint=_("Leave `FROM lab/shell` in its place."),
        )


@check("building.repair", points=1, after=letter_is_built)
def letter_is_not_root(engine: Engine) -> None:
    """Containers of `lab/letter:1` run as user 1000."""
    user = engine.images.get("lab/letter:1").user
    if user.partition(":")[0] != "1000":
        raise CheckFailed(
            _("`lab/letter:1` runs as {user}").format(user=_("root") if user in ROOT else user),
            hint=_("`USER 1000` need not go: what root has to do can come before it."),
        )


@check("building.repair", points=1, after=letter_is_built)
def letter_holds_no_key(engine: Engine) -> None:
    """`secret.key` is not in the image."""
    container_of(engine, "lab-letter", "lab/letter:1")
    try:
        engine.containers.read_file("lab-letter", "/app/secret.key")
    except FileNotFoundError:
        return
    raise CheckFailed(
        _("`/app/secret.key` is in `lab/letter:1`, for everybody who gets the image"),
        hint=_("`.dockerignore` had a reason. Take out only the line that keeps too much back."),
    )


@check("building.repair", points=2, after=letter_is_built)
def letters_have_receivers(engine: Engine) -> None:
    """`lab-letter` is for somebody, as the image says, and `lab-letter-ada` is for Ada."""
    letter = plain_container(engine, "lab-letter", "lab/letter:1")
    ada = container_of(engine, "lab-letter-ada", "lab/letter:1")
    number = drawn(engine, "lab-letter-seal", "drawn")
    for container, receiver in ((letter, "somebody"), (ada, "Ada")):
        printed = engine.containers.logs(container.name).strip()
        expect_ended_well(container, printed)
        wanted = f"letter {number} for {receiver}"
        if printed != wanted:
            raise CheckFailed(
                _("`{name}` printed {printed}, not {wanted}; it ran {command}").format(
                    name=container.name,
                    printed=quoted(printed),
                    wanted=quoted(wanted),
                    command=in_ticks((*container.entrypoint, *container.command)),
                ),
                hint=_receiver_hint(engine.images.get("lab/letter:1")),
            )


def _receiver_hint(image: Image) -> str:
    if _in_a_shell(image.entrypoint):
        return _("Without brackets, `ENTRYPOINT` hands no words on to the program.")
    if _in_a_shell(image.command):
        return _("Without brackets, the words of `CMD` are `/bin/sh -c …`, and arguments, too.")
    return _("`CMD` holds the words that a container is given when `docker run` gives none.")


def _in_a_shell(words: tuple[str, ...]) -> bool:
    return words[:2] == ("/bin/sh", "-c")


def _shell_stays(container: Container) -> bool:
    return _in_a_shell(container.entrypoint) or _in_a_shell(container.command)
