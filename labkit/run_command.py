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
#: Bytes of shared memory that a container has without asking.
SHARED_MEMORY = 64 << 20
#: Options that may be given several times, and where the engine keeps them.
REPEATED = {
    "--cap-add": "CapAdd",
    "--cap-drop": "CapDrop",
    "--add-host": "ExtraHosts",
    "--dns": "Dns",
    "--dns-search": "DnsSearch",
    "--security-opt": "SecurityOpt",
    "--group-add": "GroupAdd",
    "--volumes-from": "VolumesFrom",
}
#: Options with one value, where the engine keeps it, and what it is without asking.
SINGLE = {
    "--cpu-shares": ("CpuShares", ()),
    "--cpuset-cpus": ("CpusetCpus", ()),
    "--pid": ("PidMode", ()),
    "--uts": ("UTSMode", ()),
    "--userns": ("UsernsMode", ()),
    "--ipc": ("IpcMode", ("private", "shareable")),
    "--cgroup-parent": ("CgroupParent", ()),
    "--runtime": ("Runtime", ("runc",)),
}
#: What a health check is told, in nanoseconds.
HEALTH_TIMES = {
    "--health-interval": "Interval",
    "--health-timeout": "Timeout",
    "--health-start-period": "StartPeriod",
}


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
        shlex.join(
            ["docker", "network", "connect", *_at(container, network), network, container.name]
        )
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
        yield from _at(container, network, prefix="network-")
    if not container.id.startswith(container.hostname) and network != "host":
        yield f"--hostname={container.hostname}"
    if container.restart_policy != "no":
        most = f":{container.restart_maximum}" if container.restart_maximum else ""
        yield f"--restart={container.restart_policy}{most}"
    yield from _limits(container, host)
    yield from _places(host)
    for option, (key, unasked) in SINGLE.items():
        if (value := host.get(key)) and value not in unasked:
            yield f"{option}={value}"
    for option, key in REPEATED.items():
        yield from (f"{option}={value}" for value in host.get(key) or ())
    for name, value in sorted((host.get("Sysctls") or {}).items()):
        yield f"--sysctl={name}={value}"
    yield from map(_link, host.get("Links") or ())
    yield from _log(host)


def _at(container: Container, network: str, prefix: str = "") -> Iterator[str]:
    """Yield the names and the address that were asked for on a network."""
    at = container.networks.get(network)
    endpoint = (container.attrs["NetworkSettings"]["Networks"] if at else {}).get(network, {})
    if address := (endpoint.get("IPAMConfig") or {}).get("IPv4Address"):
        yield f"--ip={address}"
    for alias in at.aliases if at else ():
        # The engine adds these itself.
        if alias not in {container.name, container.hostname, container.id[:12]}:
            yield f"--{prefix}alias={alias}"


def _link(link: str) -> str:
    """Write `/lab-db:/lab-web/db` as it was asked for."""
    other, _colon, alias = link.partition(":")
    return f"--link={other.lstrip('/')}:{alias.rpartition('/')[2]}"


def _log(host: Mapping[str, Any]) -> Iterator[str]:
    log = host.get("LogConfig") or {}
    if log.get("Type", "json-file") != "json-file" or log.get("Config"):
        yield f"--log-driver={log['Type']}"
    for name, value in sorted((log.get("Config") or {}).items()):
        yield f"--log-opt={name}={value}"


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
    if host.get("ShmSize", SHARED_MEMORY) not in {0, SHARED_MEMORY}:
        yield f"--shm-size={_bytes(host['ShmSize'])}"
    for limit in host.get("Ulimits") or ():
        yield f"--ulimit={limit['Name']}={limit['Soft']}:{limit['Hard']}"
    for device in host.get("Devices") or ():
        paths = device["PathOnHost"], device["PathInContainer"], device["CgroupPermissions"]
        yield f"--device={':'.join(paths)}"


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
        labels = ((mount.get("VolumeOptions") or {}).get("Labels") or {}).items()
        parts += [f"volume-label={name}={value}" for name, value in labels]
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
    yield from _declarations(container, image)
    if _own_entrypoint(container, image):
        yield f"--entrypoint={container.entrypoint[0] if container.entrypoint else ''}"


def _declarations(container: Container, image: Image | None) -> Iterator[str]:
    """Yield what an image may declare of its containers, where the container has it otherwise."""
    config = container.attrs["Config"]
    made_of = (image.attrs.get("Config") or {}) if image else {}
    published = container.attrs["HostConfig"].get("PortBindings") or {}
    for port in container.exposed_ports:
        if port not in (made_of.get("ExposedPorts") or {}) and port not in published:
            yield f"--expose={port.removesuffix('/tcp')}"
    if container.stop_signal not in {"", made_of.get("StopSignal", "")}:
        yield f"--stop-signal={container.stop_signal}"
    if config.get("StopTimeout") is not None:
        yield f"--stop-timeout={config['StopTimeout']}"
    if config.get("Healthcheck") != made_of.get("Healthcheck"):
        yield from _health(config.get("Healthcheck") or {})


def _health(check: Mapping[str, Any]) -> Iterator[str]:
    kind, *words = check.get("Test") or [""]
    if kind == "NONE":
        yield "--no-healthcheck"
        return
    if words:
        yield f"--health-cmd={words[0] if kind == 'CMD-SHELL' else shlex.join(words)}"
    for option, key in HEALTH_TIMES.items():
        if check.get(key):
            yield f"{option}={check[key] / 1_000_000_000:g}s"
    if check.get("Retries"):
        yield f"--health-retries={check['Retries']}"


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
