from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from labkit.engine.cgroups import Group, Hierarchy, hierarchies
from labkit.errors import LabError

if TYPE_CHECKING:
    from pathlib import Path

ROOT = "1 0 254:0 / / rw - ext4 /dev/vda rw\n"
FIRST = (
    "30 25 0:26 / /sys/fs/cgroup/memory rw,nosuid - cgroup cgroup rw,memory\n"
    "31 25 0:27 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
    "32 25 0:28 / /sys/fs/cgroup/systemd rw - cgroup systemd rw,xattr,"
    "release_agent=/lib/systemd/agent,name=systemd\n"
    "33 25 0:26 / /elsewhere/memory rw - cgroup cgroup rw,memory\n"
)
SECOND = "34 25 0:29 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"


def test_version_1_has_a_tree_for_each_set_of_controllers() -> None:
    found = hierarchies(ROOT + FIRST + SECOND.replace("cgroup rw", "cgroup/unified rw"))
    assert [(tree.place.name, tree.options) for tree in found] == [
        ("memory", "memory"),
        ("cpu,cpuacct", "cpu,cpuacct"),
        ("systemd", "none,name=systemd"),
    ]


def test_version_2_has_one_tree() -> None:
    (tree,) = hierarchies(ROOT + SECOND)
    assert (str(tree.place), tree.unified) == ("/sys/fs/cgroup", True)


def test_a_machine_without_either_is_refused() -> None:
    with pytest.raises(LabError, match="limits memory"):
        hierarchies(ROOT)


def controllers(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    for name in ("cgroup.controllers", "cgroup.subtree_control"):
        (folder / name).write_text("cpu memory pids\n")
    return folder


def test_a_group_of_version_2_is_bounded_in_one_folder(tmp_path: Path) -> None:
    controllers(tmp_path)
    controllers(tmp_path / "lab")
    group = Group((Hierarchy(tmp_path, "", unified=True),), "lab/3")
    group.create()
    assert (tmp_path / "cgroup.subtree_control").read_text() == "+cpu +memory +pids"
    group.limit(memory=1024, processes=7)
    written = {file.name: file.read_text() for file in (tmp_path / "lab/3").iterdir()}
    assert written == {"memory.max": "1024", "pids.max": "7", "memory.swap.max": "0"}
    group.child("learner").create_part()
    assert (tmp_path / "lab/3/learner").is_dir()


def test_a_group_of_version_1_is_bounded_where_its_controllers_are(tmp_path: Path) -> None:
    trees = tuple(Hierarchy(tmp_path / name, name) for name in ("memory", "pids", "cpuset"))
    for tree in trees:
        tree.place.mkdir()
    (tmp_path / "cpuset/cpuset.cpus").write_text("0-1")
    group = Group(trees, "lab/3")
    group.create()
    assert all(folder.is_dir() for folder in group.folders())
    group.limit(memory=1024, processes=7)
    assert (tmp_path / "memory/lab/3/memory.limit_in_bytes").read_text() == "1024"
    assert (tmp_path / "pids/lab/3/pids.max").read_text() == "7"


def test_what_a_group_wanted_in_vain_is_counted(tmp_path: Path) -> None:
    trees = (Hierarchy(tmp_path, "memory,pids"),)
    group = Group(trees, "lab")
    assert (group.kills(), group.refusals()) == (0, 0)
    group.create()
    (tmp_path / "lab/memory.oom_control").write_text("under_oom 0\noom_kill 2\n")
    (tmp_path / "lab/pids.events").write_text("max 31\n")
    assert (group.kills(), group.refusals()) == (2, 31)


def test_a_group_is_removed_with_those_inside_it(tmp_path: Path) -> None:
    group = Group((Hierarchy(tmp_path, "memory,pids"),), "lab")
    group.create()
    (tmp_path / "lab/docker/1234").mkdir(parents=True)
    group.remove()
    assert not (tmp_path / "lab").exists()
    group.remove()
