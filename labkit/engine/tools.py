"""Probes of the `docker` command and its plugins, which need no engine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
from pathlib import Path

from labkit.engine.verdicts import ProbeResult, Verdict
from labkit.translation import _

#: Until this version the command has a BuildKit client of its own; since then buildx is needed.
OWN_BUILDKIT_UNTIL = 23
SECONDS = 5


def cli() -> ProbeResult:
    """Look for the `docker` command."""
    program = shutil.which("docker")
    if program is None:
        return ProbeResult(
            "cli",
            Verdict.BAD,
            _("There is no `docker` command on PATH."),
            cost=_("The lessons run it in nearly every cell."),
            remedy=_("Install it: on Debian and Ubuntu, `sudo apt-get install docker.io`."),
        )
    said = _("`{program}` is version {version}.")
    return ProbeResult(
        "cli", Verdict.GOOD, said.format(program=program, version=_version(program) or "?")
    )


def buildkit() -> ProbeResult:
    """Look for a way to build with BuildKit: the buildx plugin, or an older command's own."""
    if found := answer("docker", "buildx", "version"):
        return ProbeResult(
            "buildkit",
            Verdict.GOOD,
            _("`docker build` uses BuildKit ({version}).").format(version=found),
        )
    command = _own_buildkit()
    if command == "DOCKER_BUILDKIT=1 docker":
        said = _("`{command} build` uses BuildKit.").format(command=command)
        return ProbeResult("buildkit", Verdict.GOOD, said)
    remedy = _("Install the plugin: on Debian and Ubuntu, `sudo apt-get install docker-buildx`.")
    if command:
        remedy = _("Run `{command} build` instead.").format(command=command)
    return ProbeResult(
        "buildkit",
        Verdict.ABSENT,
        _("`docker build` has no BuildKit: the buildx plugin is missing."),
        cost=_("The classic builder builds everything in turn, and knows no `RUN --mount`."),
        remedy=remedy,
    )


def buildkit_command() -> str:
    """Return what to type before `build` so that BuildKit builds; empty when nothing helps."""
    return "docker" if answer("docker", "buildx", "version") else _own_buildkit()


def _own_buildkit() -> str:
    """Return how to call a command that brings BuildKit itself; empty when there is none."""
    for program in _programs():
        if 0 < _major(_version(program)) < OWN_BUILDKIT_UNTIL:
            first = program == shutil.which("docker")
            return "DOCKER_BUILDKIT=1 " + ("docker" if first else program)
    return ""


def compose() -> ProbeResult:
    """Look for the Compose plugin."""
    if found := answer("docker", "compose", "version", "--short"):
        said = _("`docker compose` is version {version}.").format(version=found)
        return ProbeResult("compose", Verdict.GOOD, said)
    brought = str(Path(sysconfig.get_path("scripts"), "docker-compose"))
    if cli().verdict is Verdict.GOOD and (found := answer(brought, "version", "--short")):
        said = _("The course brings `docker compose` {version} to its notebooks and terminals.")
        return ProbeResult("compose", Verdict.GOOD, said.format(version=found))
    return ProbeResult(
        "compose",
        Verdict.ABSENT,
        _("`docker compose` is not here."),
        cost=_("The lesson on Compose cannot run its commands."),
        remedy=_(
            "Install the plugin, `docker-compose-plugin` or `docker-compose-v2`, with apt-get."
        ),
    )


def _programs() -> tuple[str, ...]:
    """List every `docker` on PATH, in order: a machine may have an old and a new one."""
    folders = os.environ.get("PATH", "").split(os.pathsep)
    found = (shutil.which("docker", path=folder) for folder in folders if folder)
    by_file = {Path(program).resolve(): program for program in reversed(tuple(filter(None, found)))}
    return tuple(reversed(by_file.values()))


def _version(program: str) -> str:
    """Read `Docker version 28.2.2, build …`; this asks no engine."""
    return answer(program, "--version").removeprefix("Docker version ").partition(",")[0]


def _major(version: str) -> int:
    head = version.partition(".")[0]
    return int(head) if head.isdigit() else 0


def answer(*command: str) -> str:
    """Run a command and return its first line; empty when it fails, hangs or is not there."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=SECONDS, check=True,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return ""
    return (done.stdout.strip().splitlines() or [""])[0]
