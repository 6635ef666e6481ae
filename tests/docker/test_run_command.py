"""A command that labkit writes makes, on the real engine, what it was written from."""

from __future__ import annotations

import shlex
import subprocess
from typing import TYPE_CHECKING, Any

from labkit.create_commands import network_command, volume_command
from labkit.run_command import run_command

if TYPE_CHECKING:
    from labkit.engine import Engine

#: An engine gives these anew to each container and each network.
ITS_OWN = {"Id", "Created", "Containers"}
CONTAINER = """\
docker run --detach --init --read-only --name=lab-a --network=lab-back --network-alias=lab-alias
--ip=10.211.0.7 --hostname=box --restart=on-failure:3 --memory=64m --pids-limit=90 --shm-size=16m
--ulimit=nofile=100:200 --device=/dev/null:/dev/nothing:rwm --publish=127.0.0.1:8087:80
--volume=lab-v:/v:ro --mount=type=volume,target=/data,volume-label=labkit.lesson=x --tmpfs=/run
--cpu-shares=512 --pid=host --ipc=host --cap-add=NET_ADMIN --cap-drop=CHOWN --add-host=far:192.0.2.9
--dns=192.0.2.1 --dns-search=example.org --security-opt=no-new-privileges --group-add=12
--volumes-from=lab-b --log-driver=json-file --log-opt=max-size=100k --env=A=b --label=kept=1
--user=7 --workdir=/v --expose=53/udp --stop-signal=INT --stop-timeout=3
--health-cmd='test -e /v' --health-interval=1m --health-retries=2 --entrypoint=sleep lab/shell 600
"""
NETWORK = """\
docker network create --internal --subnet=10.211.0.0/24 --gateway=10.211.0.9
--ip-range=10.211.0.0/25 --opt=com.docker.network.bridge.enable_icc=false --label=kept=1 lab-back
"""


def typed(engine: Engine, command: str) -> None:
    for line in command.splitlines():
        subprocess.run(shlex.split(line), env=engine.cli_env(), check=True, capture_output=True)


def told(attrs: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in attrs.items() if name not in ITS_OWN}


def test_a_container_is_made_again_by_its_command(clean_engine: Engine) -> None:
    typed(clean_engine, NETWORK.replace("\n", " "))
    typed(clean_engine, "docker network create lab-front")
    typed(clean_engine, "docker run --detach --name=lab-b --volume=/w lab/shell sleep 600")
    typed(clean_engine, CONTAINER.replace("\n", " "))
    typed(clean_engine, "docker network connect --alias=other lab-front lab-a")
    first = clean_engine.containers.get("lab-a")
    command = run_command(first, clean_engine.images.get("lab/shell"))

    typed(clean_engine, "docker rm --force --volumes lab-a")
    typed(clean_engine, command)

    again = clean_engine.containers.get("lab-a")
    for part in ("Config", "HostConfig"):
        assert again.attrs[part] == first.attrs[part]
    assert again.networks["lab-back"].ip == first.networks["lab-back"].ip == "10.211.0.7"
    assert {"other"} == set(again.networks["lab-front"].aliases) - {again.id[:12], "box"}
    assert run_command(again, clean_engine.images.get("lab/shell")) == command


def test_a_network_and_a_volume_are_made_again_by_their_commands(clean_engine: Engine) -> None:
    asked = NETWORK.replace("\n", " ")
    typed(clean_engine, asked)
    network = clean_engine.networks.get("lab-back")
    assert set(shlex.split(network_command(network))) == set(shlex.split(asked))
    typed(clean_engine, "docker network rm lab-back")
    typed(clean_engine, network_command(network))
    assert told(clean_engine.networks.get("lab-back").attrs) == told(network.attrs)

    asked = "docker volume create --opt=type=tmpfs --opt=device=tmpfs --label=kept=1 lab-v"
    typed(clean_engine, asked)
    volume = clean_engine.volumes.get("lab-v")
    assert set(shlex.split(volume_command(volume))) == set(shlex.split(asked))
    typed(clean_engine, "docker volume rm lab-v")
    typed(clean_engine, volume_command(volume))
    assert clean_engine.volumes.get("lab-v").attrs["Options"] == volume.attrs["Options"]


def test_what_the_engine_chose_is_not_written(clean_engine: Engine) -> None:
    for command in ("docker network create lab-front", "docker volume create lab-v"):
        typed(clean_engine, command)
    assert network_command(clean_engine.networks.get("lab-front")).split()[3:] == ["lab-front"]
    assert volume_command(clean_engine.volumes.get("lab-v")).split()[3:] == ["lab-v"]
