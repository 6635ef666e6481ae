from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from labkit.engine import Image
from labkit.engine.objects import HistoryEntry
from labkit.engine.snapshot import Item, Snapshot
from labkit.errors import NoSuchImage
from labkit.show import Box, Picture, architecture, layers
from labkit.show.layers import instruction

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


@pytest.mark.parametrize(
    ("created_by", "text"),
    [
        ("/bin/sh -c #(nop)  ENV A=1", "ENV A=1"),
        ("RUN /bin/sh -c make # buildkit", "RUN /bin/sh -c make"),
        ("/bin/sh -c make", "RUN make"),
        ("COPY /a /b # buildkit", "COPY /a /b"),
        ("", ""),
    ],
)
def test_a_step_reads_as_in_its_dockerfile(created_by: str, text: str) -> None:
    assert instruction(created_by) == text


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
