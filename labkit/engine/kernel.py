"""System calls of Linux that Python's standard library has no names for.

Namespaces, mounts and privileges, in the kernel's own words. Everything here acts on the calling
process; whoever calls it has forked one for the purpose.
"""

from __future__ import annotations

import ctypes
import os
import select
import struct
from pathlib import Path

# Flags of mount(2).
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1 << 5, 1 << 12, 1 << 14, 1 << 18
MNT_DETACH = 2
# Kinds of namespace, as unshare(2) and setns(2) name them.
NEW_MOUNTS, NEW_CGROUPS, NEW_HOSTNAME, NEW_IPC = 1 << 17, 1 << 25, 1 << 26, 1 << 27
NEW_USERS, NEW_PIDS, NEW_NETWORK = 1 << 28, 1 << 29, 1 << 30
# Numbers of calls that the C library may have no function for; the same on all processors.
_OPEN_TREE, _MOVE_MOUNT, _MOUNT_SETATTR = 428, 429, 442
_AT_FDCWD, _AT_EMPTY_PATH, _OPEN_TREE_CLONE = -100, 0x1000, 1
_MOVE_FROM_EMPTY_PATH = 4
_ATTR_RDONLY, _ATTR_NOSUID, _ATTR_NODEV, _ATTR_IDMAP = 1, 2, 4, 0x00100000
# Options of prctl(2).
_PARENT_DEATH_SIGNAL, _KEEP_CAPABILITIES, _DROP_BOUND = 1, 8, 24
_SECURE_BITS, _NO_NEW_PRIVILEGES = 28, 38
#: User id 0 gives no capabilities, and that cannot be changed back.
_NO_ROOT_LOCKED = 0b11 | 0b1100
_CAPABILITY_VERSION, _READ_AND_SEARCH = 0x20080522, 1 << 2

_libc = ctypes.CDLL(None, use_errno=True)


def _call(function: str, *arguments: object) -> int:
    result: int = getattr(_libc, function)(*arguments)
    if result < 0:
        number = ctypes.get_errno()
        shown = ", ".join(repr(a) for a in arguments if isinstance(a, bytes | int))
        raise OSError(number, f"{function}({shown}): {os.strerror(number)}")
    return result


def mount(
    source: str | None, target: str, kind: str | None = None, flags: int = 0, options: str = ""
) -> None:
    """Mount something, or change a mount."""
    encoded = [None if text is None else os.fsencode(text) for text in (source, target, kind)]
    _call("mount", *encoded, ctypes.c_ulong(flags), os.fsencode(options) if options else None)


def show(source: str, target: str, *, writable: bool = False) -> None:
    """Show a file or a folder in a second place, with what is mounted below it, read-only."""
    mount(source, target, flags=MS_BIND | MS_REC)
    if not writable:
        # No other flag: a container that shows part of this read-only could not keep it.
        mount(None, target, flags=MS_REMOUNT | MS_BIND | MS_RDONLY)


def show_shifted(source: str, target: str, users: int, *, writable: bool = False) -> None:
    """Show a folder in a second place, where its files belong to a user namespace's accounts.

    What belongs to user 0 on the disk belongs to that namespace's root there. An idmapped mount.

    Args:
        source: The folder.
        target: Where it is shown.
        users: An open file of the user namespace.
        writable: Whether it can be written to.
    """
    place = _copy_of(source)
    try:
        switched_on = _ATTR_IDMAP | _ATTR_NOSUID | _ATTR_NODEV
        if writable:  # an engine's own layers: they hold set-user-id programs
            switched_on = _ATTR_IDMAP | _ATTR_NODEV
        else:
            switched_on |= _ATTR_RDONLY
        attributes = struct.pack("QQQQ", switched_on, 0, 0, users)
        _call(
            "syscall", _MOUNT_SETATTR, place, b"", _AT_EMPTY_PATH, attributes, len(attributes)
        )  # fmt: skip
        _attach(place, target)
    finally:
        os.close(place)


