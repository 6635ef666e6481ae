from __future__ import annotations

import copy
from typing import Any

import pytest

from labkit.engine.snapshot import Change, Item, Snapshot, changes, size, take
from tests.unit.recordings import recorded


class Api:
    """docker-py's low-level client, which answers with recorded lists."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = recorded("lists")

    def containers(self, *, all: bool) -> Any:  # noqa: A002 - docker-py's name
        assert all
        return self.answers["containers"]

    def images(self) -> Any:
        return self.answers["images"]

    def networks(self) -> Any:
        return self.answers["networks"]

    def volumes(self) -> Any:
        return self.answers["volumes"]


@pytest.fixture
def api() -> Api:
    return Api()


def named(snapshot: Snapshot, kind: str) -> dict[str, tuple[str, str]]:
    return {i.name: (i.state, i.detail) for i in snapshot.items.values() if i.kind == kind}


def told(before: Snapshot, after: Snapshot) -> list[str]:
    return [str(change) for change in changes(before, after)]


def test_containers_are_shown_with_state_and_published_ports(api: Api) -> None:
    assert named(take(api), "container") == {
        "lab-ended": ("exited (3)", ""),
        "lab-created": ("created", ""),
        "lab-published": ("paused", "8080->80 8443->443"),
        "lab-limited": ("running (healthy)", ""),
    }


def test_images_are_shown_under_each_of_their_names(api: Api) -> None:
    assert named(take(api), "image") == {
        "lab/web:1": ("", "184 MB"),
        "lab/web:latest": ("", "184 MB"),
        "lab/shell:latest": ("", "2.98 MB"),
        "lab/debian:latest": ("", "173 MB"),
    }


def test_networks_and_volumes_are_shown(api: Api) -> None:
    snapshot = take(api)
    assert named(snapshot, "network")["lab-net"] == ("", "bridge")
    assert set(named(snapshot, "volume")) == {"lab-data"}


def test_an_engine_without_volumes_answers_null(api: Api) -> None:
    api.answers["volumes"] = {"Volumes": None}
    assert named(take(api), "volume") == {}


def test_an_image_without_a_name_goes_by_its_id(api: Api) -> None:
    (image, *_) = api.answers["images"]
    for nameless in (None, [], ["<none>:<none>"]):
        image["RepoTags"] = nameless
        assert f"<none> {image['Id'][7:19]}" in named(take(api), "image")


@pytest.mark.parametrize(
    ("state", "status", "shown"),
    [
        ("exited", "Exited (137) 2 seconds ago", "exited (137)"),
        ("exited", "", "exited"),
        ("running", "Up 2 seconds", "running"),
        ("running", "Up 2 seconds (healthy)", "running (healthy)"),
        ("running", "Up 2 seconds (unhealthy)", "running (unhealthy)"),
        ("running", "Up 2 seconds (health: starting)", "running"),
        ("restarting", "Restarting (1) 2 seconds ago", "restarting"),
    ],
)
def test_a_containers_state_says_how_it_ended_or_feels(
    api: Api, state: str, status: str, shown: str
) -> None:
    api.answers["containers"][0].update(State=state, Status=status)
    assert named(take(api), "container")["lab-ended"][0] == shown


def test_a_linked_container_goes_by_its_own_name(api: Api) -> None:
    api.answers["containers"][0]["Names"] = ["/other-container/alias", "/lab-a"]
    assert "lab-a" in named(take(api), "container")


def test_two_equal_snapshots_have_no_changes(api: Api) -> None:
    assert changes(take(api), take(api)) == ()


def test_time_that_passes_is_no_change(api: Api) -> None:
    before = take(api)
    api.answers["containers"][0]["Status"] = "Exited (3) 5 minutes ago"
    assert told(before, take(api)) == []


def test_changes_are_told_removed_first_then_changed_then_added(api: Api) -> None:
    before = take(api)
    after = copy.deepcopy(api)
    ended, created, _published, limited = after.answers["containers"]
    after.answers["containers"].remove(created)
    limited.update(State="exited", Status="Exited (0) 1 second ago")
    after.answers["containers"].append({**ended, "Id": "new", "Names": ["/lab-new"]})
    after.answers["networks"] = [
        line for line in after.answers["networks"] if line["Name"] != "lab-net"
    ]
    assert told(before, take(after)) == [
        "- container lab-created",
        "- network lab-net",
        "~ container lab-limited  running (healthy) -> exited (0)",
        "+ container lab-new  exited (3)",
    ]


def test_a_rename_is_a_change_and_not_a_new_container(api: Api) -> None:
    before = take(api)
    api.answers["containers"][0]["Names"] = ["/lab-renamed"]
    (line,) = told(before, take(api))
    assert line.startswith("~ container lab-renamed")
    assert "lab-ended" in line


def test_a_second_name_for_an_image_is_an_addition(api: Api) -> None:
    before = take(api)
    api.answers["images"][1]["RepoTags"].append("lab/sh:2")
    assert told(before, take(api)) == ["+ image lab/sh:2  2.98 MB"]


def test_a_name_that_moves_to_another_image_goes_and_comes(api: Api) -> None:
    before = take(api)
    web, shell, _debian = api.answers["images"]
    web["RepoTags"].remove("lab/web:1")
    shell["RepoTags"].append("lab/web:1")
    assert told(before, take(api)) == ["- image lab/web:1", "+ image lab/web:1  2.98 MB"]


def test_a_container_made_anew_under_the_same_name_is_told(api: Api) -> None:
    before = take(api)
    api.answers["containers"][0]["Id"] = "new"
    assert told(before, take(api)) == [
        "- container lab-ended",
        "+ container lab-ended  exited (3)",
    ]


def test_a_change_of_ports_alone_shows_the_new_ones() -> None:
    old = Item("container", "1", "lab-a", "running")
    new = Item("container", "1", "lab-a", "running", "8080->80")
    key = ("container", "1")
    assert told(Snapshot({key: old}), Snapshot({key: new})) == [
        "~ container lab-a  running  8080->80"
    ]


def test_a_line_leaves_out_what_there_is_none_of() -> None:
    assert str(Change("+", Item("volume", "v", "v"))) == "+ volume v"


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (2976563, "2.98 MB"),
        (999_999, "1 MB"),
        (1.5e9, "1.5 GB"),
        (2.5e12, "2.5 TB"),
    ],
)
def test_sizes_are_written_as_docker_writes_them(count: float, shown: str) -> None:
    assert size(count) == shown
