"""The course images and the ways to obtain them, on the real engine.

Images of these tests are called `lab/try-…`; the course's own are only read.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import docker.errors
import pytest

from labkit import images, packs, rootfs
from labkit.course import Course
from labkit.engine import transfer
from labkit.engine.private import PrivateEngine, PrivatePaths
from labkit.errors import ImageUnavailable, NoSuchImage
from labkit.images import Way
from labkit.provenance import Records
from labkit.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from labkit.engine import Engine

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch, work: Path) -> None:  # noqa: ARG001 - set by it
    """No mirror, no packs, an empty workspace."""
    for name in ("LABKIT_REGISTRY_MIRROR", "LABKIT_PACKS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def shell_image(engine: Engine, course: Course) -> None:
    """`lab/debian` and `lab/shell` are here and current."""
    images.ensure(engine, course, ["lab/debian", "lab/shell"])


@dataclass
class Bench:
    """A course of one's own, with images that can be changed."""

    engine: Engine
    root: Path

    def course(self, *names: str, needs: tuple[str, ...] = ("lab/shell",)) -> Course:
        known = {"lab/debian": (), "lab/shell": ("lab/debian",), **dict.fromkeys(names, needs)}
        entries = (
            f"[[images]]\nname = {json.dumps(n)}\nwhy = 'a test'\nfrom = {json.dumps(list(f))}\n"
            for n, f in known.items()
        )
        (self.root / "course.toml").write_text("title = 'a test'\n" + "".join(entries))
        return Course.load(self.root)

    def dockerfile(self, name: str, text: str) -> None:
        folder = self.root / "images" / name.removeprefix("lab/")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "Dockerfile").write_text(text)


@pytest.fixture
def bench(engine: Engine, shell_image: None, tmp_path: Path) -> Iterator[Bench]:  # noqa: ARG001
    root = tmp_path / "course"
    root.mkdir()
    for name in ("debian", "shell"):
        shutil.copytree(ROOT / "images" / name, root / "images" / name)
    yield Bench(engine, root)
    remove_tries(engine)


def remove_tries(engine: Engine) -> None:
    for line in engine.images.list():
        for tag in line["RepoTags"] or ():
            if tag.startswith("lab/try-"):
                engine.client.api.remove_image(tag, force=True)


def unnamed(engine: Engine) -> set[str]:
    """The images that `docker images` shows as <none>."""
    return {line["Id"] for line in engine.client.api.images(filters={"dangling": True})}


def containers(engine: Engine) -> set[str]:
    return {line["Id"] for line in engine.containers.list()}


@dataclass
class Told:
    """A progress that remembers."""

    steps: list[tuple[str, str, int | None, int | None]] = field(default_factory=list)

    def step(self, image: str, text: str, done: int | None, total: int | None) -> None:
        self.steps.append((image, text, done, total))


# The images themselves


@pytest.fixture
def network(engine: Engine) -> Iterator[str]:
    api: Any = engine.client.api
    name = "lab-try-names"
    api.create_network(name, labels={"labkit.test": "images"})
    yield name
    for line in api.containers(all=True, filters={"label": "labkit.test=images"}):
        api.remove_container(line["Id"], force=True)
    api.remove_network(name)


def run(engine: Engine, image: str, command: list[str] | None, *, network: str, name: str) -> str:
    api: Any = engine.client.api
    api.create_container(
        image,
        command,
        name=name,
        labels={"labkit.test": "images"},
        host_config=api.create_host_config(network_mode=network),
    )
    api.start(name)
    return name


