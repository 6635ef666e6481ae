from __future__ import annotations

from typing import Any

import pytest

from labkit.engine.projects import Project, depends_on
from labkit.show import application
from tests.unit.compose_project import Stage


@pytest.fixture
def stage(fake_engine: Any) -> Stage:
    return Stage(fake_engine, "lab-notes")


def test_a_project_is_what_carries_its_label(stage: Stage) -> None:
    stage.container("web")
    stage.container("api", 10)
    stage.container("api", 2)
    stage.container("backup", one_off=True)
    stage.network("lab-notes_default")
    stage.volume("lab-notes_data")
    Stage(stage.engine, "lab-other").container("web")
    stage.engine.containers.lines += ({"Id": "lab-alone", "Labels": None},)
    project = Project.read(stage.engine, "lab-notes")
    assert project.services == ("api", "web")
    assert [c.name for c in project.of("api")] == ["lab-notes-api-2", "lab-notes-api-10"]
    assert [c.name for c in project.one_offs] == ["lab-notes-backup-run-c0ffee"]
    assert [n.name for n in project.networks] == ["lab-notes_default"]
    assert [v.name for v in project.volumes] == ["lab-notes_data"]


@pytest.mark.parametrize(
    ("label", "services"),
    [
        ("", {}),
        ("db:service_healthy:false", {"db": "service_healthy"}),
        ("db:a:false,mq:b:true", {"db": "a", "mq": "b"}),
        ("db:service_started", {"db": "service_started"}),
    ],
)
def test_what_a_container_waited_for_is_in_a_label(
    stage: Stage, label: str, services: dict[str, str]
) -> None:
    assert depends_on(stage.container("api", after=label)) == services


def test_an_application_is_drawn_with_health_ports_networks_and_volumes(stage: Stage) -> None:
    data = {"Type": "volume", "Name": "lab-notes_data", "Destination": "/data", "RW": True}
    stage.container("web", ports={80: 8090}, networks=("lab-notes_default",))
    stage.container("api", health="healthy", after="db:service_healthy:false", Mounts=[data])
    stage.container("db", State={"Status": "exited", "ExitCode": 3})
    stage.network("lab-notes_default")
    stage.volume("lab-notes_data")
    assert repr(application("lab-notes", engine=stage.engine)).splitlines() == [
        "Application lab-notes",
        "├── api  service",
        "│   image lab/shell",
        "│   after db: service_healthy",
        "│   └── lab-notes-api-1  container, healthy",
        "│       └── lab-notes_data  volume  (1)",
        "│           /data",
        "├── db  service",
        "│   image lab/shell",
        "│   └── lab-notes-db-1  container, exited with 3",
        "├── web  service",
        "│   image lab/shell",
        "│   └── lab-notes-web-1  container, running",
        "│       port 8090 of the host leads to 80/tcp",
        "│       └── lab-notes_default  network  (2)",
        "│           172.20.0.2",
        "├── lab-notes_default  network  (2)",
        "│   172.20.0.0/16",
        "└── lab-notes_data  volume  (1)",
    ]


def test_an_application_that_is_not_here_is_said(fake_engine: Any) -> None:
    picture = application("lab-notes", engine=fake_engine)
    assert repr(picture) == "Nothing of a project lab-notes is here"
