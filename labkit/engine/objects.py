"""What the engine holds, as frozen values in Docker's own words.

Each is made from the engine's inspect answer (`GET /containers/{id}/json` and its like), so tests
need recorded JSON only. `attrs` keeps the whole answer for what has no field of its own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tarfile import TarInfo

Attrs = dict[str, Any]
ANONYMOUS = re.compile(r"[0-9a-f]{64}")
#: What builders write before a command: build arguments and a shell.
SHELL = re.compile(r"^(RUN )?(\|\d+ .*? )?/bin/sh -c +")
SETTING = "#(nop)"
#: The classic builder names what it copied by a digest.
COPIED = re.compile(r"\b(file|dir|multi):[0-9a-f]{64} in ")


@dataclass(frozen=True)
class Mount:
    """A volume, bind mount or tmpfs inside a container."""

    type: str
    name: str
    source: str
    destination: str
    read_only: bool

    @property
    def anonymous(self) -> bool:
        """Whether it is a volume that nobody named, so that the engine did."""
        return self.type == "volume" and bool(ANONYMOUS.fullmatch(self.name))


@dataclass(frozen=True)
class FileEntry:
    """A file, folder or link of a container.

    Attributes:
        mode: Who may do what with it, the last twelve bits.
        content: What is in a file, or where a link points to.
    """

    kind: str
    mode: int
    uid: int
    gid: int
    content: bytes = field(repr=False)

    @classmethod
    def from_tar(cls, member: TarInfo, content: bytes) -> FileEntry:
        """Read a member of the archive that the engine hands over."""
        if member.issym():
            kind, content = "link", member.linkname.encode()
        else:
            kind = "folder" if member.isdir() else "file"
        return cls(kind, member.mode & 0o7777, member.uid, member.gid, content)


@dataclass(frozen=True)
class NetworkAttachment:
    """A container's place on one network."""

    ip: str
    aliases: tuple[str, ...]


