"""The registry client against a server that answers like a real registry."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from labkit.errors import RegistryRefused, RegistryUnreachable
from labkit.registry import Registry
from labkit.show import blobs
from tests.unit.registry_server import INDEX, Shelf, digest_of, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

SHELL, OWN = b"the layer of lab/shell", b"a layer of its own"


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    with serving(Shelf()) as shelf:
        yield shelf


@pytest.fixture
def registry(shelf: Shelf) -> Registry:
    return Registry("127.0.0.1", shelf.port)


def test_repositories_and_tags_are_listed(shelf: Shelf, registry: Registry) -> None:
    shelf.push("lab/note", "2", SHELL)
    shelf.push("lab/note", "1", SHELL)
    shelf.push("lab/memo", "1", SHELL)
    assert registry.repositories() == ("lab/memo", "lab/note")
    assert registry.tags("lab/note") == ("1", "2")


def test_a_repository_without_tags_and_one_that_is_not_there_have_none(
    shelf: Shelf, registry: Registry
) -> None:
    shelf.tags["lab/empty"] = {}
    assert registry.tags("lab/empty") == ()
    assert registry.tags("lab/nothing") == ()


def test_a_manifest_names_its_parts_and_is_named_by_its_sum(
    shelf: Shelf, registry: Registry
) -> None:
    digest = shelf.push("lab/note", "1", SHELL, OWN)
    manifest = registry.manifest("lab/note", "1")
    assert manifest is not None
    assert manifest.digest == digest
    assert [layer.digest for layer in manifest.layers] == [digest_of(SHELL), digest_of(OWN)]
    assert [part.size for part in manifest.parts[1:]] == [len(SHELL), len(OWN)]
    assert registry.manifest("lab/note", digest) == manifest


def test_what_is_not_there_is_nothing(registry: Registry) -> None:
    assert registry.manifest("lab/note", "1") is None
    assert registry.image("lab/note", "1") is None
    assert registry.blob("lab/note", digest_of(SHELL)) == b""
    assert not registry.has_blob("lab/note", digest_of(SHELL))


def test_a_blob_is_read_as_it_is_even_if_it_is_damaged(shelf: Shelf, registry: Registry) -> None:
    shelf.push("lab/note", "1", SHELL)
    shelf.blobs[digest_of(SHELL)] = b"damaged"
    assert registry.has_blob("lab/note", digest_of(SHELL))
    assert registry.blob("lab/note", digest_of(SHELL)) == b"damaged"


def test_layers_are_told_as_the_engine_knows_them(shelf: Shelf, registry: Registry) -> None:
    shelf.push("lab/note", "1", SHELL, diff_ids=["sha256:unpacked"])
    manifest = registry.manifest("lab/note", "1")
    assert manifest is not None
    assert registry.layers_unpacked("lab/note", manifest) == ("sha256:unpacked",)


@pytest.mark.parametrize("labels", [{"lab.clock": "2"}, None])
def test_an_images_labels_are_in_its_configuration(
    shelf: Shelf, registry: Registry, labels: dict[str, str] | None
) -> None:
    shelf.push("lab/clock", "2", SHELL, labels=labels)
    manifest = registry.manifest("lab/clock", "2")
    assert manifest is not None
    assert registry.labels("lab/clock", manifest) == (labels or {})


def test_of_a_list_of_manifests_the_first_is_the_image(shelf: Shelf, registry: Registry) -> None:
    inner = shelf.push("lab/note", "inner", SHELL)
    attestation = {"digest": digest_of(b"?"), "size": 1}
    listed = {"mediaType": INDEX, "manifests": [{"digest": inner, "size": 9}, attestation]}
    shelf.put("lab/note", "1", INDEX, listed)
    manifest, image = registry.manifest("lab/note", "1"), registry.image("lab/note", "1")
    assert manifest is not None
    assert image is not None
    assert (manifest.config, len(manifest.parts)) == (None, 2)
    assert registry.layers_unpacked("lab/note", manifest) == ()
    assert image.digest == inner


def test_a_login_is_sent_and_its_lack_refused(shelf: Shelf, registry: Registry) -> None:
    shelf.login = "Basic YWRhOmRpZmZlcmVuY2U="  # ada:difference
    with pytest.raises(RegistryRefused, match="401 UNAUTHORIZED") as caught:
        registry.repositories()
    assert caught.value.status == 401
    assert Registry(registry.host, registry.port, "ada", "difference").repositories() == ()


def test_nobody_at_the_port_is_told_with_the_address() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        port = taken.getsockname()[1]
        with pytest.raises(RegistryUnreachable, match=f"`127.0.0.1:{port}`"):
            Registry("127.0.0.1", port).repositories()


def test_shared_blobs_are_marked_in_the_picture(shelf: Shelf) -> None:
    shelf.push("lab/note", "1", SHELL, OWN)
    shelf.push("lab/shell", "1", SHELL)
    shelf.tags["lab/empty"] = {}
    names = ("lab/note", "lab/shell", "lab/empty")
    drawn = repr(blobs(*(f"127.0.0.1:{shelf.port}/{name}" for name in names)))
    shared = f"{digest_of(SHELL)[7:19]}  layer  (1)"
    assert drawn.count(shared) == 2
    assert f"{digest_of(OWN)[7:19]}  layer\n" in drawn
    assert "lab/empty  repository\n" in drawn
    assert "no tags" in drawn
    assert "(2)" not in drawn


def test_a_tag_whose_manifest_is_gone_is_drawn_as_such(shelf: Shelf) -> None:
    digest = shelf.push("lab/note", "1", SHELL)
    del shelf.manifests[digest]
    assert "its manifest is gone" in repr(blobs(f"127.0.0.1:{shelf.port}/lab/note"))
