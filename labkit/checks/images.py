"""Checks of chapter 03, Images."""

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
    plain_container,
    quoted,
    short_id,
    stands_on,
    step_of,
    text_of,
)
from labkit.engine.snapshot import size
from labkit.translation import _

if TYPE_CHECKING:
    from labkit.engine import Engine

#: Bytes that a step of a slim image may take.
SMALL = 1_000_000
CHECKSUM = re.compile(r"^[0-9a-f]{64} +/data$")


@check("images.second_name", points=1)
def second_name_exists(engine: Engine) -> None:
    """An image is called `lab/memo:stable`."""
    if engine.images.exists("lab/memo:stable"):
        return
    others: tuple[str, ...] = ()
    if engine.images.exists("lab/memo:1"):
        others = tuple(t for t in engine.images.get("lab/memo:1").tags if t != "lab/memo:1")
    if others:
        raise CheckFailed(
            _(
                "no image is called `lab/memo:stable`; the new name of `lab/memo:1` is {names}"
            ).format(names=_(" and ").join(f"`{name}`" for name in others)),
            hint=_("What follows the colon is the tag, and without one it is `latest`."),
        )
    raise CheckFailed(
        _("no image is called `lab/memo:stable`"),
        hint=_("`docker tag` takes a name that exists and the name to give."),
    )


@check("images.second_name", points=1, after=second_name_exists)
def first_name_kept(engine: Engine) -> None:
    """An image is still called `lab/memo:1`."""
    if not engine.images.exists("lab/memo:1"):
        raise CheckFailed(
            _("no image is called `lab/memo:1` any more"),
            hint=_("`docker tag` adds a name; the old one need not go, and can be given back."),
        )


@check("images.second_name", points=1, after=first_name_kept)
def one_image(engine: Engine) -> None:
    """`lab/memo:1` and `lab/memo:stable` are names of one image."""
    first, second = engine.images.get("lab/memo:1"), engine.images.get("lab/memo:stable")
    if first.id != second.id:
        raise CheckFailed(
            _(
                "`lab/memo:stable` is another image (ID {second}), not a second name for "
                "`lab/memo:1` (ID {first})"
            ).format(second=short_id(second.id), first=short_id(first.id)),
            hint=_("Building and committing make an image; `docker tag` makes no image."),
        )


@check("images.keep_a_container", points=1)
def diary_is_an_image(engine: Engine) -> None:
    """`lab/diary:1` has the layers of `lab/shell` and one more."""
    image = image_named(
        engine, "lab/diary:1", hint=_("A container that has exited can still become an image.")
    )
    shell = engine.images.get("lab/shell")
    if not stands_on(image, shell):
        raise CheckFailed(
            _(
                "`lab/diary:1` has none of the layers of `lab/shell`; its oldest step is {step}"
            ).format(step=step_of(engine.images.history("lab/diary:1")[-1])),
            hint=_("`docker export` loses the layers; `docker commit` adds one to them."),
        )
    if len(image.layers) != len(shell.layers) + 1:
        raise CheckFailed(
            _("`lab/diary:1` has {count} layers on top of those of `lab/shell`").format(
                count=len(image.layers) - len(shell.layers)
            ),
            hint=_("Commit `lab-diary`, whose own layer holds the file."),
        )


@check("images.keep_a_container", points=1, after=diary_is_an_image)
def diary_has_its_command(engine: Engine) -> None:
    """`lab/diary:1` has a command that prints `/diary/today.txt`."""
    image, maker = engine.images.get("lab/diary:1"), engine.containers.get("lab-diary")
    if image.command == maker.command:
        raise CheckFailed(
            _("`lab/diary:1` runs {command}, which is the command of `lab-diary`").format(
                command=in_ticks(image.command)
            ),
            hint=_("`docker commit` takes a Dockerfile's instruction with `--change`."),
        )
    if "/diary/today.txt" not in " ".join((*image.entrypoint, *image.command)):
        raise CheckFailed(
            _("`lab/diary:1` runs {command}").format(
                command=in_ticks((*image.entrypoint, *image.command))
            ),
            hint=_("Its `CMD` should run `cat` on `/diary/today.txt`."),
        )


@check("images.keep_a_container", points=2, after=diary_has_its_command)
def reader_printed_the_diary(engine: Engine) -> None:
    """`lab-reader`, a container of `lab/diary:1` with no command given, has printed the file."""
    reader = plain_container(engine, "lab-reader", "lab/diary:1")
    printed = engine.containers.logs("lab-reader").strip()
    if reader.exit_code and any(" " in word for word in reader.command[:1]):
        raise CheckFailed(
            _("`lab-reader` found no program called {word}").format(
                word=in_ticks(reader.command[:1])
            ),
            hint=_("In the brackets of `CMD` each word is a word of its own, in its own quotes."),
        )
    expect_ended_well(reader, printed)
    expected = text_of(engine, "lab-diary", "/diary/today.txt")
    if printed != expected:
        raise CheckFailed(
            _("`lab-reader` printed {printed}, and the file of `lab-diary` says {expected}").format(
                printed=quoted(printed), expected=quoted(expected)
            ),
            hint=_("Commit `lab-diary` as it is now, and run `lab-reader` anew."),
        )


