"""A registry, asked over HTTP as the engine asks it: repositories, tags, manifests, blobs.

It reads and never writes. The paths are those of the OCI distribution specification, which every
registry speaks (`GET /v2/…`).
"""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labkit.errors import RegistryRefused, RegistryUnreachable

if TYPE_CHECKING:
    import http.client

DOCKER = "application/vnd.docker.distribution.manifest"
OCI = "application/vnd.oci.image"
#: The kinds of manifest that are understood; a registry that is not told may convert to an old one.
ACCEPTED = ", ".join(
    (
        f"{DOCKER}.v2+json",
        f"{DOCKER}.list.v2+json",
        f"{OCI}.manifest.v1+json",
        f"{OCI}.index.v1+json",
    )
)
SECONDS = 5.0
OK = 200
NOT_FOUND = 404


@dataclass(frozen=True)
class Blob:
    """What a manifest says of one of its parts.

    Attributes:
        size: Bytes, as the registry keeps it (a layer is compressed).
    """

    digest: str
    size: int
    media_type: str


@dataclass(frozen=True)
class Manifest:
    """What a tag points to: an image's parts, or the manifests of one image for several machines.

    Attributes:
        digest: Of the manifest's own text.
        size: Of its text, in bytes.
        config: The configuration; None in a list of manifests.
        layers: From the lowest to the highest.
        manifests: The manifests of a list; empty for an image.
    """

    digest: str
    size: int
    media_type: str
    config: Blob | None
    layers: tuple[Blob, ...]
    manifests: tuple[Blob, ...]

    @property
    def parts(self) -> tuple[Blob, ...]:
        """Everything that it names: configuration and layers, or manifests."""
        return (*((self.config,) if self.config else ()), *self.layers, *self.manifests)

    @classmethod
    def from_body(cls, body: bytes, media_type: str = "") -> Manifest:
        """Read a manifest's text."""
        attrs = json.loads(body)
        config = attrs.get("config")
        return cls(
            digest="sha256:" + hashlib.sha256(body).hexdigest(),
            size=len(body),
            media_type=attrs.get("mediaType") or media_type,
            config=_blob(config) if config else None,
            layers=tuple(_blob(layer) for layer in attrs.get("layers") or ()),
            manifests=tuple(_blob(manifest) for manifest in attrs.get("manifests") or ()),
        )


@dataclass(frozen=True)
class Registry:
    """One registry.

    Attributes:
        host: Where it answers.
        port: At which port.
        user: Who asks; empty asks without a login.
        password: With which password.
    """

    host: str
    port: int
    user: str = ""
    password: str = ""

    @property
    def address(self) -> str:
        """How an image's name begins that belongs to it."""
        return f"{self.host}:{self.port}"

    def repositories(self) -> tuple[str, ...]:
        """List its repositories, also those whose tags are all gone.

        Raises:
            RegistryRefused: It wants a login, or another one.
            RegistryUnreachable: It does not answer.
        """
        return tuple(self._json("/v2/_catalog?n=1000").get("repositories") or ())

    def tags(self, repository: str) -> tuple[str, ...]:
        """List the tags of a repository in the order of the alphabet; none if it has none."""
        answer = self._json(f"/v2/{repository}/tags/list", missing={})
        return tuple(sorted(answer.get("tags") or ()))

    def manifest(self, repository: str, reference: str) -> Manifest | None:
        """Read what a tag or digest stands for, or nothing if the registry does not have it."""
        reply, body = self._ask("GET", f"/v2/{repository}/manifests/{reference}")
        if reply.status == NOT_FOUND:
            return None
        return Manifest.from_body(body, reply.getheader("Content-Type") or "")

    def image(self, repository: str, reference: str) -> Manifest | None:
        """Read a tag's manifest, and of a list of manifests the first, which is the image's."""
        manifest = self.manifest(repository, reference)
        if manifest and manifest.manifests:
            return self.manifest(repository, manifest.manifests[0].digest)
        return manifest

    def has_blob(self, repository: str, digest: str) -> bool:
        """Tell whether a repository has a blob, without reading it."""
        reply, _body = self._ask("HEAD", f"/v2/{repository}/blobs/{digest}")
        return reply.status == OK

    def blob(self, repository: str, digest: str) -> bytes:
        """Read a blob, whatever its content is now; nothing if it is not there."""
        reply, body = self._ask("GET", f"/v2/{repository}/blobs/{digest}")
        return body if reply.status == OK else b""

    def configuration(self, repository: str, manifest: Manifest) -> dict[str, Any]:
        """Read an image's configuration; empty for a list of manifests, or if it is not there."""
        if manifest.config is None:
            return {}
        found: dict[str, Any] = json.loads(self.blob(repository, manifest.config.digest) or b"{}")
        return found

    def layers_unpacked(self, repository: str, manifest: Manifest) -> tuple[str, ...]:
        """Return the digests of an image's layers before compression, as the engine knows them."""
        config = self.configuration(repository, manifest)
        return tuple(config.get("rootfs", {}).get("diff_ids") or ())

    def labels(self, repository: str, manifest: Manifest) -> dict[str, str]:
        """Return an image's labels."""
        config = self.configuration(repository, manifest).get("config") or {}
        return dict(config.get("Labels") or {})

    def _json(self, path: str, *, missing: Any = None) -> Any:
        reply, body = self._ask("GET", path)
        if reply.status == NOT_FOUND and missing is not None:
            return missing
        return json.loads(body)

    def _ask(self, method: str, path: str) -> tuple[http.client.HTTPResponse, bytes]:
        """Send a request; return the answer, unless it is a refusal other than "not found"."""
        import http.client

        headers = {"Accept": ACCEPTED}
        if self.user:
            login = b64encode(f"{self.user}:{self.password}".encode()).decode()
            headers["Authorization"] = f"Basic {login}"
        connection = http.client.HTTPConnection(self.host, self.port, timeout=SECONDS)
        try:
            connection.request(method, path, headers=headers)
            reply = connection.getresponse()
            body = reply.read()
        except (OSError, http.client.HTTPException) as error:
            raise RegistryUnreachable(self.address, error) from error
        finally:
            connection.close()
        if reply.status not in {OK, NOT_FOUND}:
            raise RegistryRefused(path, reply.status, _code(body))
        return reply, body


def _blob(attrs: dict[str, Any]) -> Blob:
    return Blob(attrs["digest"], int(attrs["size"]), attrs.get("mediaType", ""))


def _code(body: bytes) -> str:
    try:
        return str(json.loads(body)["errors"][0]["code"])
    except (ValueError, LookupError, TypeError):
        return ""
