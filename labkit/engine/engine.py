"""The engine behind one facade, in Docker's own words.

Reading only, except through `client`, which is docker-py itself. What changes or removes things
on behalf of the course is in `labkit.engine.ownership`.
"""

from __future__ import annotations

import io
import json
import os
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from labkit.engine import snapshot as snapshots
from labkit.engine.objects import Container, FileEntry, HistoryEntry, Image, Network, Volume
from labkit.engine.translate import engine_errors
from labkit.errors import (
    EngineRequestFailed,
    NoSuchContainer,
    NoSuchImage,
    NoSuchNetwork,
    NoSuchObject,
    NoSuchVolume,
)
from labkit.translation import _
from labkit.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

    import docker

    from labkit.engine.snapshot import Snapshot

#: This machine, in an engine's address.
LOOPBACK = frozenset(("127.0.0.1", "localhost", "::1"))
#: Lines of a log, and bytes of an HTTP answer, that nobody needs more of.
LONGEST_LOG = 10_000
LONGEST_BODY = 1 << 20
#: Seconds in which the engine notes that a program has ended.
ENDED_SECONDS = 10.0
#: Seconds in which the files of a container stay as they are for as long as it takes to read them.
STILL_SECONDS = 10.0
#: What the last bytes of a whole tar archive are.
END_OF_ARCHIVE = bytes(2 * tarfile.BLOCKSIZE)


def is_here(endpoint: str) -> bool:
    """Tell whether an engine's address is one of this machine."""
    return (urlsplit(endpoint).hostname or "localhost") in LOOPBACK


@dataclass(frozen=True)
class ExecReply:
    """How a program that ran in a container ended, and what it wrote."""

    exit_code: int
    output: str


@dataclass(frozen=True)
class HttpReply:
    """An HTTP answer of a published port."""

    status: int
    body: str
    headers: dict[str, str]


class _Collection:
    """What the four collections share: `exists` is `get` without the error."""

    def __init__(self, client: docker.DockerClient, endpoint: str) -> None:
        self._api: Any = client.api
        self._endpoint = endpoint

    def _errors(self, missing: Exception | None = None) -> AbstractContextManager[None]:
        return engine_errors(missing, endpoint=self._endpoint)

    def get(self, name: str) -> object:
        raise NotImplementedError

    def exists(self, name: str) -> bool:
        """Tell whether the engine has an object of this name."""
        try:
            self.get(name)
        except NoSuchObject:
            return False
        return True


