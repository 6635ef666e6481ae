"""A `!command` that has ended is not waited for; one that runs on is still given its time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from ptyprocess import PtyProcess

from labkit.terminals import close_at_once

if TYPE_CHECKING:
    from collections.abc import Sequence

ENDS = ["true"]
RUNS_ON = ["sh", "-c", "trap '' HUP; echo; while :; do read line; done"]


@pytest.mark.parametrize(("argv", "waits"), [(ENDS, False), (RUNS_ON, True)])
def test_only_a_process_that_runs_on_is_waited_for(
    argv: Sequence[str], *, waits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PtyProcess, "close", PtyProcess.close)  # put back what is replaced here
    close_at_once()
    process = PtyProcess.spawn(argv)
    if argv is ENDS:
        process.wait()
    else:
        process.read()  # its trap is set
    sleep, pauses = time.sleep, []
    monkeypatch.setattr(time, "sleep", lambda seconds: (pauses.append(seconds), sleep(seconds)))
    process.close()
    assert (pauses[0] > 0) is waits
    assert process.closed
    assert not process.isalive()
