"""A note in the workspace on the JupyterLab that shows it, so that a second one need not start.

It holds the server's token, so only its account can read it.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class RunningServer:
    """What is known of a JupyterLab that was started.

    Attributes:
        pid: Its process.
        port: Where it listens.
        token: What a browser must show.
        notebook: What it opens on.
    """

    pid: int
    port: int
    token: str = field(repr=False)
    notebook: str

    @classmethod
    def read(cls, folder: Path) -> RunningServer | None:
        """Read the note in a workspace; None where there is none that can be read."""
        try:
            noted = json.loads(_note(folder).read_text(encoding="utf-8"))
            return cls(
                int(noted["pid"]), int(noted["port"]), str(noted["token"]), str(noted["notebook"])
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None

    @staticmethod
    def forget(folder: Path, token: str) -> None:
        """Remove the note, unless it is another server's by now."""
        noted = RunningServer.read(folder)
        if noted and noted.token == token:
            with suppress(OSError):
                _note(folder).unlink()

    def write(self, folder: Path) -> None:
        """Leave the note; a workspace that cannot be written does without."""
        note = _note(folder)
        with suppress(OSError):
            note.parent.mkdir(parents=True, exist_ok=True)
            note.unlink(missing_ok=True)
            handle = os.open(note, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(asdict(self), file)

    def is_alive(self) -> bool:
        """Tell whether its process is there."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except (PermissionError, OverflowError):
            pass
        return True


def _note(folder: Path) -> Path:
    return folder / ".labkit" / "server.json"