@check("images.two_archives", points=1)
def cargo_is_back(engine: Engine) -> None:
    """`lab/cargo:1` is the saved image: the layers of `lab/shell`, one more, and a command."""
    cargo = image_named(
        engine, "lab/cargo:1", hint=_("One of the two archives holds it, together with its name.")
    )
    if not stands_on(cargo, engine.images.get("lab/shell")):
        raise CheckFailed(
            _(
                "`lab/cargo:1` has none of the layers of `lab/shell`; its oldest step is {step}"
            ).format(step=step_of(engine.images.history("lab/cargo:1")[-1])),
            hint=_("What `docker save` wrote comes back whole by `docker load`."),
        )
    if cargo.command != ("cat", "/cargo"):
        raise CheckFailed(
            _("`lab/cargo:1` runs {command}").format(command=in_ticks(cargo.command)),
            hint=_("Remove it, and load the saved image again."),
        )
    if (carried := cargo.labels.get("cargo", "")) != (listed := drawn(engine, "lab-list", "cargo")):
        raise CheckFailed(
            _("`lab/cargo:1` carries {carried}, and {listed} were shipped").format(
                carried=quoted(carried), listed=quoted(listed)
            ),
            hint=_("Only the saved image will do, not one like it: load it from its archive."),
        )


@check("images.two_archives", points=1, after=cargo_is_back)
def hull_is_an_image(engine: Engine) -> None:
    """`lab/hull:1` is an image of one layer, made of the exported files."""
    if not engine.images.exists("lab/hull:1"):
        raise CheckFailed(
            _("no image is called `lab/hull:1`"),
            hint=_("The other archive is no image yet: `docker import` makes one of its files."),
        )
    hull = engine.images.get("lab/hull:1")
    if hull.id == engine.images.get("lab/cargo:1").id:
        raise CheckFailed(
            _("`lab/hull:1` and `lab/cargo:1` are one image, {id}").format(id=short_id(hull.id)),
            hint=_("`lab/hull:1` is an image of its own, not a name for the saved one."),
        )
    if len(hull.layers) != 1 or stands_on(hull, engine.images.get("lab/shell")):
        raise CheckFailed(
            _("`lab/hull:1` has {count} layers, the lowest those of `lab/shell`").format(
                count=len(hull.layers)
            ),
            hint=_("Make it of the exported archive alone."),
        )


@check("images.two_archives", points=2, after=hull_is_an_image)
def hull_prints_its_cargo(engine: Engine) -> None:
    """`lab-hull`, a container of `lab/hull:1` with no command given, has printed `/cargo`."""
    image = engine.images.get("lab/hull:1")
    if not image.command and not image.entrypoint:
        raise CheckFailed(
            _("the configuration of `lab/hull:1` has no command"),
            hint=_(
                "The archive holds files only; import it with `--change`, which can give a `CMD`."
            ),
        )
    hull = plain_container(engine, "lab-hull", "lab/hull:1")
    printed = engine.containers.logs("lab-hull").strip()
    expect_ended_well(hull, printed)
    expected = text_of(engine, "lab-hull", "/cargo")
    if printed != expected:
        raise CheckFailed(
            _("`lab-hull` printed {printed}, and its file `/cargo` says {expected}").format(
                printed=quoted(printed), expected=quoted(expected)
            ),
            hint=_(
                "The command of `lab/hull:1` should print `/cargo`, as that of `lab/cargo:1` does."
            ),
        )
    if printed != (listed := drawn(engine, "lab-list", "cargo")):
        raise CheckFailed(
            _("`lab-hull` printed {printed}, and {listed} were shipped").format(
                printed=quoted(printed), listed=quoted(listed)
            ),
            hint=_("The files are in the exported archive; nothing need be written by hand."),
        )


@check("images.every_layer", points=1)
def checksum_stands_on_shell(engine: Engine) -> None:
    """`lab/checksum:2` stands on the layers of `lab/shell`."""
    image = image_named(engine, "lab/checksum:2", hint=_("Build it from a Dockerfile of your own."))
    if not stands_on(image, engine.images.get("lab/shell")):
        raise CheckFailed(
            _(
                "`lab/checksum:2` has none of the layers of `lab/shell`; its oldest step is {step}"
            ).format(step=step_of(engine.images.history("lab/checksum:2")[-1])),
            hint=_("An imported image is one layer of everything. Build it, `FROM lab/shell`."),
        )


@check("images.every_layer", points=2, after=checksum_stands_on_shell)
def no_step_is_large(engine: Engine) -> None:
    """No step of `lab/checksum:2` on top of `lab/shell` takes more than 1 MB."""
    steps, below = engine.images.history("lab/checksum:2"), engine.images.history("lab/shell")
    large = [step for step in steps[: len(steps) - len(below)] if step.size > SMALL]
    if not large:
        return
    found = _("{step} takes {size}").format(step=step_of(large[0]), size=size(large[0].size))
    old = "lab/checksum:1"
    if engine.images.exists(old) and stands_on(
        engine.images.get("lab/checksum:2"), engine.images.get(old)
    ):
        raise CheckFailed(
            _("`lab/checksum:2` stands on the layers of `lab/checksum:1`, where {found}").format(
                found=found
            ),
            hint=_("New layers take nothing away from those below. Begin with `FROM lab/shell`."),
        )
    raise CheckFailed(
        found,
        hint=_("A file is in no layer only if the same instruction that writes it deletes it."),
    )