def test_a_shell_finds_a_web_server_by_its_name_and_reads_its_page(
    engine: Engine, course: Course, network: str
) -> None:
    images.ensure(engine, course)
    run(engine, "lab/web", None, network=network, name="lab-try-web")
    script = "nslookup lab-try-web && ping -c 1 lab-try-web && wget -q -O - http://lab-try-web/"
    run(engine, "lab/shell", ["sh", "-c", script], network=network, name="lab-try-shell")
    exit_code = engine.client.api.wait("lab-try-shell", timeout=20)["StatusCode"]
    said = engine.containers.logs("lab-try-shell")
    assert exit_code == 0, said
    assert "1 packets received" in said
    assert "<h1>It works</h1>" in said
    wait_until(
        lambda: '"GET / HTTP/1.1" 200' in engine.containers.logs("lab-try-web"),
        what="the access log on standard output",
        timeout=5,
    )


@pytest.mark.usefixtures("shell_image")
def test_an_unknown_name_is_said_to_be_unknown_and_crashes_nothing(
    engine: Engine, network: str
) -> None:
    command = ["ping", "-c", "1", "nobody.invalid"]
    run(engine, "lab/shell", command, network=network, name="lab-try-shell")
    assert engine.client.api.wait("lab-try-shell", timeout=20)["StatusCode"] == 1
    assert "bad address 'nobody.invalid'" in engine.containers.logs("lab-try-shell")


def test_the_web_server_stops_at_once_and_in_good_order(
    engine: Engine, course: Course, network: str
) -> None:
    images.ensure(engine, course, ["lab/web"])
    run(engine, "lab/web", None, network=network, name="lab-try-web")
    wait_until(
        lambda: (
            "worker process"
            in " ".join(map(str, engine.client.api.top("lab-try-web")["Processes"]))
        ),
        what="nginx",
        timeout=5,
    )
    engine.client.api.stop("lab-try-web", timeout=9)
    # Killed after the nine seconds, it would have 137.
    assert engine.containers.get("lab-try-web").exit_code == 0


@pytest.mark.usefixtures("shell_image")
def test_the_shell_image_has_the_commands_that_lessons_use(engine: Engine, network: str) -> None:
    script = (
        "for c in sh ps top hostname ip httpd nc wget ping nslookup id; do which $c || exit 9; done"
    )
    run(engine, "lab/shell", ["sh", "-c", script], network=network, name="lab-try-shell")
    assert engine.client.api.wait("lab-try-shell", timeout=20)["StatusCode"] == 0
    assert engine.images.get("lab/shell").size < 8_000_000


@dataclass
class Server:
    """A container of `lab/postgres` whose data lies in a volume of its own."""

    engine: Engine
    name: str = "lab-try-postgres"
    volume: str = "lab-try-postgres"

    def run(self, files: Mapping[str, str] | None = None, **settings: Any) -> None:
        api: Any = self.engine.client.api
        environment = {"POSTGRES_PASSWORD": "right", "POSTGRES_DB": "shop"}
        api.create_container(
            "lab/postgres",
            name=self.name,
            volumes=["/var/lib/postgresql/data"],
            host_config=api.create_host_config(binds=[f"{self.volume}:/var/lib/postgresql/data"]),
            **{"environment": environment, **settings},
        )
        for path, text in (files or {}).items():
            archive = io.BytesIO()
            with tarfile.open(fileobj=archive, mode="w") as tar:
                member = tarfile.TarInfo(path)
                member.size = len(text)
                tar.addfile(member, io.BytesIO(text.encode()))
            api.put_archive(self.name, "/", archive.getvalue())
        api.start(self.name)

    def is_healthy(self) -> bool:
        return self.engine.containers.get(self.name).health == "healthy"

    def wait(self) -> None:
        logs = self.engine.containers.logs
        wait_until(
            self.is_healthy,
            what="a healthy database",
            timeout=30,
            log_tail=lambda: logs(self.name, tail=5),
        )

    def sql(self, statement: str, *, by: str = "right", user: str = "postgres") -> tuple[int, str]:
        """Ask over the network, and return `psql`'s exit code and what it said."""
        api: Any = self.engine.client.api
        command = ["psql", "--host=127.0.0.1", f"--user={user}", "--csv", "--tuples-only", "shop"]
        environment = {"PGPASSWORD": by}
        asked = api.exec_create(self.name, [*command, "-c", statement], environment=environment)
        said = api.exec_start(asked["Id"]).decode().strip()
        return api.exec_inspect(asked["Id"])["ExitCode"], said

    def remove(self) -> None:
        with contextlib.suppress(docker.errors.NotFound):
            self.engine.client.api.remove_container(self.name, force=True, v=True)


