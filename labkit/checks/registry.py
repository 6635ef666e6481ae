"""Checks of chapter 06, Registry: what registries keep, asked over HTTP, and how they run."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from labkit.checking import CheckFailed, check
from labkit.checks.diagnosis import listed, not_running
from labkit.errors import NoSuchImage, RegistryRefused, RegistryUnreachable
from labkit.registry import Registry
from labkit.translation import _
from labkit.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labkit.engine import Container, Engine
    from labkit.registry import Manifest

INNER_PORT = "5000/tcp"
STORAGE = "/var/lib/docker-registry"
CONFIG = "/etc/docker/registry/config.yml"
UNAUTHORIZED = 401
BCRYPT = ("$2y$", "$2a$", "$2b$")
READ_ONLY = "REGISTRY_STORAGE_MAINTENANCE_READONLY"
USERS = "REGISTRY_AUTH_HTPASSWD_PATH"
REMOTE = "REGISTRY_PROXY_REMOTEURL"
BLOB = re.compile(r"/blobs/sha256/../([0-9a-f]{64})/data$")
REVISION = re.compile(r"/_manifests/revisions/sha256/([0-9a-f]{64})/link$")


# registry.push


@check("registry.push", points=1)
def tag_is_there(engine: Engine) -> None:
    """The registry at `localhost:5010` has the tag `lab/parcel:ready`."""
    depot = _running(engine, "lab-depot", 5010)
    tags = depot.tags("lab/parcel")
    if "ready" in tags:
        return
    if tags:
        raise CheckFailed(
            _("the repository `lab/parcel` has the tag {tags}, and not `ready`").format(
                tags=listed(tags)
            ),
            hint=_("Name the tag each time that you name the image; without one it is `latest`."),
        )
    others = depot.repositories()
    if others:
        raise CheckFailed(
            _("the registry has no repository `lab/parcel`, but {others}").format(
                others=listed(others)
            ),
            hint=_("Slashes are part of the repository's name, and it has a colon before the tag."),
        )
    if engine.images.exists("localhost:5010/lab/parcel:ready"):
        raise CheckFailed(
            _("an image is called `localhost:5010/lab/parcel:ready`; the registry has nothing"),
            hint=_("A name sends nothing: `docker push` does."),
        )
    raise CheckFailed(
        _("the registry has no repository at all"),
        hint=_("Give the image a name that begins with the registry's address, then push it."),
    )


@check("registry.push", points=2, after=tag_is_there)
def tag_is_the_parcel(engine: Engine) -> None:
    """This tag is the image `lab/parcel:1`."""
    depot = _running(engine, "lab-depot", 5010)
    _expect_image(engine, depot, "lab/parcel:ready", "lab/parcel:1")


# registry.protected


@check("registry.protected", points=1)
def vault_answers(engine: Engine) -> None:
    """`lab-vault`, of the image `lab/registry`, answers at port 5011."""
    _running(engine, "lab-vault", 5011)


@check("registry.protected", points=1, after=vault_answers)
def strangers_stay_out(engine: Engine) -> None:
    """It lets in nobody without a login."""
    _expect_door(_running(engine, "lab-vault", 5011), _("`REGISTRY_AUTH` and its settings"))


@check("registry.protected", points=1, after=strangers_stay_out)
def ada_comes_in(engine: Engine) -> None:
    """It lets in the user `ada` with the password of `lab-keeper`."""
    _as_ada(engine, "lab-vault", 5011, "lab-keeper")


@check("registry.protected", points=2, after=ada_comes_in)
def ledger_is_there(engine: Engine) -> None:
    """It has the tag `lab/ledger:1`, which is the image `lab/ledger:1`."""
    vault = _as_ada(engine, "lab-vault", 5011, "lab-keeper")
    if "1" not in vault.tags("lab/ledger"):
        raise CheckFailed(
            _("its repository `lab/ledger` has the tags: {tags}").format(
                tags=listed(vault.tags("lab/ledger")) or _("none")
            ),
            hint=_("`docker login localhost:5011`, then tag the image with its address, and push."),
        )
    _expect_image(engine, vault, "lab/ledger:1", "lab/ledger:1")


# registry.make_room


@check("registry.make_room", points=1)
def old_is_gone(engine: Engine) -> None:
    """The registry has no tag `lab/chest:old` any more."""
    if "old" in _running(engine, "lab-attic", 5012).tags("lab/chest"):
        raise CheckFailed(
            _("the tag `lab/chest:old` is still there"),
            hint=_("The API deletes the manifest that it points to: `DELETE`, with the digest."),
        )


@check("registry.make_room", points=2, after=old_is_gone)
def new_is_whole(engine: Engine) -> None:
    """`lab/chest:new` is there as it was, with every blob."""
    attic = _running(engine, "lab-attic", 5012)
    if "new" not in attic.tags("lab/chest"):
        raise CheckFailed(
            _("the tag `lab/chest:new` is gone, too"),
            hint=_("Run the set-up cell again, and take away only what `old` alone needs."),
        )
    _expect_image(engine, attic, "lab/chest:new", "lab/chest:new")


@check("registry.make_room", points=2, after=new_is_whole)
def nothing_is_left(engine: Engine) -> None:
    """On its disk is no blob that no tag needs."""
    attic = _running(engine, "lab-attic", 5012)
    files = engine.containers.list_files("lab-attic", STORAGE)
    on_disk = _sums(files, BLOB)
    unneeded = on_disk - _needed(attic)
    if not unneeded:
        return
    found = _("{count} of {all} blobs on the disk are needed by no tag").format(
        count=len(unneeded), all=len(on_disk)
    )
    if _sums(files, REVISION) & unneeded:
        raise CheckFailed(
            _("{found}; one is a manifest that has lost its tag, but was not deleted").format(
                found=found
            ),
            hint=_("Delete the manifest itself, by its digest, then collect again."),
        )
    raise CheckFailed(
        found,
        hint=_("Deleting frees nothing yet: run `docker-registry garbage-collect` in `lab-attic`."),
    )


# registry.mirror


@check("registry.mirror", points=2)
def mirror_is_a_mirror(engine: Engine) -> None:
    """`lab-mirror` answers at port 5014 and passes on what `lab-origin` has."""
    container = engine.containers.get("lab-mirror")
    remote = _remote(engine, container)
    if not remote:
        raise CheckFailed(
            _("`lab-mirror` is a registry of its own"),
            hint=_("A pull-through mirror is told of the other one: `{name}`.").format(name=REMOTE),
        )
    if re.search(r"//(localhost|127\.)", remote):
        raise CheckFailed(
            _("`lab-mirror` asks `{remote}`").format(remote=remote),
            hint=_(
                "In a container, `localhost` is the container itself. Use the name `lab-origin`."
            ),
        )
    if not container.networks.keys() & engine.containers.get("lab-origin").networks.keys():
        raise CheckFailed(
            _("`lab-mirror` is on the network {its}, `lab-origin` is not").format(
                its=listed(tuple(container.networks))
            ),
            hint=_("Run it with `--network lab-mirror-net`; there, names are found."),
        )
    if "1" not in _running(engine, "lab-mirror", 5014).tags("lab/seed"):
        raise CheckFailed(
            _("`lab-mirror` asks `{remote}`, and does not find `lab/seed:1`").format(remote=remote),
            hint=_("Compare with what `lab-origin` answers, and read `docker logs lab-mirror`."),
        )


@check("registry.mirror", points=2, after=mirror_is_a_mirror)
def seed_went_through(engine: Engine) -> None:
    """`lab/seed:1` has been pulled through the mirror, which keeps it on its own disk."""
    original = _running(engine, "lab-origin", 5013).image("lab/seed", "1")
    if original is None or not engine.images.exists("localhost:5014/lab/seed:1"):
        raise CheckFailed(
            _("the engine has no image `localhost:5014/lab/seed:1`"),
            hint=_("Pull it through port 5014, which is the mirror's."),
        )
    own = original.layers[-1].digest
    if _hex(own) not in _sums(engine.containers.list_files("lab-mirror", STORAGE), BLOB):
        raise CheckFailed(
            _("the image is here, and its own layer is not on the mirror's disk"),
            hint=_(
                "The engine had the layer from elsewhere. Remove every name of the image, and pull "
                "it again."
            ),
        )


# registry.repair


@check("registry.repair", points=1)
def harbour_is_guarded(engine: Engine) -> None:
    """`lab-harbour` answers at port 5015, and lets in nobody without a login."""
    _expect_door(_running(engine, "lab-harbour", 5015), _("mend the login, and keep the door"))


@check("registry.repair", points=1, after=harbour_is_guarded)
def ada_is_let_in(engine: Engine) -> None:
    """It lets in `ada` with her password."""
    _as_ada(engine, "lab-harbour", 5015, "lab-harbour-master")


@check("registry.repair", points=1, after=ada_is_let_in)
def old_ship_stayed(engine: Engine) -> None:
    """The tag `lab/ship:1` is there, as it was before."""
    harbour = _as_ada(engine, "lab-harbour", 5015, "lab-harbour-master")
    volume = engine.volumes.get("lab-harbour-data")
    expected = volume.labels.get("labkit.ship", "").split(",")
    manifest = harbour.image("lab/ship", "1")
    if manifest is None:
        mounts = {mount.name for mount in engine.containers.get("lab-harbour").mounts}
        raise CheckFailed(
            _("the repository `lab/ship` has no tag `1`")
            if "lab-harbour-data" in mounts
            else _("`lab-harbour` does not use the volume that holds the tag `1`"),
            hint=_("Run it with the volume `lab-harbour-data` at `{path}`, as before.").format(
                path=STORAGE
            ),
        )
    if list(harbour.layers_unpacked("lab/ship", manifest)) != expected:
        raise CheckFailed(
            _("the tag `lab/ship:1` is another image than before"),
            hint=_("Run the set-up cell again, and push `lab/ship:2` only."),
        )


@check("registry.repair", points=2, after=old_ship_stayed)
def new_ship_arrived(engine: Engine) -> None:
    """The tag `lab/ship:2` is the image `lab/ship:2`."""
    harbour = _as_ada(engine, "lab-harbour", 5015, "lab-harbour-master")
    if harbour.image("lab/ship", "2") is not None:
        _expect_image(engine, harbour, "lab/ship:2", "lab/ship:2")
        return
    container = engine.containers.get("lab-harbour")
    if READ_ONLY in container.env:
        raise CheckFailed(
            _("there is no tag `lab/ship:2`; `{name}` is `{value}`").format(
                name=READ_ONLY, value=container.env[READ_ONLY]
            ),
            hint=_("Run it anew, on the same volumes, without that variable."),
        )
    raise CheckFailed(
        _("there is no tag `lab/ship:2`"),
        hint=_("`docker login localhost:5015`, then tag `lab/ship:2` with its address, and push."),
    )


def _running(engine: Engine, name: str, port: int) -> Registry:
    """Return the registry of a container, which should run and answer at `port`."""
    container = engine.containers.get(name)
    if not container.running:
        raise not_running(engine, container)
    published = [host for _ip, host in container.ports.get(INNER_PORT, ())]
    if port not in published:
        raise CheckFailed(
            _("`{name}` publishes its port 5000 as: {ports}").format(
                name=name, ports=", ".join(str(host) for host in published) or _("nothing")
            ),
            hint=_("Run it with `--publish {port}:5000`.").format(port=port),
        )
    registry = Registry(engine.host, port)

    def answers() -> bool:
        try:
            registry.repositories()
        except RegistryUnreachable:
            return False
        except RegistryRefused:
            pass
        return True

    wait_until(
        answers,
        what=_("a registry at port {port}").format(port=port),
        timeout=5.0,
        log_tail=lambda: engine.containers.logs(name, tail=5),
        hint=_("Look at `docker logs {name}`. It should speak HTTP.").format(name=name),
    )
    return registry


def _expect_image(engine: Engine, registry: Registry, name: str, wanted: str) -> None:
    """Expect `name` in the registry to be the engine's image `wanted`, with every blob sound."""
    if not engine.images.exists(wanted):
        raise NoSuchImage(wanted)
    repository, _colon, tag = name.rpartition(":")
    manifest = registry.image(repository, tag)
    layers = registry.layers_unpacked(repository, manifest) if manifest else ()
    if manifest is None or layers != engine.images.get(wanted).layers:
        raise CheckFailed(
            _("`{name}` in the registry is another image").format(name=name),
            hint=_(
                "The name belongs to another image here, too: give it to `{wanted}`, and push."
            ).format(wanted=wanted),
        )
    _expect_sound(registry, repository, manifest)