def cover(source: str, target: str) -> None:
    """Show a file in place of another one; where that is a link, in place of the link itself."""
    place = _copy_of(source)
    try:
        _attach(place, target)
    finally:
        os.close(place)


def _copy_of(source: str) -> int:
    """Open a copy of the mount that a file or a folder is on, from there on, mounted nowhere."""
    return _call(
        "syscall", _OPEN_TREE, _AT_FDCWD, os.fsencode(source), _OPEN_TREE_CLONE | os.O_CLOEXEC
    )


def _attach(place: int, target: str) -> None:
    _call("syscall", _MOVE_MOUNT, place, b"", _AT_FDCWD, os.fsencode(target), _MOVE_FROM_EMPTY_PATH)


def become_root_of(folder: str) -> None:
    """Make a mounted folder the root of this mount namespace, and let go of the old one."""
    old = Path(folder, ".old")
    old.mkdir()
    _call("pivot_root", os.fsencode(folder), os.fsencode(old))
    os.chdir("/")
    _call("umount2", b"/.old", MNT_DETACH)
    Path("/.old").rmdir()


def unshare(kinds: int) -> None:
    """Leave namespaces for new ones; of process ids, the next child is the first."""
    _call("unshare", kinds)


def enter(file: int, kinds: int) -> None:
    """Enter namespaces: of the process whose pidfd this is, or the one of an open `/proc` file."""
    _call("setns", file, kinds)


def set_hostname(name: str) -> None:
    """Name this machine, in a namespace of its own."""
    _call("sethostname", os.fsencode(name), len(os.fsencode(name)))


def die_with_parent(parent: int) -> None:
    """Be killed when the parent ends; a change of account undoes it.

    Args:
        parent: Its process id; who has another parent by now ends at once.
    """
    _call("prctl", _PARENT_DEATH_SIGNAL, 9, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def die_with(parent: int) -> None:
    """Be killed when the parent ends, whose process id this namespace does not know.

    Args:
        parent: Its pidfd, opened before the fork; when it has ended by now, this process ends too.
    """
    _call("prctl", _PARENT_DEATH_SIGNAL, 9, 0, 0, 0)
    if select.select([parent], [], [], 0)[0]:
        os._exit(1)
    os.close(parent)


def act_as(uid: int) -> None:
    """Make files belong to an account that one acts for, without becoming it."""
    _libc.setfsgid(uid)
    _libc.setfsuid(uid)


def give_up_privileges() -> None:
    """Keep no capability and get none again, whatever program runs."""
    _call("prctl", _SECURE_BITS, _NO_ROOT_LOCKED, 0, 0, 0)
    last = int(Path("/proc/sys/kernel/cap_last_cap").read_text())
    for capability in range(last + 1):
        _call("prctl", _DROP_BOUND, capability, 0, 0, 0)
    _keep(0)
    _call("prctl", _NO_NEW_PRIVILEGES, 1, 0, 0, 0)


def become_reader(uid: int) -> None:
    """Become an account that has nothing of its own, and may only read what there is."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    _call("prctl", _KEEP_CAPABILITIES, 1, 0, 0, 0)
    os.setresuid(uid, uid, uid)
    _keep(_READ_AND_SEARCH)
    _call("prctl", _NO_NEW_PRIVILEGES, 1, 0, 0, 0)


def _keep(capabilities: int) -> None:
    header = struct.pack("Ii", _CAPABILITY_VERSION, 0)
    _call("capset", header, struct.pack("6I", capabilities, capabilities, 0, 0, 0, 0))


def forget_keys() -> None:
    """Let go of the keys that this session has in the kernel."""
    number = {"x86_64": 250, "aarch64": 219}.get(os.uname().machine)
    if number:  # keyctl(KEYCTL_JOIN_SESSION_KEYRING, NULL); a kernel may have no keys
        _libc.syscall(number, 1, None)
