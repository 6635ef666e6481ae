"""A terminal in a container: what `docker exec -it` opens."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from labkit.errors import NoSuchContainer

if TYPE_CHECKING:
    from labkit.engine.engine import Engine

#: The container's best shell; its number comes first, unseen, so that it can be ended.
SHELL = "printf '\\033]%s\\007' \"$$\"; if command -v bash > /dev/null; then exec bash; fi; exec sh"
BEGIN, END = b"\x1b]", b"\x07"
CHUNK = 1 << 14
#: Seconds that a shell has to begin.
PATIENCE = 10.0


class Console:
    """One shell with a terminal; one thread reads, and any other may write, resize or close it.

    Raises:
        NoSuchContainer: The engine has none of this name.
        EngineRequestFailed: It does not run, or has no shell.
    """

    def __init__(self, engine: Engine, container: str) -> None:
        self._engine, self._container = engine, container
        self._api: Any = engine.client.api
        self._shell = ""
        with engine.errors(NoSuchContainer(container)):
            made = self._api.exec_create(
                container,
                ["sh", "-c", SHELL],
                stdin=True,
                tty=True,
                environment={"TERM": "xterm-256color"},
            )
            self._id: str = made["Id"]
            self._answer: Any = self._api.exec_start(self._id, tty=True, socket=True)
        # Of a Unix socket or TCP; with TLS, docker-py hands out the socket itself.
        self._socket: Any = getattr(self._answer, "_sock", self._answer)
        self._socket.settimeout(PATIENCE)
        self._rest = self._until_it_runs()
        self._socket.settimeout(None)

    def read(self) -> bytes:
        """Wait for output and return it; nothing once the shell has ended or this is closed."""
        rest, self._rest = self._rest, b""
        return rest or self._receive()

    def _until_it_runs(self) -> bytes:
        """Wait for the shell's number, and return what was written besides.

        So however early this is closed, the shell is known.
        """
        seen = b""
        while chunk := self._receive():
            seen += chunk
            before, found, after = seen.partition(BEGIN)
            number, ended, text = after.partition(END)
            if found and ended:
                self._shell = number.decode(errors="replace")
                return before + text
        return seen  # no shell: what came is the engine's complaint

    def _receive(self) -> bytes:
        try:
            received: bytes = self._socket.recv(CHUNK)
        except OSError:
            return b""
        return received

    def write(self, data: bytes) -> None:
        """Type something."""
        with suppress(OSError):  # it has ended
            self._socket.sendall(data)

    def resize(self, columns: int, rows: int) -> None:
        """Say how large the terminal is."""
        with suppress(Exception), self._engine.errors():  # it may just be ending
            self._api.exec_resize(self._id, height=rows, width=columns)

    def close(self) -> None:
        """End the shell, as closing a terminal does, and the connection. A second call is fine."""
        import socket

        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        with suppress(OSError):  # docker-py keeps the answer that the socket came with
            getattr(self._answer, "_response", self._answer).close()
        shell, self._shell = self._shell, ""
        if shell.isdigit():
            # The engine lets the programs of a lost terminal run on.
            with suppress(Exception), self._engine.errors():
                kill = f"kill -HUP -{shell} {shell} 2> /dev/null; kill -CONT {shell}"
                asked = self._api.exec_create(self._container, ["sh", "-c", kill])
                self._api.exec_start(asked["Id"])
