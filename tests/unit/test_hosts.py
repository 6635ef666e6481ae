"""Which names a host may have, and what it never replaces; the fake engine cannot be changed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from labkit import hosts
from labkit.errors import LabError
from tests.unit.conftest import a_container


def refusal(engine: Any, name: str) -> LabError:
    with pytest.raises(LabError) as caught:
        hosts.up(engine, None, name)  # type: ignore[arg-type]
    return caught.value


@pytest.mark.parametrize("name", ["web", "lab-", "lab-*", "lab-[a]", "lab-A", "lab-a/b", "lab-\n"])
def test_a_host_has_a_name_of_the_course_s_that_means_nothing_else(
    fake_engine: Any, name: str
) -> None:
    found = refusal(fake_engine, name)
    assert "is no name for a host" in found.message
    assert "`labkit host lab-host`" in found.hint


def test_a_container_that_is_no_host_is_not_replaced(fake_engine: Any) -> None:
    labels = {"labkit.node": "node-1"}
    fake_engine.containers.things["lab-node-1"] = a_container("lab-node-1", labels)
    found = refusal(fake_engine, "lab-node-1")
    assert "`lab-node-1` is no host" in found.message
    assert "`docker rm --force lab-node-1`" in found.hint


def test_a_network_that_leads_out_is_not_used(fake_engine: Any) -> None:
    fake_engine.networks.things["lab-x-net"] = SimpleNamespace(internal=False)
    found = refusal(fake_engine, "lab-x")
    assert "leads out of the network `lab-x-net`" in found.message
    assert "`docker network rm lab-x-net`" in found.hint
