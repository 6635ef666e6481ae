"""Checks of chapter 07, data."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from labkit.checking import CheckFailed, check
from labkit.checks.databases import DATA, expect_rows, wait_for
from labkit.checks.diagnosis import (
    drawn,
    expect_image,
    expect_published,
    listed,
    not_running,
    page_at,
)
from labkit.translation import _

if TYPE_CHECKING:
    from labkit.engine import Engine, FileEntry
    from labkit.engine.objects import Container, Mount

HTML = "/usr/share/nginx/html"
PAGE = f"{HTML}/index.html"


# data.note


@check("data.note", points=1)
def visitor_has_the_archive(engine: Engine) -> None:
    """`lab-visitor`, a container of `lab/shell`, has the volume `lab-archive` at `/archive`."""
    visitor = engine.containers.get("lab-visitor")
    expect_image(
        engine,
        visitor,
        "lab/shell",
        hint=_("The image stands after the options and before the command: `lab/shell`."),
    )
    mount = _mount_at(visitor, "/archive")
    if mount.type == "bind":
        raise CheckFailed(
            _("`lab-visitor` has the folder `{path}` at `/archive`").format(path=mount.source),
            hint=_("A source with a slash is a folder of the host. A volume has a name without."),
        )
    if mount.anonymous:
        raise CheckFailed(
            _("`lab-visitor` has a volume at `/archive` that nobody named"),
            hint=_("The name stands before the colon: `--volume lab-archive:/archive`."),
        )
    _expect_volume(visitor, mount, "lab-archive")


@check("data.note", points=1, after=visitor_has_the_archive)
def visitor_printed_the_note(engine: Engine) -> None:
    """The volume has the scribe's note as a file `note`, and `lab-visitor` has printed it."""
    receipt = drawn(engine, "lab-receipt", "sum", volume=True)
    try:
        note = engine.containers.read_file("lab-visitor", "/archive/note")
    except FileNotFoundError:
        there = listed(engine.containers.read_tree("lab-visitor", "/archive"))
        raise CheckFailed(
            _("the volume has no file `note`; in it is {names}").format(
                names=there or _("nothing")
            ),
            hint=_("Put it there with a helper: a container that mounts the volume for a moment."),
        ) from None
    if sha256(note).hexdigest() != receipt:
        raise CheckFailed(
            _("the file `note` of the volume is not the scribe's note"),
            hint=_("If you still have the scribe, copy its `/desk/note`. Else, begin again.")
            if engine.containers.exists("lab-scribe")
            else _("Its layer went with the scribe. Run the set-up cell again, and copy first."),
        )
    printed = engine.containers.logs("lab-visitor").strip()
    if printed != note.decode(errors="replace").strip():
        raise CheckFailed(
            _("`lab-visitor` printed `{printed}`").format(printed=printed),
            hint=_("Its command is `cat /archive/note`. `docker start lab-visitor` runs it again."),
        )


@check("data.note", points=1, after=visitor_printed_the_note)
def scribe_is_gone(engine: Engine) -> None:
    """`lab-scribe` is removed."""
    if engine.containers.exists("lab-scribe"):
        status = engine.containers.get("lab-scribe").status
        raise CheckFailed(
            _("`lab-scribe` is still there ({status})").format(status=status),
            hint=_("The note is safe now: `docker rm --force lab-scribe`."),
        )


# data.page


@check("data.page", points=1)
def kitchen_is_published(engine: Engine) -> None:
    """`lab-kitchen`, of the image `lab/web`, runs and publishes its port 80 as port 8071."""
    kitchen = engine.containers.get("lab-kitchen")
    expect_image(engine, kitchen, "lab/web", hint=_("The web server is in the image `lab/web`."))
    if not kitchen.running:
        raise not_running(engine, kitchen)
    expect_published(kitchen, 8071)


