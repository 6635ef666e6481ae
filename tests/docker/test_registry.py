"""A real registry: what the client reads, and where the logins of lessons go."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import nbformat
import pytest

from labkit.engine.ownership import owned, remove
from labkit.errors import RegistryRefused, RegistryUnreachable
from labkit.registry import Registry
from labkit.running import run_notebook, workspace_environment
from labkit.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from labkit.course import Course
    from labkit.engine import Engine

PORT = 5099
ADDRESS = f"localhost:{PORT}"
STORAGE = "/var/lib/docker-registry"
#: The learner's own configuration: a login, and a keychain that the course must not ask.
OWN = {
    "auths": {"registry.example": {"auth": "b3duOnNlY3JldA=="}},
    "credsStore": "no-such-keychain",
}

pytestmark = pytest.mark.usefixtures("clean_engine")


def docker(engine: Engine, *words: str) -> str:
    command = ["docker", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=engine.cli_env())
    return done.stdout


@pytest.fixture
def guarded(engine: Engine) -> Registry:
    """A registry that lets in `ada` only."""
    settings = ("REGISTRY_AUTH=htpasswd", "REGISTRY_AUTH_HTPASSWD_REALM=lab",
                "REGISTRY_AUTH_HTPASSWD_PATH=/users")  # fmt: skip
    script = (
        "htpasswd -Bbn ada difference > /users; "
        "exec docker-registry serve /etc/docker/registry/config.yml"
    )
    env = [word for setting in settings for word in ("--env", setting)]
    docker(
        engine, "run", "--detach", "--name", "lab-registry-test", "--publish", f"{PORT}:5000",
        *env, "lab/registry", "sh", "-c", script,
    )  # fmt: skip
    registry = Registry(engine.host, PORT, "ada", "difference")

    def answers() -> bool:
        try:
            return registry.repositories() == ()
        except RegistryUnreachable:
            return False

    wait_until(answers, what="a registry", timeout=10.0)
    return registry


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with a learner's own Docker configuration."""
    home = tmp_path / "home"
    (home / ".docker").mkdir(parents=True)
    (home / ".docker" / "config.json").write_text(json.dumps(OWN))
    return home


def run_cells(engine: Engine, course: Course, home: Path, *cells: str) -> None:
    """Run cells in a kernel of the course, for the learner who lives in `home`."""
    new: Any = nbformat.v4
    notebook = new.new_notebook(cells=[new.new_code_cell(cell) for cell in cells])
    work = home.parent / "work"
    work.mkdir(exist_ok=True)
    env = {**workspace_environment(engine, course, work), "HOME": str(home), "DOCKER_CONFIG": ""}
    report = run_notebook(notebook, cwd=work, env=env)
    assert report.ok, report.error


def test_a_login_in_a_kernel_of_the_course_leaves_the_learners_logins_alone(
    engine: Engine, course: Course, guarded: Registry, home: Path
) -> None:
    own = home / ".docker" / "config.json"
    before = own.read_bytes()
    run_cells(
        engine,
        course,
        home,
        "%load_ext labkit",
        f"!echo difference | docker login --username ada --password-stdin {ADDRESS}",
        f"!docker tag lab/shell {ADDRESS}/lab/shell:1",
        f"!docker push {ADDRESS}/lab/shell:1",
    )
    assert own.read_bytes() == before
    kept = json.loads((home.parent / "work/.labkit/docker/config.json").read_text())
    assert kept["auths"][ADDRESS] == {"auth": "YWRhOmRpZmZlcmVuY2U="}
    assert "registry.example" not in kept["auths"]
    assert "credsStore" not in kept
    assert guarded.tags("lab/shell") == ("1",)


def test_a_logout_takes_the_login_out_again(
    engine: Engine, course: Course, guarded: Registry, home: Path
) -> None:
    run_cells(
        engine,
        course,
        home,
        "%load_ext labkit",
        f"!echo difference | docker login --username ada --password-stdin {ADDRESS}",
        f"!docker logout {ADDRESS}",
    )
    kept = json.loads((home.parent / "work/.labkit/docker/config.json").read_text())
    assert ADDRESS not in kept["auths"]
    assert guarded.repositories() == ()


def test_without_a_login_the_registry_refuses(guarded: Registry) -> None:
    with pytest.raises(RegistryRefused, match="401 UNAUTHORIZED"):
        Registry(guarded.host, guarded.port).repositories()


def test_what_was_pushed_is_read_back_and_lies_on_the_disk(
    engine: Engine, guarded: Registry, tmp_path: Path
) -> None:
    name = f"{ADDRESS}/lab/pushed:1"
    docker(engine, "tag", "lab/shell", name)
    config = ("--config", str(tmp_path / "docker"))
    docker(engine, *config, "login", "--username", "ada", "--password", "difference", ADDRESS)
    docker(engine, *config, "push", "--quiet", name)
    image = guarded.image("lab/pushed", "1")
    assert image is not None
    assert guarded.layers_unpacked("lab/pushed", image) == engine.images.get("lab/shell").layers
    assert all(guarded.has_blob("lab/pushed", part.digest) for part in image.parts)
    files = engine.containers.list_files("lab-registry-test", STORAGE)
    for digest in (image.digest, *(part.digest for part in image.parts)):
        assert any(path.endswith(f"{digest[7:]}/data") for path in files)
    assert engine.containers.list_files("lab-registry-test", "/no/such/folder") == ()


@pytest.fixture
def named_images(engine: Engine) -> Iterator[tuple[str, ...]]:
    """Second names of a course image, three of which are not the course's."""
    names = (
        f"{ADDRESS}/lab/named:1",
        f"{ADDRESS}/labs/named:1",
        "registry.example:5000/lab/named:1",
        "mylocalhost:5000/lab/named:1",
    )
    for name in names:
        docker(engine, "tag", "lab/shell", name)
    yield names
    for name in names[1:]:
        docker(engine, "image", "rm", name)


def test_only_names_below_lab_in_a_registry_of_this_machine_are_ours(
    engine: Engine, course: Course, named_images: tuple[str, ...]
) -> None:
    remove(engine, owned(engine, keep_images=course.image_tags, names=["lab/named:*"]))
    left = [name for name in named_images if engine.images.exists(name)]
    assert left == list(named_images[1:])
    assert owned(engine, keep_images=course.image_tags) == ()
