"""A dashboard in a process of its own that ends with the one that started it."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from labkit.errors import DashboardError
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Seconds that it has to end by itself.
PATIENCE = 10.0


class AttachedDashboard:
    """Starts when an address is first asked for.

    It ends when its standard input does: so also where this process is killed.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._environment: dict[str, str] = {}

    def address(self, environment: Mapping[str, str]) -> str:
        """Return an address that logs in, once; with another environment it starts anew.

        Raises:
            DashboardError: It does not start.
        """
        process = self._running(environment)
        assert process.stdin is not None  # noqa: S101 - for mypy: both are pipes
        assert process.stdout is not None  # noqa: S101 - as above
        with suppress(BrokenPipeError):
            process.stdin.write("\n")
            process.stdin.flush()
        address = process.stdout.readline().strip()
        if not address:
            self.close()
            raise DashboardError(
                _("The dashboard does not start."),
                hint=_("`labkit dashboard` in a terminal says why."),
            )
        return address

    def close(self) -> None:
        """End it. A second call does nothing."""
        process, self._process = self._process, None
        if process is None:
            return
        # Closes its input, and so asks it to end.
        with suppress(subprocess.TimeoutExpired, BrokenPipeError):
            process.communicate(timeout=PATIENCE)
        if process.poll() is None:
            process.kill()
            process.communicate()

    def _running(self, environment: Mapping[str, str]) -> subprocess.Popen[str]:
        wanted = dict(environment)
        if self._process and (self._process.poll() is not None or wanted != self._environment):
            self.close()
        if self._process is None:
            self._environment = wanted
            self._process = subprocess.Popen(
                [sys.executable, "-m", "labkit", "dashboard", "--attached", "--port", "0"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env=wanted,
                start_new_session=True,  # Ctrl-C in a notebook is not for it
            )
        return self._process
