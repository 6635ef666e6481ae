from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from labkit.engine.objects import Container, HistoryEntry, Image, Mount, Network, Volume
from tests.unit.recordings import recorded


def container(name: str) -> Container:
    return Container.from_inspect(recorded(f"container_{name}"))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "lab-limited"),
        ("image", "lab/shell"),
        ("status", "running"),
        ("running", True),
        ("health", "healthy"),
        ("command", ("sleep", "600")),
        ("entrypoint", ()),
        ("env", {"GREETING": "hello=world", "PATH": "/bin"}),
        ("labels", {"labkit.image": "shell", "purpose": "demo"}),
        ("user", "1000:1000"),
        ("working_dir", "/tmp"),  # noqa: S108 - in the container
        ("hostname", "box"),
        ("tty", False),
        ("memory_limit", 64 * 1024**2),
        ("memory_swap", 64 * 1024**2),
        ("cpus", 0.5),
        ("pids_limit", 20),
        ("restart_policy", "on-failure"),
        ("restart_maximum", 3),
        ("restart_count", 0),
        ("network_mode", "lab-net"),
        ("pid_mode", "host"),
        ("read_only", True),
        ("cap_add", ("CAP_NET_BIND_SERVICE",)),
        ("cap_drop", ("ALL",)),
        ("privileged", False),
        ("stop_signal", "SIGINT"),
        ("ports", {}),
    ],
)
def test_a_container_with_every_option_is_read(field: str, value: object) -> None:
    assert getattr(container("limited"), field) == value


def test_a_containers_mounts_are_read() -> None:
    volume, bind = container("limited").mounts
    source = "/var/lib/docker/volumes/lab-data/_data"
    assert volume == Mount("volume", "lab-data", source, "/data", read_only=False)
    assert bind == Mount("bind", "", "/etc/hostname", "/etc/asked", read_only=True)


def test_a_containers_networks_are_read() -> None:
    (name,) = container("limited").networks
    attachment = container("limited").networks[name]
    assert name == "lab-net"
    assert attachment.ip == "172.18.0.2"
    assert "api" in attachment.aliases


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("memory_limit", 0),
        ("cpus", 0.0),
        ("pids_limit", 0),
        ("restart_policy", "no"),
        ("health", None),
        ("cap_add", ()),
        ("mounts", ()),
        ("entrypoint", ("sleep",)),
        ("exposed_ports", ("443/tcp", "80/tcp")),
    ],
)
def test_a_container_with_few_options_has_their_defaults(field: str, value: object) -> None:
    assert getattr(container("published"), field) == value


def test_published_ports_are_read_with_their_addresses() -> None:
    ports = container("published").ports
    assert ports["443/tcp"] == (("127.0.0.1", 8443),)
    assert ("0.0.0.0", 8080) in ports["80/tcp"]  # noqa: S104 - what the engine says


def test_a_container_that_never_ran_tells_the_ports_it_would_publish() -> None:
    created = container("created")
    assert created.status == "created"
    assert created.ports == {"80/tcp": (("", 8081),)}


def test_an_ended_container_tells_how_it_ended() -> None:
    ended = container("ended")
    assert (ended.status, ended.running, ended.exit_code) == ("exited", False, 3)
    assert ended.oom_killed is False
    # The engine's two clocks may differ by a little, so the end may seem to come first.
    assert ended.finished_at[:19] == ended.started_at[:19] == "2026-11-24T03:13:58"


def test_a_paused_container_does_not_run() -> None:
    attrs = recorded("container_published")
    attrs["State"]["Status"] = "paused"
    paused = Container.from_inspect(attrs)
    assert paused.paused
    assert not paused.running


@pytest.mark.parametrize(
    ("host", "cpus"),
    [
        ({"NanoCpus": 1_500_000_000}, 1.5),
        ({"CpuQuota": 50_000, "CpuPeriod": 100_000}, 0.5),
        ({"CpuQuota": 50_000, "CpuPeriod": 0}, 0.5),
        ({"CpuQuota": -1}, 0.0),
        ({"CpuQuota": None, "NanoCpus": None}, 0.0),
    ],
)
def test_a_limit_of_processors_is_read_in_both_of_dockers_ways(
    host: dict[str, Any], cpus: float
) -> None:
    attrs = recorded("container_ended")
    attrs["HostConfig"].update({"NanoCpus": 0, "CpuQuota": 0, "CpuPeriod": 0} | host)
    assert Container.from_inspect(attrs).cpus == cpus


