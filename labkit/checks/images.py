"""Checks of chapter 03, Images."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from labkit.checking import CheckFailed, check
from labkit.checks.diagnosis import drawn
from labkit.engine.snapshot import size
from labkit.translation import _

if TYPE_CHECKING:
    from labkit.engine import Engine
    from labkit.engine.objects import Container, HistoryEntry, Image

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
            ).format(second=_short(second.id), first=_short(first.id)),
            hint=_("Building and committing make an image; `docker tag` makes no image."),
        )


@check("images.keep_a_container", points=1)
def diary_is_an_image(engine: Engine) -> None:
    """`lab/diary:1` has the layers of `lab/shell` and one more."""
    image = _image(
        engine, "lab/diary:1", hint=_("A container that has exited can still become an image.")
    )
    shell = engine.images.get("lab/shell")
    if not _stands_on(image, shell):
        raise CheckFailed(
            _(
                "`lab/diary:1` has none of the layers of `lab/shell`; its oldest step is {step}"
            ).format(step=_step(engine.images.history("lab/diary:1")[-1])),
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
                command=_line(image.command)
            ),
            hint=_("`docker commit` takes a Dockerfile's instruction with `--change`."),
        )
    if "/diary/today.txt" not in " ".join((*image.entrypoint, *image.command)):
        raise CheckFailed(
            _("`lab/diary:1` runs {command}").format(
                command=_line((*image.entrypoint, *image.command))
            ),
            hint=_("Its `CMD` should run `cat` on `/diary/today.txt`."),
        )


@check("images.keep_a_container", points=2, after=diary_has_its_command)
def reader_printed_the_diary(engine: Engine) -> None:
    """`lab-reader`, a container of `lab/diary:1` with no command given, has printed the file."""
    reader = _plain_container(engine, "lab-reader", "lab/diary:1")
    printed = engine.containers.logs("lab-reader").strip()
    if reader.exit_code and any(" " in word for word in reader.command[:1]):
        raise CheckFailed(
            _("`lab-reader` found no program called {word}").format(word=_line(reader.command[:1])),
            hint=_("In the brackets of `CMD` each word is a word of its own, in its own quotes."),
        )
    _ended_well(reader, printed)
    expected = _text_of(engine, "lab-diary", "/diary/today.txt")
    if printed != expected:
        raise CheckFailed(
            _("`lab-reader` printed {printed}, and the file of `lab-diary` says {expected}").format(
                printed=_quoted(printed), expected=_quoted(expected)
            ),
            hint=_("Commit `lab-diary` as it is now, and run `lab-reader` anew."),
        )


@check("images.two_archives", points=1)
def cargo_is_back(engine: Engine) -> None:
    """`lab/cargo:1` is the saved image: the layers of `lab/shell`, one more, and a command."""
    cargo = _image(
        engine, "lab/cargo:1", hint=_("One of the two archives holds it, together with its name.")
    )
    if not _stands_on(cargo, engine.images.get("lab/shell")):
        raise CheckFailed(
            _(
                "`lab/cargo:1` has none of the layers of `lab/shell`; its oldest step is {step}"
            ).format(step=_step(engine.images.history("lab/cargo:1")[-1])),
            hint=_("What `docker save` wrote comes back whole by `docker load`."),
        )
    if cargo.command != ("cat", "/cargo"):
        raise CheckFailed(
            _("`lab/cargo:1` runs {command}").format(command=_line(cargo.command)),
            hint=_("Remove it, and load the saved image again."),
        )
    if (carried := cargo.labels.get("cargo", "")) != (listed := drawn(engine, "lab-list", "cargo")):
        raise CheckFailed(
            _("`lab/cargo:1` carries {carried}, and {listed} were shipped").format(
                carried=_quoted(carried), listed=_quoted(listed)
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
            _("`lab/hull:1` and `lab/cargo:1` are one image, {id}").format(id=_short(hull.id)),
            hint=_("`lab/hull:1` is an image of its own, not a name for the saved one."),
        )
    if len(hull.layers) != 1 or _stands_on(hull, engine.images.get("lab/shell")):
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
    hull = _plain_container(engine, "lab-hull", "lab/hull:1")
    printed = engine.containers.logs("lab-hull").strip()
    _ended_well(hull, printed)
    expected = _text_of(engine, "lab-hull", "/cargo")
    if printed != expected:
        raise CheckFailed(
            _("`lab-hull` printed {printed}, and its file `/cargo` says {expected}").format(
                printed=_quoted(printed), expected=_quoted(expected)
            ),
            hint=_(
                "The command of `lab/hull:1` should print `/cargo`, as that of `lab/cargo:1` does."
            ),
        )
    if printed != (listed := drawn(engine, "lab-list", "cargo")):
        raise CheckFailed(
            _("`lab-hull` printed {printed}, and {listed} were shipped").format(
                printed=_quoted(printed), listed=_quoted(listed)
            ),
            hint=_("The files are in the exported archive; nothing need be written by hand."),
        )


@check("images.every_layer", points=1)
def checksum_stands_on_shell(engine: Engine) -> None:
    """`lab/checksum:2` stands on the layers of `lab/shell`."""
    image = _image(engine, "lab/checksum:2", hint=_("Build it from a Dockerfile of your own."))
    if not _stands_on(image, engine.images.get("lab/shell")):
        raise CheckFailed(
            _(
                "`lab/checksum:2` has none of the layers of `lab/shell`; its oldest step is {step}"
            ).format(step=_step(engine.images.history("lab/checksum:2")[-1])),
            hint=_("An imported image is one layer of everything. Build it, `FROM lab/shell`."),
        )


@check("images.every_layer", points=2, after=checksum_stands_on_shell)
def no_step_is_large(engine: Engine) -> None:
    """No step of `lab/checksum:2` on top of `lab/shell` takes more than 1 MB."""
    steps, below = engine.images.history("lab/checksum:2"), engine.images.history("lab/shell")
    large = [step for step in steps[: len(steps) - len(below)] if step.size > SMALL]
    if not large:
        return
    found = _("{step} takes {size}").format(step=_step(large[0]), size=size(large[0].size))
    old = "lab/checksum:1"
    if engine.images.exists(old) and _stands_on(
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
    container = _plain_container(engine, "lab-checksum", "lab/checksum:2")
    printed = engine.containers.logs("lab-checksum").strip()
    _ended_well(container, printed)
    if not CHECKSUM.match(printed):
        raise CheckFailed(
            _("`lab-checksum` printed {printed}").format(printed=_quoted(printed)),
            hint=_("The image should still print the file that `sha256sum /data` wrote."),
        )
    expected = engine.containers.logs("lab-checksum-old").strip()
    if printed != expected:
        raise CheckFailed(
            _("`lab-checksum` printed {printed}, and `lab-checksum-old` {expected}").format(
                printed=_short(printed), expected=_short(expected)
            ),
            hint=_("Make the data as `lab/checksum:1` did: `docker history --no-trunc` has it."),
        )


@check("images.mute_greeter", points=1)
def greeter_was_mended(engine: Engine) -> None:
    """`lab/greeter:2` is an image of its own."""
    mended = _image(
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
    greeter = _plain_container(engine, "lab-greeter", "lab/greeter:2")
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
    _ended_well(greeter, logs)


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
                printed=_quoted(printed), command=_line(command)
            ),
            hint=_(
                "With an `ENTRYPOINT`, the words of `CMD` are its arguments. Empty it: `CMD []`."
            ),
        )
    if not _stands_on(engine.images.get("lab/greeter:2"), engine.images.get("lab/greeter:1")):
        raise CheckFailed(
            _("`lab-greeter` printed {printed}: not the words of the old script").format(
                printed=_quoted(printed)
            ),
            hint=_("`lab/greeter:1` has the script. Do not write it anew: stand on that image."),
        )
    raise CheckFailed(
        _("`lab-greeter` printed {printed}").format(printed=_quoted(printed)),
        hint=_("Mend the script as little as you can: only what the error messages name."),
    )


@check("images.mute_greeter", points=1, after=greeter_starts)
def ada_is_greeted(engine: Engine) -> None:
    """`lab-greeter-ada`, a container of `lab/greeter:2`, has greeted Ada."""
    _container_of(engine, "lab-greeter-ada", "lab/greeter:2")
    printed = engine.containers.logs("lab-greeter-ada").strip()
    if printed != _greeting(engine, "Ada"):
        raise CheckFailed(
            _("`lab-greeter-ada` printed {printed}").format(printed=_quoted(printed)),
            hint=_("What follows the image's name in `docker run` is the argument."),
        )


def _greeting(engine: Engine, whom: str) -> str:
    """Return what the script of `lab/greeter:1` prints; its number is a label of the image."""
    old = _image(engine, "lab/greeter:1", hint=_("Run the first cells of the exercise again."))
    return f"hello, {whom}, from greeter {old.labels.get('greeter', '?')}"


def _image(engine: Engine, name: str, *, hint: str) -> Image:
    """Return the image `name`, or fail with a hint."""
    if not engine.images.exists(name):
        raise CheckFailed(_("no image is called `{name}`").format(name=name), hint=hint)
    return engine.images.get(name)


def _container_of(engine: Engine, name: str, image: str) -> Container:
    """Return the container `name`, which should be made from `image` as it is now."""
    container = engine.containers.get(name)
    wanted = engine.images.get(image).id
    if container.image_id != wanted:
        raise CheckFailed(
            _("`{name}` was made from image {found}, and `{image}` is {wanted}").format(
                name=name, image=image, found=_short(container.image_id), wanted=_short(wanted)
            ),
            hint=_("Remove `{name}` and run it anew, from `{image}`.").format(
                name=name, image=image
            ),
        )
    return container


def _plain_container(engine: Engine, name: str, image: str) -> Container:
    """Return the container `name` of `image`, which should run what the image says."""
    container = _container_of(engine, name, image)
    config = engine.images.get(image)
    if container.entrypoint != config.entrypoint:
        raise CheckFailed(
            _("`{name}` was started with {entrypoint} as its entrypoint").format(
                name=name, entrypoint=_line(container.entrypoint)
            ),
            hint=_("`--entrypoint` helps this one container; it is the image that should do it."),
        )
    if container.command != config.command:
        raise CheckFailed(
            _("`{name}` was started with the command {command}").format(
                name=name, command=_line(container.command)
            ),
            hint=_(
                "Run it with nothing after the image's name, so that it takes the image's command."
            ),
        )
    return container


def _ended_well(container: Container, printed: str) -> None:
    """Fail unless the container ran and exited with 0."""
    if container.status == "exited" and container.exit_code == 0:
        return
    if container.exit_code:
        raise CheckFailed(
            _("`{name}` exited with {code}: {words}").format(
                name=container.name,
                code=container.exit_code,
                words=_quoted(container.error or printed.rpartition("\n")[2]),
            ),
            hint=_(
                "Read the message, and look at the image's command with `docker image inspect`."
            ),
        )
    raise CheckFailed(
        _("`{name}` is {status}").format(name=container.name, status=container.status),
        hint=_("It should have run and exited with 0. Start it, or wait until it has ended."),
    )


def _text_of(engine: Engine, name: str, path: str) -> str:
    """Read a text of a container."""
    try:
        return engine.containers.read_file(name, path).decode(errors="replace").strip()
    except FileNotFoundError:
        raise CheckFailed(
            _("`{name}` has no file `{path}`").format(name=name, path=path),
            hint=_("Run the first cells of the exercise again, and begin with what they make."),
        ) from None


def _stands_on(image: Image, base: Image) -> bool:
    """Tell whether the layers of `base` are the lowest of `image`."""
    return image.layers[: len(base.layers)] == base.layers


def _short(identifier: str) -> str:
    return identifier.removeprefix("sha256:")[:12]


def _line(words: tuple[str, ...]) -> str:
    return "`" + (" ".join(words) or _("nothing")) + "`"


def _quoted(text: str) -> str:
    return f"`{text}`" if text else _("nothing")


def _step(entry: HistoryEntry) -> str:
    """Name a step of a history as its author wrote it, whichever builder recorded it."""
    text = re.sub(r"^(RUN )?/bin/sh -c (#\(nop\) +)?| # buildkit$", "", entry.created_by)
    return "`" + (text or entry.comment)[:60] + "`"
