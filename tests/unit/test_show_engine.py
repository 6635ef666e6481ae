"""The map of an engine, what opens in it, and what a container wrote."""

from __future__ import annotations

from typing import Any

import pytest

from labkit.engine import Container, Network, Volume
from labkit.errors import NoSuchObject
from labkit.live.holdings import Holdings
from labkit.show import details, diff
from labkit.show.engine import drawn

MARKUP = "<img src=x onerror=alert(1)>"


def a_container(name: str, *networks: str, volume: str = "", **state: Any) -> Container:
    return Container.from_inspect(
        {
            "Id": f"id-{name}",
            "Name": f"/{name}",
            "Image": "sha256:feed",
            "State": {"Status": "running", **state},
            "Config": {"Image": "lab/shell", "Cmd": ["sleep", "600"]},
            "HostConfig": {},
            "Mounts": [{"Type": "volume", "Name": volume, "Destination": "/data", "RW": True}]
            if volume
            else [],
            "NetworkSettings": {"Networks": {net: {"IPAddress": "10.0.0.2"} for net in networks}},
        }
    )


def a_network(name: str) -> Network:
    return Network.from_inspect({"Id": f"id-{name}", "Name": name, "Driver": "bridge"})


def a_volume(name: str) -> Volume:
    return Volume.from_inspect({"Name": name, "Driver": "local", "Mountpoint": "/var/x"})


HELD = Holdings(
    {
        "1": a_container("lab-web", "lab-front", "lab-back", volume="lab-data"),
        "2": a_container("lab-db", "lab-back", Status="exited", ExitCode=3),
        "3": a_container("lab-shared"),
    },
    {name: a_network(name) for name in ("bridge", "host", "lab-front", "lab-back", "lab-empty")},
    {name: a_volume(name) for name in ("lab-data", "lab-idle", "a" * 64)},
)


def test_the_map_has_networks_with_their_containers_and_volumes() -> None:
    assert repr(drawn(HELD)).splitlines() == [
        "The engine. Containers: 3, running: 2",
        "├── lab-back  network",
        "│   ├── lab-db  container, exited with 3",
        "│   │   image lab/shell",
        "│   │   10.0.0.2",
        "│   └── lab-web  container, running  (1)",
        "│       image lab/shell",
        "│       10.0.0.2",
        "│       └── lab-data  volume  (2)",
        "│           /data",
        "├── lab-empty  network",
        "├── lab-front  network",
        "│   └── lab-web  container, running  (1)",
        "│       image lab/shell",
        "│       10.0.0.2",
        "│       └── lab-data  volume  (2)",
        "│           /data",
        "├── no network of their own",
        "│   └── lab-shared  container, running",
        "│       image lab/shell",
        "├── aaaaaaaaaaaa…  anonymous volume",
        "│   no container mounts it",
        "└── lab-idle  volume",
        "    no container mounts it",
    ]


def test_only_a_live_picture_has_buttons() -> None:
    picture = drawn(HELD)
    assert "<button" not in picture.html()
    html = picture.html(buttons=True)
    label = 'aria-label="lab-db, container, exited with 3"'
    assert f'data-key="container/id-lab-db" {label}>lab-db</button>' in html
    assert 'data-key="network/id-lab-front"' in html
    assert 'data-key="volume/lab-idle"' in html


def test_a_button_cannot_bring_markup() -> None:
    held = Holdings({}, {}, {f'"{MARKUP}': a_volume(MARKUP)})
    assert MARKUP not in drawn(held).html(buttons=True)


def test_details_of_a_container_are_a_summary_its_command_and_its_log(fake_engine: Any) -> None:
    fake_engine.containers.things = {
        name: a_container("lab-web", "lab-front", volume="lab-data")
        for name in ("lab-web", "id-lab-web")
    }
    fake_engine.containers.log_texts["id-lab-web"] = f"one\n  two {MARKUP}\n"
    picture = details("lab-web", engine=fake_engine)
    summary, command, log = picture.boxes
    assert "network lab-front 10.0.0.2" in summary.details
    assert "lab-data at /data" in summary.details
    assert command.details[0].splitlines() == [
        "docker run \\",
        "  --detach \\",
        "  --name=lab-web \\",
        "  lab/shell sleep 600",
    ]
    assert log.details == ("one", f"  two {MARKUP}")
    assert MARKUP not in picture.html()


def test_details_are_found_by_name_or_by_kind_and_name(fake_engine: Any) -> None:
    fake_engine.volumes.things["lab-x"] = a_volume("lab-x")
    fake_engine.networks.things["lab-x"] = a_network("lab-x")
    assert details("lab-x", engine=fake_engine).title == "Network lab-x"
    assert "docker network create lab-x" in repr(details("lab-x", engine=fake_engine))
    assert details("lab-x", "volume", engine=fake_engine).title == "Volume lab-x"
    with pytest.raises(NoSuchObject, match="lab-y"):
        details("lab-y", engine=fake_engine)


def test_a_diff_is_a_tree_of_what_was_written(fake_engine: Any) -> None:
    fake_engine.containers.things["lab-web"] = a_container("lab-web")
    fake_engine.containers.diffs["lab-web"] = {
        "/etc": "C", "/etc/motd": "D", "/srv": "A", "/srv/a": "A", "/srv/a/b": "A",
    }  # fmt: skip
    assert repr(diff("lab-web", engine=fake_engine)).splitlines() == [
        "What lab-web wrote over lab/shell: 3 added, 1 changed, 1 deleted",
        "├── /etc  changed",
        "│   └── /motd  deleted",
        "└── /srv  added",
        "    └── /a  added",
        "        └── /b  added",
    ]


def test_of_a_long_diff_the_rest_is_counted(fake_engine: Any) -> None:
    fake_engine.containers.things["lab-web"] = a_container("lab-web")
    fake_engine.containers.diffs["lab-web"] = {f"/{n:03}": "A" for n in range(130)}
    assert repr(diff("lab-web", engine=fake_engine)).splitlines()[-1] == "└── and 30 more"
