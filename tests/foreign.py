"""Objects that are not the course's, with names that nearly look as if they were."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labkit.engine import Engine

IMAGES = ("labs/x:1", "mylab/x:1", "derived/x:1", "laboratory:1", "two-names:1")
CONTAINERS = ("laboratory", "xlab-web", "my-lab-web", "lab", "derived", "two-names")
NETWORKS = ("laboratory-net", "my-lab-net", "lab")
VOLUMES = ("laboratory-data", "xlab-data", "lab")


def plant(engine: Engine) -> None:
    """Put them on the engine.

    The image `two-names:1` also has a name of ours, and `derived/x:1` was made from a course image,
    so it and its containers inherit the course's labels.
    """
    api: Any = engine.client.api
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
