"""Control groups, of both versions: what the processes of one desk may use together.

Version 1 has a tree for each controller, version 2 has one for all. A `Group` is the same path in
all of them.
"""

from __future__ import annotations

import os
import re
import signal
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from labkit.engine.processes import send
from labkit.errors import LabError
from labkit.translation import _
from labkit.waiting import wait_until

#: What a namespace's root may write to in a group that it was given.
DELEGATED = ("cgroup.procs", "tasks", "cgroup.subtree_control", "cgroup.threads")
#: Mount options of version 1 that are no controller.
_OPTIONS = frozenset({"rw", "ro", "xattr", "clone_children", "noprefix", "all"})
SECONDS_TO_END = 10.0


@dataclass(frozen=True)
class Hierarchy:
    """A mounted tree of control groups.

    Attributes:
        place: Where it is mounted.
        options: What to mount it with once more; `memory`, or `none,name=systemd`.
        unified: Whether it is version 2, which has all controllers in one tree.
    """

    place: Path
    options: str
    unified: bool = False

    @property
    def controllers(self) -> tuple[str, ...]:
        """The controllers that are used here."""
        if self.unified:
            return tuple((self.place / "cgroup.controllers").read_text().split())
        return tuple(self.options.split(","))


def hierarchies(mountinfo: str | None = None) -> tuple[Hierarchy, ...]:
    """List the trees of control groups; where both versions are mounted, the one with controllers.

    Args:
        mountinfo: What to read; None is this process's own.

    Raises:
        LabError: Nothing limits memory here.
    """
    text = Path("/proc/self/mountinfo").read_text() if mountinfo is None else mountinfo
    first: dict[str, Hierarchy] = {}
    unified: Hierarchy | None = None
    for line in text.splitlines():
        head, _dash, tail = line.partition(" - ")
        kind, _source, options = tail.split(" ", 2)
        place = Path(head.split(" ")[4])
        if kind == "cgroup2":
            unified = unified or Hierarchy(place, "", unified=True)
        elif kind == "cgroup":
            named = [option for option in options.split(",") if option not in _OPTIONS]
            named = [option for option in named if "release_agent" not in option]
            shown = ",".join(["none", *named] if "=" in "".join(named) else named)
            first.setdefault(shown, Hierarchy(place, shown))
    if any("memory" in found.controllers for found in first.values()):
        return tuple(first.values())
    if unified is not None:
        return (unified,)
    raise LabError(
        _("No control group limits memory on this machine, so nobody's cells can be run safely."),
        hint=_("On Debian and Ubuntu, run `sudo apt-get install cgroupfs-mount`."),
    )


@dataclass(frozen=True)
class Group:
    """A control group: the same path in every tree that has it.

    Attributes:
        path: Such as `labkit-grade/3`.
    """

    trees: tuple[Hierarchy, ...]
    path: str

    def child(self, name: str) -> Group:
        """Return a group inside this one."""
        return Group(self.trees, f"{self.path}/{name}")

    def folders(self) -> tuple[Path, ...]:
        """Its folders, those that are not there included."""
        return tuple(tree.place / self.path for tree in self.trees)

    @cached_property
    def _memory(self) -> Path:
        return self._with("memory")

    @cached_property
    def _pids(self) -> Path:
        return self._with("pids")

    @property
    def _unified(self) -> bool:
        return self.trees[0].unified

    def _with(self, controller: str) -> Path:
        return next(t.place for t in self.trees if controller in t.controllers) / self.path

    def create(self) -> None:
        """Make it, with those that it lies in."""
        for tree in self.trees:
            folder = tree.place
            for part in self.path.split("/"):
                if tree.unified:
                    _pass_on(folder)
                folder /= part
                folder.mkdir(exist_ok=True)
                for name in ("cpuset.cpus", "cpuset.mems"):  # version 1 takes nobody in without
                    if not tree.unified and (file := folder / name).exists():
                        file.write_text((folder.parent / name).read_text())

    def limit(self, *, memory: int, processes: int) -> None:
        """Bound what its processes use together, in bytes and in number."""
        (self._pids / "pids.max").write_text(str(processes))
        name = "memory.max" if self._unified else "memory.limit_in_bytes"
        (self._memory / name).write_text(str(memory))
        with suppress(OSError):  # without swap, or a kernel that does not count it
            name = "memory.swap.max" if self._unified else "memory.memsw.limit_in_bytes"
            (self._memory / name).write_text("0" if self._unified else str(memory))

    def give_to(self, uid: int) -> None:
        """Let an account divide it up, without letting it change what bounds it."""
        for folder in self.folders():
            for path in (folder, *(folder / name for name in DELEGATED)):
                if path.exists():
                    os.chown(path, uid, uid)

    def join(self) -> None:
        """Bring this process into it."""
        for folder in self.folders():
            (folder / "cgroup.procs").write_text("0")

    def create_part(self) -> None:
        """Make it only where memory and processes are counted; what it lies in is there."""
        for folder in {self._memory, self._pids}:
            folder.mkdir(exist_ok=True)

    def take(self, pid: int) -> None:
        """Bring a process into a group that `create_part` made."""
        for folder in {self._memory, self._pids}:
            (folder / "cgroup.procs").write_text(str(pid))

    def pass_on(self) -> None:
        """Let the groups inside it be limited; version 2 wants no process in it by then."""
        if self._unified:
            _pass_on(self._memory)

    def kills(self) -> int:
        """How many of its processes were killed for want of memory."""
        name = "memory.events" if self._unified else "memory.oom_control"
        return _count(self._memory / name, "oom_kill")

    def refusals(self) -> int:
        """How many processes more it would have liked to start."""
        return _count(self._pids / "pids.events", "max")

    def pids(self) -> list[int]:
        """List the processes in it and in those inside it."""
        found: set[int] = set()
        for folder in self.folders():
            for file in folder.rglob("cgroup.procs"):
                with suppress(OSError):
                    found.update(int(line) for line in file.read_text().split())
        return sorted(found - {0})

    def remove(self) -> None:
        """End what is in it, and remove it with all that is inside it.

        Raises:
            WaitTimeout: Its processes do not end.
        """
        wait_until(
            self._emptied,
            what=_("the control group `{path}` to be empty").format(path=self.path),
            timeout=SECONDS_TO_END,
            interval=0.01,
        )

    def _emptied(self) -> bool:
        send(self.pids(), signal.SIGKILL)
        for top in self.folders():
            for folder in (*sorted(_folders(top), reverse=True), top):
                with suppress(OSError):  # a process that is ending is still in it
                    folder.rmdir()
        return not any(folder.exists() for folder in self.folders())


def _folders(top: Path) -> list[Path]:
    return [Path(parent, name) for parent, names, _files in os.walk(top) for name in names]


def _pass_on(folder: Path) -> None:
    """Let a group of version 2 hand its controllers to the groups inside it."""
    names = (folder / "cgroup.controllers").read_text().split()
    wanted = " ".join(f"+{name}" for name in names)
    with suppress(OSError):  # a controller that cannot be handed on
        (folder / "cgroup.subtree_control").write_text(wanted)


def _count(file: Path, key: str) -> int:
    try:
        text = file.read_text()
    except OSError:
        return 0
    found = re.search(rf"^{key} (\d+)$", text, re.MULTILINE)
    return int(found[1]) if found else 0