@check("data.page", points=2, after=kitchen_is_published)
def page_is_mounted(engine: Engine) -> None:
    """The folder with the page is mounted where `lab-kitchen` serves it."""
    kitchen = engine.containers.get("lab-kitchen")
    if not kitchen.mounts and PAGE in engine.containers.diff("lab-kitchen"):
        raise CheckFailed(
            _("the page was copied into the layer of `lab-kitchen`"),
            hint=_("A copy does not follow the file. Mount the folder instead."),
        )
    elsewhere = [mount for mount in kitchen.mounts if mount.destination != HTML]
    if elsewhere and len(elsewhere) == len(kitchen.mounts):
        raise CheckFailed(
            _("{source} is mounted at `{path}`").format(
                source=_source(elsewhere[0]), path=elsewhere[0].destination
            ),
            hint=_("nginx serves the folder `{path}`: that is the target.").format(path=HTML),
        )
    mount = _mount_at(kitchen, HTML)
    if mount.type != "bind":
        raise CheckFailed(
            _("at `{path}` is {source}, filled by the image").format(
                path=HTML, source=_source(mount)
            ),
            hint=_("A name without a slash is a volume. The folder's path: `$PWD/lab-dishes`."),
        )
    if "index.html" not in engine.containers.read_tree("lab-kitchen", HTML):
        raise CheckFailed(
            _("the folder `{path}` of the host has no `index.html`").format(path=mount.source),
            hint=_("`--volume` makes an empty one where there is none. Is the path spelt right?"),
        )
    if "Dish of the day" not in page_at(engine, 8071, "lab-kitchen"):
        raise CheckFailed(
            _("the page at port 8071 has no dish of the day"),
            hint=_("Mount the folder that the set-up cell has made: `$PWD/lab-dishes`."),
        )


@check("data.page", points=1, after=page_is_mounted)
def folder_is_read_only(engine: Engine) -> None:
    """`lab-kitchen` may not write into the folder."""
    if not _mount_at(engine.containers.get("lab-kitchen"), HTML).read_only:
        raise CheckFailed(
            _("`lab-kitchen` may write into the folder"),
            hint=_("Add `,readonly` to `--mount`, or `:ro` to `--volume`, and run it anew."),
        )


# data.copy


@check("data.copy", points=1)
def auditor_has_both(engine: Engine) -> None:
    """`lab-auditor` has `lab-books` at `/before` and `lab-books-copy` at `/after`, read-only."""
    auditor = engine.containers.get("lab-auditor")
    for path, name in (("/before", "lab-books"), ("/after", "lab-books-copy")):
        mount = _mount_at(auditor, path)
        if path == "/after" and mount.name == "lab-books":
            raise CheckFailed(
                _("`lab-auditor` has `lab-books` at `/before` and at `/after`"),
                hint=_("That is one volume, seen twice. The copy is a volume of its own."),
            )
        _expect_volume(auditor, mount, name)
        if not mount.read_only:
            raise CheckFailed(
                _("`lab-auditor` may write to `{path}`").format(path=path),
                hint=_("`:ro` at the end of `--volume` takes the right to write."),
            )
    number = drawn(engine, "lab-books", "number", volume=True)
    before = engine.containers.read_tree("lab-auditor", "/before")
    if ".number" not in before or before[".number"].content.decode().strip() != number:
        raise CheckFailed(
            _("`lab-books` is not as the set-up cell made it"),
            hint=_("Run the set-up cell again. A source that is mounted `:ro` stays as it is."),
        )


@check("data.copy", points=2, after=auditor_has_both)
def every_file_is_copied(engine: Engine) -> None:
    """The copy has every file, folder and link, with the same content."""
    before = engine.containers.read_tree("lab-auditor", "/before")
    after = engine.containers.read_tree("lab-auditor", "/after")
    missing = sorted(set(before) - set(after))
    if missing:
        found = _("the copy has no `{path}`").format(path=missing[0])
        if any(path.endswith(f"/{missing[-1]}") for path in after):
            raise CheckFailed(
                found,
                hint=_("Copy what is in the folder (`/from/.`), and not the folder itself."),
            )
        if all(path.startswith(".") for path in missing):
            raise CheckFailed(
                found,
                hint=_("The shell's `*` leaves out what begins with a dot; `/from/.` does not."),
            )
        raise CheckFailed(found, hint=_("Compare `ls -lRA` of both."))
    extra = sorted(set(after) - set(before))
    if extra:
        raise CheckFailed(
            _("the copy has `{path}`, and `lab-books` has not").format(path=extra[0]),
            hint=_("Remove the copy with `docker volume rm lab-books-copy`, and begin anew."),
        )
    for path, entry in sorted(before.items()):
        if (after[path].kind, after[path].content) != (entry.kind, entry.content):
            raise CheckFailed(
                _("`{path}` is not the same in the copy").format(path=path),
                hint=_("`cmp` compares two files; a link is copied as a link."),
            )


@check("data.copy", points=1, after=every_file_is_copied)
def owners_and_rights_are_kept(engine: Engine) -> None:
    """Each has the owner and the rights that it has in `lab-books`."""
    after = engine.containers.read_tree("lab-auditor", "/after")
    for path, entry in sorted(engine.containers.read_tree("lab-auditor", "/before").items()):
        if _rights(after[path]) != _rights(entry):
            raise CheckFailed(
                _("`{path}` was {wanted} and is {found} in the copy").format(
                    path=path, wanted=_rights(entry), found=_rights(after[path])
                ),
                hint=_("`cp -a` keeps owners and rights, and so does `tar` as root."),
            )


