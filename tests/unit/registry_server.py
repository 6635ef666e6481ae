"""A registry in a thread: the answers of a real one (docker-registry 2.8.2), and who asked what."""

from __future__ import annotations

import hashlib
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

V2 = "application/vnd.docker.distribution.manifest.v2+json"
INDEX = "application/vnd.oci.image.index.v1+json"


def digest_of(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


class Shelf:
    """What the registry keeps: repositories with tags, manifests and blobs."""

    def __init__(self) -> None:
        self.tags: dict[str, dict[str, str]] = {}
        self.manifests: dict[str, tuple[str, bytes]] = {}
        self.blobs: dict[str, bytes] = {}
        self.login = ""
        self.port = 0

    def push(
        self, repository: str, tag: str, *layers: bytes, diff_ids: Any = None, labels: Any = None
    ) -> str:
        """Add an image; its layers' unpacked sums are those of the layers unless given."""
        sums = [digest_of(layer) for layer in layers] if diff_ids is None else list(diff_ids)
        rootfs = {"type": "layers", "diff_ids": sums}
        config = json.dumps({"config": {"Labels": labels}, "rootfs": rootfs}).encode()
        body = {
            "schemaVersion": 2,
            "mediaType": V2,
            "config": self._blob(config),
            "layers": [self._blob(layer) for layer in layers],
        }
        return self.put(repository, tag, V2, body)

    def put(self, repository: str, tag: str, media_type: str, body: Any) -> str:
        content = json.dumps(body).encode()
        digest = digest_of(content)
        self.manifests[digest] = (media_type, content)
        self.tags.setdefault(repository, {})[tag] = digest
        return digest

    def _blob(self, content: bytes) -> dict[str, Any]:
        self.blobs[digest_of(content)] = content
        return {"mediaType": "x", "size": len(content), "digest": digest_of(content)}

    def answer(self, path: str) -> tuple[int, str, bytes]:
        path = path.partition("?")[0].removeprefix("/v2/")
        if path == "_catalog":
            return _json(200, {"repositories": sorted(self.tags)})
        if path.endswith("/tags/list"):
            name = path.removesuffix("/tags/list")
            if name in self.tags:
                return _json(200, {"name": name, "tags": list(self.tags[name]) or None})
            return _refusal(404, "NAME_UNKNOWN")
        name, _slash, reference = path.rpartition("/manifests/")
        if name:
            found = self.manifests.get(self.tags.get(name, {}).get(reference, reference))
            return (200, *found) if found else _refusal(404, "MANIFEST_UNKNOWN")
        blob = self.blobs.get(path.rpartition("/blobs/")[2])
        if blob is None:
            return _refusal(404, "BLOB_UNKNOWN")
        return 200, "application/octet-stream", blob


def _json(status: int, content: Any) -> tuple[int, str, bytes]:
    return status, "application/json", json.dumps(content).encode()


def _refusal(status: int, code: str) -> tuple[int, str, bytes]:
    return _json(status, {"errors": [{"code": code, "message": "", "detail": None}]})


@contextmanager
def serving(shelf: Shelf) -> Iterator[Shelf]:
    """Serve a shelf at a free port of this machine, which is put into it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if shelf.login and self.headers.get("Authorization") != shelf.login:
                status, media_type, body = _refusal(401, "UNAUTHORIZED")
            else:
                status, media_type, body = shelf.answer(self.path)
            self.send_response(status)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def do_HEAD(self) -> None:
            self.do_GET()

        def log_message(self, *_arguments: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        shelf.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield shelf
        server.shutdown()
        thread.join()
