"""A Docker engine that is nobody on the host: its root is an ordinary, unused user id there.

It has namespaces of its own of every kind, a file system of its own in memory, no way to any
network, and a bounded share of the machine. `rootlesskit` starts engines like this one by an
account without privileges; here the host's root starts it, so it can hand the engine part of the
control groups, and limits of memory work inside as they do on any engine.

::

    warm process ── keeper            waits for the end of either side, and ends the other
                     ├── builder      the host's root: mounts, and is gone before the engine starts
                     └── first        process 1 of the engine's world
                          └── dockerd ── containerd ── containers

Whatever ends the warm process (it ends with the grader) ends all of these at once; the kernel
itself sees to it. What they had in memory is gone with them.
"""

from __future__ import annotations

import fcntl
import os
import pickle
import select
import shutil
import signal
import socket
import struct
import traceback
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from labkit.distribution import SYSTEM_FOLDERS
from labkit.engine import kernel, rootless_files
from labkit.engine.cgroups import Group, hierarchies

if TYPE_CHECKING:
    from labkit.engine.cgroups import Hierarchy

#: User ids of each engine; the one above them is the grader's own at that desk.
IDS = 65535
SOCKET = "/run/docker.sock"
LOG = "/run/dockerd.log"
LONGEST_LOG = 4000
#: Where systemd's protocol hands over sockets that are listened on already.
FIRST_FD = 3
#: The programs of an engine, wherever the distribution has them.
PATH = f"/usr/local/bin:/usr/bin:/bin:{SYSTEM_FOLDERS}"
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1


@dataclass(frozen=True)
class Rootless:
    """What a rootless engine is made from.

    Attributes:
        place: An empty folder of the host, for its root.
        base: The first of its user ids on the host.
        group: Its control group, made and bounded by then.
        disk: Bytes that all its files may take.
        shown: Folders of the host that it sees, read-only, and where.
        layers: A folder of layers that its images are made of; empty for none.
        seed: A file of `pack_seed`, with which its data root begins; empty for nothing.
        data_root: A data root on the disk, which it writes to; empty for one in memory.
        loop: Whether the one in memory needs a file system of its own, in a file: where the kernel
            is older than 6.6, files in memory have no attributes of users, which layers need.
    """

    place: str
    base: int
    group: str
    disk: int
    shown: tuple[tuple[str, str], ...] = ()
    layers: str = ""
    seed: str = ""
    data_root: str = ""
    loop: bool = False


def keep(spec: Rootless, listener: socket.socket, owner: socket.socket) -> NoReturn:
    """Start an engine, and end it when the owner goes; this process has no other use.

    Args:
        spec: What it is made from.
        listener: Where the owner reaches the engine: a socket that nobody else can put another in
            place of.
        owner: Gets the pidfd of the engine's first process; when the other end is closed, the
            engine ends. Gets the last lines of the log when the engine ends by itself.
    """
    parent = os.getppid()
    kernel.die_with_parent(parent)
    kernel.unshare(kernel.NEW_MOUNTS)
    kernel.mount(None, "/", flags=kernel.MS_REC | kernel.MS_PRIVATE)
    mine, builders = socket.socketpair()
    keeper = os.getpid()
    if os.fork() == 0:
        mine.close()
        listener.close()
        _build(spec, keeper, builders, owner)
    builders.close()
    Group(hierarchies(), spec.group).join()
    kernel.unshare(
        kernel.NEW_USERS | kernel.NEW_PIDS | kernel.NEW_NETWORK | kernel.NEW_IPC
        | kernel.NEW_HOSTNAME | kernel.NEW_CGROUPS
    )  # fmt: skip
    mine.send(b"namespaces")
    if not mine.recv(1):  # the builder has failed, and said why
        os._exit(1)
    os.setgroups([])
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    kernel.die_with_parent(parent)
    kernel.forget_keys()
    myself = os.pidfd_open(keeper)
    first = os.fork()
    if first == 0:
        kernel.die_with(myself)
        _first(mine, listener, owner)
    os.close(myself)
    mine.send(struct.pack("i", first))
    for left in (mine, listener):
        left.close()
    pidfd = os.pidfd_open(first)
    socket.send_fds(owner, [b"pidfd"], [pidfd])
    waiting = select.poll()
    waiting.register(pidfd, select.POLLIN)
    waiting.register(owner, select.POLLIN)
    waiting.poll()
    with suppress(ProcessLookupError):
        os.kill(first, signal.SIGKILL)
    os.waitpid(first, 0)
    os._exit(0)


def _build(spec: Rootless, keeper: int, channel: socket.socket, owner: socket.socket) -> NoReturn:
    """Mount the engine's file system around it, as the host's root."""
    try:
        trees = hierarchies()
        rootless_files.build(spec.place, spec)
        _write_seed(spec)
        channel.recv(16)
        for name in ("uid_map", "gid_map"):
            Path(f"/proc/{keeper}/{name}").write_text(f"0 {spec.base} {IDS}")
        group = Group(trees, spec.group)
        group.child("engine").take(keeper)
        group.pass_on()
        users = os.open(f"/proc/{keeper}/ns/user", os.O_RDONLY)
        rootless_files.bring_layers(spec.place, spec, users)
        channel.send(b"m")
        channel.recv(4)
        _mount_inside(spec, keeper, trees)
        kernel.become_root_of(spec.place)
        channel.send(b"r")
        os._exit(0)
    except BaseException:  # noqa: BLE001 - said where it can be read, and nothing goes on
        owner.send(traceback.format_exc().encode()[-LONGEST_LOG:])
        os._exit(1)


