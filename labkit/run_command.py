"""Write the `docker run` that would make a container again, from what inspecting it tells.

What the image gives by itself is left out, so that only what somebody asked for is written.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from labkit.engine import Container, Image

#: Networks that a container is on without asking.
UNASKED = ("default", "bridge", "")


def run_command(container: Container, image: Image | None = None) -> str:
    """Return the commands, one on each line; the second and later connect further networks.

    Args:
        container: What was made.
        image: What it was made of; None where it is gone, and then its settings are written, too.
    """
    host = container.attrs["HostConfig"]
    words = ["docker", "run", *_options(container, host), *_settings(container, image)]
    words += [container.image, *_command(container, image)]
    lines = [shlex.join(words)]
    first = host.get("NetworkMode") or "default"
    lines += (
        shlex.join(["docker", "network", "connect", network, container.name])
        for network in sorted(container.networks)
        if network != first and not (network == "bridge" and first in UNASKED)
    )
    return "\n".join(lines)


def _options(container: Container, host: Mapping[str, Any]) -> Iterator[str]:
    """Yield what belongs to the container and never to its image."""
    config = container.attrs["Config"]
    if not config.get("AttachStdout"):
        yield "--detach"
    yield from _flags(
        {
            "--interactive": config.get("OpenStdin"),
            "--tty": container.tty,
            "--rm": host.get("AutoRemove"),
            "--init": host.get("Init"),
            "--privileged": container.privileged,
            "--read-only": container.read_only,
            "--publish-all": host.get("PublishAllPorts"),
        }
    )
    yield f"--name={container.name}"
    network = host.get("NetworkMode") or "default"
    if network not in UNASKED:
        yield f"--network={network}"
    if not container.id.startswith(container.hostname) and network != "host":
        yield f"--hostname={container.hostname}"
    if container.restart_policy != "no":
        most = f":{container.restart_maximum}" if container.restart_maximum else ""
        yield f"--restart={container.restart_policy}{most}"
    yield from _limits(container, host)
    yield from _places(host)
    for option, values in (
        ("--cap-add", container.cap_add),
        ("--cap-drop", container.cap_drop),
        ("--add-host", host.get("ExtraHosts")),
        ("--dns", host.get("Dns")),
        ("--security-opt", host.get("SecurityOpt")),
    ):
        yield from (f"{option}={value}" for value in values or ())


def _flags(flags: Mapping[str, Any]) -> Iterator[str]:
    return (flag for flag, given in flags.items() if given)


def _limits(container: Container, host: Mapping[str, Any]) -> Iterator[str]:
    if container.memory_limit:
        yield f"--memory={_bytes(container.memory_limit)}"
        # Twice the memory is what the engine sets by itself.
        if container.memory_swap not in {0, 2 * container.memory_limit}:
            swap = container.memory_swap
            yield f"--memory-swap={swap if swap < 0 else _bytes(swap)}"
    if container.cpus:
        yield f"--cpus={container.cpus:g}"
    if container.pids_limit > 0:
        yield f"--pids-limit={container.pids_limit}"
    if host.get("CpuShares"):
        yield f"--cpu-shares={host['CpuShares']}"
    if container.pid_mode:
        yield f"--pid={container.pid_mode}"


def _places(host: Mapping[str, Any]) -> Iterator[str]:
    """Yield published ports and mounts as they were asked for."""
    for inner, bindings in sorted((host.get("PortBindings") or {}).items()):
        port = inner.removesuffix("/tcp")
        for binding in bindings or ():
            address, outer = binding.get("HostIp", ""), binding.get("HostPort", "")
            address = f"[{address}]" if ":" in address else address
            yield f"--publish={':'.join(filter(None, (address, outer, port)))}"
    yield from (f"--volume={bind}" for bind in host.get("Binds") or ())
    for mount in host.get("Mounts") or ():
        parts = [f"type={mount['Type']}", f"source={mount.get('Source', '')}"]
        parts += [f"target={mount['Target']}", "readonly" if mount.get("ReadOnly") else ""]
        yield f"--mount={','.join(part for part in parts if part and part != 'source=')}"
    for path, options in (host.get("Tmpfs") or {}).items():
        yield f"--tmpfs={path}:{options}" if options else f"--tmpfs={path}"


def _settings(container: Container, image: Image | None) -> Iterator[str]:
    """Yield what differs from the image's own settings."""
    given = image.env if image else {}
    for name, value in container.env.items():
        if given.get(name) != value:
            yield f"--env={name}={value}"
    labels = image.labels if image else {}
    for name, value in container.labels.items():
        if labels.get(name) != value:
            yield f"--label={name}={value}"
    if container.user != (image.user if image else ""):
        yield f"--user={container.user}"
    if container.working_dir not in {image.working_dir if image else "", "", "/"}:
        yield f"--workdir={container.working_dir}"
    if _own_entrypoint(container, image):
        yield f"--entrypoint={container.entrypoint[0] if container.entrypoint else ''}"


def _command(container: Container, image: Image | None) -> tuple[str, ...]:
    """Return what stands behind the image's name."""
    if _own_entrypoint(container, image):
        return (*container.entrypoint[1:], *container.command)
    return () if image and container.command == image.command else container.command


def _own_entrypoint(container: Container, image: Image | None) -> bool:
    return container.entrypoint != (image.entrypoint if image else ())


def _bytes(count: int) -> str:
    for unit, size in (("g", 1 << 30), ("m", 1 << 20), ("k", 1 << 10)):
        if count % size == 0:
            return f"{count // size}{unit}"
    return f"{count}b"
