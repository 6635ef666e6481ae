from __future__ import annotations

from typing import Any

from labkit.show import ecs
from tests.unit.fake_ecs import FakeEcs, put_container

PICTURE = """\
Cluster lab-town
├── s  service
│   wanted: 2 of lab-x:1
│   ├── lab-x:1 00000000  task
│   │   the API says RUNNING
│   │   └── web  container, running
│   │       lab/shell
│   │       32768 -> 80/tcp
│   └── lab-x:1 00000001  task
│       the API says RUNNING
│       no container on this engine
└── lab-x:1 00000002  task
    the API says RUNNING
    └── web  container, exited with 3
        lab/shell"""


def test_books_and_containers_stand_side_by_side(fake_engine: Any) -> None:
    api = FakeEcs("lab-town")
    arn = api.define("lab-x", {"name": "web", "image": "lab/web"})
    api.serve("s", arn, 2)
    put_container(fake_engine, api.task(arn, "service:s"), host=32768)
    api.task(arn, "service:s")
    put_container(fake_engine, api.task(arn, "family:lab-x"), status="exited", code=3)
    api.task(arn, "family:lab-x", "STOPPED")
    assert repr(ecs(api, "lab-town", engine=fake_engine)) == PICTURE  # type: ignore[arg-type]
