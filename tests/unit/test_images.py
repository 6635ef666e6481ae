"""How images are obtained, without an engine."""

from __future__ import annotations

import json
import re
import secrets
import subprocess
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Self

import pytest

from labkit import images, packs, rootfs
from labkit.course import Course
from labkit.engine import transfer
from labkit.errors import (
    CommandFailed,
    EngineRequestFailed,
    ImageUnavailable,
    LabError,
    NoSuchImage,
)
from labkit.images import Way
from labkit.mirrors import Mirrors
from labkit.provenance import DIGEST_LABEL, Records, folder_digest
from tests.unit.tars import tar_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

MANIFEST = """
title = "a test"
[[images]]
name = "lab/base"
why = "below"
[[images]]
name = "lab/top"
why = "above"
from = ["lab/base"]
"""


@dataclass
class FakeImage:
    id: str
    labels: dict[str, str] = field(default_factory=dict)
    size: int = 1
    digests: tuple[str, ...] = ()


@dataclass
class FakeEngine:
    """An engine that only has images, by name."""

    known: dict[str, FakeImage] = field(default_factory=dict)
    endpoint: str = "tcp://fake"

    @property
    def images(self) -> FakeEngine:
        return self

    def get(self, name: str) -> FakeImage:
        try:
            return self.known[name]
        except KeyError:
            raise NoSuchImage(name) from None

    def info(self) -> dict[str, str]:
        return {"DockerRootDir": "/nowhere", "OperatingSystem": "a test"}


class FakeTransfer:
    """What the registry, the builder and the loader would do; `log` says what was asked of them."""

    def __init__(self, engine: FakeEngine, registry: Mapping[str, FakeImage]) -> None:
        self.engine = engine
        self.registry = registry
        self.away = ""
        self.build_error = ""
        self.log: list[str] = []

    def reach_registry(self, _engine: object, registry: str, *, timeout: float) -> str:
        assert timeout <= 5
        self.log.append(f"reach {registry}")
        return self.away

    def pull(self, _engine: object, reference: str, _report: object) -> None:
        self.log.append(f"pull {reference}")
        if reference not in self.registry:
            raise EngineRequestFailed("manifest unknown")
        self.engine.known[reference] = self.registry[reference]

    def build(
        self, _engine: object, _folder: Path, name: str, *, args: Any, labels: Any, report: Any
    ) -> None:
        report("FROM", 1, 1)
        self.log.append(f"build {name} {args.get('BASE', '')}".strip())
        if self.build_error:
            raise EngineRequestFailed(self.build_error)
        self.engine.known[name] = FakeImage(f"built {name}", dict(labels))

    def tag(self, _engine: object, image: str, name: str) -> None:
        found = next(i for i in self.engine.known.values() if i.id == image)
        self.engine.known[name] = found

    def untag(self, _engine: object, reference: str) -> None:
        if reference not in self.engine.known:
            raise NoSuchImage(reference)
        self.log.append(f"untag {reference}")
        del self.engine.known[reference]

    def remove_unnamed(self, _engine: object, image: str) -> bool:
        self.log.append(f"remove {image}")
        return True


@pytest.fixture
def a_course(tmp_path: Path, work: Path) -> Course:  # noqa: ARG001 - its records lie there
    (tmp_path / "course.toml").write_text(MANIFEST)
    for name in ("base", "top"):
        (tmp_path / "images" / name).mkdir(parents=True)
        (tmp_path / "images" / name / "Dockerfile").write_text(f"# {name}\n")
    return Course.load(tmp_path)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeTransfer:
    for name in ("LABKIT_REGISTRY_MIRROR", "LABKIT_PACKS"):
        monkeypatch.delenv(name, raising=False)
    faked = FakeTransfer(FakeEngine(), {"debian:bookworm-slim": FakeImage("debian")})
    for name in ("reach_registry", "pull", "build", "tag", "untag", "remove_unnamed"):
        monkeypatch.setattr(transfer, name, getattr(faked, name))
    return faked


def no_rootfs(_report: object) -> None:
    raise LabError("no mmdebstrap here")


def ensure(fake: FakeTransfer, course: Course, **options: Any) -> tuple[images.Obtained, ...]:
    return images.ensure(fake.engine, course, **options)  # type: ignore[arg-type]