def _expect_sound(registry: Registry, repository: str, manifest: Manifest) -> None:
    for part in manifest.parts:
        content = registry.blob(repository, part.digest)
        if hashlib.sha256(content).hexdigest() != _hex(part.digest):
            raise CheckFailed(
                _("the blob `{digest}` is damaged, or gone").format(digest=part.digest[:19]),
                hint=_("Begin again with the set-up cell: somebody removed or changed its file."),
            )


def _expect_door(registry: Registry, settings: str) -> None:
    """Expect a registry to ask for a login."""
    try:
        registry.repositories()
    except RegistryRefused as refusal:
        if refusal.status == UNAUTHORIZED:
            return
        raise
    raise CheckFailed(
        _("it answers everybody, without a login"),
        hint=_("What makes it ask for one: {settings}.").format(settings=settings),
    )


def _as_ada(engine: Engine, name: str, port: int, keeper: str) -> Registry:
    """Return the registry as `ada` sees it, who should be let in with the keeper's password."""
    open_door = _running(engine, name, port)
    password = engine.containers.logs(keeper).strip()
    registry = Registry(open_door.host, port, "ada", password)
    try:
        registry.repositories()
    except RegistryRefused as refusal:
        if refusal.status != UNAUTHORIZED:
            raise
        raise _not_let_in(engine, engine.containers.get(name), keeper) from None
    return registry


