"""What a machine may lack: the only reasons for which `--require-docker` lets a test be skipped."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from labkit.engine.probes import unmet

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labkit.engine import Engine

#: Probes, and why a machine on which all is well may not have what they look for.
MAY_BE_ABSENT = {
    "buildkit": "older `docker` commands have no BuildKit, and Debian packages its plugin apart",
    "cluster": "the engine may be rootless, or another machine's",
    "ipvs": "the kernel of a container or of a small virtual machine may come without modules",
    "limits": "some kernels count memory for the host only, and the engine says so",
    "nodes": "the engine may be rootless, or another machine's",
    "privileged": "a machine that is a container itself may not start privileged ones",
    "registry": "a machine may have no way to a registry",
    "socket": "the engine may be another machine's, with its socket and its kernel there",
    "storage": "not every engine keeps layers as overlay directories",
}


def skip_without(needs: Iterable[str], engine: Engine) -> None:
    """Skip the test that asks for this unless every probe finds what it looks for."""
    for probe in needs:
        if missing := unmet([probe], engine):
            skip(probe, missing[0])


def skip(probe: str, why: str) -> None:
    """Skip the test that asks for this, for something that a probe looks for."""
    pytest.skip(f"no {probe}: {why}")


def allowed(reason: str) -> bool:
    """Tell whether a test may be skipped for this reason where nothing else may be."""
    found = re.match(r"(?:Skipped: )?no (\w+): ", reason)
    return found is not None and found[1] in MAY_BE_ABSENT