def ways(done: Sequence[images.Obtained]) -> dict[str, Way]:
    return {one.name: one.way for one in done}


def test_the_base_is_pulled_and_everything_is_built_on_it(
    fake: FakeTransfer, a_course: Course
) -> None:
    assert ways(ensure(fake, a_course)) == {"lab/base": Way.BUILT, "lab/top": Way.BUILT}
    assert fake.log == [
        "reach ",
        "pull debian:bookworm-slim",
        "build lab/base debian:bookworm-slim",
        "build lab/top",
    ]


def test_a_base_that_is_here_is_not_pulled_again(fake: FakeTransfer, a_course: Course) -> None:
    fake.engine.known["debian:bookworm-slim"] = FakeImage("debian")
    ensure(fake, a_course)
    assert not [line for line in fake.log if line.startswith(("pull", "reach"))]


def test_a_mirror_is_asked_for_the_course_images_first(
    fake: FakeTransfer, a_course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABKIT_REGISTRY_MIRROR", "https://registry.example:5000/")
    digest = folder_digest(a_course, a_course.images[0])
    ready = FakeImage("ready", {DIGEST_LABEL: digest}, digests=("lab/base@sha256:1",))
    fake.registry = {"registry.example:5000/lab/base:latest": ready}
    base, top = ensure(fake, a_course)
    assert (base.way, base.id, base.repo_digests) == (
        Way.REGISTRY, "ready", ("lab/base@sha256:1",),
    )  # fmt: skip
    assert top.way is Way.BUILT
    assert "registry.example:5000/lab/base:latest" not in fake.engine.known
    assert fake.log.count("reach registry.example:5000") == 1


def test_an_outdated_image_of_a_mirror_is_not_taken(
    fake: FakeTransfer, a_course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABKIT_REGISTRY_MIRROR", "mirror.example")
    fake.registry = {
        "mirror.example/lab/base:latest": FakeImage("old", {DIGEST_LABEL: "sha256:old"}),
        "mirror.example/library/debian:bookworm-slim": FakeImage("debian"),
    }
    assert ensure(fake, a_course, names=["lab/base"])[0].id == "built lab/base"
    assert "build lab/base mirror.example/library/debian:bookworm-slim" in fake.log


OF_MIRROR = "mirror.example/lab/base:latest"


@pytest.mark.parametrize("was_here", [True, False])
@pytest.mark.parametrize("fails", ["pull", "tag", None])
def test_a_mirrors_name_goes_again_whatever_happens_unless_it_was_here_before(
    fake: FakeTransfer,
    a_course: Course,
    monkeypatch: pytest.MonkeyPatch,
    fails: str | None,
    *,
    was_here: bool,
) -> None:
    def interrupt(*_arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setenv("LABKIT_REGISTRY_MIRROR", "mirror.example")
    digest = folder_digest(a_course, a_course.images[0])
    fake.registry = {OF_MIRROR: FakeImage("ready", {DIGEST_LABEL: digest})}
    if was_here:
        fake.engine.known[OF_MIRROR] = FakeImage("mine")
    if fails:
        monkeypatch.setattr(transfer, fails, interrupt)
    with pytest.raises(KeyboardInterrupt) if fails else nullcontext():
        ensure(fake, a_course, names=["lab/base"])
    assert (OF_MIRROR in fake.engine.known) is was_here


def test_docker_hub_is_not_asked_where_a_mirror_is_named(
    fake: FakeTransfer, a_course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABKIT_REGISTRY_MIRROR", "mirror.example")
    monkeypatch.setattr(rootfs, "made", no_rootfs)
    with pytest.raises(ImageUnavailable):
        ensure(fake, a_course)
    assert "pull debian:bookworm-slim" not in fake.log
    assert "reach " not in fake.log


def test_every_way_that_was_tried_is_said(
    fake: FakeTransfer, a_course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.away = "no such host"
    monkeypatch.setattr(rootfs, "made", no_rootfs)
    with pytest.raises(ImageUnavailable) as caught:
        ensure(fake, a_course)
    assert caught.value.tried == (
        "`debian:bookworm-slim`: no such host",
        "build: no mmdebstrap here",
    )


def test_no_registry_is_asked_when_pulling_is_not_wanted(
    fake: FakeTransfer, a_course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rootfs, "made", no_rootfs)
    with pytest.raises(ImageUnavailable):
        ensure(fake, a_course, pull=False)
    assert fake.log == []


def test_a_full_disk_gets_a_hint_of_its_own(fake: FakeTransfer, a_course: Course) -> None:
    fake.build_error = "write /x: no space left on device"
    with pytest.raises(ImageUnavailable) as caught:
        ensure(fake, a_course)
    assert "docker system df" in caught.value.hint


def test_what_was_obtained_before_a_failure_is_recorded(
    fake: FakeTransfer, a_course: Course
) -> None:
    ensure(fake, a_course, names=["lab/base"])
    fake.build_error = "broken"
    with pytest.raises(ImageUnavailable):
        ensure(fake, a_course)
    assert set(Records(a_course).read()) == {"lab/base"}


def test_records_that_cannot_be_read_are_made_anew(fake: FakeTransfer, a_course: Course) -> None:
    records = Records(a_course)
    records.path.parent.mkdir(parents=True)
    records.path.write_text("{ half a fi")
    ensure(fake, a_course)
    assert set(json.loads(records.path.read_text())["images"]) == {"lab/base", "lab/top"}


def test_a_status_tells_present_outdated_and_missing(fake: FakeTransfer, a_course: Course) -> None:
    base = a_course.images[0]
    fake.engine.known["lab/base"] = FakeImage("1", {DIGEST_LABEL: folder_digest(a_course, base)})

    def told() -> list[tuple[bool, bool]]:
        found = images.statuses(fake.engine, a_course)  # type: ignore[arg-type]
        return [(one.present, one.outdated) for one in found]

    assert told() == [(True, False), (False, False)]
    (a_course.image_folder(base) / "more").write_text("x")
    assert told() == [(True, True), (False, False)]


def test_what_is_obtained_on_demand_is_left_out_until_it_is_named(
    fake: FakeTransfer, a_course: Course
) -> None:
    (a_course.root / "course.toml").write_text(f"{MANIFEST}on_demand = true\n")
    course = Course.load(a_course.root)
    assert list(ways(ensure(fake, course))) == ["lab/base"]
    assert list(ways(ensure(fake, course, names=["lab/top"]))) == ["lab/base", "lab/top"]


def test_a_digest_sees_names_contents_and_what_lies_below(a_course: Course) -> None:
    base, top = a_course.images
    seen = {folder_digest(a_course, top)}
    file = a_course.image_folder(base) / "file"
    for change in (
        lambda: file.write_text("1"),
        lambda: file.write_text("2"),
        lambda: file.rename(file.with_name("other")),
        lambda: file.with_name("other").chmod(0o755),
    ):
        change()
        seen.add(folder_digest(a_course, top))
    assert len(seen) == 5


def test_packs_are_looked_for_in_one_place_newest_first(
    a_course: Course, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("LABKIT_PACKS", raising=False)
    assert packs.find(a_course) == ()
    folder = a_course.root / "packs"
    folder.mkdir()
    for age, name in enumerate(("new.tar", "old.tar.gz", "notes.txt")):
        (folder / name).touch()
        subprocess.run(["touch", "-d", f"{age} days ago", folder / name], check=True)
    assert [file.name for file in packs.find(a_course)] == ["new.tar", "old.tar.gz"]
    one = tmp_path / "class.tgz"
    one.touch()
    monkeypatch.setenv("LABKIT_PACKS", str(one))
    assert packs.find(a_course) == (one,)
    assert packs.find(a_course, folder / "old.tar.gz") == (folder / "old.tar.gz",)


@pytest.mark.parametrize("by_variable", [True, False])
@pytest.mark.parametrize("place", ["nothing.tar", "dangling.tar", "empty"])
def test_a_named_pack_that_is_not_there_is_an_error(
    fake: FakeTransfer,
    a_course: Course,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    place: str,
    *,
    by_variable: bool,
) -> None:
    (tmp_path / "dangling.tar").symlink_to(tmp_path / "nothing.tar")
    (tmp_path / "empty").mkdir()
    if by_variable:
        monkeypatch.setenv("LABKIT_PACKS", str(tmp_path / place))
    with pytest.raises(LabError, match=f"{place}` is no pack file"):
        ensure(fake, a_course, pack=None if by_variable else tmp_path / place)
    assert fake.log == []


def test_a_dangling_link_in_the_folder_of_packs_is_passed_over(a_course: Course) -> None:
    folder = a_course.root / "packs"
    folder.mkdir()
    (folder / "gone.tar").symlink_to(folder / "nothing")
    (folder / "class.tar").touch()
    assert packs.find(a_course) == (folder / "class.tar",)


def pack_file(path: Path, members: Mapping[str, object]) -> Path:
    """Write a tar of JSON files; text is taken as it is."""
    contents = {
        name: value.encode() if isinstance(value, str) else json.dumps(value).encode()
        for name, value in members.items()
    }
    path.write_bytes(tar_of(contents, "w:gz" if path.suffix == ".gz" else "w"))
    return path


ENTRY = {"Config": "c.json", "RepoTags": ["lab/base:latest"], "Layers": []}


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"manifest.json": "{half"},
        {"manifest.json": 5},
        {"manifest.json": ["lab/base"]},
        {"manifest.json": [{"Config": 7, "RepoTags": []}]},
        {"manifest.json": [{}]},
        {"manifest.json": [ENTRY]},
        {"manifest.json": [ENTRY], "c.json": []},
        {"manifest.json": [ENTRY], "c.json": {"config": "x"}},
        {"manifest.json": [ENTRY], "c.json": {"config": {"Labels": ["x"]}}},
        {"manifest.json": [{**ENTRY, "RepoTags": [1]}], "c.json": {}},
        {"manifest.json": [{**ENTRY, "RepoTags": 1}], "c.json": {}},
        {"manifest.json": " " * (packs.LONGEST_JSON + 1)},
    ],
    ids=lambda members: str(members)[:40],
)
def test_a_manifest_of_another_shape_is_an_error_that_names_the_pack(
    tmp_path: Path, members: dict[str, object]
) -> None:
    path = pack_file(tmp_path / "class.tar", members)
    with pytest.raises(LabError, match=re.escape(f"`{path}` is no pack of images")):
        packs.read(path)


@pytest.mark.parametrize("name", ["class.tar", "class.tar.gz"])
@pytest.mark.parametrize("damage", ["cut off", "overwritten"])
def test_a_damaged_pack_is_an_error_that_names_it(tmp_path: Path, name: str, damage: str) -> None:
    filler = secrets.token_hex(20_000)
    members = {"filler": filler, "manifest.json": [ENTRY], "c.json": {}}
    path = pack_file(tmp_path / name, members)
    whole = path.read_bytes()
    assert packs.read(path).digests == {"lab/base": ""}
    half = len(whole) // 2
    path.write_bytes(whole[:half] if damage == "cut off" else bytes(half) + whole[half:])
    with pytest.raises(LabError, match=re.escape(f"`{path}` is no pack of images")):
        packs.read(path)


def test_a_pack_that_would_take_other_peoples_names_is_not_loaded(
    fake: FakeTransfer, a_course: Course, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    base = a_course.images[0]
    labels = {DIGEST_LABEL: folder_digest(a_course, base)}
    tags = ["lab/base:latest", "debian:12", "lab/base:old"]
    path = pack_file(
        tmp_path / "class.tar",
        {"manifest.json": [{**ENTRY, "RepoTags": tags}], "c.json": {"config": {"Labels": labels}}},
    )
    monkeypatch.setattr(transfer, "load", lambda *_arguments: pytest.fail("it was loaded"))
    fake.build_error = "broken"
    with pytest.raises(ImageUnavailable) as caught:
        ensure(fake, a_course, names=["lab/base"], pack=path)
    assert caught.value.tried[0] == (
        "pack `class.tar`: it holds images that are not the course's: `debian:12`, `lab/base:old`"
    )


# mmdebstrap


def test_an_https_mirror_brings_certificates_into_the_image(tmp_path: Path) -> None:
    words = rootfs.command(tmp_path / "x.tar", ["deb https://mirror.class/ bookworm main"])
    assert "--include=usr-is-merged,ca-certificates" in words
    assert words[-3:] == [
        "bookworm", str(tmp_path / "x.tar"), "deb https://mirror.class/ bookworm main",
    ]  # fmt: skip


def test_a_mirror_that_is_left_out_is_said_at_once_and_when_it_was_missed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_arguments: object) -> None:
        raise CommandFailed(["mmdebstrap"], 1, "E: no network")

    monkeypatch.setattr(rootfs, "is_debian", lambda: True)
    monkeypatch.setattr(rootfs, "_missing_packages", list)
    monkeypatch.setattr(rootfs, "host_mirrors", lambda _suite: Mirrors((), ("mirror.class",)))
    monkeypatch.setattr(rootfs, "_run", fail)
    said: list[str] = []
    with (
        pytest.raises(LabError, match=r"no network\. This machine's mirror `mirror\.class` wants"),
        rootfs.made(lambda text, _done, _total: said.append(text)),
    ):
        pass
    assert said == ["This machine's mirror `mirror.class` wants a password and is not used."]


def test_a_host_that_is_no_debian_cannot_make_a_root_file_system(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rootfs, "is_debian", lambda: False)
    with pytest.raises(LabError, match="Debian or Ubuntu"), rootfs.made(lambda *_told: None):
        pass


# Build streams


def test_a_build_trace_knows_what_the_build_itself_made() -> None:
    trace, told = transfer._BuildTrace(), []
    for line in (
        "Step 1/4 : FROM lab/shell AS one\n",
        " ---> 111111111111\n",
        "Step 2/4 : LABEL a=1\n",
        " ---> Using cache\n",
        " ---> 222222222222\n",
        "Step 3/4 : RUN echo \\\n",
        " ---> Running in aaaaaaaaaaaa\n",
        "said\n",
        " ---> 333333333333\n",
        "Step 4/4 : CMD x\n",
        " ---> 444444444444\n",
    ):
        trace.read(line, lambda *step: told.append(step))
    assert trace.containers == ["aaaaaaaaaaaa"]
    assert trace.images == ["333333333333", "444444444444"]
    assert list(trace.tail) == ["said"]
    assert told[1:4] == [("LABEL a=1", 2, 4), ("RUN echo \\", 3, 4), ("said", 3, 4)]


@pytest.mark.parametrize("why", [KeyboardInterrupt(), LabError("the step failed")])
def test_an_engine_that_does_not_let_go_of_a_build_hides_not_what_ended_it(
    why: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stream() -> Iterator[dict[str, str]]:
        yield {"stream": "Step 1/1 : RUN sleep 1000\n ---> Running in aaaaaaaaaaaa\n"}
        yield {"stream": " ---> 333333333333\n"}
        raise why

    tried: list[str] = []
    api = SimpleNamespace(
        build=lambda **_options: stream(),
        remove_container=lambda name, **_options: tried.append(name),
    )
    engine: Any = SimpleNamespace(
        errors=nullcontext,
        client=SimpleNamespace(api=api),
        containers=SimpleNamespace(exists=lambda _name: True),
    )
    monkeypatch.setattr(transfer, "SECONDS_TO_STOP", 0.0)
    monkeypatch.setattr(
        transfer, "remove_unnamed", lambda _engine, image: bool(tried.append(image))
    )
    with pytest.raises(type(why)) as caught:
        transfer.build(engine, Path(), "lab/x", args={}, labels={}, report=lambda *_told: None)
    assert caught.value is why
    assert tried == ["aaaaaaaaaaaa", "333333333333"]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (
            ('Get "https://registry.example/v2/": dial tcp: lookup registry.example: no such host'),
            "dial tcp: lookup registry.example: no such host",
        ),
        ('Get "https://r/v2/": unauthorized: incorrect username or password', ""),
        ("login attempt to http://r/v2/ failed with status: 404 Not Found", ""),
        (
            (
                'Get "https://r/v2/": net/http: request canceled while waiting for connection '
                "(Client.Timeout exceeded while awaiting headers)"
            ),
            (
                "net/http: request canceled while waiting for connection "
                "(Client.Timeout exceeded while awaiting headers)"
            ),
        ),
    ],
)
def test_a_registry_that_refuses_a_login_has_been_reached(
    answer: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Answer(SimpleNamespace):
        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_error: object) -> None:
            pass

    reply = Answer(json=lambda: {"message": answer}, status_code=500)
    monkeypatch.setattr(transfer, "_post", lambda *_args, **_options: reply)
    engine: Any = SimpleNamespace(errors=nullcontext)
    found = transfer.reach_registry(engine, "r", timeout=1)
    assert found == expected
