"""Questions that the engine answers: predict first, then run it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labkit import commands

if TYPE_CHECKING:
    from collections.abc import Callable

    from labkit.engine import Engine

#: Seconds that a command may take to answer.
TIMEOUT = 60.0


@dataclass(frozen=True)
class Question:
    """A question whose answer nobody has written down.

    Attributes:
        text: What is asked.
        answer: A command, such as `docker ps --quiet`, or what returns the answer when it is
            called with the engine.
        options: What can be predicted; empty where anything can.
    """

    text: str
    answer: str | Callable[[Engine], object]
    options: tuple[str, ...] = ()

    def ask(self, engine: Engine) -> str:
        """Take the answer from the engine.

        Raises:
            CommandFailed: The command failed.
        """
        if callable(self.answer):
            return str(self.answer(engine)).strip()
        words = shlex.split(self.answer)
        return commands.run(words, say=_silent, env=engine.cli_env(), timeout=TIMEOUT).strip()


def agrees(predicted: str, found: str) -> bool:
    """Tell whether a prediction came true, whatever its spaces and capitals."""
    return predicted.split() != [] and predicted.casefold().split() == found.casefold().split()


def _silent(_line: str) -> None:
    """Say nothing: the answer is what is waited for."""
