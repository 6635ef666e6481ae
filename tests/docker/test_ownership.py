"""What the course takes away from an engine, and what it leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from labkit.engine.ownership import Owned, owned, remove
from labkit.errors import NoSuchContainer

if TYPE_CHECKING:
    from labkit.course import Course
    from labkit.engine import Engine


@pytest.fixture
def api(clean_engine: Engine) -> Any:
    return clean_engine.client.api


def make(api: Any, name: str | None, *command: str, image: str = "lab/shell", **how: Any) -> str:
    made = api.create_container(image, list(command) or ["sleep", "600"], name=name, **how)
    api.start(made)
    return str(made["Id"])


def listed(engine: Engine, course: Course, names: tuple[str, ...] | None = None) -> list[str]:
    return [str(thing) for thing in owned(engine, keep_images=course.image_tags, names=names)]


def test_ours_is_what_has_our_prefix_or_our_label(engine: Engine, course: Course, api: Any) -> None:
    unnamed = make(api, None)
    make(api, "lab-web")
    api.create_network("lab-net")
    api.create_network("labelled-net", labels={"labkit.test": "yes"})
    api.create_volume("lab-data")
    api.create_volume("labelled-data", labels={"labkit.test": "yes"})
    api.tag("lab/shell", "lab/greeter", "1")
    unnamed_name = engine.containers.get(unnamed).name
    assert set(listed(engine, course)) == {
        f"container {unnamed_name}",
        "container lab-web",
        "network lab-net",
        "network labelled-net",
        "volume lab-data",
        "volume labelled-data",
        "image lab/greeter:1",
    }


def test_dependants_come_first_and_everything_goes_in_one_pass(
    engine: Engine, course: Course, api: Any
) -> None:
    api.create_network("lab-net")
    api.create_volume("lab-data")
    api.tag("lab/shell", "lab/greeter", "1")
    host = api.create_host_config(binds=["lab-data:/data"], network_mode="lab-net")
    make(api, "lab-web", image="lab/greeter:1", host_config=host)
    things = owned(engine, keep_images=course.image_tags)
    assert [thing.kind for thing in things] == ["container", "network", "volume", "image"]
    removal = remove(engine, things)
    assert removal.removed == things
    assert removal.refused == {}
    assert listed(engine, course) == []
    assert engine.images.exists("lab/shell")


def test_names_and_globs_narrow_it_down(engine: Engine, course: Course, api: Any) -> None:
    for name in ("lab-a", "lab-a-1", "lab-b"):
        api.create_volume(name)
    for tag in ("1", "2"):
        api.tag("lab/shell", "lab/greeter", tag)
    assert listed(engine, course, ("lab-a", "lab/greeter:*")) == [
        "volume lab-a",
        "image lab/greeter:1",
        "image lab/greeter:2",
    ]
    assert listed(engine, course, ()) == []


@pytest.mark.parametrize("state", ["running", "paused", "created", "exited", "restarting"])
def test_a_container_goes_in_every_state(
    engine: Engine, course: Course, api: Any, state: str
) -> None:
    if state == "created":
        api.create_container("lab/shell", name="lab-a")
    elif state == "restarting":
        again = api.create_host_config(restart_policy={"Name": "always"})
        make(api, "lab-a", "false", host_config=again)
    else:
        make(api, "lab-a", *(["true"] if state == "exited" else []))
    if state == "paused":
        api.pause("lab-a")
    if state == "exited":
        api.wait("lab-a")
    assert [
        str(t) for t in remove(engine, owned(engine, keep_images=course.image_tags)).removed
    ] == ["container lab-a"]
    with pytest.raises(NoSuchContainer):
        engine.containers.get("lab-a")


def test_a_containers_anonymous_volumes_go_with_it(
    engine: Engine, course: Course, api: Any
) -> None:
    before = {line["Name"] for line in engine.volumes.list()}
    make(api, "lab-a", volumes=["/data"])
    (anonymous,) = {line["Name"] for line in engine.volumes.list()} - before
    remove(engine, owned(engine, keep_images=course.image_tags))
    assert not engine.volumes.exists(anonymous)


def test_what_is_gone_already_counts_as_removed(engine: Engine, api: Any) -> None:
    api.create_volume("lab-data")
    things = (
        Owned("container", "lab-gone", "lab-gone"),
        Owned("network", "lab-gone", "lab-gone"),
        Owned("volume", "lab-data", "lab-data"),
        Owned("image", "lab/gone:1", "lab/gone:1"),
    )
    told: list[Owned] = []
    removal = remove(engine, things, progress=told.append)
    assert removal.removed == things
    assert told == list(things)


def test_what_the_engine_refuses_is_told_and_the_rest_goes(
    engine: Engine, course: Course, api: Any
) -> None:
    api.create_volume("lab-data")
    api.create_volume("lab-other")
    guest = make(api, "guest", host_config=api.create_host_config(binds=["lab-data:/data"]))
    try:
        removal = remove(engine, owned(engine, keep_images=course.image_tags, names=["lab-*"]))
    finally:
        api.remove_container(guest, force=True)
    assert [str(thing) for thing in removal.removed] == ["volume lab-other"]
    ((thing, why),) = removal.refused.items()
    assert str(thing) == "volume lab-data"
    assert "in use" in why