def _not_let_in(engine: Engine, container: Container, keeper: str) -> CheckFailed:
    """Say why `ada` is refused, from the file of users."""
    path = container.env.get(USERS, "")
    try:
        lines = engine.containers.read_file(container.name, path).decode().split() if path else []
    except FileNotFoundError:
        return CheckFailed(
            _("`{name}` has no file `{path}`, which `{variable}` names").format(
                name=container.name, path=path, variable=USERS
            ),
            hint=_("Is the volume mounted there? `docker inspect {name}`.").format(
                name=container.name
            ),
        )
    hashes = dict(line.partition(":")[::2] for line in lines)
    if "ada" not in hashes:
        return CheckFailed(
            _("`{path}` names {users}, and not `ada`").format(
                path=path, users=listed(tuple(hashes)) or _("nobody")
            ),
            hint=_("It has one line for each user: `htpasswd -Bbn ada PASSWORD` writes it."),
        )
    if not hashes["ada"].startswith(BCRYPT):
        return CheckFailed(
            _("`ada` is refused; her hash begins with `{start}`, which is not bcrypt").format(
                start=hashes["ada"][:6]
            ),
            hint=_("The registry takes bcrypt only: `htpasswd -B`."),
        )
    return CheckFailed(
        _("`ada` is refused with the password of `{keeper}`").format(keeper=keeper),
        hint=_("Write the line anew, with what `docker logs {keeper}` shows.").format(
            keeper=keeper
        ),
    )


def _remote(engine: Engine, container: Container) -> str:
    """Return the address that a mirror passes on, from its environment or its configuration."""
    if address := container.env.get(REMOTE):
        return address
    try:
        config = engine.containers.read_file(container.name, CONFIG).decode()
    except FileNotFoundError:
        return ""
    found = re.search(r"^\s+remoteurl:\s*(\S+)", config, re.MULTILINE)
    return found[1] if found else ""


def _needed(registry: Registry) -> set[str]:
    """Collect the sums of everything that a registry's tags point to."""
    needed: set[str] = set()
    for repository in registry.repositories():
        pending = list(registry.tags(repository))
        while pending:
            manifest = registry.manifest(repository, pending.pop())
            if manifest:
                needed |= {_hex(manifest.digest), *(_hex(part.digest) for part in manifest.parts)}
                pending += [inner.digest for inner in manifest.manifests]
    return needed


def _sums(paths: Sequence[str], pattern: re.Pattern[str]) -> set[str]:
    """Collect the sums that paths of a registry's disk are named by."""
    return {found[1] for path in paths if (found := pattern.search(path))}


def _hex(digest: str) -> str:
    return digest.removeprefix("sha256:")
