"""The checks of chapter 06: a server that answers like a registry, and fake containers."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from labkit.checking import CheckFailed
from labkit.checks import registry as checks
from labkit.engine import Container, Image, Volume
from labkit.errors import NoSuchContainer, NoSuchImage, WaitTimeout
from labkit.registry import Registry
from tests.unit.registry_server import INDEX, Shelf, digest_of, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SHELL, OWN, OTHER = b"the layer of lab/shell", b"a layer of its own", b"another layer"
ADA = "Basic YWRhOmRpZmZlcmVuY2U="  # ada:difference
V2 = f"{checks.STORAGE}/docker/registry/v2"


class Desk:
    """Registries, containers and images on the fake engine."""

    def __init__(self, engine: Any, shelf: Shelf) -> None:
        self.engine, self.shelf = engine, shelf
        self.paths: dict[str, tuple[str, ...]] = {}
        engine.host = "127.0.0.1"
        engine.containers.list_files = lambda name, _folder: self.paths.get(name, ())

    def container(self, name: str, port: int, **changes: Any) -> None:
        networks = {network: {} for network in changes.pop("networks", ("bridge",))}
        volumes = changes.pop("volumes", ())
        attrs = {
            "Id": "84fa886ff0d1a0ea",
            "Name": f"/{name}",
            "Image": "sha256:feed",
            "State": {"Status": changes.pop("status", "running"), "ExitCode": 2},
            "Config": {"Image": "lab/registry", **changes},
            "HostConfig": {},
            "Mounts": [
                {"Type": "volume", "Name": name, "Destination": checks.STORAGE, "RW": True}
                for name in volumes
            ],
            "NetworkSettings": {
                "Ports": {"5000/tcp": [{"HostIp": "::", "HostPort": str(port)}]},
                "Networks": networks,
            },
        }
        self.engine.containers.things[name] = Container.from_inspect(attrs)

    def image(self, name: str, *layers: bytes) -> None:
        sums = [digest_of(layer) for layer in layers]
        attrs = {"Id": "sha256:feed", "RootFS": {"Layers": sums}}
        self.engine.images.things[name] = Image.from_inspect(attrs)

    def refusal(self, check: Callable[[Any], None]) -> CheckFailed:
        with pytest.raises(CheckFailed) as caught:
            check(self.engine)
        return caught.value

    def accepts(self, *all_checks: Callable[[Any], None]) -> None:
        for check in all_checks:
            check(self.engine)


@pytest.fixture
def desk(fake_engine: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A desk with one registry, which answers whatever port a check asks."""
    with serving(Shelf()) as shelf:

        def registry(host: str, _port: int, user: str = "", password: str = "") -> Registry:
            return Registry(host, shelf.port, user, password)

        monkeypatch.setattr(checks, "Registry", registry)
        yield Desk(fake_engine, shelf)


# What all have in common: a registry that runs


def test_a_registry_that_is_not_there_is_named(desk: Desk) -> None:
    with pytest.raises(NoSuchContainer, match="`lab-depot`"):
        checks.tag_is_there(desk.engine)


def test_a_registry_that_ended_is_told_by_its_end(desk: Desk) -> None:
    desk.container("lab-depot", 5010, status="exited")
    assert desk.refusal(checks.tag_is_there).found == "`lab-depot` has ended with 2"


def test_a_registry_at_another_port_is_told_by_it(desk: Desk) -> None:
    desk.container("lab-vault", 5000)
    refusal = desk.refusal(checks.vault_answers)
    assert refusal.found == "`lab-vault` publishes its port 5000 as: 5000"
    assert "--publish 5011:5000" in refusal.hint


def test_a_registry_that_does_not_speak_http_is_told_by_its_log(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "wait_until", partial(waits_shortly, checks.wait_until))
    monkeypatch.setattr(checks, "Registry", lambda host, _port: Registry(host, 1))
    desk.container("lab-vault", 5011)
    desk.engine.containers.log_texts["lab-vault"] = "its last words"
    with pytest.raises(WaitTimeout, match="its last words"):
        checks.vault_answers(desk.engine)


def waits_shortly(wait_until: Any, condition: Any, **options: Any) -> Any:
    return wait_until(condition, **{**options, "timeout": 0.0})


# registry.push


