"""Probes that try it: they start a container of `lab/shell`, read what it says, and remove it."""

from __future__ import annotations

import os
import platform
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from labkit.engine.cluster_tools import TOOLS
from labkit.engine.kubeconfig import OWN, VARIABLE, YOU, taken
from labkit.engine.kubernetes import Kubectl
from labkit.engine.verdicts import ProbeResult, Verdict
from labkit.errors import ClusterError, EngineRequestFailed, NoSuchImage
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labkit.engine.engine import Engine

IMAGE = "lab/shell"
LABEL = "labkit.probe"
#: What the memory trial asks for; the smallest that every engine accepts is 6 MiB.
MEMORY = 32 * 1024 * 1024
#: Where a container reads its own limit: cgroup v2, then v1.
LIMIT_FILES = "/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"
SECONDS = 5


def limits(engine: Engine) -> ProbeResult:
    """Ask for a memory limit and let the container read what it got."""
    name = "limits"
    command = ["sh", "-c", f"cat {LIMIT_FILES[0]} 2>/dev/null || cat {LIMIT_FILES[1]}"]
    try:
        _code, output = run(engine, name, command, mem_limit=MEMORY)
    except EngineRequestFailed as error:
        return _limits_absent(name, _shortened(error))
    if output.strip() == str(MEMORY):
        return ProbeResult(
            name, Verdict.GOOD, _("A container with `--memory 32m` has a limit of 32 MiB.")
        )
    found = _("a container with `--memory 32m` reads the limit `{output}`").format(
        output=_first_line(output)
    )
    return _limits_absent(name, found)


def _limits_absent(name: str, found: str) -> ProbeResult:
    return ProbeResult(
        name,
        Verdict.ABSENT,
        _("Memory limits are not enforced: {found}.").format(found=found),
        cost=_("`--memory` is accepted but does not hold, so no container is stopped by it."),
        remedy=_("Use a rootful engine, or cgroup v2 with the memory controller delegated."),
    )


def privileged(engine: Engine) -> ProbeResult:
    """Start a privileged container."""
    name = "privileged"
    try:
        run(engine, name, ["true"], privileged=True)
    except EngineRequestFailed as error:
        return ProbeResult(
            name,
            Verdict.ABSENT,
            _("No privileged container can start: {why}.").format(why=_shortened(error)),
            cost=_("Engines inside containers get their capabilities one by one instead."),
        )
    return ProbeResult(name, Verdict.GOOD, _("A privileged container can start."))


def nodes(engine: Engine) -> ProbeResult:
    """Look whether containers of the engine can be machines with an engine of their own."""
    name = "nodes"
    cost = _("What needs several machines is left out.")
    if not engine.is_here:
        said = _("No machines can be made: `{endpoint}` is another machine's engine.")
        remedy = _("Use an engine on this machine.")
        return ProbeResult(
            name, Verdict.ABSENT, said.format(endpoint=engine.endpoint), cost, remedy
        )
    if "name=rootless" in engine.info().get("SecurityOptions", ()):
        said = _("No machines can be made: the engine is rootless.")
        return ProbeResult(name, Verdict.ABSENT, said, cost, _("Use one that root has started."))
    return ProbeResult(name, Verdict.GOOD, _("Containers can be machines with their own engine."))


def cluster(engine: Engine) -> ProbeResult:
    """Look whether there is a Kubernetes cluster for the course, or can be one."""
    name, chosen = "cluster", _cluster_in_use()
    if chosen:
        said = _("The course uses the Kubernetes cluster `{context}`.").format(context=chosen)
        return ProbeResult(name, Verdict.GOOD, said)
    for tool in TOOLS:
        if tool.can_serve(engine):
            said = _("`{tool}` can make a Kubernetes cluster.").format(tool=tool.name)
            return ProbeResult(name, Verdict.GOOD, said)
    able = nodes(engine)
    if able.verdict is Verdict.GOOD:
        said = _("A container can be a machine with Kubernetes on it.")
        return ProbeResult(name, Verdict.GOOD, said)
    remedy = _("Use a cluster that you have: `labkit cluster up --context NAME`.")
    return ProbeResult(
        name, Verdict.ABSENT, able.said, _("The lesson on Kubernetes is left out."), remedy
    )


def _cluster_in_use() -> str:
    """Name the learner's own cluster that the course uses, if it answers."""
    path = Path(os.environ.get(VARIABLE, ""))
    found = taken(path) if OWN in os.environ else None
    # One that was made for the course can be made again, whether or not it is there.
    if found is None or found.served_by != YOU:
        return ""
    try:
        Kubectl(path, found.context).ask("get", "--raw", "/version")
    except ClusterError:
        return ""
    return found.context