def test_an_entrypoint_that_is_one_text_is_one_word() -> None:
    attrs = recorded("container_ended")
    attrs["Config"]["Entrypoint"] = "/init"
    assert Container.from_inspect(attrs).entrypoint == ("/init",)


def test_a_container_of_an_engine_that_says_little_is_read() -> None:
    sparse = Container.from_inspect(
        {
            "Id": "1",
            "Name": "/a",
            "Image": "sha256:1",
            "State": {"Status": "created"},
            "Config": {"Image": "i"},
            "HostConfig": {},
        }
    )
    assert (sparse.ports, sparse.networks, sparse.restart_policy) == ({}, {}, "no")


def test_an_image_is_read() -> None:
    image = Image.from_inspect(recorded("image_web"))
    assert image.tags == ("lab/web:latest",)
    assert image.digests == ()
    assert image.size == 184460557
    assert (image.os, image.architecture, image.user) == ("linux", "amd64", "")
    assert image.command == ("nginx", "-g", "daemon off;")
    assert image.exposed_ports == ("80/tcp",)
    assert image.volumes == ()
    assert image.labels == {"labkit.image": "web"}
    assert len(image.layers) == 4


def test_an_image_without_a_configuration_is_read() -> None:
    image = Image.from_inspect({"Id": "sha256:1", "Config": None, "RootFS": None})
    assert (image.tags, image.layers, image.env, image.created) == ((), (), {}, "")


@pytest.mark.parametrize(
    ("created_by", "text"),
    [
        ("/bin/sh -c #(nop)  ENV A=1", "ENV A=1"),
        ("RUN /bin/sh -c make # buildkit", "RUN make"),
        ("/bin/sh -c make", "RUN make"),
        ("|2 A=1 B=2 /bin/sh -c make", "RUN make"),
        ("RUN |1 A=a b /bin/sh -c make # buildkit", "RUN make"),
        ("COPY /a /b # buildkit", "COPY /a /b"),
        ("ENTRYPOINT [/bin/sh -c x]", "ENTRYPOINT [/bin/sh -c x]"),
        (f"/bin/sh -c #(nop) COPY file:{'0' * 64} in /etc/ ", "COPY /etc/"),
        ("", ""),
    ],
)
def test_a_step_reads_as_in_its_dockerfile(created_by: str, text: str) -> None:
    assert HistoryEntry(created_by, 0, (), "").instruction == text


def test_a_history_is_read_newest_first() -> None:
    newest, installed = map(HistoryEntry.from_history, recorded("history_web"))
    assert 'CMD ["nginx"' in newest.created_by
    assert newest.size == 0
    assert "lab/web:latest" in newest.tags
    assert installed.size == 11147179
    assert installed.tags == ()


def test_a_network_is_read() -> None:
    network = Network.from_inspect(recorded("network"))
    assert (network.name, network.driver, network.internal) == ("lab-net", "bridge", False)
    assert (network.subnets, network.gateways) == (("172.18.0.0/16",), ("172.18.0.1",))
    assert network.containers == ("lab-limited",)
    assert network.labels == {"labkit.test": "1"}


def test_a_network_without_addresses_or_containers_is_read() -> None:
    attrs = {"Id": "1", "Name": "none", "Driver": "null", "IPAM": {"Config": None}}
    network = Network.from_inspect(attrs)
    assert (network.subnets, network.containers) == ((), ())


def test_a_volume_is_read() -> None:
    volume = Volume.from_inspect(recorded("volume"))
    assert (volume.name, volume.driver) == ("lab-data", "local")
    assert volume.mountpoint.endswith("/lab-data/_data")
    assert volume.labels == {"labkit.test": "1"}


def test_values_are_frozen_and_keep_the_whole_answer() -> None:
    ended = container("ended")
    assert ended.attrs == recorded("container_ended")
    with pytest.raises(FrozenInstanceError):
        ended.name = "other"  # type: ignore[misc]


def test_the_whole_answer_does_not_make_two_values_differ() -> None:
    attrs = recorded("container_ended")
    assert Container.from_inspect(attrs) == Container.from_inspect({**attrs, "Driver": "overlay2"})