def parcel(desk: Desk) -> None:
    desk.container("lab-depot", 5010)
    desk.image("lab/parcel:1", SHELL, OWN)


def test_the_pushed_parcel_passes(desk: Desk) -> None:
    parcel(desk)
    desk.shelf.push("lab/parcel", "ready", SHELL, OWN)
    desk.accepts(checks.tag_is_there, checks.tag_is_the_parcel)


def test_a_parcel_in_a_list_of_manifests_passes_too(desk: Desk) -> None:
    parcel(desk)
    inner = desk.shelf.push("lab/parcel", "inner", SHELL, OWN)
    listed = {"mediaType": INDEX, "manifests": [{"digest": inner, "size": 9}]}
    desk.shelf.put("lab/parcel", "ready", INDEX, listed)
    desk.accepts(checks.tag_is_there, checks.tag_is_the_parcel)


def test_an_empty_registry_is_said(desk: Desk) -> None:
    parcel(desk)
    assert desk.refusal(checks.tag_is_there).found == "the registry has no repository at all"


def test_a_name_that_was_not_pushed_is_told_from_none(desk: Desk) -> None:
    parcel(desk)
    desk.image("localhost:5010/lab/parcel:ready", SHELL, OWN)
    assert "`docker push`" in desk.refusal(checks.tag_is_there).hint


def test_another_tag_is_told_by_its_name(desk: Desk) -> None:
    parcel(desk)
    desk.shelf.push("lab/parcel", "latest", SHELL, OWN)
    assert "the tag `latest`, and not `ready`" in desk.refusal(checks.tag_is_there).found


def test_another_repository_is_told_by_its_name(desk: Desk) -> None:
    parcel(desk)
    desk.shelf.push("lab/parcel-ready", "latest", SHELL, OWN)
    assert "but `lab/parcel-ready`" in desk.refusal(checks.tag_is_there).found


def test_another_image_under_the_right_name_is_refused(desk: Desk) -> None:
    parcel(desk)
    desk.shelf.push("lab/parcel", "ready", SHELL)
    assert "another image" in desk.refusal(checks.tag_is_the_parcel).found


def test_a_damaged_blob_is_named(desk: Desk) -> None:
    parcel(desk)
    desk.shelf.push("lab/parcel", "ready", SHELL, OWN)
    desk.shelf.blobs[digest_of(OWN)] = b"damaged"
    assert digest_of(OWN)[:19] in desk.refusal(checks.tag_is_the_parcel).found


def test_without_the_image_to_compare_with_nothing_is_claimed(desk: Desk) -> None:
    desk.container("lab-depot", 5010)
    desk.shelf.push("lab/parcel", "ready", SHELL)
    with pytest.raises(NoSuchImage):
        checks.tag_is_the_parcel(desk.engine)


# registry.protected


def vault(desk: Desk, users: str | None = "ada:$2y$05$x\n\n", *, login: str = ADA) -> None:
    desk.container("lab-vault", 5011, Env=[f"{checks.USERS}=/auth/users"])
    desk.shelf.login = login
    desk.engine.containers.things["lab-keeper"] = desk.engine.containers.get("lab-vault")
    desk.engine.containers.log_texts["lab-keeper"] = "difference\n"
    if users is not None:
        desk.engine.containers.files["lab-vault", "/auth/users"] = users.encode()
    desk.image("lab/ledger:1", SHELL, OWN)


def test_a_guarded_registry_with_the_ledger_passes(desk: Desk) -> None:
    vault(desk)
    desk.shelf.push("lab/ledger", "1", SHELL, OWN)
    desk.accepts(
        checks.vault_answers,
        checks.strangers_stay_out,
        checks.ada_comes_in,
        checks.ledger_is_there,
    )


def test_an_open_registry_is_refused(desk: Desk) -> None:
    vault(desk, login="")
    assert "answers everybody" in desk.refusal(checks.strangers_stay_out).found


@pytest.mark.parametrize(
    ("users", "words"),
    [
        (None, "has no file `/auth/users`"),
        ("", "names nobody, and not `ada`"),
        ("bob:$2y$05$x\n", "names `bob`, and not `ada`"),
        ("ada:$apr1$x\n", "begins with `$apr1$`, which is not bcrypt"),
        ("ada:$2y$05$of-another-password\n", "with the password of `lab-keeper`"),
    ],
)
def test_why_ada_is_refused_is_found_in_the_file_of_users(
    desk: Desk, users: str | None, words: str
) -> None:
    vault(desk, users, login="Basic another")
    assert words in desk.refusal(checks.ada_comes_in).found