def ipvs(engine: Engine) -> ProbeResult:
    """Look for IPVS in the engine's kernel: loaded, or there to be loaded."""
    name = "ipvs"
    if _is_local(engine):
        there = Path("/proc/net/ip_vs").exists() or _has_module("ip_vs")
    else:
        command = ["sh", "-c", "test -e /proc/net/ip_vs && echo there || true"]
        _code, output = run(engine, name, command, network_mode="host")
        there = output.strip() == "there"
    if there:
        return ProbeResult(name, Verdict.GOOD, _("The kernel has IPVS."))
    return ProbeResult(
        name,
        Verdict.ABSENT,
        _("The kernel has no IPVS."),
        cost=_(
            "Swarm's routing mesh and virtual IPs cannot work; `--endpoint-mode dnsrr` and "
            "`mode=host` ports do."
        ),
        remedy=_("Run `sudo modprobe ip_vs`; if there is no such module, take another kernel."),
    )


def folders(engine: Engine) -> ProbeResult:
    """Show a folder of this machine to a container, as lessons do with that of their notebook."""
    from docker.types import Mount

    name, word, found = "folders", token_hex(8), ""
    with TemporaryDirectory(prefix=".labkit-probe-", dir=Path.cwd()) as folder:
        Path(folder, "word").write_text(word)
        mount = Mount("/folder", folder, type="bind", read_only=True)
        try:
            _code, found = run(engine, name, ["cat", "/folder/word"], mounts=[mount])
        except EngineRequestFailed as error:
            found = _shortened(error)
    if found == word:
        return ProbeResult(name, Verdict.GOOD, _("Containers see folders of this machine."))
    return ProbeResult(
        name,
        Verdict.ABSENT,
        _("Containers do not see folders of this machine: {found}.").format(
            found=_first_line(found).rstrip(".")
        ),
        cost=_("What mounts a folder of this machine into a container is left out."),
        remedy=_("Use an engine on this machine, or share the folder in Docker Desktop."),
    )


def usage(engine: Engine) -> ProbeResult:
    """Ask the engine what a container that runs uses."""
    name, api = "usage", engine.client.api
    with _started(engine, name, ["sleep", "60"]) as container, engine.errors():
        answer: dict[str, Any] = api.stats(container, stream=False, one_shot=True)
    if (answer.get("memory_stats") or {}).get("usage"):
        said = _("The engine tells what containers use.")
        return ProbeResult(name, Verdict.GOOD, said)
    return ProbeResult(
        name,
        Verdict.ABSENT,
        _("The engine does not tell what containers use."),
        cost=_("`docker stats` shows zeros, and `show.stats()` says that there are no figures."),
        remedy=_(
            "With cgroup v1, all controllers must be mounted when the engine starts: run `sudo"
            " apt-get install cgroupfs-mount`, `sudo cgroupfs-mount`, and start it again."
        ),
    )


def run(engine: Engine, probe: str, command: list[str], **host: Any) -> tuple[int, str]:
    """Run a command in a labelled container of `lab/shell` and remove the container.

    Args:
        engine: Where.
        probe: The label's value.
        command: What to run.
        host: The container's host configuration, in docker-py's words.

    Returns:
        The exit code and what was written.

    Raises:
        NoSuchImage: `lab/shell` is not here.
        EngineRequestFailed: The engine would not start it.
    """
    api: Any = engine.client.api
    with _started(engine, probe, command, **host) as container, engine.errors():
        code = int(api.wait(container, timeout=SECONDS)["StatusCode"])
        return code, api.logs(container).decode(errors="replace")


@contextmanager
def _started(engine: Engine, probe: str, command: list[str], **host: Any) -> Iterator[str]:
    """Have a labelled container for the length of a block."""
    api: Any = engine.client.api
    with engine.errors(NoSuchImage(IMAGE)):
        container: str = api.create_container(
            IMAGE,
            command,
            name=f"labkit-probe-{token_hex(4)}",
            labels={LABEL: probe},
            host_config=api.create_host_config(**{"network_mode": "none", **host}),
        )["Id"]
    try:
        with engine.errors():
            api.start(container)
        yield container
    finally:
        with engine.errors():
            api.remove_container(container, v=True, force=True)


def _is_local(engine: Engine) -> bool:
    """Tell whether this process sees the engine's kernel; Docker Desktop has one of its own."""
    return engine.endpoint.startswith("unix:") and (
        engine.info().get("KernelVersion") == platform.release()
    )


def _has_module(name: str) -> bool:
    folder = Path("/lib/modules", platform.release())
    for index in ("modules.dep", "modules.builtin"):
        try:
            if f"/{name}.ko" in (folder / index).read_text():
                return True
        except OSError:
            continue
    return False


def _first_line(text: str) -> str:
    return (text.strip().splitlines() or [""])[0]


def _shortened(error: EngineRequestFailed) -> str:
    """Take the cause out of the engine's message, which runtime after runtime has wrapped."""
    layers = " ".join(error.message.split()).removesuffix(": unknown").split(": ")
    return ": ".join(layers[-2:]).rstrip(".")