@check("images.every_layer", points=1, after=no_step_is_large)
def checksum_was_printed(engine: Engine) -> None:
    """`lab-checksum`, a container of `lab/checksum:2` with no command, printed the checksum."""
    container = plain_container(engine, "lab-checksum", "lab/checksum:2")
    printed = engine.containers.logs("lab-checksum").strip()
    expect_ended_well(container, printed)
    if not CHECKSUM.match(printed):
        raise CheckFailed(
            _("`lab-checksum` printed {printed}").format(printed=quoted(printed)),
            hint=_("The image should still print the file that `sha256sum /data` wrote."),
        )
    expected = engine.containers.logs("lab-checksum-old").strip()
    if printed != expected:
        raise CheckFailed(
            _("`lab-checksum` printed {printed}, and `lab-checksum-old` {expected}").format(
                printed=short_id(printed), expected=short_id(expected)
            ),
            hint=_("Make the data as `lab/checksum:1` did: `docker history --no-trunc` has it."),
        )


@check("images.mute_greeter", points=1)
def greeter_was_mended(engine: Engine) -> None:
    """`lab/greeter:2` is an image of its own."""
    mended = image_named(
        engine, "lab/greeter:2", hint=_("It can stand on `lab/greeter:1`, whose files are there.")
    )
    if engine.images.exists("lab/greeter:1") and mended.id == engine.images.get("lab/greeter:1").id:
        raise CheckFailed(
            _("`lab/greeter:2` is only another name for `lab/greeter:1`"),
            hint=_("Build on `lab/greeter:1`: a Dockerfile that begins with `FROM lab/greeter:1`."),
        )


@check("images.mute_greeter", points=2, after=greeter_was_mended)
def greeter_starts(engine: Engine) -> None:
    """`lab-greeter`, a container of `lab/greeter:2` and nothing else, ran and exited with 0."""
    greeter = plain_container(engine, "lab-greeter", "lab/greeter:2")
    logs = engine.containers.logs("lab-greeter").strip()
    words = f"{greeter.error} {logs}"
    if greeter.exit_code and "permission denied" in words:
        raise CheckFailed(
            _("`lab-greeter` exited with {code}: permission denied").format(code=greeter.exit_code),
            hint=_("A program starts only if its file may be executed: `ls -l` shows whether."),
        )
    if greeter.exit_code and "no such file or directory" in words:
        raise CheckFailed(
            _("`lab-greeter` exited with {code}: no such file or directory").format(
                code=greeter.exit_code
            ),
            hint=_("The script is there; what runs it is named in its first line. Is that there?"),
        )
    expect_ended_well(greeter, logs)


@check("images.mute_greeter", points=1, after=greeter_starts)
def world_is_greeted(engine: Engine) -> None:
    """`lab-greeter` has greeted the world, and said which greeter it is."""
    printed = engine.containers.logs("lab-greeter").strip()
    if printed == _greeting(engine, "world"):
        return
    command = engine.images.get("lab/greeter:2").command
    if command:
        raise CheckFailed(
            _("`lab-greeter` printed {printed}; the image's command is {command}").format(
                printed=quoted(printed), command=in_ticks(command)
            ),
            hint=_(
                "With an `ENTRYPOINT`, the words of `CMD` are its arguments. Empty it: `CMD []`."
            ),
        )
    if not stands_on(engine.images.get("lab/greeter:2"), engine.images.get("lab/greeter:1")):
        raise CheckFailed(
            _("`lab-greeter` printed {printed}: not the words of the old script").format(
                printed=quoted(printed)
            ),
            hint=_("`lab/greeter:1` has the script. Do not write it anew: stand on that image."),
        )
    raise CheckFailed(
        _("`lab-greeter` printed {printed}").format(printed=quoted(printed)),
        hint=_("Mend the script as little as you can: only what the error messages name."),
    )


@check("images.mute_greeter", points=1, after=greeter_starts)
def ada_is_greeted(engine: Engine) -> None:
    """`lab-greeter-ada`, a container of `lab/greeter:2`, has greeted Ada."""
    container_of(engine, "lab-greeter-ada", "lab/greeter:2")
    printed = engine.containers.logs("lab-greeter-ada").strip()
    if printed != _greeting(engine, "Ada"):
        raise CheckFailed(
            _("`lab-greeter-ada` printed {printed}").format(printed=quoted(printed)),
            hint=_("What follows the image's name in `docker run` is the argument."),
        )


def _greeting(engine: Engine, whom: str) -> str:
    """Return what the script of `lab/greeter:1` prints; its number is a label of the image."""
    old = image_named(engine, "lab/greeter:1", hint=_("Run the first cells of the exercise again."))
    return f"hello, {whom}, from greeter {old.labels.get('greeter', '?')}"
