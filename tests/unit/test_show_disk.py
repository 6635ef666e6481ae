"""What takes the disk, from an answer of `GET /system/df` that is cut down to what is read."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest

from labkit.engine.disk import Usage, disk_usage
from labkit.show import disk

NOBODY_NAMED = "94432a447f25b21a36e86579bf63aaedaf2063f2db582eea1b4b8c98e549478f"


def image(name: str, size: int, shared: int, containers: int) -> dict[str, Any]:
    return {
        "Id": f"sha256:{abs(hash(name)):064x}",
        "RepoTags": [name] if name else None,
        "Size": size,
        "SharedSize": shared,
        "Containers": containers,
    }


TOLD = {
    "LayersSize": 160_000_000,
    "Images": [
        image("lab/debian:latest", 75_000_000, 75_000_000, 0),
        image("lab/web:latest", 90_000_000, 75_000_000, 1),
        image("lab/cc:latest", 145_000_000, 75_000_000, 0),
    ],
    "Containers": [
        {"Names": ["/lab-a"], "State": "running", "SizeRw": 1_000},
        {"Names": ["/lab-b"], "State": "exited", "SizeRw": 3_000},
        {"Names": ["/lab-c"], "State": "created"},
    ],
    "Volumes": [
        {"Name": "lab-data", "UsageData": {"Size": 2_000_000, "RefCount": 1}},
        {"Name": NOBODY_NAMED, "UsageData": {"Size": 6_000_000, "RefCount": 0}},
        {"Name": "elsewhere", "UsageData": {"Size": -1, "RefCount": -1}},
    ],
    "BuildCache": [
        {"ID": "abcdefghijklmnop", "Size": 500, "Shared": False, "InUse": False},
        {"ID": "shared", "Size": 700, "Shared": True, "InUse": False},
    ],
}


def engine_told(told: dict[str, Any]) -> Any:
    api = SimpleNamespace(df=lambda: told)
    return SimpleNamespace(client=SimpleNamespace(api=api), errors=nullcontext)


def test_each_kind_is_added_up_as_docker_does_it() -> None:
    assert disk_usage(engine_told(TOLD)) == (
        Usage("images", 3, 160_000_000, 145_000_000),
        Usage("containers", 3, 4_000, 3_000),
        Usage("volumes", 3, 8_000_000, 6_000_000),
        Usage("build cache", 2, 500, 500),
    )


def test_an_engine_that_has_nothing_has_no_bars() -> None:
    empty = {"LayersSize": 0, "Images": None, "Containers": None, "Volumes": None}
    text = repr(disk(engine=engine_told(empty)))
    assert "0 B  images" in text
    assert "█" not in text
    assert "░" not in text


@pytest.fixture
def lines() -> list[str]:
    return repr(disk(engine=engine_told(TOLD), largest=2)).splitlines()


def below(lines: list[str], title: str) -> str:
    (place,) = (number for number, line in enumerate(lines) if title in line)
    return lines[place].strip("│├└─ ") + " | " + lines[place + 1].strip("│ ")


def test_a_bar_is_the_part_that_is_not_in_use(lines: list[str]) -> None:
    assert lines[0].startswith("168 MB on the disk")
    assert "151 MB in all" in lines[0]
    assert below(lines, "8 MB  volumes") == "████████░░  8 MB  volumes | 3; 6 MB not in use"
    assert below(lines, "lab-data") == "░░░░░░░░░░  lab-data  in use | 2 MB"
    assert below(lines, "94432a447f25…") == "██████████  94432a447f25…  not in use | 6 MB"


def test_an_image_says_what_is_its_own(lines: list[str]) -> None:
    assert "70 MB of its own, 75 MB shared" in below(lines, "lab/cc:latest")
    assert below(lines, "lab/web:latest").startswith("░░░░░░░░░░")
    assert not any("lab/debian" in line for line in lines), "the smallest are only counted"
    assert below(lines, "lab/web:latest").endswith("15 MB of its own, 75 MB shared")
    assert sum("1 more" in line for line in lines) == len(["images", "containers", "volumes"])


def test_what_is_asked_for_is_drawn_and_the_rest_is_counted() -> None:
    text = repr(disk("lab/debian", "lab-c", engine=engine_told(TOLD)))
    assert "lab/debian:latest" in text
    assert "lab-c" in text
    assert "lab/cc" not in text
    assert "2 more" in text