class Containers(_Collection):
    """The engine's containers."""

    def get(self, name: str) -> Container:
        """Inspect a container by name or id.

        Raises:
            NoSuchContainer: The engine has none of this name.
        """
        with self._errors(NoSuchContainer(name)):
            return Container.from_inspect(self._api.inspect_container(name))

    def list(self) -> tuple[dict[str, Any], ...]:
        """List all containers, running or not, as `GET /containers/json` has them."""
        with self._errors():
            return tuple(self._api.containers(all=True))

    def logs(self, name: str, *, tail: int | None = None, times: bool = False) -> str:
        """Read what a container wrote, standard output and error together.

        Args:
            name: The container's.
            tail: How many lines, from the end; None is `LONGEST_LOG`.
            times: Whether each line begins with its time.
        """
        lines = LONGEST_LOG if tail is None else tail
        with self._errors(NoSuchContainer(name)):
            raw: bytes = self._api.logs(name, tail=lines, timestamps=times)
        return raw.decode(errors="replace")

    def stats(self, name: str) -> dict[str, Any]:
        """Ask what a container has used until now, as `GET /containers/{id}/stats` answers."""
        with self._errors(NoSuchContainer(name)):
            answer: dict[str, Any] = self._api.stats(name, stream=False, one_shot=True)
            return answer

    def diff(self, name: str) -> dict[str, str]:
        """Map each path that the container changed to `A`, `C` or `D`."""
        with self._errors(NoSuchContainer(name)):
            rows = self._api.diff(name) or ()
        return {row["Path"]: "CAD"[row["Kind"]] for row in rows}

    def read_file(self, name: str, path: str) -> bytes:
        """Read one file of a container, running or not.

        Raises:
            FileNotFoundError: The container has no such file.
            NoSuchContainer: The engine has no such container.
            WaitTimeout: It never stayed as it was for as long as it takes to read it.
        """
        self.get(name)
        content, link_target = self._archive(name, path)
        if link_target:  # where the engine follows it to, inside the container
            content, _none = self._archive(name, link_target, asked=path)
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            member = archive.next()
            file = archive.extractfile(member) if member and member.isfile() else None
            if file is None:
                raise FileNotFoundError(f"{name}:{path}")
            return file.read()

    def list_files(self, name: str, folder: str) -> tuple[str, ...]:
        """List the files below a folder of a container, volumes included, by their paths in it.

        Raises:
            NoSuchContainer: The engine has no such container.
            WaitTimeout: As in `read_tree`.
        """
        try:
            tree = self.read_tree(name, folder)
        except FileNotFoundError:
            return ()
        return tuple(path for path, entry in tree.items() if entry.kind == "file")

    def read_tree(self, name: str, path: str) -> dict[str, FileEntry]:
        """Read all that lies below a folder of a container, running or not.

        Returns:
            Each file, folder and link by its path below the folder.

        Raises:
            FileNotFoundError: The container has no such folder.
            NoSuchContainer: The engine has no such container.
            WaitTimeout: It never stayed as it was for as long as it takes to read it.
        """
        self.get(name)
        content, _link = self._archive(name, path.rstrip("/") + "/.")
        entries: dict[str, FileEntry] = {}
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            for member in archive:
                file = archive.extractfile(member) if member.isfile() else None
                inner = member.name.partition("/")[2]  # without the folder's own name
                if inner:
                    entries[inner] = FileEntry.from_tar(member, file.read() if file else b"")
        return entries

    def ask(self, name: str, *command: str) -> ExecReply:
        """Run a program that only reads in a running container, as `docker exec` does.

        Raises:
            EngineRequestFailed: The container does not run.
            NoSuchContainer: The engine has no such container.
            WaitTimeout: The program closed its output, and did not end.
        """

        def exit_codes() -> list[int]:
            found = self._api.exec_inspect(asked)
            return [] if found["Running"] else [found["ExitCode"]]

        with self._errors(NoSuchContainer(name)):
            asked = self._api.exec_create(name, list(command))["Id"]
            output: bytes = self._api.exec_start(asked)
            # A busy engine passes on the end of the output before it has noted the exit code.
            (code,) = wait_until(
                exit_codes, what=f"`{command[0]}`", timeout=ENDED_SECONDS, interval=0.02
            )
            return ExecReply(code, output.decode(errors="replace"))

    def _archive(self, name: str, path: str, *, asked: str = "") -> tuple[bytes, str]:
        """Read a path of a container as a tar archive, and where a link points to."""
        place = f"{name}:{asked or path}"
        missing = FileNotFoundError(place)

        def whole() -> list[tuple[bytes, str]]:
            chunks, stat = self._api.get_archive(name, path)
            content = b"".join(chunks)
            return [(content, stat["linkTarget"])] if content.endswith(END_OF_ARCHIVE) else []

        try:
            with self._errors(missing):
                # A file that shrinks while the engine reads it ends the archive, without a word.
                (found,) = wait_until(
                    whole,
                    what=_("a moment in which nothing writes to `{place}`").format(place=place),
                    timeout=STILL_SECONDS,
                    interval=0.02,
                    hint=_("Stop what writes there, then run the command again."),
                )
                return found
        except EngineRequestFailed as error:
            # The engine has no status of its own for a path through a file or in a circle.
            if "not a directory" in error.message or "too many links" in error.message:
                raise missing from error
            raise


class Images(_Collection):
    """The engine's images."""

    def get(self, name: str) -> Image:
        """Inspect an image by reference or id.

        Raises:
            NoSuchImage: The engine has none of this name.
        """
        with self._errors(NoSuchImage(name)):
            return Image.from_inspect(self._api.inspect_image(name))

    def list(self) -> tuple[dict[str, Any], ...]:
        """List the images as `GET /images/json` has them."""
        with self._errors():
            return tuple(self._api.images())

    def history(self, name: str) -> tuple[HistoryEntry, ...]:
        """Read an image's history, newest step first."""
        with self._errors(NoSuchImage(name)):
            return tuple(HistoryEntry.from_history(h) for h in self._api.history(name))


class Networks(_Collection):
    """The engine's networks."""

    def get(self, name: str) -> Network:
        """Inspect a network by name or id.

        Raises:
            NoSuchNetwork: The engine has none of this name.
        """
        with self._errors(NoSuchNetwork(name)):
            return Network.from_inspect(self._api.inspect_network(name))

    def list(self) -> tuple[dict[str, Any], ...]:
        """List the networks as `GET /networks` has them."""
        with self._errors():
            return tuple(self._api.networks())