@pytest.fixture
def server(engine: Engine, course: Course) -> Iterator[Server]:
    images.ensure(engine, course, ["lab/postgres"])
    server = Server(engine)
    yield server
    server.remove()
    with contextlib.suppress(docker.errors.NotFound):
        engine.client.api.remove_volume(server.volume)


def test_a_database_outlives_its_container_in_its_volume(server: Server) -> None:
    server.run()
    server.wait()
    assert server.sql("CREATE TABLE fish (name text)") == (0, "CREATE TABLE")
    assert server.sql("INSERT INTO fish VALUES ('pike'), ('eel')") == (0, "INSERT 0 2")
    server.remove()
    server.run()
    server.wait()
    assert server.sql("SELECT name FROM fish ORDER BY name") == (0, "eel\npike")
    code, said = server.sql("SELECT 1", by="wrong")
    assert code == 2, said
    assert "password authentication failed" in said


def test_a_new_database_runs_its_scripts_and_takes_its_password_from_a_file(
    server: Server,
) -> None:
    server.run(
        files={
            "docker-entrypoint-initdb.d/1.sql": "CREATE TABLE fish AS SELECT 'pike' AS name;\n",
            "docker-entrypoint-initdb.d/2.sh": "psql -c \"INSERT INTO fish VALUES ('eel')\"\n",
            "word": "right\n",
        },
        environment={"POSTGRES_PASSWORD_FILE": "/word", "POSTGRES_DB": "shop"},
    )
    server.wait()
    assert server.sql("SELECT name FROM fish ORDER BY name") == (0, "eel\npike")


@pytest.mark.parametrize("owner", ["postgres", "alice"])
def test_a_new_database_has_one_owner_and_its_password(server: Server, owner: str) -> None:
    word = "it's $(own) \\ word"
    server.run(
        environment={
            "POSTGRES_USER": owner,
            "POSTGRES_PASSWORD": word,
            "POSTGRES_DB": "shop",
        }
    )
    server.wait()
    owners = "SELECT rolname FROM pg_roles WHERE rolsuper"
    assert server.sql(owners, by=word, user=owner) == (0, owner)
    code, said = server.sql("SELECT 1", by="right", user=owner)
    assert code == 2, said


def test_a_new_database_without_a_password_is_refused_with_the_option(server: Server) -> None:
    server.run(environment={})
    assert server.engine.client.api.wait(server.name, timeout=20)["StatusCode"] == 1
    assert "--env POSTGRES_PASSWORD=" in server.engine.containers.logs(server.name)


def test_number_1_of_a_database_is_the_server_and_not_root(server: Server) -> None:
    server.run()
    server.wait()
    top = server.engine.client.api.top(server.name, "-o pid,user:20,args")["Processes"]
    assert top[0][2] == "postgres"
    assert {line[1] for line in top}.isdisjoint({"root", "0"})


def test_a_database_stops_at_once_and_in_good_order(server: Server) -> None:
    server.run()
    server.wait()
    server.engine.client.api.stop(server.name, timeout=9)
    # Killed after the nine seconds, it would have 137.
    assert server.engine.containers.get(server.name).exit_code == 0
    said = server.engine.containers.logs(server.name)
    assert said.rstrip().endswith("database system is shut down")


def test_a_database_whose_making_was_interrupted_is_made_anew(server: Server) -> None:
    server.run(files={"docker-entrypoint-initdb.d/1.sh": "sleep 60\n"})
    logs = server.engine.containers.logs
    wait_until(lambda: "running /docker" in logs(server.name), what="its script", timeout=20)
    server.remove()
    server.run()
    server.wait()
    assert server.sql("SELECT current_database()") == (0, "shop")