def _rights(entry: FileEntry) -> str:
    return f"{entry.uid}:{entry.gid} {entry.mode:04o}"


# data.orders


@check("data.orders", points=2)
def orders_have_their_volume(engine: Engine) -> None:
    """`lab-orders`, of `lab/postgres`, has its data in the volume `lab-orders-data`."""
    orders = engine.containers.get("lab-orders")
    expect_image(
        engine,
        orders,
        "lab/postgres",
        hint=_("An image of a container has its layer, and not what is in its volumes."),
    )
    if orders.running and _mount_at(orders, DATA).anonymous and len(orders.mounts) == 1:
        raise CheckFailed(
            _("the data of `lab-orders` is still in a volume without a name"),
            hint=_("Mounts are fixed when a container is made: back up, remove it, run it anew."),
        )
    _expect_database_on(orders, "lab-orders-data")


@check("data.orders", points=3, after=orders_have_their_volume)
def orders_are_complete(engine: Engine) -> None:
    """It runs, and the table `orders` has the rows that it had."""
    wait_for(engine, "lab-orders")
    expect_rows(
        engine, "lab-orders", "shop", "orders",
        receipt=drawn(engine, "lab-orders-receipt", "rows", volume=True),
        gone=_("The new database is empty. Restore the backup that you made before."),
    )  # fmt: skip


# data.repair


@check("data.repair", points=1)
def library_has_its_volume(engine: Engine) -> None:
    """`lab-library`, of `lab/postgres`, has its data in the volume that has the books."""
    library = engine.containers.get("lab-library")
    expect_image(
        engine,
        library,
        "lab/postgres",
        hint=_("The database is in the image `lab/postgres`."),
    )
    _expect_database_on(library, "lab-library-data")


@check("data.repair", points=2, after=library_has_its_volume)
def library_runs(engine: Engine) -> None:
    """`lab-library` runs, and its database answers."""
    wait_for(engine, "lab-library")


@check("data.repair", points=2, after=library_runs)
def library_has_its_books(engine: Engine) -> None:
    """The table `books` has the rows that it had yesterday."""
    expect_rows(
        engine, "lab-library", "library", "books",
        receipt=drawn(engine, "lab-library-receipt", "rows", volume=True),
        gone=_("A volume that was removed does not come back. Run the set-up cell again."),
    )  # fmt: skip


# What several of them ask


def _mount_at(container: Container, path: str) -> Mount:
    """Return what is mounted at a path, or fail and say what is mounted instead."""
    for mount in container.mounts:
        if mount.destination == path:
            return mount
    others = ", ".join(f"{_source(m)} → `{m.destination}`" for m in container.mounts)
    raise CheckFailed(
        _("`{name}` has nothing mounted at `{path}`; its mounts: {others}").format(
            name=container.name, path=path, others=others or _("none")
        ),
        hint=_("Mounts are named when a container is made: `--volume NAME:{path}`.").format(
            path=path
        ),
    )


def _expect_volume(container: Container, mount: Mount, name: str) -> None:
    if mount.name == name:
        return
    raise CheckFailed(
        _("`{container}` has {source} at `{path}`").format(
            container=container.name, source=_source(mount), path=mount.destination
        ),
        hint=_("It should be the volume `{name}`: compare with `docker volume ls`.").format(
            name=name
        ),
    )


def _expect_database_on(container: Container, name: str) -> None:
    """Expect the files of a database in a volume, where the container may write."""
    for mount in container.mounts:
        if mount.name == name and mount.destination != DATA:
            raise CheckFailed(
                _("`{name}` is mounted at `{path}`").format(name=name, path=mount.destination),
                hint=_("The target is the folder of the data itself: `{path}`.").format(path=DATA),
            )
    mount = _mount_at(container, DATA)
    _expect_volume(container, mount, name)
    if mount.read_only:
        raise CheckFailed(
            _("`{container}` has `{name}` read-only").format(container=container.name, name=name),
            hint=_("A database must write to its files, even to answer."),
        )


def _source(mount: Mount) -> str:
    """Name what is mounted."""
    if mount.anonymous:
        return _("a volume without a name")
    if mount.type == "volume":
        return _("the volume `{name}`").format(name=mount.name)
    if mount.type == "bind":
        return _("the folder `{path}`").format(path=mount.source)
    return f"`{mount.type}`"
