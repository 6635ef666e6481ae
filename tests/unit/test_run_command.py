"""The command that makes a container again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from labkit.engine import Container, Image
from labkit.run_command import run_command
from tests.unit.recordings import recorded


def a_container(*, config: Any = None, host: Any = None, **rest: Any) -> Container:
    return Container.from_inspect(
        {
            "Id": "c0ffee00",
            "Name": "/lab-a",
            "Image": "sha256:feed",
            "State": {"Status": "running"},
            "Config": {"Image": "lab/shell", "Hostname": "c0ffee00", **(config or {})},
            "HostConfig": {"NetworkMode": "default", **(host or {})},
            **rest,
        }
    )


IMAGE = Image.from_inspect(
    {
        "Id": "sha256:feed",
        "Config": {
            "Env": ["PATH=/bin"], "Cmd": ["sh"], "Labels": {"kept": "1"},
            "User": "web", "WorkingDir": "/srv",
        },
    }
)  # fmt: skip
AS_IMAGE = {
    "Env": ["PATH=/bin"], "Cmd": ["sh"], "Labels": {"kept": "1"}, "User": "web",
    "WorkingDir": "/srv",
}  # fmt: skip
PLAIN = "docker run --detach --name=lab-a"


def test_what_the_image_gives_is_left_out() -> None:
    assert run_command(a_container(config=AS_IMAGE), IMAGE) == f"{PLAIN} lab/shell"


def test_what_differs_from_the_image_is_written() -> None:
    own = {
        "Env": ["PATH=/bin", "A=b c"], "Cmd": ["echo", "it's"], "Labels": {"kept": "2"},
        "User": "root", "WorkingDir": "/cache", "Entrypoint": ["/run", "-v"],
    }  # fmt: skip
    assert run_command(a_container(config=own), IMAGE) == (
        f"{PLAIN} '--env=A=b c' --label=kept=2 --user=root --workdir=/cache --entrypoint=/run"
        """ lab/shell -v echo 'it'"'"'s'"""
    )


def test_without_its_image_everything_is_written() -> None:
    assert run_command(a_container(config=AS_IMAGE)).endswith(
        "--env=PATH=/bin --label=kept=1 --user=web --workdir=/srv lab/shell sh"
    )


def test_ports_and_places_are_written_as_they_were_asked_for() -> None:
    host = {
        "PortBindings": {
            "80/tcp": [{"HostIp": "", "HostPort": "8080"}],
            "53/udp": [{"HostIp": "::1", "HostPort": "53"}],
            "90/tcp": [{"HostIp": "", "HostPort": ""}],
        },
        "Binds": ["lab-data:/data:ro"],
        "Mounts": [{"Type": "volume", "Source": "lab-v", "Target": "/v", "ReadOnly": True}],
        "Tmpfs": {"/cache": "size=1m", "/run": ""},
    }
    assert run_command(a_container(config=AS_IMAGE, host=host), IMAGE) == (
        f"{PLAIN} '--publish=[::1]:53:53/udp' --publish=8080:80 --publish=90"
        " --volume=lab-data:/data:ro --mount=type=volume,source=lab-v,target=/v,readonly"
        " --tmpfs=/cache:size=1m --tmpfs=/run lab/shell"
    )


def test_limits_rights_and_the_rest_are_written() -> None:
    host = {
        "Memory": 64 << 20, "MemorySwap": 128 << 20, "NanoCpus": 500_000_000, "PidsLimit": 9,
        "CapAdd": ["NET_ADMIN"], "CapDrop": ["ALL"], "AutoRemove": True, "Init": True,
        "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 3}, "ReadonlyRootfs": True,
        "Dns": ["192.0.2.1"], "PidMode": "host",
    }  # fmt: skip
    assert run_command(a_container(config=AS_IMAGE, host=host), IMAGE) == (
        "docker run --detach --rm --init --read-only --name=lab-a --restart=on-failure:3"
        " --memory=64m --cpus=0.5 --pids-limit=9 --pid=host --cap-add=NET_ADMIN --cap-drop=ALL"
        " --dns=192.0.2.1 lab/shell"
    )


def test_memory_with_less_swap_than_usual_says_so() -> None:
    host = {"Memory": 64 << 20, "MemorySwap": 64 << 20}
    assert "--memory=64m --memory-swap=64m" in run_command(a_container(host=host))
    host = {"Memory": 1500, "MemorySwap": -1}
    assert "--memory=1500b --memory-swap=-1" in run_command(a_container(host=host))


def test_further_networks_are_connected_after_it() -> None:
    networks = {"Networks": {"lab-front": {}, "lab-back": {}}}
    found = a_container(
        config=AS_IMAGE, host={"NetworkMode": "lab-front"}, NetworkSettings=networks
    )
    assert run_command(found, IMAGE).splitlines() == [
        f"{PLAIN} --network=lab-front lab/shell",
        "docker network connect lab-back lab-a",
    ]


def test_a_foreground_container_with_a_terminal() -> None:
    config = {**AS_IMAGE, "AttachStdout": True, "Tty": True, "OpenStdin": True, "Hostname": "box"}
    assert run_command(a_container(config=config), IMAGE) == (
        "docker run --interactive --tty --name=lab-a --hostname=box lab/shell"
    )


def test_a_recorded_container_is_written() -> None:
    found = replace(Container.from_inspect(recorded("container_published")), labels={})
    assert run_command(found).startswith(
        "docker run --detach --name=lab-published --publish=127.0.0.1:8443:443 --publish=8080:80"
    )


def test_a_health_check_that_was_switched_off_or_changed_is_written() -> None:
    image = replace(IMAGE, attrs={"Config": {"Healthcheck": {"Test": ["CMD", "true"]}}})
    kept = a_container(config={**AS_IMAGE, "Healthcheck": {"Test": ["CMD", "true"]}})
    assert run_command(kept, image) == f"{PLAIN} lab/shell"
    off = a_container(config={**AS_IMAGE, "Healthcheck": {"Test": ["NONE"]}})
    assert run_command(off, image) == f"{PLAIN} --no-healthcheck lab/shell"
    own = {"Test": ["CMD-SHELL", "test -e /v"], "Timeout": 500_000_000}
    changed = a_container(config={**AS_IMAGE, "Healthcheck": own})
    assert run_command(changed, image) == (
        f"{PLAIN} '--health-cmd=test -e /v' --health-timeout=0.5s lab/shell"
    )


def test_a_link_is_written_as_it_was_asked_for() -> None:
    found = a_container(config=AS_IMAGE, host={"Links": ["/lab-db:/lab-a/db"]})
    assert run_command(found, IMAGE) == f"{PLAIN} --link=lab-db:db lab/shell"
