"""Puts what Compose makes on the fake engine: labelled containers, networks and volumes."""

from __future__ import annotations

from typing import Any

from labkit.engine import Container
from labkit.engine.objects import Network, Volume
from labkit.engine.projects import DEPENDS_ON, NUMBER, ONE_OFF, PROJECT, SERVICE


class Stage:
    """A project on the fake engine."""

    def __init__(self, engine: Any, project: str) -> None:
        self.engine = engine
        self.project = project

    def container(
        self,
        service: str,
        number: int = 1,
        *,
        health: str | None = None,
        after: str = "",
        ports: dict[int, int] | None = None,
        networks: tuple[str, ...] = (),
        one_off: bool = False,
        **changes: Any,
    ) -> Container:
        """A running container; `ports` maps the container's to the host's."""
        name = f"{self.project}-{service}-{'run-c0ffee' if one_off else number}"
        labels = {
            PROJECT: self.project,
            SERVICE: service,
            NUMBER: str(number),
            ONE_OFF: str(one_off),
            DEPENDS_ON: after,
        }
        logs = changes.pop("logs", "")
        state = {"Status": "running", "ExitCode": 0, **changes.pop("State", {})}
        if health:
            state["Health"] = {"Status": health, "Log": [{"Output": "no response\n"}]}
        bindings = {
            f"{inner}/tcp": [{"HostIp": "0.0.0.0", "HostPort": str(host)}]  # noqa: S104 - as it is
            for inner, host in (ports or {}).items()
        }
        made = Container.from_inspect(
            {
                "Id": name,
                "Name": f"/{name}",
                "Created": changes.pop("Created", "2026-11-24T07:00:00Z"),
                "Image": "sha256:feed",
                "State": state,
                "HostConfig": {"RestartPolicy": {"Name": changes.pop("restart", "no")}},
                "RestartCount": changes.pop("RestartCount", 0),
                "Mounts": changes.pop("Mounts", []),
                "Config": {"Image": "lab/shell", "Labels": labels, "Hostname": name, **changes},
                "NetworkSettings": {
                    "Ports": bindings,
                    "Networks": {name: {"IPAddress": "172.20.0.2"} for name in networks},
                },
            }
        )
        self.engine.containers.things[name] = made
        self.engine.containers.log_texts[name] = logs
        self.engine.containers.lines += ({"Id": name, "Labels": labels},)
        return made

    def network(self, name: str) -> None:
        labels = {PROJECT: self.project}
        attrs = {"Id": name, "Name": name, "Driver": "bridge", "Labels": labels}
        attrs["IPAM"] = {"Config": [{"Subnet": "172.20.0.0/16"}]}
        self.engine.networks.things[name] = Network.from_inspect(attrs)
        self.engine.networks.lines += ({"Id": name, "Labels": labels},)

    def volume(self, name: str, **labels: str) -> None:
        all_labels = {PROJECT: self.project, **labels}
        self.engine.volumes.things[name] = Volume(name, "local", "", all_labels, {})
        self.engine.volumes.lines += ({"Name": name, "Labels": all_labels},)
