"""What of a desk needs no engine."""

from __future__ import annotations

import os
import pickle
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import pytest

from labkit.engine.rootless import pack_seed
from labkit.engine.witness import follow
from labkit.errors import LabError
from labkit.grading import desks as module
from labkit.grading import view
from labkit.grading.session import KEPT, Output

if TYPE_CHECKING:
    from pathlib import Path

    from labkit.course import Course


def test_output_is_cut_in_the_middle() -> None:
    output = Output()
    for _number in range(100):
        output.add(b"a" * 999 + b"\n")
    output.add(b"the end")
    text = output.text()
    assert text.startswith("aaa")
    assert text.endswith("the end")
    assert f"{100_007 - 2 * KEPT} bytes are left out" in text
    assert len(text) < 2 * KEPT + 100


def test_short_output_is_whole() -> None:
    output = Output()
    output.add("一".encode()[:1])
    output.add("一".encode()[1:] + b"!")
    assert output.text() == "一!"


def test_output_fills_up_without_a_loss() -> None:
    output = Output()
    sent = os.urandom(2 * KEPT).hex()[: 2 * KEPT]
    for start in range(0, len(sent), 1000):
        output.add(sent[start : start + 1000].encode())
    assert output.text() == sent


def test_learners_see_the_course_without_its_secrets(course: Course, tmp_path: Path) -> None:
    shown = view.prepare(course, tmp_path)
    names = {path.name for path in tmp_path.rglob("*")}
    assert {"course.toml", "magics.py", "checks", "exercises"} <= names
    assert not {"hidden_checks", "solutions", "grading", "authoring", ".git"} & names
    targets = [target for _source, target in shown]
    assert targets == sorted(targets, key=lambda target: target.count("/"))
    assert str(course.root.resolve()) in targets


@pytest.mark.parametrize(
    ("path", "leads_to"),
    [
        ("/home/a", "/home/a"),
        ("/home/away/x", "/var/own/x"),
        ("/home/up/own", "/var/own"),
        ("/home/away/../../../..", "/"),
        ("/home/far", "/var/own"),
        ("/home/nothing/../away", "/var/own"),
        (f"/home/{'x' * 300}", f"/home/{'x' * 300}"),
    ],
)
def test_links_are_followed_as_the_engine_does(tmp_path: Path, path: str, leads_to: str) -> None:
    (tmp_path / "var/own").mkdir(parents=True)
    (tmp_path / "home").mkdir()
    for name, target in {"away": "/var/own", "up": "../var", "far": "away/../../home/away"}.items():
        (tmp_path / "home" / name).symlink_to(target)
    assert follow(tmp_path, PurePosixPath(path)) == PurePosixPath(leads_to)


def test_links_in_a_ring_lead_nowhere(tmp_path: Path) -> None:
    (tmp_path / "ring").symlink_to("ring")
    assert follow(tmp_path, PurePosixPath("/ring/x")) == PurePosixPath("/ring/x")


def test_a_seed_has_links_in_place_of_layers(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "overlay2/abc/diff/bin").mkdir(parents=True)
    (data / "overlay2/abc/diff/bin/sh").write_bytes(b"x" * 1000)
    (data / "overlay2/abc/link").write_text("SHORT")
    (data / "overlay2/l").mkdir()
    (data / "overlay2/l/SHORT").symlink_to("../abc/diff")
    (data / "image/diff").mkdir(parents=True)
    pack_seed(data, tmp_path / "seed")
    noted = pickle.loads((tmp_path / "seed").read_bytes())  # noqa: S301 - just written
    entries = {name: content for name, _mode, content in noted}
    assert entries["overlay2/abc/diff"] == "/srv/layers/abc/diff"
    assert entries["overlay2/l/SHORT"] == "../abc/diff"
    assert entries["overlay2/abc/link"] == b"SHORT"
    assert entries["image/diff"] is None, "only layers are shown"
    assert not [name for name in entries if "bin" in name]


@pytest.mark.parametrize(
    ("platform", "uid", "program", "said"),
    [
        ("darwin", 0, "/x", "on Linux only"),
        ("linux", 1000, "/x", "needs root"),
        ("linux", 0, None, "no `dockerd`"),
        ("linux", 0, "mkfs.ext4", "older than 6.6"),
    ],
)
def test_a_machine_that_cannot_says_so_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, platform: str, uid: int, program: str | None, said: str
) -> None:
    monkeypatch.setattr(module.sys, "platform", platform)
    monkeypatch.setattr(module.os, "geteuid", lambda: uid)
    monkeypatch.setattr(module, "find_program", lambda name: program if name != program else None)
    monkeypatch.setattr(module, "_memory_keeps_attributes", lambda: False)
    with pytest.raises(LabError, match=said) as raised:
        module._refuse_unable()
    assert raised.value.hint
