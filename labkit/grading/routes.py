"""The ways out of an engine that an exercise declares; without any there is none.

Nothing is routed. The address is made the engine's own: its containers find somebody there who
passes on what is said, between them and the real one, and listens on that very port only.
"""

from __future__ import annotations

import fcntl
import os
import select
import socket
import struct
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn

from labkit.engine import kernel
from labkit.engine.cgroups import Group, hierarchies
from labkit.errors import LabError
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labkit.grading.rootless_desk import Warm
    from labkit.grading.slots import Slot

CHUNK = 64 << 10
SECONDS_TO_OPEN = 10.0
SECONDS_TO_CONNECT = 5.0
_SIOCSIFADDR, _SIOCSIFNETMASK = 0x8916, 0x891C


def declared(warm: Warm, slot: Slot, engine: int, addresses: Sequence[str]) -> socket.socket:
    """Open the ways to addresses, until what is returned is closed.

    Args:
        warm: Forks the process that passes on what is said.
        slot: The engine's; its limits hold for that process.
        engine: The pidfd of the engine's first process.
        addresses: As an exercise has them.

    Raises:
        LabError: They cannot be opened.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    request = {
        "kind": "routes", "addresses": list(addresses), "group": slot.group.path,
        "uid": slot.checker,
    }  # fmt: skip
    with theirs:
        warm.ask(request, [theirs.fileno(), engine])
    ours.settimeout(SECONDS_TO_OPEN)
    with suppress(TimeoutError):
        if ours.recv(16):
            return ours
    ours.close()
    raise LabError(
        _("The way to {addresses} could not be opened.").format(addresses=", ".join(addresses))
    )


def serve(
    line: socket.socket, engine: int, addresses: Sequence[str], group: str, uid: int
) -> NoReturn:
    """Pass on what is said until the line is closed; this process has no other use."""
    parent = os.getppid()
    Group(hierarchies(), group).child("engine").take(os.getpid())
    outside = os.open("/proc/self/ns/net", os.O_RDONLY)
    kernel.enter(engine, kernel.NEW_NETWORK)
    listeners = {}
    for number, address in enumerate(addresses):
        host, _colon, port = address.rpartition(":")
        with suppress(FileExistsError):
            _take_address(f"lo:{os.getpid()}.{number}", host)
        listeners[socket.create_server((host, int(port)))] = (host, int(port))
    kernel.enter(outside, kernel.NEW_NETWORK)
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    kernel.die_with_parent(parent)
    line.send(b"open")
    while line not in (ready := select.select([line, *listeners], [], [])[0]):
        for listener in ready:
            inside, _address = listener.accept()
            threading.Thread(target=_connect, args=(inside, listeners[listener])).start()
    os._exit(0)


def _take_address(name: str, host: str) -> None:
    """Give the loopback interface of this network one more address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        for call, value in ((_SIOCSIFADDR, host), (_SIOCSIFNETMASK, "255.255.255.255")):
            address = struct.pack("HH4s8x", socket.AF_INET, 0, socket.inet_aton(value))
            fcntl.ioctl(any_socket, call, struct.pack("16s16s", name.encode(), address))


def _connect(inside: socket.socket, address: tuple[str, int]) -> None:
    with (
        inside,
        suppress(OSError),
        socket.create_connection(address, SECONDS_TO_CONNECT) as there,
    ):
        there.settimeout(None)
        back = threading.Thread(target=_pass_on, args=(there, inside))
        back.start()
        _pass_on(inside, there)
        back.join()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(CHUNK):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