def test_another_user_is_told_why_it_may_not_read_the_database(server: Server) -> None:
    server.run(user="1000")
    assert server.engine.client.api.wait(server.name, timeout=20)["StatusCode"] == 1
    assert "belongs to postgres" in server.engine.containers.logs(server.name)


# Present, outdated, built


def test_an_image_is_built_once_and_then_present(bench: Bench) -> None:
    bench.dockerfile("lab/try-a", "FROM lab/shell\nRUN echo a > /a\n")
    course, told = bench.course("lab/try-a"), Told()
    first = images.ensure(bench.engine, course, ["lab/try-a"], progress=told)
    again = images.ensure(bench.engine, course, ["lab/try-a"])
    assert [(o.name, o.way) for o in first][-1] == ("lab/try-a", Way.BUILT)
    assert [o.way for o in again] == [Way.PRESENT]
    assert ("lab/try-a", "RUN echo a > /a", 2, 3) in told.steps
    assert again[0].source == "built on `lab/shell`"
    record = Records(course).read()["lab/try-a"]
    assert record["id"] == first[-1].id == bench.engine.images.get("lab/try-a").id
    assert record["way"] == "built"


def test_what_an_image_is_built_on_is_obtained_first(bench: Bench) -> None:
    bench.dockerfile("lab/try-b", "FROM lab/try-a\n")
    bench.dockerfile("lab/try-a", "FROM lab/shell\n")
    course = bench.course("lab/try-a")
    manifest = bench.root / "course.toml"
    entry = "[[images]]\nname='lab/try-b'\nwhy='t'\nfrom=['lab/try-a']\n"
    manifest.write_text(manifest.read_text().replace("[[images]]", entry + "[[images]]", 1))
    done = images.ensure(bench.engine, Course.load(bench.root), ["lab/try-b"])
    assert course.images[-1].name == "lab/try-a"
    assert [o.name for o in done][-2:] == ["lab/try-a", "lab/try-b"]


def test_a_changed_folder_makes_the_image_outdated_and_is_built_anew(bench: Bench) -> None:
    bench.dockerfile("lab/try-a", "FROM lab/shell\nRUN echo 1 > /a\n")
    course = bench.course("lab/try-a")
    before = images.ensure(bench.engine, course, ["lab/try-a"])[-1]
    bench.dockerfile("lab/try-a", "FROM lab/shell\nRUN echo 2 > /a\n")
    status = {s.name: s for s in images.statuses(bench.engine, course)}["lab/try-a"]
    assert (status.present, status.outdated, status.id) == (True, True, before.id)
    after = images.ensure(bench.engine, course, ["lab/try-a"])[-1]
    assert after.way == Way.BUILT
    assert after.id != before.id
    assert not bench.engine.images.exists(before.id)


def test_an_image_is_outdated_when_what_it_is_built_on_has_changed(bench: Bench) -> None:
    bench.dockerfile("lab/try-a", "FROM lab/shell\n")
    course = bench.course("lab/try-a")
    images.ensure(bench.engine, course, ["lab/try-a"])
    with (bench.root / "images/shell/Dockerfile").open("a") as file:
        file.write("# changed\n")
    outdated = {s.name for s in images.statuses(bench.engine, course) if s.outdated}
    assert outdated == {"lab/shell", "lab/try-a"}


def test_a_failed_build_says_the_step_and_leaves_nothing(bench: Bench) -> None:
    bench.dockerfile(
        "lab/try-a",
        "FROM lab/shell AS one\nRUN echo one > /one\n"
        "FROM lab/shell\nRUN echo no such luck >&2; false\n",
    )
    before = unnamed(bench.engine), containers(bench.engine)
    with pytest.raises(ImageUnavailable) as caught:
        images.ensure(bench.engine, bench.course("lab/try-a"), ["lab/try-a"])
    assert caught.value.image == "lab/try-a"
    assert "no such luck" in str(caught.value)
    assert (unnamed(bench.engine), containers(bench.engine)) == before