def test_a_ledger_that_was_not_pushed_is_missed(desk: Desk) -> None:
    vault(desk)
    assert "has the tags: none" in desk.refusal(checks.ledger_is_there).found


# registry.make_room


def attic(desk: Desk, *tags: str) -> None:
    desk.container("lab-attic", 5012)
    desk.image("lab/chest:new", SHELL, OWN)
    for tag in tags:
        desk.shelf.push("lab/chest", tag, SHELL, OTHER if tag == "old" else OWN)
    on_disk = (*desk.shelf.blobs, *desk.shelf.manifests)
    desk.paths["lab-attic"] = tuple(f"{V2}{blob_path(digest)}" for digest in on_disk)


def blob_path(digest: str) -> str:
    return f"/blobs/sha256/{digest[7:9]}/{digest[7:]}/data"


def revision_path(digest: str) -> str:
    return f"/repositories/lab/chest/_manifests/revisions/sha256/{digest[7:]}/link"


def test_an_attic_with_the_new_chest_alone_passes(desk: Desk) -> None:
    attic(desk, "new")
    desk.accepts(checks.old_is_gone, checks.new_is_whole, checks.nothing_is_left)


def test_an_old_tag_that_is_still_there_is_said(desk: Desk) -> None:
    attic(desk, "new", "old")
    assert "`DELETE`" in desk.refusal(checks.old_is_gone).hint


def test_a_new_tag_that_went_along_is_missed(desk: Desk) -> None:
    attic(desk)
    assert "`lab/chest:new` is gone" in desk.refusal(checks.new_is_whole).found


def test_a_new_chest_without_one_of_its_blobs_is_not_whole(desk: Desk) -> None:
    attic(desk, "new")
    del desk.shelf.blobs[digest_of(OWN)]
    assert "damaged, or gone" in desk.refusal(checks.new_is_whole).found


def test_blobs_that_nothing_needs_are_counted(desk: Desk) -> None:
    attic(desk, "new", "old")
    del desk.shelf.manifests[desk.shelf.tags["lab/chest"].pop("old")]
    refusal = desk.refusal(checks.nothing_is_left)
    assert refusal.found == "3 of 7 blobs on the disk are needed by no tag"
    assert "garbage-collect" in refusal.hint


def test_a_manifest_that_only_lost_its_tag_is_told_from_a_deleted_one(desk: Desk) -> None:
    attic(desk, "new", "old")
    digest = desk.shelf.tags["lab/chest"].pop("old")
    desk.paths["lab-attic"] += (f"{V2}{revision_path(digest)}",)
    assert "by its digest" in desk.refusal(checks.nothing_is_left).hint


# registry.mirror


def mirror(
    desk: Desk, remote: str = "http://lab-origin:5000", network: str = "lab-mirror-net"
) -> None:
    desk.container("lab-origin", 5013, networks=("lab-mirror-net",))
    env = [f"{checks.REMOTE}={remote}"] if remote else []
    desk.container("lab-mirror", 5014, Env=env, networks=(network,))


def seed(desk: Desk, *, on_disk: bytes = OWN) -> None:
    desk.shelf.push("lab/seed", "1", SHELL, OWN)
    desk.image("localhost:5014/lab/seed:1", SHELL, OWN)
    desk.paths["lab-mirror"] = (f"{V2}{blob_path(digest_of(on_disk))}",)


def test_a_mirror_that_kept_what_went_through_passes(desk: Desk) -> None:
    mirror(desk)
    seed(desk)
    desk.accepts(checks.mirror_is_a_mirror, checks.seed_went_through)


def test_a_mirror_may_be_told_by_its_configuration(desk: Desk) -> None:
    mirror(desk, remote="")
    seed(desk)
    config = b"proxy:\n  remoteurl: http://lab-origin:5000\n"
    desk.engine.containers.files["lab-mirror", checks.CONFIG] = config
    desk.accepts(checks.mirror_is_a_mirror)


