"""Whatever else an engine holds survives everything that labkit does, byte for byte."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from labkit.course import Course
from labkit.engine.ownership import owned, remove

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labkit.engine import Engine

ROOT = Path(__file__).parents[2]
SLUGS = [exercise.slug for exercise in Course.load(ROOT).exercises]

COMMANDS = {
    "checks": [["check", slug] for slug in SLUGS],
    "starts": [["start", slug] for slug in SLUGS],
    "dry runs": [["reset", "--dry-run"], *(["reset", slug, "--dry-run"] for slug in SLUGS)],
    "resets of exercises": [["reset", slug, "--yes"] for slug in SLUGS],
    "a reset of everything": [["reset", "--yes"]],
    "a look around": [["doctor"], ["list"], ["images", "list"], ["engine", "status"]],
    "all lessons": [["run", "--yes"]],
    "a proof": [["prove", SLUGS[0], "--yes"]],
}
SLOW = {"all lessons", "a proof"}

IMAGES = ("labs/x:1", "mylab/x:1", "derived/x:1", "laboratory:1", "two-names:1")
CONTAINERS = ("laboratory", "xlab-web", "my-lab-web", "lab", "derived", "two-names")
NETWORKS = ("laboratory-net", "my-lab-net", "lab")
VOLUMES = ("laboratory-data", "xlab-data", "lab")


@pytest.fixture(scope="module")
def planted(engine: Engine, course: Course) -> Iterator[str]:
    """Foreign objects with names that nearly look like ours; their inspection.

    The image `two-names:1` also has a name of ours, and `derived/x:1` was made from a course image,
    so it and its containers inherit the course's labels.
    """
    api: Any = engine.client.api
    remove(engine, owned(engine, keep_images=course.image_tags))
    uproot(engine)
    for name in NETWORKS:
        api.create_network(name)
    for name in VOLUMES:
        api.create_volume(name, labels={"lab": "no", "xlabkit.image": "no"})
    seed = api.create_container("lab/shell", ["true"], name="laboratory")
    # A file system without its labels, under the names of strangers.
    files = b"".join(api.export(seed))
    change = 'CMD ["sleep", "86400"]'
    for name in ("labs/x", "mylab/x", "laboratory"):
        change += f"\nENV FOR={name}"  # so that each is an image of its own
        api.import_image_from_data(files, repository=name, tag="1", changes=change.split("\n"))
    api.commit(seed, "derived/x", "1")
    api.commit(seed, "two-names", "1", changes="ENV TWO=names")
    api.remove_container(seed)
    api.tag("two-names:1", "lab/two-names", "1")

    host = api.create_host_config(binds=["laboratory-data:/data"], network_mode="laboratory-net")
    created = {
        "laboratory": api.create_container(
            "labs/x:1", name="laboratory", host_config=host, volumes=["/data", "/anonymous"]
        ),
        "xlab-web": api.create_container("mylab/x:1", ["true"], name="xlab-web"),
        "my-lab-web": api.create_container("laboratory:1", name="my-lab-web"),
        "lab": api.create_container("labs/x:1", name="lab", labels={"xlabkit.image": "no"}),
        "derived": api.create_container("derived/x:1", ["sleep", "86400"], name="derived"),
        "two-names": api.create_container("two-names:1", ["sleep", "86400"], name="two-names"),
    }
    for name in ("laboratory", "xlab-web", "lab", "derived", "two-names"):
        api.start(created[name])
    api.wait(created["xlab-web"])
    yield inspected(engine)
    remove(engine, owned(engine, keep_images=course.image_tags))
    uproot(engine)


def uproot(engine: Engine) -> None:
    api: Any = engine.client.api
    for collection, names, remove_one in (
        (engine.containers, CONTAINERS, lambda n: api.remove_container(n, force=True, v=True)),
        (engine.images, (*IMAGES, "lab/two-names:1"), api.remove_image),
        (engine.networks, NETWORKS, api.remove_network),
        (engine.volumes, VOLUMES, api.remove_volume),
    ):
        for name in names:
            if collection.exists(name):  # type: ignore[attr-defined]
                remove_one(name)


def inspected(engine: Engine) -> str:
    """All that the engine tells about the foreign objects, each by its id."""
    containers = [engine.containers.get(name).attrs for name in CONTAINERS]
    for container in containers:
        # The engine keeps mounts in a map, and lists them in another order each time.
        container["Mounts"].sort(key=lambda mount: mount["Destination"])
    images = [engine.images.get(name).attrs for name in IMAGES]
    networks = [engine.networks.get(name).attrs for name in NETWORKS]
    volumes = [engine.volumes.get(name).attrs for name in VOLUMES]
    anonymous = [
        engine.volumes.get(mount["Name"]).attrs
        for container in containers
        for mount in container["Mounts"]
    ]
    for image in images:
        # A name of ours on a foreign image is ours to take off, and the engine notes on the image
        # when a name was last put on it; nothing else may differ.
        if any(tag.startswith("two-names") for tag in image["RepoTags"]):
            image["RepoTags"] = [tag for tag in image["RepoTags"] if not tag.startswith("lab/")]
            del image["Metadata"]["LastTagTime"]
    return json.dumps([containers, images, networks, volumes, anonymous], indent=1, sort_keys=True)


@pytest.fixture
def ours(engine: Engine) -> tuple[str, ...]:
    """Objects of the course for a reset to remove."""
    api: Any = engine.client.api
    for name in ("lab-hello", "lab-unlisted"):
        if not engine.containers.exists(name):
            api.create_container("lab/shell", ["true"], name=name)
    api.create_volume("lab-data")
    api.tag("two-names:1", "lab/two-names", "1")
    return ("lab-hello", "lab-unlisted")


@pytest.mark.parametrize(
    "what", [pytest.param(w, marks=pytest.mark.course if w in SLOW else ()) for w in COMMANDS]
)
def test_foreign_objects_survive(
    engine: Engine, planted: str, ours: tuple[str, ...], work: Path, what: str
) -> None:
    for arguments in COMMANDS[what]:
        done = subprocess.run(
            [sys.executable, "-m", "labkit", *arguments],
            cwd=ROOT,
            env=engine.cli_env() | {"LABKIT_WORK": str(work)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode in {0, 1}, done.stderr
    assert inspected(engine) == planted
    if what == "a reset of everything":
        assert not any(engine.containers.exists(name) for name in ours)
        assert not engine.volumes.exists("lab-data")
        assert not engine.images.exists("lab/two-names:1")


def test_a_dry_run_names_nothing_foreign(
    engine: Engine, planted: str, ours: tuple[str, ...], work: Path
) -> None:
    told = subprocess.run(
        [sys.executable, "-m", "labkit", "reset", "--dry-run", "--json"],
        cwd=ROOT,
        env=os.environ | {"LABKIT_WORK": str(work)},
        capture_output=True,
        text=True,
        check=True,
    )
    things = json.loads(told.stdout)["objects"]
    assert {(thing["kind"], thing["name"]) for thing in things} == {
        *(("container", name) for name in ours),
        ("volume", "lab-data"),
        ("image", "lab/two-names:1"),
    }
    assert inspected(engine) == planted


@pytest.mark.parametrize("magic", ["%reset_lab", "%reset_lab --dry-run"])
def test_foreign_objects_survive_the_magics(
    engine: Engine, planted: str, ours: tuple[str, ...], magic: str
) -> None:
    script = (
        "from IPython.core.interactiveshell import InteractiveShell as S\n"
        "s = S.instance()\n"
        "s.extension_manager.load_extension('labkit')\n"
        f"assert s.run_cell({magic!r}).success"
    )
    told = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert all(f"container {name}" in told.stdout for name in ours)
    assert inspected(engine) == planted
