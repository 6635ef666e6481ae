from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from labkit.engine import Container
from labkit.engine.objects import Network
from labkit.errors import NoSuchNetwork
from labkit.show import networks

if TYPE_CHECKING:
    from labkit.engine import Engine

ID = "5d1f0c44a2be7700"


def network(name: str, subnet: str, *containers: str, internal: bool = False) -> Network:
    return Network.from_inspect(
        {
            "Id": name,
            "Name": name,
            "Driver": "bridge",
            "Internal": internal,
            "IPAM": {"Config": [{"Subnet": f"{subnet}.0/24", "Gateway": f"{subnet}.1"}]},
            "Containers": {c: {"Name": c} for c in containers},
        }
    )


def container(name: str, **places: tuple[str, list[str]]) -> Container:
    return Container.from_inspect(
        {
            "Id": ID if name == "lab-web" else name,
            "Name": f"/{name}",
            "Image": "sha256:feed",
            "State": {"Status": "running"},
            "Config": {"Image": "lab/web"},
            "HostConfig": {},
            "NetworkSettings": {
                "Ports": {"80/tcp": PUBLISHED} if name == "lab-web" else {},
                "Networks": {
                    f"lab-{place}": {"IPAddress": ip, "Aliases": aliases}
                    for place, (ip, aliases) in places.items()
                },
            },
        }
    )


PUBLISHED = [{"HostIp": "127.0.0.1", "HostPort": "8080"}, {"HostIp": "::", "HostPort": "8081"}]


@pytest.fixture
def town(fake_engine: Any) -> Engine:
    engine = fake_engine
    engine.networks.things = {
        "lab-front": network("lab-front", "10.0.1", "lab-web"),
        "lab-back": network("lab-back", "10.0.2", "lab-web", "lab-db", internal=True),
    }
    engine.networks.lines = ({"Name": "bridge"}, *({"Name": n} for n in engine.networks.things))
    engine.containers.things = {
        "lab-web": container(
            "lab-web", front=("10.0.1.2", [ID[:12], "shop"]), back=("10.0.2.2", [])
        ),
        "lab-db": container("lab-db", back=("10.0.2.3", ["db"])),
    }
    found: Engine = engine
    return found


def test_networks_show_who_is_on_them_and_who_is_on_both(town: Engine) -> None:
    assert repr(networks("lab-front", "lab-back", engine=town)).splitlines()[1:] == [
        "├── lab-front  network",
        "│   subnet 10.0.1.0/24",
        "│   gateway 10.0.1.1",
        "│   └── lab-web  container  (1)",
        "│       10.0.1.2",
        "│       also called shop",
        "│       127.0.0.1:8080 of the host -> 80/tcp",
        "│       [::]:8081 of the host -> 80/tcp",
        "└── lab-back  network",
        "    subnet 10.0.2.0/24",
        "    gateway 10.0.2.1",
        "    internal: no way out",
        "    ├── lab-db  container",
        "    │   10.0.2.3",
        "    │   also called db",
        "    └── lab-web  container  (1)",
        "        10.0.2.2",
        "        127.0.0.1:8080 of the host -> 80/tcp",
        "        [::]:8081 of the host -> 80/tcp",
    ]


def test_without_names_the_course_s_networks_are_drawn(town: Engine) -> None:
    assert [box.title for box in networks(engine=town).boxes] == ["lab-back", "lab-front"]


def test_a_container_that_left_while_we_looked_has_no_address(town: Engine) -> None:
    town.networks.things["lab-front"] = network("lab-front", "10.0.1", "lab-db")  # type: ignore[attr-defined]
    (front,) = networks("lab-front", engine=town).boxes
    assert [box.details for box in front.children] == [()]


def test_a_network_that_is_not_there_is_named(town: Engine) -> None:
    with pytest.raises(NoSuchNetwork, match="`nothing`"):
        networks("nothing", engine=town)