def test_a_registry_of_its_own_is_no_mirror(desk: Desk) -> None:
    mirror(desk, remote="")
    assert checks.REMOTE in desk.refusal(checks.mirror_is_a_mirror).hint


def test_a_mirror_of_itself_is_told_what_localhost_is(desk: Desk) -> None:
    mirror(desk, remote="http://localhost:5013")
    assert "the container itself" in desk.refusal(checks.mirror_is_a_mirror).hint


def test_a_mirror_on_another_network_is_told_so(desk: Desk) -> None:
    mirror(desk, network="bridge")
    assert "network `bridge`, `lab-origin` is not" in desk.refusal(checks.mirror_is_a_mirror).found


def test_a_mirror_that_does_not_find_the_seed_is_told_its_address(desk: Desk) -> None:
    mirror(desk)
    assert "does not find `lab/seed:1`" in desk.refusal(checks.mirror_is_a_mirror).found


def test_an_image_that_did_not_come_by_the_mirror_is_missed(desk: Desk) -> None:
    mirror(desk)
    desk.shelf.push("lab/seed", "1", SHELL, OWN)
    assert "port 5014" in desk.refusal(checks.seed_went_through).hint


def test_a_mirror_that_kept_nothing_is_told_so(desk: Desk) -> None:
    mirror(desk)
    seed(desk, on_disk=SHELL)
    assert "not on the mirror's disk" in desk.refusal(checks.seed_went_through).found


# registry.repair


def harbour(desk: Desk, *tags: str, **changes: Any) -> None:
    env = [f"{checks.USERS}=/auth/users", *changes.pop("env", ())]
    desk.container(
        "lab-harbour", 5015, Env=env, volumes=changes.pop("volumes", ("lab-harbour-data",))
    )
    desk.shelf.login = ADA
    desk.engine.containers.things["lab-harbour-master"] = desk.engine.containers.get("lab-harbour")
    desk.engine.containers.log_texts["lab-harbour-master"] = "difference\n"
    label = {"labkit.ship": f"{digest_of(SHELL)},{digest_of(OWN)}"}
    volume = {"Name": "lab-harbour-data", "Driver": "local", "Mountpoint": "/", "Labels": label}
    desk.engine.volumes.things["lab-harbour-data"] = Volume.from_inspect(volume)
    desk.image("lab/ship:2", SHELL, OTHER)
    for tag in tags:
        desk.shelf.push("lab/ship", tag, SHELL, OTHER if tag == "2" else OWN)


def test_a_mended_harbour_passes(desk: Desk) -> None:
    harbour(desk, "1", "2")
    desk.accepts(
        checks.harbour_is_guarded,
        checks.ada_is_let_in,
        checks.old_ship_stayed,
        checks.new_ship_arrived,
    )


def test_a_read_only_harbour_is_told_by_its_variable(desk: Desk) -> None:
    harbour(desk, "1", env=(f"{checks.READ_ONLY}=enabled: true",))
    assert f"`{checks.READ_ONLY}` is `enabled: true`" in desk.refusal(checks.new_ship_arrived).found


def test_a_ship_that_was_not_pushed_is_missed(desk: Desk) -> None:
    harbour(desk, "1")
    assert "`docker login localhost:5015`" in desk.refusal(checks.new_ship_arrived).hint


def test_a_harbour_on_another_volume_is_told_so(desk: Desk) -> None:
    harbour(desk, "2", volumes=("lab-harbour-new",))
    assert "does not use the volume" in desk.refusal(checks.old_ship_stayed).found


def test_an_old_ship_that_is_gone_from_its_volume_is_missed(desk: Desk) -> None:
    harbour(desk, "2")
    assert "has no tag `1`" in desk.refusal(checks.old_ship_stayed).found


def test_another_image_as_the_old_ship_is_refused(desk: Desk) -> None:
    harbour(desk, "2")
    desk.shelf.push("lab/ship", "1", SHELL, OTHER)
    assert "another image than before" in desk.refusal(checks.old_ship_stayed).found


def test_a_harbour_without_its_door_is_refused(desk: Desk) -> None:
    harbour(desk, "1", "2")
    desk.shelf.login = ""
    assert "keep the door" in desk.refusal(checks.harbour_is_guarded).hint