def test_an_old_image_stays_in_use_when_the_new_one_cannot_be_built(bench: Bench) -> None:
    bench.dockerfile("lab/try-a", "FROM lab/shell\nRUN echo 1 > /a\n")
    course = bench.course("lab/try-a")
    before = images.ensure(bench.engine, course, ["lab/try-a"])[-1]
    bench.dockerfile("lab/try-a", "FROM lab/shell\nRUN exit 3\n")
    after = images.ensure(bench.engine, course, ["lab/try-a"])[-1]
    assert (after.way, after.id) == (Way.OUTDATED, before.id)
    assert "returned a non-zero code: 3" in after.source


def test_earlier_stages_do_not_stay_as_images_without_a_name(bench: Bench) -> None:
    bench.dockerfile(
        "lab/try-a",
        "FROM lab/shell AS one\nRUN echo one > /one\nFROM lab/shell\nCOPY --from=one /one /one\n",
    )
    before = unnamed(bench.engine)
    images.ensure(bench.engine, bench.course("lab/try-a"), ["lab/try-a"])
    assert unnamed(bench.engine) == before


def test_an_image_that_the_course_does_not_have_is_refused(bench: Bench) -> None:
    with pytest.raises(NoSuchImage):
        images.ensure(bench.engine, bench.course(), ["lab/nothing"])


# Packs


@pytest.mark.parametrize("ending", ["tar", "tar.gz"])
def test_a_pack_gives_back_the_very_image(bench: Bench, ending: str) -> None:
    bench.dockerfile("lab/try-a", "FROM lab/shell\nRUN echo a > /a\n")
    course = bench.course("lab/try-a")
    built = images.ensure(bench.engine, course, ["lab/try-a"])[-1]
    file = course.root / "packs" / f"class.{ending}"
    assert images.pack(bench.engine, ["lab/shell", "lab/try-a"], file) == file.stat().st_size
    bench.engine.client.api.remove_image("lab/try-a")
    told = Told()
    again = images.ensure(bench.engine, course, ["lab/try-a"], progress=told)[-1]
    assert (again.way, again.id) == (Way.PACK, built.id)
    assert again.source == f"pack `class.{ending}`"
    assert told.steps[-1][2:] == (file.stat().st_size, file.stat().st_size)


def test_an_outdated_pack_is_not_loaded(bench: Bench) -> None:
    bench.dockerfile("lab/try-a", "FROM lab/shell\nRUN echo 1 > /a\n")
    course = bench.course("lab/try-a")
    old = images.ensure(bench.engine, course, ["lab/try-a"])[-1]
    images.pack(bench.engine, ["lab/try-a"], course.root / "packs" / "class.tar")
    bench.dockerfile("lab/try-a", "FROM lab/shell\nRUN echo 2 > /a\n")
    new = images.ensure(bench.engine, course, ["lab/try-a"])[-1]
    assert new.way == Way.BUILT
    assert new.id != old.id


def test_a_damaged_pack_is_said_and_the_next_way_taken(bench: Bench) -> None:
    bench.dockerfile("lab/try-a", "FROM lab/shell\nRUN echo 1 > /a\n")
    course = bench.course("lab/try-a")
    (course.root / "packs").mkdir()
    (course.root / "packs" / "class.tar").write_bytes(b"not a tar")
    assert images.ensure(bench.engine, course, ["lab/try-a"])[-1].way == Way.BUILT
    bench.dockerfile("lab/try-b", "FROM lab/shell\nRUN false\n")
    with pytest.raises(ImageUnavailable, match=r"pack `class.tar`: .* is no pack of images"):
        images.ensure(bench.engine, bench.course("lab/try-b"), ["lab/try-b"])


