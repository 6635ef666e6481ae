from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from labkit.engine import Container, Image
from labkit.engine.objects import HistoryEntry
from labkit.engine.snapshot import Item, Snapshot
from labkit.errors import NoSuchImage
from labkit.show import Box, Picture, architecture, layers, mounts

if TYPE_CHECKING:
    from labkit.engine import Engine

NETWORKS = Picture(
    "Two networks",
    (
        Box("lab-front", "network", ("172.20.0.0/16",), (Box("lab-web", "container", mark="w"),)),
        Box("lab-back", "network", (), (Box("lab-web", mark="w"), Box("lab-db", mark="d"))),
    ),
)


def test_the_text_form_is_a_tree_that_names_everything() -> None:
    assert repr(NETWORKS).splitlines() == [
        "Two networks",
        "├── lab-front  network",
        "│   172.20.0.0/16",
        "│   └── lab-web  container  (1)",
        "└── lab-back  network",
        "    ├── lab-web  (1)",
        "    └── lab-db",
    ]


def test_only_what_is_seen_in_several_places_is_numbered() -> None:
    html = NETWORKS.html()
    assert html.count("(1)") == 2
    assert "(2)" not in html


def test_a_share_is_a_bar_in_both_forms() -> None:
    picture = Picture("t", (Box("half", share=0.5),))
    assert "█████░░░░░  half" in repr(picture)
    assert "width:50.0%" in picture.html()


def test_names_cannot_bring_html_or_markup() -> None:
    picture = Picture("<b>t</b>", (Box("<script>", "[red]", ("<i>",), mark="<u>"),))
    assert not {"<script>", "<i>", "<b>t</b>"} & set(picture.html().split(">"))
    assert "&lt;script&gt;" in picture.html()
    assert "<script>  [red]" in repr(picture)


def test_a_notebook_is_offered_both_forms() -> None:
    bundle = NETWORKS._repr_mimebundle_(include=None, exclude=None)
    assert bundle == {"text/plain": repr(NETWORKS), "text/html": NETWORKS.html()}