@dataclass(frozen=True)
class Container:
    """A container as `docker inspect` tells it.

    Attributes:
        image: The image as it was typed at `docker run`.
        ports: Published ports: `"80/tcp"` to pairs of host address and host port.
        memory_limit: Bytes; 0 is no limit. `memory_swap` likewise, and -1 is unlimited swap.
        cpus: Number of CPUs it may use at most; 0.0 is no limit.
        health: `starting`, `healthy`, `unhealthy`, or None without a health check.
    """

    id: str
    name: str
    image: str
    image_id: str
    status: str
    exit_code: int
    oom_killed: bool
    error: str
    started_at: str
    finished_at: str
    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    env: dict[str, str]
    labels: dict[str, str]
    user: str
    working_dir: str
    hostname: str
    tty: bool
    ports: dict[str, tuple[tuple[str, int], ...]]
    exposed_ports: tuple[str, ...]
    mounts: tuple[Mount, ...]
    networks: dict[str, NetworkAttachment]
    restart_policy: str
    restart_maximum: int
    restart_count: int
    memory_limit: int
    memory_swap: int
    cpus: float
    pids_limit: int
    network_mode: str
    pid_mode: str
    read_only: bool
    cap_add: tuple[str, ...]
    cap_drop: tuple[str, ...]
    privileged: bool
    health: str | None
    stop_signal: str
    attrs: Attrs = field(repr=False, compare=False)

    @property
    def running(self) -> bool:
        """Whether its main process runs (not when paused or restarting)."""
        return self.status == "running"

    @property
    def paused(self) -> bool:
        """Whether it is paused."""
        return self.status == "paused"

    @classmethod
    def from_inspect(cls, attrs: Attrs) -> Container:
        """Read the answer of `GET /containers/{id}/json`."""
        state, config, host = attrs["State"], attrs["Config"], attrs["HostConfig"]
        settings = attrs.get("NetworkSettings") or {}
        restart = host.get("RestartPolicy") or {}
        return cls(
            id=attrs["Id"],
            name=attrs["Name"].lstrip("/"),
            image=config["Image"],
            image_id=attrs["Image"],
            status=state["Status"],
            exit_code=state.get("ExitCode", 0),
            oom_killed=bool(state.get("OOMKilled")),
            error=state.get("Error", ""),
            started_at=state.get("StartedAt", ""),
            finished_at=state.get("FinishedAt", ""),
            entrypoint=_words(config.get("Entrypoint")),
            command=_words(config.get("Cmd")),
            env=_environment(config.get("Env")),
            labels=dict(config.get("Labels") or {}),
            user=config.get("User", ""),
            working_dir=config.get("WorkingDir", ""),
            hostname=config.get("Hostname", ""),
            tty=bool(config.get("Tty")),
            ports=_published(settings.get("Ports")) or _published(host.get("PortBindings")),
            exposed_ports=tuple(sorted(config.get("ExposedPorts") or {})),
            mounts=tuple(
                Mount(
                    m["Type"], m.get("Name", ""), m.get("Source", ""), m["Destination"], not m["RW"]
                )
                for m in attrs.get("Mounts") or ()
            ),
            networks={
                name: NetworkAttachment(at.get("IPAddress", ""), _words(at.get("Aliases")))
                for name, at in (settings.get("Networks") or {}).items()
            },
            restart_policy=restart.get("Name") or "no",
            restart_maximum=restart.get("MaximumRetryCount", 0),
            restart_count=attrs.get("RestartCount", 0),
            memory_limit=host.get("Memory") or 0,
            memory_swap=host.get("MemorySwap") or 0,
            cpus=_cpus(host),
            pids_limit=host.get("PidsLimit") or 0,
            network_mode=host.get("NetworkMode", ""),
            pid_mode=host.get("PidMode", ""),
            read_only=bool(host.get("ReadonlyRootfs")),
            cap_add=_words(host.get("CapAdd")),
            cap_drop=_words(host.get("CapDrop")),
            privileged=bool(host.get("Privileged")),
            health=(state.get("Health") or {}).get("Status"),
            stop_signal=config.get("StopSignal", ""),
            attrs=attrs,
        )


@dataclass(frozen=True)
class Image:
    """An image as `docker image inspect` tells it.

    Attributes:
        id: The digest of its configuration (`sha256:…`).
        tags: `repository:tag` names, digests: `repository@sha256:…` names.
        size: Bytes of all its layers.
        layers: The digests of its uncompressed layers, lowest first.
        user: As the `USER` instruction has it; empty is root.
    """

    id: str
    tags: tuple[str, ...]
    digests: tuple[str, ...]
    size: int
    created: str
    architecture: str
    os: str
    user: str
    env: dict[str, str]
    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    working_dir: str
    exposed_ports: tuple[str, ...]
    volumes: tuple[str, ...]
    labels: dict[str, str]
    layers: tuple[str, ...]
    attrs: Attrs = field(repr=False, compare=False)

    @classmethod
    def from_inspect(cls, attrs: Attrs) -> Image:
        """Read the answer of `GET /images/{name}/json`."""
        config = attrs.get("Config") or {}
        return cls(
            id=attrs["Id"],
            tags=tuple(attrs.get("RepoTags") or ()),
            digests=tuple(attrs.get("RepoDigests") or ()),
            size=attrs.get("Size", 0),
            created=attrs.get("Created") or "",
            architecture=attrs.get("Architecture", ""),
            os=attrs.get("Os", ""),
            user=config.get("User", ""),
            env=_environment(config.get("Env")),
            entrypoint=_words(config.get("Entrypoint")),
            command=_words(config.get("Cmd")),
            working_dir=config.get("WorkingDir", ""),
            exposed_ports=tuple(sorted(config.get("ExposedPorts") or {})),
            volumes=tuple(sorted(config.get("Volumes") or {})),
            labels=dict(config.get("Labels") or {}),
            layers=tuple((attrs.get("RootFS") or {}).get("Layers") or ()),
            attrs=attrs,
        )