def test_a_pack_of_a_missing_image_leaves_no_file(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(NoSuchImage):
        images.pack(engine, ["lab/try-nothing"], tmp_path / "class.tar")
    assert list(tmp_path.iterdir()) == []


# The base, without a registry


@contextlib.contextmanager
def tiny_rootfs(_report: object) -> Iterator[Path]:
    """As `rootfs.made`, in a moment."""
    path = Path(os.environ["LABKIT_WORK"]).with_name("rootfs.tar")
    with tarfile.open(path, "w") as archive:
        archive.add(__file__, "a-file")
    yield path
    path.unlink()


def test_a_base_is_made_here_when_the_registry_is_away_and_it_is_asked_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    really_ask = transfer.reach_registry

    def ask(engine: Engine, registry: str, *, timeout: float) -> str:
        asked.append(registry)
        return really_ask(engine, registry, timeout=timeout)

    monkeypatch.setattr(transfer, "reach_registry", ask)
    monkeypatch.setattr(rootfs, "made", tiny_rootfs)
    monkeypatch.setenv("LABKIT_REGISTRY_MIRROR", "127.0.0.1:9")
    for name in ("lab/try-a", "lab/try-b"):
        bench.dockerfile(name, f"ARG BASE=nothing\nFROM ${{BASE}}\nLABEL which={name}\n")
    course = bench.course("lab/try-a", "lab/try-b", needs=())
    done = images.ensure(bench.engine, course, ["lab/try-a", "lab/try-b"])
    assert [o.source for o in done] == ["built on a root file system made by mmdebstrap"] * 2
    assert asked == ["127.0.0.1:9"]


def test_no_base_stays_when_the_build_on_it_fails(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rootfs, "made", tiny_rootfs)
    bench.dockerfile("lab/try-a", "ARG BASE=nothing\nFROM ${BASE}\nCOPY nothing /\n")
    course, before = bench.course("lab/try-a", needs=()), unnamed(bench.engine)
    with pytest.raises(ImageUnavailable) as caught:
        images.ensure(bench.engine, course, ["lab/try-a"], pull=False)
    assert "nothing" in caught.value.tried[-1]
    assert unnamed(bench.engine) == before


# Ctrl-C

SCRIPT = """
import sys
from pathlib import Path
from labkit import images
from labkit.course import Course
from labkit.engine import connect

class Told:
    def step(self, image, text, done, total):
        print(text, flush=True)

images.ensure(connect(), Course.load(Path(sys.argv[1])), sys.argv[2:], progress=Told(), pull=False)
"""


def interrupt_at(sign: str, bench: Bench, *names: str) -> int:
    """Run `ensure` in a process of its own and press Ctrl-C when it says `sign`."""
    environment = {**os.environ, "DOCKER_HOST": bench.engine.endpoint}
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(bench.root), *names],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        assert process.stdout
        assert process.stderr
        seen = []
        for line in process.stdout:
            seen.append(line)
            if sign in line:
                process.send_signal(signal.SIGINT)
                break
        else:
            pytest.fail(f"{sign!r} never came: {seen} {process.stderr.read()}")
        process.stdout.read()
        assert process.stderr.read().endswith("KeyboardInterrupt\n")
        return process.wait(60)


def test_ctrl_c_in_the_middle_of_a_build_leaves_nothing_and_a_second_run_goes_on(
    bench: Bench,
) -> None:
    bench.dockerfile("lab/try-a", "FROM lab/shell\nRUN echo a > /a\n")
    slow = "FROM lab/shell AS one\nRUN echo 1 > /1\nRUN sleep {seconds}\nFROM lab/shell\n"
    bench.dockerfile("lab/try-b", slow.format(seconds=60))
    course = bench.course("lab/try-a", "lab/try-b")
    before = unnamed(bench.engine), containers(bench.engine)
    assert interrupt_at("RUN sleep", bench, "lab/try-a", "lab/try-b") != 0
    assert unnamed(bench.engine) == before[0]
    wait_until(lambda: containers(bench.engine) == before[1], what="the build to end", timeout=5)
    assert not bench.engine.images.exists("lab/try-b")
    bench.dockerfile("lab/try-b", slow.format(seconds=0))
    second = images.ensure(bench.engine, course, ["lab/try-a", "lab/try-b"])
    ways = {o.name: o.way for o in second}
    assert (ways["lab/try-a"], ways["lab/try-b"]) == (Way.PRESENT, Way.BUILT)


