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
    from collections.abc import Collection
    from pathlib import Path

MIB = 2**20
#: What a container gets when its file names no limit; ECS asks for one.
MEMORY = 256
COMPLETED = "service_completed_successfully"
CONDITIONS = {"service_started": "START", "service_healthy": "HEALTHY", COMPLETED: "SUCCESS"}
#: The least and the most that ECS takes for a health check; times are in seconds.
LIMITS = {"interval": (5, 300), "timeout": (2, 60), "startPeriod": (0, 300), "retries": (1, 10)}
#: Seconds that ECS wants a container to have run before it is restarted, at least.
SHORTEST_PERIOD = 60
UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "us": 1e-6, "ns": 1e-9}
#: What is read of a health check, and of a service; all else that it says is noted.
HEALTH = frozenset(("interval", "retries", "start_period", "test", "timeout"))
TAKEN = frozenset(
    {
        "command",
        "cpu_shares",
        "depends_on",
        "entrypoint",
        "environment",
        "healthcheck",
        "image",
        "mem_limit",
        "mem_reservation",
        "networks",
        "ports",
        "restart",
        "user",
        "volumes",
        "working_dir",
    }
)


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
    containers = {
        name: {key: value for key, value in _container(name, services, notes).items() if value}
        for name in services
    }
    for name in services:
        for other, how in _awaited(name, services).items():
            if how["condition"] == COMPLETED:
                containers[other]["essential"] = False
                notes.append(
                    _("{other} must end before {name} starts, so it is not essential.").format(
                        name=name, other=other
                    )
                )
            if how["condition"] == "service_healthy" and "healthCheck" not in containers[other]:
                notes.append(
                    _(
                        "{name} waits until {other} is healthy, and the file has no health check "
                        "for {other}: ECS does not look at the image's."
                    ).format(name=name, other=other)
                )
    definition: dict[str, Any] = {
        "family": family or config["name"],
        "networkMode": "bridge",
        "containerDefinitions": list(containers.values()),
    }
    used = {m["source"] for service in services.values() for m in _volumes(service)}
    if used:
        definition["volumes"] = [
            {
                "name": name,
                "dockerVolumeConfiguration": {"scope": "shared", "autoprovision": True},
            }
            for name in sorted(used)
        ]
    for name in sorted(used):
        _note_rest(name, config.get("volumes", {}).get(name) or {}, {"name"}, notes)
    return Derived(definition, tuple(notes))


def _container(name: str, services: dict[str, Any], notes: list[str]) -> dict[str, Any]:
    service, awaited = services[name], _awaited(name, services)
    memory = int(service.get("mem_limit") or 0) // MIB
    if not memory:
        memory = MEMORY
        notes.append(
            _("{name} has no memory limit in the file; ECS asks for one: {memory} MiB.").format(
                name=name, memory=memory
            )
        )
    _note_rest(name, service, TAKEN, notes)
    if set(service.get("networks") or ()) - {"default"}:
        notes.append(_("{name}: networks is not taken over.").format(name=name))
    return {
        "name": name,
        "image": service.get("image", ""),
        "cpu": service.get("cpu_shares"),
        "memory": memory,
        "memoryReservation": int(service.get("mem_reservation") or 0) // MIB,
        "command": service.get("command"),
        "entryPoint": service.get("entrypoint"),
        "user": service.get("user"),
        "workingDirectory": service.get("working_dir"),
        "environment": [
            {"name": key, "value": value or ""}
            for key, value in (service.get("environment") or {}).items()
        ],
        "portMappings": [_port(name, port, notes) for port in service.get("ports") or ()],
        # A link to what has ended is refused.
        "links": [other for other, how in awaited.items() if how["condition"] != COMPLETED],
        "dependsOn": [
            {"containerName": other, "condition": CONDITIONS[how["condition"]]}
            for other, how in awaited.items()
        ],
        "healthCheck": _health(name, service.get("healthcheck") or {}, notes),
        "restartPolicy": _restart(name, service.get("restart") or "no", notes),
        "mountPoints": _mounts(name, service, notes),
    }


def _awaited(name: str, services: dict[str, Any]) -> dict[str, Any]:
    """Return what a service depends on, without what is not there and need not be."""
    depends = services[name].get("depends_on") or {}
    return {other: how for other, how in depends.items() if other in services}


def _note_rest(name: str, asked: dict[str, Any], taken: Collection[str], notes: list[str]) -> None:
    """Note each key that says something and is not read."""
    notes += [
        _("{name}: {key} is not taken over.").format(name=name, key=key)
        for key, value in asked.items()
        if value and key not in taken
    ]


def _port(name: str, port: dict[str, Any], notes: list[str]) -> dict[str, Any]:
    """Without a host's port, the engine takes a free one."""
    mapping: dict[str, Any] = {"containerPort": port["target"]}
    if port.get("protocol", "tcp") != "tcp":
        mapping["protocol"] = port["protocol"]
    published = str(port.get("published") or "")
    if published.isdecimal():
        mapping["hostPort"] = int(published)
    elif published:
        notes.append(
            _("{name}: of the ports {range}, any free one of the host is taken.").format(
                name=name, range=published
            )
        )
    if port.get("host_ip"):
        notes.append(
            _("{name}: port {port} is open at every address, not at {address} alone.").format(
                name=name, port=port["target"], address=port["host_ip"]
            )
        )
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
    _note_rest(name, check, HEALTH, notes)
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
            name=name, seconds=SHORTEST_PERIOD
        )
    )
    word, _colon, times = policy.partition(":")
    if times:
        notes.append(_("{name}: ECS does not count restarts.").format(name=name))
    ignored = {"ignoredExitCodes": [0]} if word == "on-failure" else {}
    return {"enabled": True, **ignored, "restartAttemptPeriod": SHORTEST_PERIOD}


def _seconds(text: str | None) -> int:
    """Read a duration such as `1m30s` as whole seconds, rounded up."""
    parts = re.findall(r"([\d.]+)(h|ms|us|ns|m|s)", text or "")
    return -int(-sum(float(number) * UNITS[unit] for number, unit in parts) // 1)


def _mounts(name: str, service: dict[str, Any], notes: list[str]) -> list[dict[str, Any]]:
    named = _volumes(service)
    notes += [
        _("{name}: what is mounted at {target} is no named volume, and is not taken over.").format(
            name=name, target=mount["target"]
        )
        for mount in service.get("volumes") or ()
        if mount not in named
    ]
    return [
        {
            "sourceVolume": mount["source"],
            "containerPath": mount["target"],
            **({"readOnly": True} if mount.get("read_only") else {}),
        }
        for mount in named
    ]


def _volumes(service: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the mounts of a service that are named volumes."""
    mounts = service.get("volumes") or ()
    return [mount for mount in mounts if mount["type"] == "volume" and mount.get("source")]