def _mount_inside(spec: Rootless, keeper: int, trees: tuple[Hierarchy, ...]) -> None:
    names = {"net": 0, "ipc": 0, "cgroup": 0, "pid_for_children": 0}
    for name in names:
        file = os.open(f"/proc/{keeper}/ns/{name}", os.O_RDONLY)
        kernel.enter(file, 0)
        os.close(file)
    child = os.fork()  # only a child is in the namespace of process ids
    if child == 0:
        try:
            rootless_files.mount_kernel(spec.place, spec, trees)
        except BaseException:  # noqa: BLE001 - its parent says that it failed
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    if os.waitpid(child, 0)[1] != 0:
        raise OSError(_FAILED_MOUNT)


_FAILED_MOUNT = "the kernel's file systems could not be mounted for the engine"


def _first(channel: socket.socket, listener: socket.socket, owner: socket.socket) -> NoReturn:
    """Be process 1: start dockerd, collect what ends, and end with dockerd."""
    try:
        channel.recv(1)
        kernel.unshare(kernel.NEW_MOUNTS)
        kernel.set_hostname("desk")
        os.setsid()
        os.umask(0o022)
        _switch_loopback_on()
        daemon = os.fork()
        if daemon == 0:
            _become_daemon(listener)
        listener.close()
        signal.signal(signal.SIGTERM, lambda *_: os.kill(daemon, signal.SIGTERM))
        while True:
            ended, _status = os.waitpid(-1, 0)
            if ended == daemon:
                break
        owner.send(Path(LOG).read_bytes()[-LONGEST_LOG:])
    except BaseException:  # noqa: BLE001 - nobody else can say it
        with suppress(OSError):
            owner.send(traceback.format_exc().encode()[-LONGEST_LOG:])
    os._exit(0)


def _become_daemon(listener: socket.socket) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    log = os.open(LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    nothing = os.open(os.devnull, os.O_RDWR)
    kept = fcntl.fcntl(listener.fileno(), fcntl.F_DUPFD, 10)
    for source, target in ((nothing, 0), (log, 1), (log, 2), (kept, FIRST_FD)):
        os.dup2(source, target)
    os.closerange(FIRST_FD + 1, 1 << 16)
    environment = {
        "PATH": PATH, "HOME": rootless_files.HOME,
        "LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid()),
    }  # fmt: skip
    program = shutil.which("dockerd", path=PATH) or "dockerd"
    _stand_in(program)
    command = ["dockerd", "--host=fd://", f"--host=unix://{SOCKET}"]
    os.execve(program, command, environment)  # noqa: S606 - no shell of ours


def _stand_in(program: str) -> None:
    """Put something in place of what an engine wants of /proc, and does not get there.

    Its program is one that nobody may read (`labkit/grading/seeding.py`), so the kernel lets nobody
    look into its process: it may not adjust its own score, and `runc`, which sets up networks by
    running `/proc/PID/exe` of the engine, may not follow that link.
    """
    kernel.cover(os.devnull, "/proc/self/oom_score_adj")
    kernel.cover(program, "/proc/self/exe")


def _switch_loopback_on() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh22x", b"lo", 0)
        (flags,) = struct.unpack_from("h", fcntl.ioctl(any_socket, _SIOCGIFFLAGS, request), 16)
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", flags | _IFF_UP))


def pack_seed(data_root: Path, target: Path) -> None:
    """Note all of a data root but the content of its layers, to which links lead instead.

    Written once, read for each engine: a few hundred small files.
    """
    entries: list[tuple[str, int, bytes | str | None]] = []
    for parent, names, files in os.walk(data_root):
        inside = os.path.relpath(parent, data_root)
        if inside.split("/")[:1] == ["overlay2"] and "diff" in names:
            layer = inside.split("/")[1]
            names.remove("diff")
            link = f"{rootless_files.LAYERS}/{layer}/diff"
            entries.append((f"{inside}/diff", 0, link))
        for name in [*names, *files]:
            path = Path(parent, name)
            mode = path.lstat().st_mode & 0o7777
            relative = os.path.normpath(f"{inside}/{name}")
            if path.is_symlink():
                entries.append((relative, 0, str(path.readlink())))
            elif path.is_dir():
                entries.append((relative, mode, None))
            elif path.is_file():
                entries.append((relative, mode, path.read_bytes()))
    target.write_bytes(pickle.dumps(entries))


def _write_seed(spec: Rootless) -> None:
    if not spec.seed:
        return
    entries = pickle.loads(Path(spec.seed).read_bytes())  # noqa: S301 - root's own file
    kernel.act_as(spec.base)
    top = spec.place + rootless_files.DATA_ROOT
    Path(top).chmod(0o710)
    for name, mode, content in entries:
        path = f"{top}/{name}"
        if content is None:
            os.mkdir(path, mode)  # noqa: PTH102
        elif isinstance(content, str):
            os.symlink(content, path)  # noqa: PTH211
        else:
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            os.write(file, content)
            os.close(file)
    kernel.act_as(0)
