"""From a Compose file to a task definition, and what is lost on the way."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labkit.errors import CommandFailed
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MIB = 2**20
#: What a container gets when its file names no limit; ECS asks for one.
MEMORY = 256
CONDITIONS = {
    "service_started": "START",
    "service_healthy": "HEALTHY",
    "service_completed_successfully": "SUCCESS",
}
#: The least and the most that ECS takes for a health check; times are in seconds.
LIMITS = {"interval": (5, 300), "timeout": (2, 60), "startPeriod": (0, 300), "retries": (1, 10)}
#: Seconds that ECS wants a container to have run before it restarts it, at least.
RESTART_AFTER = 60
UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "us": 1e-6, "ns": 1e-9}
#: What ECS has no word for, or another place than the task definition.
NOT_IN_A_TASK = ("build", "configs", "deploy", "profiles", "scale", "secrets")


@dataclass(frozen=True)
class Derived:
    """A task definition and what it does not say.

    Attributes:
        definition: The arguments of `register_task_definition`.
        notes: What could not be taken over, and what was added, a sentence each.
    """

    definition: dict[str, Any]
    notes: tuple[str, ...]

    def __repr__(self) -> str:
        text = json.dumps(self.definition, indent=2)
        return "\n".join((text, *(f"- {note}" for note in self.notes)))


def task_definition(file: str | Path = "compose.yaml", *, family: str = "") -> Derived:
    """Derive a task definition from a Compose file, as Compose itself reads it.

    Args:
        file: The Compose file.
        family: The definition's name; empty takes the project's.

    Raises:
        CommandFailed: Compose refuses the file.
    """
    command = ["docker", "compose", "--file", str(file), "config", "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CommandFailed(command, done.returncode, done.stderr)
    return derive(json.loads(done.stdout), family=family)


def derive(config: dict[str, Any], *, family: str = "") -> Derived:
    """Derive a task definition from what `docker compose config --format json` says."""
    notes: list[str] = []
    services: dict[str, Any] = config["services"]
    containers = [
        {key: value for key, value in _container(name, service, notes).items() if value}
        for name, service in services.items()
    ]
    checked = {c["name"] for c in containers if "healthCheck" in c}
    for name, service in services.items():
        for other, how in (service.get("depends_on") or {}).items():
            if how["condition"] == "service_healthy" and other not in checked:
                notes.append(
                    _(
                        "{name} waits until {other} is healthy, and the file has no health check "
                        "for {other}: ECS does not look at the image's."
                    ).format(name=name, other=other)
                )
    volumes = [
        {
            "name": name,
            "dockerVolumeConfiguration": {"scope": "shared", "autoprovision": True},
        }
        for name in sorted(set(_volumes(services)))
    ]
    definition: dict[str, Any] = {
        "family": family or config["name"],
        "networkMode": "bridge",
        "containerDefinitions": containers,
    }
    if volumes:
        definition["volumes"] = volumes
    return Derived(definition, tuple(notes))


def _container(name: str, service: dict[str, Any], notes: list[str]) -> dict[str, Any]:
    memory = int(service.get("mem_limit") or 0) // MIB
    if not memory:
        memory = MEMORY
        notes.append(
            _("{name} has no memory limit in the file; ECS asks for one: {memory} MiB.").format(
                name=name, memory=memory
            )
        )
    notes += [
        _("{name}: {key} has no place in a task definition.").format(name=name, key=key)
        for key in NOT_IN_A_TASK
        if service.get(key)
    ]
    depends = service.get("depends_on") or {}
    return {
        "name": name,
        "image": service.get("image", ""),
        "memory": memory,
        "command": service.get("command"),
        "entryPoint": service.get("entrypoint"),
        "user": service.get("user"),
        "environment": [
            {"name": key, "value": value or ""}
            for key, value in (service.get("environment") or {}).items()
        ],
        "portMappings": [_port(port) for port in service.get("ports") or ()],
        "links": list(depends),
        "dependsOn": [
            {"containerName": other, "condition": CONDITIONS[how["condition"]]}
            for other, how in depends.items()
        ],
        "healthCheck": _health(name, service.get("healthcheck") or {}, notes),
        "restartPolicy": _restart(name, service.get("restart") or "no", notes),
        "mountPoints": [
            {"sourceVolume": volume["source"], "containerPath": volume["target"]}
            for volume in service.get("volumes") or ()
            if volume["type"] == "volume" and volume.get("source")
        ],
    }


def _port(port: dict[str, Any]) -> dict[str, Any]:
    """Without a host's port, the engine takes a free one."""
    mapping: dict[str, Any] = {"containerPort": port["target"]}
    if port.get("published"):
        mapping["hostPort"] = int(port["published"])
    return mapping


def _health(name: str, check: dict[str, Any], notes: list[str]) -> dict[str, Any]:
    test = check.get("test")
    if not test or test[0] == "NONE":
        return {}
    asked = {
        "interval": _seconds(check.get("interval")),
        "timeout": _seconds(check.get("timeout")),
        "startPeriod": _seconds(check.get("start_period")),
        "retries": check.get("retries") or 0,
    }
    taken: dict[str, Any] = {"command": test}
    for key, value in asked.items():
        least, most = LIMITS[key]
        if not value:
            continue
        taken[key] = min(max(value, least), most)
        if taken[key] != value:
            notes.append(
                _("{name}: ECS takes {least} to {most} for {key} of its healthCheck.").format(
                    name=name, least=least, most=most, key=key
                )
            )
    return taken


def _restart(name: str, policy: str, notes: list[str]) -> dict[str, Any]:
    if policy == "no":
        return {}
    notes.append(
        _("{name}: ECS restarts only what has run for {seconds} s before it ended.").format(
            name=name, seconds=RESTART_AFTER
        )
    )
    ignored = {"ignoredExitCodes": [0]} if policy.startswith("on-failure") else {}
    return {"enabled": True, **ignored, "restartAttemptPeriod": RESTART_AFTER}


def _seconds(text: str | None) -> int:
    """Read a duration such as `1m30s` as whole seconds, rounded up."""
    parts = re.findall(r"([\d.]+)(h|ms|us|ns|m|s)", text or "")
    return -int(-sum(float(number) * UNITS[unit] for number, unit in parts) // 1)


def _volumes(services: dict[str, Any]) -> Iterator[str]:
    for service in services.values():
        for volume in service.get("volumes") or ():
            if volume["type"] == "volume" and volume.get("source"):
                yield volume["source"]
