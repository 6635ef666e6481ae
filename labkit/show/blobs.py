"""What a registry keeps for its tags; blobs that several of them need are marked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labkit.engine import connect
from labkit.engine.snapshot import size
from labkit.registry import Registry
from labkit.show.boxes import Box, Picture
from labkit.translation import _

if TYPE_CHECKING:
    from labkit.engine import Engine
    from labkit.registry import Blob, Manifest

#: Letters of a digest that are shown, as `docker` shows them.
SHORT = 12


def blobs(*repositories: str, engine: Engine | None = None) -> Picture:
    """Draw what the tags of repositories point to; a blob that several use is marked.

    Args:
        *repositories: As image names write them, with host and port: `localhost:5000/lab/web`.
        engine: Whose host `localhost` means; None connects to the one that answers.

    Raises:
        RegistryError: A registry does not answer, or refuses.
    """
    kept = []
    for name in repositories:
        registry, repository = _named(name, engine)
        tags = [(tag, registry.manifest(repository, tag)) for tag in registry.tags(repository)]
        kept.append((repository, tags))
    manifests = [manifest for _repository, tags in kept for _name, manifest in tags if manifest]
    largest = max((part.size for manifest in manifests for part in manifest.parts), default=1)
    boxes = tuple(
        Box(
            repository,
            _("repository"),
            () if tags else (_("no tags"),),
            tuple(_tag(tag, manifest, largest) for tag, manifest in tags),
        )
        for repository, tags in kept
    )
    return Picture(_("What the tags point to; sizes as the registry keeps them"), boxes)


def _named(name: str, engine: Engine | None) -> tuple[Registry, str]:
    """Part a repository from the registry in its name."""
    address, _slash, repository = name.partition("/")
    host, _colon, port = address.rpartition(":")
    if host == "localhost":
        host = (engine or connect()).host
    return Registry(host, int(port)), repository


def _tag(tag: str, manifest: Manifest | None, largest: int) -> Box:
    if manifest is None:
        return Box(tag, _("tag"), (_("its manifest is gone"),))
    parts = [(_("layer"), layer) for layer in reversed(manifest.layers)]
    parts += [(_("manifest"), part) for part in manifest.manifests]
    if manifest.config:
        parts.insert(0, (_("configuration"), manifest.config))
    inner = Box(
        _short(manifest.digest),
        _("manifest"),
        (size(manifest.size),),
        tuple(_part(kind, blob, largest) for kind, blob in parts),
        mark=manifest.digest,
    )
    return Box(tag, _("tag"), children=(inner,))


def _part(kind: str, blob: Blob, largest: int) -> Box:
    return Box(
        _short(blob.digest), kind, (size(blob.size),), share=blob.size / largest, mark=blob.digest
    )


def _short(digest: str) -> str:
    return digest.removeprefix("sha256:")[:SHORT]