class Volumes(_Collection):
    """The engine's volumes."""

    def get(self, name: str) -> Volume:
        """Inspect a volume by name.

        Raises:
            NoSuchVolume: The engine has none of this name.
        """
        with self._errors(NoSuchVolume(name)):
            return Volume.from_inspect(self._api.inspect_volume(name))

    def list(self) -> tuple[dict[str, Any], ...]:
        """List the volumes as `GET /volumes` has them."""
        with self._errors():
            return tuple(self._api.volumes()["Volumes"] or ())


class Engine:
    """One Docker engine that answers.

    Attributes:
        endpoint: Its address, such as `unix:///var/run/docker.sock`.
        client: docker-py's client, already at the negotiated API version.
    """

    def __init__(
        self,
        client: docker.DockerClient,
        endpoint: str,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Put the facade before a client.

        Args:
            client: docker-py's client.
            endpoint: The engine's address.
            environment: The variables that lead the `docker` command there; None is `DOCKER_HOST`.
        """
        self.client = client
        self._api: Any = client.api
        self._environment = environment or {"DOCKER_HOST": endpoint}
        self.endpoint = endpoint
        self.containers = Containers(client, endpoint)
        self.images = Images(client, endpoint)
        self.networks = Networks(client, endpoint)
        self.volumes = Volumes(client, endpoint)

    @property
    def host(self) -> str:
        """The address where the engine's published ports answer."""
        return urlsplit(self.endpoint).hostname or "127.0.0.1"

    @property
    def is_here(self) -> bool:
        """Whether what it publishes on 127.0.0.1 is this machine's."""
        return is_here(self.endpoint)

    def errors(self, missing: Exception | None = None) -> AbstractContextManager[None]:
        """Translate what docker-py raises in a block that asks this engine: `engine_errors`."""
        return engine_errors(missing, endpoint=self.endpoint)

    def version(self) -> dict[str, Any]:
        """Read `GET /version`."""
        with self.errors():
            return dict(self.client.version())

    def info(self) -> dict[str, Any]:
        """Read `GET /info`."""
        with self.errors():
            return dict(self.client.info())

    def events(
        self, *, since: float, until: float, filters: Mapping[str, Any] | None = None
    ) -> tuple[dict[str, Any], ...]:
        """Read the events between two moments, in seconds since the epoch."""
        from docker.utils import convert_filters

        api = self._api
        with self.errors():
            # docker-py's own method takes a stream that breaks off for one that has ended, and
            # waits for ever for one that hangs.
            reply = api.get(
                f"{api.base_url}/v{api.api_version}/events",
                params={"since": since, "until": until, "filters": convert_filters(filters or {})},
                timeout=api.timeout,
            )
            api._raise_for_status(reply)  # noqa: SLF001 - where the engine's words are read
            return tuple(json.loads(line) for line in reply.content.splitlines())

    def snapshot(self) -> Snapshot:
        """List everything the engine holds."""
        with self.errors():
            return snapshots.take(self.client.api)

    def http_get(self, port: int, path: str = "/", *, timeout: float = 2.0) -> HttpReply:
        """Ask a published port of the engine's host over HTTP.

        Of a body, no more than `LONGEST_BODY` bytes are read: what answers is a learner's program.

        Args:
            port: The port on the host.
            path: The path, beginning with a slash.
            timeout: Seconds.

        Raises:
            ConnectionError: Nothing answers there, or not in HTTP.
        """
        import http.client

        connection = http.client.HTTPConnection(self.host, port, timeout=timeout)
        try:
            connection.request("GET", path)
            reply = connection.getresponse()
            raw = reply.read(LONGEST_BODY)
            if reply.length and len(raw) < LONGEST_BODY:
                raise http.client.IncompleteRead(raw, reply.length)
        except (OSError, http.client.HTTPException) as error:
            raise ConnectionError(f"{self.host}:{port}: {error}") from error
        finally:
            connection.close()
        return HttpReply(reply.status, raw.decode(errors="replace"), dict(reply.getheaders()))

    def cli_env(self) -> dict[str, str]:
        """Return this process's environment, with the `docker` command pointed at this engine."""
        return {**os.environ, **self._environment}

    def close(self) -> None:
        """Close the connections to the engine."""
        self.client.close()