def leftovers_of_mmdebstrap() -> tuple[set[Path], list[str]]:
    folders = {*Path("/tmp").glob("mmdebstrap.*"), *Path("/tmp").glob("labkit-rootfs-*")}  # noqa: S108
    mounts = [
        line for line in Path("/proc/mounts").read_text().splitlines() if "mmdebstrap" in line
    ]
    return folders, mounts


@pytest.mark.skipif(not shutil.which("mmdebstrap"), reason="mmdebstrap is not installed")
@pytest.mark.parametrize("step", ["downloading packages", "installing essential packages"])
def test_ctrl_c_in_the_middle_of_mmdebstrap_leaves_nothing(bench: Bench, step: str) -> None:
    bench.dockerfile("lab/try-a", "ARG BASE=nothing\nFROM ${BASE}\n")
    bench.course("lab/try-a", needs=())
    before = unnamed(bench.engine), leftovers_of_mmdebstrap()
    assert interrupt_at(step, bench, "lab/try-a") != 0
    assert (unnamed(bench.engine), leftovers_of_mmdebstrap()) == before


# A full disk


@pytest.fixture
def small_engine() -> Iterator[Callable[[], Engine]]:
    """An engine whose data lies on a file system of 64 MB."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    folder = Path(f"/run/labkit-test-{os.getpid()}")  # sockets need a short path
    data = folder / "data"
    data.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", data], check=True)
    private = PrivateEngine(PrivatePaths.under(folder), own_network=True)
    opened: list[Engine] = []

    def start() -> Engine:
        opened.append(private.start(lambda _line: None))
        return opened[-1]

    yield start
    for engine in opened:
        engine.close()
    private.stop(lambda _line: None)
    subprocess.run(["umount", "--lazy", data], check=True)
    shutil.rmtree(folder, ignore_errors=True)


# docker-py leaves the socket open that it tries while the engine starts.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_full_disk_is_said_with_what_is_free_and_loses_nothing(
    bench: Bench, small_engine: Callable[[], Engine]
) -> None:
    shell = bench.root / "packs" / "shell.tar"
    images.pack(bench.engine, ["lab/shell"], shell)
    engine = small_engine()
    bench.dockerfile("lab/try-a", "FROM lab/shell\nRUN dd if=/dev/zero of=/big bs=1M count=200\n")
    course = bench.course("lab/try-a")
    with pytest.raises(ImageUnavailable) as caught:
        images.ensure(engine, course, ["lab/try-a"])
    assert "No space left on device" in str(caught.value)
    assert "MB are free in" in caught.value.hint
    assert "docker system df" in caught.value.hint
    assert engine.images.exists("lab/shell")
    assert containers(engine) == set()
    assert unnamed(engine) == set()


def test_two_runs_at_once_build_an_image_once(bench: Bench) -> None:
    bench.dockerfile("lab/try-a", "FROM lab/shell\nRUN sleep 1\n")
    course = bench.course("lab/try-a")
    ways: list[Way] = []

    def ensure() -> None:
        ways.append(images.ensure(bench.engine, course, ["lab/try-a"])[-1].way)

    threads = [threading.Thread(target=ensure) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ways) == [Way.BUILT, Way.PRESENT]


def test_a_pack_can_be_read_without_loading_it(bench: Bench, tmp_path: Path) -> None:
    file = tmp_path / "class.tgz"
    images.pack(bench.engine, ["lab/shell"], file)
    digest = bench.engine.images.get("lab/shell").labels["labkit.digest"]
    assert packs.read(file).digests == {"lab/shell": digest}
