"""Named probes: what the engine and this machine can do.

A lesson or exercise that lists a probe in `needs` says in a sentence what is missing instead of
failing; `labkit doctor` shows them all. A probe changes nothing, and removes what it starts.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from labkit.engine import tools, transfer, trials
from labkit.engine.portainer import portainer
from labkit.engine.sockets import DESKTOP
from labkit.engine.verdicts import ProbeResult, Verdict, failed
from labkit.errors import LabError, NoSuchImage
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from labkit.engine.engine import Engine

__all__ = [
    "ENGINE_PROBES",
    "HOST_PROBES",
    "ProbeResult",
    "Verdict",
    "free_space",
    "names",
    "probe",
    "unmet",
]

#: Below this, building the course images may fail.
ENOUGH_DISK = 3e9
REGISTRY_SECONDS = 3.0
OVERLAY = {"overlay2", "overlayfs", "fuse-overlayfs"}


def probe(name: str, engine: Engine | None) -> ProbeResult:
    """Run one probe, now.

    Args:
        name: One of `names()`.
        engine: The engine; None when none answers, which only the host's probes can do without.

    Returns:
        What it found; a probe that fails is an `ERROR`, not an exception.

    Raises:
        LabError: There is no probe of this name.
    """
    untried = _("Lessons and exercises that need it are left out.")
    try:
        if name in HOST_PROBES:
            return HOST_PROBES[name]()
        if name in ENGINE_PROBES:
            if engine is None:
                said = _("Not tried: no engine answers.")
                return ProbeResult(name, Verdict.ABSENT, said, cost=untried)
            return ENGINE_PROBES[name](engine)
    except NoSuchImage as error:
        remedy = _("Run `labkit images ensure`.")
        said = _("Not tried. {why}").format(why=error.message)
        return ProbeResult(name, Verdict.ABSENT, said, cost=untried, remedy=remedy)
    except Exception as error:  # noqa: BLE001 - one probe's failure must not stop the others
        return failed(name, error)
    raise LabError(
        _("There is no probe `{name}`.").format(name=name),
        hint=_("There are: {names}.").format(names=", ".join(names())),
    )


def unmet(needs: Iterable[str], engine: Engine) -> tuple[str, ...]:
    """Say for each probe in `needs` that is not good what is missing, and what that costs."""
    results = (probe(name, engine) for name in needs)
    return tuple(f"{r.said} {r.cost}".strip() for r in results if r.verdict is not Verdict.GOOD)


def names() -> tuple[str, ...]:
    """Name all probes, in the order in which they read best."""
    return (*ENGINE_PROBES, *HOST_PROBES)


def _engine(engine: Engine) -> ProbeResult:
    info = engine.info()
    said = _("Docker {version} answers at `{endpoint}` ({system}).").format(
        version=info["ServerVersion"], endpoint=engine.endpoint, system=info["OperatingSystem"]
    )
    return ProbeResult("engine", Verdict.GOOD, said)


def _api(engine: Engine) -> ProbeResult:
    version = engine.version()
    said = _("The engine speaks API {newest}, and down to {oldest}; {used} is used.").format(
        newest=version["ApiVersion"],
        oldest=version.get("MinAPIVersion", "?"),
        used=engine.client.api.api_version,
    )
    return ProbeResult("api", Verdict.GOOD, said)


def _socket(engine: Engine) -> ProbeResult:
    if engine.endpoint.startswith("unix:"):
        said = _("The engine is asked at a socket, `{path}`.")
        path = engine.endpoint.removeprefix("unix://")
        return ProbeResult("socket", Verdict.GOOD, said.format(path=path))
    return ProbeResult(
        "socket",
        Verdict.ABSENT,
        _("The engine is asked at `{endpoint}`, not at a socket.").format(endpoint=engine.endpoint),
        cost=_("The lesson on architecture cannot write into its socket."),
    )


def _storage(engine: Engine) -> ProbeResult:
    driver = engine.info()["Driver"]
    said = _("The storage driver is `{driver}`.").format(driver=driver)
    if driver in OVERLAY:
        return ProbeResult("storage", Verdict.GOOD, said)
    return ProbeResult(
        "storage",
        Verdict.ABSENT,
        said,
        cost=_("Layers are not the overlay directories that the lesson on images looks into."),
    )


def _cgroups(engine: Engine) -> ProbeResult:
    info = engine.info()
    said = _("The kernel has cgroups version {version}, driven by `{driver}`.").format(
        version=info.get("CgroupVersion", "1"), driver=info.get("CgroupDriver", "?")
    )
    return ProbeResult("cgroups", Verdict.GOOD, said)


def _forwarding(engine: Engine) -> ProbeResult:
    if _kernel_flag(engine, "IPv4Forwarding", "ipv4/ip_forward"):
        return ProbeResult("forwarding", Verdict.GOOD, _("The kernel forwards IPv4 packets."))
    return ProbeResult(
        "forwarding",
        Verdict.BAD,
        _("The kernel does not forward IPv4 packets."),
        cost=_("Containers reach nothing outside their host."),
        remedy=_("Run `sudo sysctl -w net.ipv4.ip_forward=1`."),
    )


def _bridge_filter(engine: Engine) -> ProbeResult:
    name = "bridge_filter"
    if _kernel_flag(engine, "BridgeNfIptables", "bridge/bridge-nf-call-iptables"):
        said = _("Packets between containers of one bridge pass the firewall (bridge-nf-call).")
        return ProbeResult(name, Verdict.GOOD, said)
    return ProbeResult(
        name,
        Verdict.ABSENT,
        _("Packets between containers of one bridge pass no firewall (bridge-nf-call is off)."),
        cost=_("`--icc=false` has no effect, and Swarm's overlay networks may not filter."),
        remedy=_(
            "Run `sudo modprobe br_netfilter`, "
            "then `sudo sysctl -w net.bridge.bridge-nf-call-iptables=1`."
        ),
    )


def _kernel_flag(engine: Engine, field: str, parameter: str) -> bool:
    """Read a kernel parameter: engines since 28 say no of what they no longer look at."""
    if engine.info().get(field):
        return True
    command = ["sh", "-c", f"cat /proc/sys/net/{parameter} 2>/dev/null || echo 0"]
    _code, output = trials.run(engine, "kernel", command, network_mode="host")
    return output.strip() == "1"


def free_space(engine: Engine) -> tuple[Path, int] | None:
    """Return the folder of the engine's data and the bytes free there.

    Returns:
        None where the disk is another machine's, virtual or not, or cannot be looked at.
    """
    info = engine.info()
    root = Path(str(info.get("DockerRootDir") or ""))
    # The virtual machine's path may be there on this machine, too, with other things in it.
    elsewhere = not engine.endpoint.startswith("unix:") or DESKTOP in info["OperatingSystem"]
    if elsewhere or not root.is_absolute():
        return None
    try:
        return root, shutil.disk_usage(root).free
    except OSError:
        return None


def _disk(engine: Engine) -> ProbeResult:
    found = free_space(engine)
    if found is None:
        used = sum(image["Size"] for image in engine.images.list())
        said = _("The engine's images take up to {used:.1f} GB; its disk cannot be seen from here.")
        return ProbeResult("disk", Verdict.GOOD, said.format(used=used / 1e9))
    root, free = found
    said = _("{free:.1f} GB are free in `{root}`.").format(free=free / 1e9, root=root)
    if free >= ENOUGH_DISK:
        return ProbeResult("disk", Verdict.GOOD, said)
    return ProbeResult(
        "disk",
        Verdict.BAD,
        said,
        cost=_("Building images may fail."),
        remedy=_("Run `docker system df` to see what takes the space, then make room."),
    )


def _registry(engine: Engine) -> ProbeResult:
    mirror = transfer.registry_mirror()
    shown = f"`{mirror}`" if mirror else "Docker Hub"
    why = transfer.reach_registry(engine, mirror, timeout=REGISTRY_SECONDS)
    if not why:
        said = _("The engine reaches {registry}.").format(registry=shown)
        return ProbeResult("registry", Verdict.GOOD, said)
    return ProbeResult(
        "registry",
        Verdict.ABSENT,
        _("The engine does not reach {registry}: {why}.").format(registry=shown, why=why),
        cost=_(
            "The course images come from a pack file or are built here; no other can be pulled."
        ),
        remedy=_("Set `{variable}` to a mirror that it reaches, if there is one.").format(
            variable=transfer.MIRROR_VARIABLE
        ),
    )


ENGINE_PROBES: Mapping[str, Callable[[Engine], ProbeResult]] = {
    "engine": _engine,
    "api": _api,
    "socket": _socket,
    "storage": _storage,
    "cgroups": _cgroups,
    "limits": trials.limits,
    "usage": trials.usage,
    "privileged": trials.privileged,
    "nodes": trials.nodes,
    "cluster": trials.cluster,
    "ipvs": trials.ipvs,
    "folders": trials.folders,
    "forwarding": _forwarding,
    "bridge_filter": _bridge_filter,
    "disk": _disk,
    "registry": _registry,
    "portainer": portainer,
}
HOST_PROBES: Mapping[str, Callable[[], ProbeResult]] = {
    "cli": tools.cli,
    "buildkit": tools.buildkit,
    "compose": tools.compose,
}
