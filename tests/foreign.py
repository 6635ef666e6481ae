"""Objects that are not the course's, with names that nearly look as if they were."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labkit.engine import Engine

IMAGES = ("labs/x:1", "mylab/x:1", "derived/x:1", "laboratory:1", "two-names:1", "rebuilt/x:1")
CONTAINERS = ("laboratory", "xlab-web", "my-lab-web", "lab", "derived", "two-names", "rebuilt")
NETWORKS = ("laboratory-net", "my-lab-net", "lab")
VOLUMES = ("laboratory-data", "xlab-data", "lab")
#: By this label they are known again; somebody's own of the same name is not.
PLANTED = {"xlabkit.planted": "yes"}


def plant(engine: Engine) -> None:
    """Put them on the engine.

    The image `two-names:1` also has a name of ours, and `derived/x:1` was made from a course image,
    so it and its containers inherit the course's labels. So was `rebuilt/x:1`, twice: the image of
    the container `rebuilt` has no name any more.
    """
    api: Any = engine.client.api
    for name in NETWORKS:
        api.create_network(name, labels=PLANTED, check_duplicate=True)
    for name in VOLUMES:
        api.create_volume(name, labels={"lab": "no", "xlabkit.image": "no", **PLANTED})
    seed = api.create_container("lab/shell", ["true"], name="laboratory")
    # A file system without its labels, under the names of strangers.
    files = b"".join(api.export(seed))
    mark = "LABEL " + " ".join(f"{name}={value}" for name, value in PLANTED.items())
    change = f'CMD ["sleep", "86400"]\n{mark}'
    for name in ("labs/x", "mylab/x", "laboratory"):
        change += f"\nENV FOR={name}"  # so that each is an image of its own
        api.import_image_from_data(files, repository=name, tag="1", changes=change.split("\n"))
    api.commit(seed, "derived/x", "1", changes=mark)
    api.commit(seed, "two-names", "1", changes=f"ENV TWO=names\n{mark}")
    api.commit(seed, "rebuilt/x", "1", changes=f"ENV BUILD=1\n{mark}")
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
    created["rebuilt"] = api.create_container("rebuilt/x:1", ["sleep", "86400"], name="rebuilt")
    api.commit(created["rebuilt"], "rebuilt/x", "1", changes=f"ENV BUILD=2\n{mark}")
    for name in ("laboratory", "xlab-web", "lab", "derived", "two-names", "rebuilt"):
        api.start(created[name])
    api.wait(created["xlab-web"])


def uproot(engine: Engine) -> None:
    """Remove what `plant` put there; an object of another's stays and makes `plant` fail."""
    api: Any = engine.client.api
    mark = {"label": [f"{name}={value}" for name, value in PLANTED.items()]}
    for container in api.containers(all=True, filters=mark):
        api.remove_container(container["Id"], force=True, v=True)
    for image in api.images(filters=mark):
        api.remove_image(image["Id"], force=True)
    for network in api.networks(filters=mark):
        api.remove_network(network["Id"])
    for volume in api.volumes(filters=mark)["Volumes"] or ():
        api.remove_volume(volume["Name"])


def inspected(engine: Engine) -> str:
    """All that the engine tells about the foreign objects, each by its id."""
    containers = [engine.containers.get(name).attrs for name in CONTAINERS]
    for container in containers:
        # The engine keeps mounts in a map, and lists them in another order each time.
        container["Mounts"].sort(key=lambda mount: mount["Destination"])
    unnamed = engine.containers.get("rebuilt").image_id
    images = [engine.images.get(name).attrs for name in (*IMAGES, unnamed)]
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
