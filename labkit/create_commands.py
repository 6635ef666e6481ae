"""Write the command that would make a network or a volume again, from what inspecting it tells.

What the engine chooses by itself is left out, so that only what somebody asked for is written.
"""

from __future__ import annotations

import shlex
from ipaddress import IPv4Network, ip_network
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from labkit.engine import Network, Volume

#: Where an engine takes addresses from when nobody names a range, and how long their prefixes are.
POOLS = (
    (IPv4Network("172.16.0.0/12"), 16),
    (IPv4Network("192.168.0.0/16"), 20),
    (IPv4Network("10.0.0.0/8"), 24),
)
#: What an engine adds to the options of an overlay.
ADDED = ("com.docker.network.driver.overlay.vxlanid_list",)


def network_command(network: Network) -> str:
    """Return the `docker network create` that makes a network again."""
    attrs = network.attrs
    words = [f"--driver={network.driver}"] if network.driver != "bridge" else []
    words += ["--internal"] if network.internal else []
    words += ["--attachable"] if attrs.get("Attachable") else []
    words += ["--ipv6"] if attrs.get("EnableIPv6") else []
    for each in (attrs.get("IPAM") or {}).get("Config") or ():
        words += _addresses(each)
    options = {name: v for name, v in (attrs.get("Options") or {}).items() if name not in ADDED}
    words += [*_pairs("--opt", options), *_pairs("--label", network.labels)]
    return shlex.join(["docker", "network", "create", *words, network.name])


def volume_command(volume: Volume) -> str:
    """Return the `docker volume create` that makes a volume again."""
    words = [f"--driver={volume.driver}"] if volume.driver != "local" else []
    words += _pairs("--opt", volume.attrs.get("Options") or {})
    words += _pairs("--label", volume.labels)
    return shlex.join(["docker", "volume", "create", *words, volume.name])


def _addresses(asked: Mapping[str, str]) -> Iterator[str]:
    """Yield a range, unless it looks as the engine would have chosen it."""
    subnet = ip_network(asked["Subnet"]) if asked.get("Subnet") else None
    gateway = asked.get("Gateway", "").partition("/")[0]
    usual = subnet is not None and gateway in {"", str(subnet[1])}
    if usual and not asked.get("IPRange") and _is_of_a_pool(subnet):
        return
    if subnet:
        yield f"--subnet={subnet}"
    if asked.get("IPRange"):
        yield f"--ip-range={asked['IPRange']}"
    if gateway and not usual:
        yield f"--gateway={gateway}"


def _is_of_a_pool(subnet: Any) -> bool:
    return any(
        subnet.version == pool.version and subnet.prefixlen == size and subnet.subnet_of(pool)
        for pool, size in POOLS
    )


def _pairs(option: str, values: Mapping[str, str]) -> Iterator[str]:
    return (f"{option}={name}={value}" for name, value in sorted(values.items()))