@dataclass(frozen=True)
class HistoryEntry:
    """One step of an image's history; `size` is the bytes of the layer it made."""

    created_by: str
    size: int
    tags: tuple[str, ...]
    comment: str

    @classmethod
    def from_history(cls, attrs: Attrs) -> HistoryEntry:
        """Read one entry of `GET /images/{name}/history`."""
        return cls(
            attrs.get("CreatedBy", ""),
            attrs.get("Size", 0),
            tuple(attrs.get("Tags") or ()),
            attrs.get("Comment", ""),
        )

    @property
    def instruction(self) -> str:
        """The step as it stood in the Dockerfile, whichever builder recorded it."""
        text = self.created_by.removesuffix("# buildkit").strip()
        command = SHELL.sub("", text)
        if command.startswith(SETTING):
            return COPIED.sub("", command.removeprefix(SETTING).strip())
        return text if command == text else f"RUN {command}"


@dataclass(frozen=True)
class Network:
    """A network as `docker network inspect` tells it; `containers` are names."""

    id: str
    name: str
    driver: str
    internal: bool
    subnets: tuple[str, ...]
    gateways: tuple[str, ...]
    containers: tuple[str, ...]
    labels: dict[str, str]
    attrs: Attrs = field(repr=False, compare=False)

    @classmethod
    def from_inspect(cls, attrs: Attrs) -> Network:
        """Read the answer of `GET /networks/{id}`."""
        ipam = (attrs.get("IPAM") or {}).get("Config") or ()
        return cls(
            id=attrs["Id"],
            name=attrs["Name"],
            driver=attrs["Driver"],
            internal=bool(attrs.get("Internal")),
            subnets=tuple(c["Subnet"] for c in ipam if "Subnet" in c),
            gateways=tuple(c["Gateway"] for c in ipam if "Gateway" in c),
            containers=tuple(sorted(c["Name"] for c in (attrs.get("Containers") or {}).values())),
            labels=dict(attrs.get("Labels") or {}),
            attrs=attrs,
        )


@dataclass(frozen=True)
class Volume:
    """A volume as `docker volume inspect` tells it."""

    name: str
    driver: str
    mountpoint: str
    labels: dict[str, str]
    attrs: Attrs = field(repr=False, compare=False)

    @classmethod
    def from_inspect(cls, attrs: Attrs) -> Volume:
        """Read the answer of `GET /volumes/{name}`."""
        return cls(
            attrs["Name"],
            attrs["Driver"],
            attrs.get("Mountpoint", ""),
            dict(attrs.get("Labels") or {}),
            attrs,
        )


def listed_name(line: Attrs) -> str:
    """Return a container's own name in a line of `GET /containers/json`.

    Links of other containers give it longer ones; one that is being made may have none yet.
    """
    names: list[str] = line["Names"] or [line["Id"][:12]]
    return min((name.lstrip("/") for name in names), key=len)


def listed_tags(line: Attrs) -> list[str]:
    """Return an image's names in a line of `GET /images/json`; a dangling one has none."""
    return [tag for tag in line["RepoTags"] or () if tag != "<none>:<none>"]


def _words(value: list[str] | str | None) -> tuple[str, ...]:
    """Docker writes a command as a list, a string or null."""
    return (value,) if isinstance(value, str) else tuple(value or ())


def _environment(lines: list[str] | None) -> dict[str, str]:
    return dict(line.partition("=")[::2] for line in lines or ())


def _published(ports: dict[str, list[dict[str, str]] | None] | None) -> dict[str, Any]:
    return {
        port: tuple(
            (b.get("HostIp", ""), int(b["HostPort"])) for b in bindings if b.get("HostPort")
        )
        for port, bindings in (ports or {}).items()
        if bindings
    }


def _cpus(host: Attrs) -> float:
    if nano := host.get("NanoCpus"):
        return float(nano) / 1e9
    quota, period = host.get("CpuQuota") or 0, host.get("CpuPeriod") or 100_000
    return quota / period if quota > 0 else 0.0