def test_a_notebook_gets_one_output_and_none_of_the_library_that_draws_trees(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown: list[object] = []
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    monkeypatch.setattr("rich.jupyter.display", lambda *things: shown.append(things))
    assert "lab-front" in repr(NETWORKS)
    assert not shown


class FakeImages:
    def __init__(self, **images: tuple[tuple[str, ...], tuple[HistoryEntry, ...]]) -> None:
        self._images = images

    def get(self, name: str) -> Image:
        if name not in self._images:
            raise NoSuchImage(name)
        digests, steps = self._images[name]
        size = sum(step.size for step in steps)
        return Image.from_inspect({"Id": name, "Size": size, "RootFS": {"Layers": list(digests)}})

    def history(self, name: str) -> tuple[HistoryEntry, ...]:
        return self._images[name][1]


def draw(*names: str, **images: Any) -> str:
    engine = type("FakeEngine", (), {"images": FakeImages(**images)})()
    return repr(layers(*names, engine=cast("Engine", engine)))


def step(created_by: str, size: int = 0) -> HistoryEntry:
    return HistoryEntry(created_by, size, (), "")


BASE = step("/bin/sh -c #(nop) ADD file:" + "0" * 64 + " in / ", 8_000_000)


def test_a_layer_that_two_images_share_is_marked_in_both() -> None:
    text = draw(
        "app",
        "base",
        base=(("sha256:a",), (BASE,)),
        app=(("sha256:a", "sha256:b"), (step("/bin/sh -c make", 2_000_000), BASE)),
    )
    assert text.splitlines()[1:] == [
        "├── app  image",
        "│   10 MB",
        "│   ├── ██░░░░░░░░  2 MB  RUN make",
        "│   └── ████████░░  8 MB  ADD /  (1)",
        "└── base  image",
        "    8 MB",
        "    └── ████████░░  8 MB  ADD /  (1)",
    ]


def test_a_setting_makes_no_layer_and_an_idle_run_does() -> None:
    steps = (step("/bin/sh -c true"), step('/bin/sh -c #(nop)  CMD ["sh"]'), BASE)
    text = draw("app", app=(("sha256:a", "sha256:b"), steps))
    assert "RUN true" in text
    assert "CMD" not in text


def test_a_working_folder_that_was_there_already_makes_no_layer() -> None:
    steps = (step("/bin/sh -c #(nop) WORKDIR /"), BASE)
    assert "WORKDIR" not in draw("app", app=(("sha256:a",), steps))
    assert "WORKDIR" in draw("app", app=(("sha256:a", "sha256:b"), steps))


def test_a_layer_without_a_step_is_drawn_all_the_same() -> None:
    text = draw("app", app=(("sha256:a", "sha256:b"), (BASE,)))
    assert "a layer  of a step that the history does not name" in text


def test_an_image_that_is_not_there_is_named() -> None:
    with pytest.raises(NoSuchImage, match="`nothing`"):
        draw("nothing")


def test_everybody_who_takes_part_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    held = {("image", "a"): Item("image", "a", "a"), ("image", "b"): Item("image", "b", "b")}
    engine = SimpleNamespace(
        endpoint="unix:///run/docker.sock",
        version=lambda: {"Components": [{"Name": "containerd", "Version": "2.1"}]},
        info=lambda: {"Name": "here", "OperatingSystem": "Debian", "KernelVersion": "6.1"},
        snapshot=lambda: Snapshot(held),
    )
    text = repr(architecture(engine=cast("Engine", engine)))
    for part in ("unix:///run/docker.sock", "kernel 6.1", "containerd 2.1", "names of images: 2"):
        assert part in text
    assert "there is no `docker` command on PATH" in text


def mounting(name: str, *at: dict[str, Any], tmpfs: dict[str, str] | None = None) -> Container:
    return Container.from_inspect(
        {
            "Id": name,
            "Name": f"/{name}",
            "Image": "sha256:feed",
            "State": {"Status": "running"},
            "Config": {"Image": "lab/shell"},
            "HostConfig": {"Tmpfs": tmpfs},
            "Mounts": list(at),
        }
    )


NOTES = {"Type": "volume", "Name": "lab-notes", "Source": "/v/notes", "Destination": "/notes"}
DESK = {"Type": "bind", "Source": "/home/me/desk", "Destination": "/desk", "RW": False}
MEMORY = {"Type": "tmpfs", "Source": "", "Destination": "/memory", "RW": True}
NAMELESS = {"Type": "volume", "Name": "ab12" * 16, "Source": "/v/ab12", "Destination": "/data"}


def mounted(fake_engine: Any, *containers: Container, volumes: tuple[str, ...] = ()) -> Any:
    fake_engine.containers.things = {c.name: c for c in containers}
    fake_engine.containers.lines = tuple({"Names": [f"/{c.name}"]} for c in containers)
    fake_engine.volumes.lines = tuple({"Name": name} for name in volumes)
    return fake_engine


def test_mounts_stand_under_what_is_mounted_and_a_container_is_marked(fake_engine: Any) -> None:
    pen = mounting("lab-pen", {**NOTES, "RW": True}, DESK)
    eye = mounting("lab-eye", {**NOTES, "RW": False})
    mounted(fake_engine, pen, eye)
    assert repr(mounts("lab-pen", "lab-eye", engine=fake_engine)).splitlines()[1:] == [
        "├── lab-notes  volume",
        "│   ├── lab-pen  running  (1)",
        "│   │   /notes  (read and write)",
        "│   └── lab-eye  running",
        "│       /notes  (read-only)",
        "└── /home/me/desk  folder of the host",
        "    └── lab-pen  running  (1)",
        "        /desk  (read-only)",
    ]


def test_memory_is_each_containers_own_however_it_was_asked_for(fake_engine: Any) -> None:
    one, two = mounting("lab-one", MEMORY), mounting("lab-two", tmpfs={"/memory": ""})
    text = repr(mounts("lab-one", "lab-two", engine=mounted(fake_engine, one, two)))
    assert text.count("memory  tmpfs") == 2


def test_a_volume_without_a_name_is_called_so(fake_engine: Any) -> None:
    engine = mounted(fake_engine, mounting("lab-one", {**NAMELESS, "RW": True}))
    assert "ab12ab12ab12…  anonymous volume" in repr(mounts("lab-one", engine=engine))


def test_without_names_the_course_and_what_nobody_mounts_is_drawn(fake_engine: Any) -> None:
    course = mounting("lab-one", {**NOTES, "RW": True})
    foreign = mounting("theirs", {**NOTES, "Name": "theirs", "RW": True})
    volumes = ("lab-notes", "lab-spare", "theirs")
    text = repr(mounts(engine=mounted(fake_engine, course, foreign, volumes=volumes)))
    assert "theirs" not in text
    assert text.count("lab-notes") == 1
    assert "lab-spare  volume\n    no container mounts it" in text
