"""The checks of chapter 14 on recorded inspect answers, cut down to what the checks read."""

from __future__ import annotations

from typing import Any

import pytest

from labkit.checking import CheckFailed
from labkit.checks import operations
from labkit.engine import Container, Volume

NEVER = "0001-01-01T00:00:00Z"
EARLIER = "2026-11-24T07:31:16.1Z"
SET_UP = {"started-by": "exercise"}
FULL = {"max-size": "100k", "max-file": "2"}


def put(
    engine: Any,
    name: str,
    *,
    labels: dict[str, str] | None = None,
    env: tuple[str, ...] = (),
    networks: tuple[str, ...] = (),
    host: dict[str, Any] | None = None,
    **state: Any,
) -> None:
    """A running container of `lab/shell` that never ended, unless `state` says otherwise."""
    attrs = {
        "Id": f"id of {name}",
        "Name": f"/{name}",
        "Image": "sha256:feed",
        "State": {"Status": "running", "ExitCode": 0, "FinishedAt": NEVER, **state},
        "Config": {"Image": "lab/shell", "Labels": labels, "Env": list(env)},
        "HostConfig": host or {},
        "NetworkSettings": {"Networks": {network: {} for network in networks}},
    }
    engine.containers.things[name] = Container.from_inspect(attrs)


def refusal(check: Any, engine: Any) -> CheckFailed:
    with pytest.raises(CheckFailed) as caught:
        check(engine)
    return caught.value


# operations.culprits


def cook(engine: Any, number: int, *files: str, **more: Any) -> None:
    put(engine, f"lab-cook-{number}", **{"labels": SET_UP, **more})
    engine.containers.diffs[f"lab-cook-{number}"] = dict.fromkeys(files, "A")


LIMITED = {"NanoCpus": 200_000_000}


@pytest.fixture
def kitchen(fake_engine: Any) -> Any:
    """The second is busy and limited, the third has crumbs and has ended."""
    cook(fake_engine, 1)
    cook(fake_engine, 2, operations.RUSH, host=LIMITED)
    cook(fake_engine, 3, operations.CRUMBS, Status="exited", FinishedAt=EARLIER)
    cook(fake_engine, 4)
    return fake_engine


def test_the_two_culprits_dealt_with_pass(kitchen: Any) -> None:
    operations.busy_cook_is_limited(kitchen)
    operations.crumbs_are_kept(kitchen)
    operations.others_are_as_they_were(kitchen)


@pytest.mark.parametrize(
    ("host", "found"),
    [
        ({}, "has no limit"),
        ({"CpuShares": 200}, "the weight 200, and no limit"),
        ({"NanoCpus": 2_000_000_000}, "`lab-cook-2` may use 2 CPUs"),
    ],
)
def test_a_busy_cook_without_a_limit_is_told_by_what_it_has(
    kitchen: Any, host: dict[str, int], found: str
) -> None:
    cook(kitchen, 2, operations.RUSH, host=host)
    assert found in refusal(operations.busy_cook_is_limited, kitchen).found


def test_the_wrong_cook_limited_is_named(kitchen: Any) -> None:
    cook(kitchen, 2, operations.RUSH)
    cook(kitchen, 4, host=LIMITED)
    assert "`lab-cook-4` is limited" in refusal(operations.busy_cook_is_limited, kitchen).found


def test_a_busy_cook_that_is_paused_does_not_go_on(kitchen: Any) -> None:
    cook(kitchen, 2, operations.RUSH, host=LIMITED, Status="paused")
    assert "unpause" in refusal(operations.busy_cook_is_limited, kitchen).hint


def test_a_busy_cook_that_was_replaced_has_no_rush(kitchen: Any) -> None:
    cook(kitchen, 2, host=LIMITED, labels=None)
    assert "was replaced" in refusal(operations.busy_cook_is_limited, kitchen).found


@pytest.mark.parametrize("status", ["running", "paused"])
def test_a_cook_with_crumbs_has_to_end(kitchen: Any, status: str) -> None:
    cook(kitchen, 3, operations.CRUMBS, Status=status)
    assert f"has grown is {status}" in refusal(operations.crumbs_are_kept, kitchen).found


def test_crumbs_go_with_their_cook(kitchen: Any) -> None:
    del kitchen.containers.things["lab-cook-3"]
    operations.busy_cook_is_limited(kitchen)
    assert "goes with its container" in refusal(operations.crumbs_are_kept, kitchen).hint


@pytest.mark.parametrize(
    ("more", "found"),
    [
        ({"FinishedAt": EARLIER}, "started again or replaced"),
        ({"labels": None}, "started again or replaced"),
        ({"Status": "paused"}, "is paused, and did nothing wrong"),
        ({"host": LIMITED}, "limited to 0.2 CPUs, and did nothing wrong"),
    ],
)
def test_the_others_are_as_they_were(kitchen: Any, more: dict[str, Any], found: str) -> None:
    cook(kitchen, 4, **more)
    assert found in refusal(operations.others_are_as_they_were, kitchen).found


# operations.rotate_logs


def meter(engine: Any, driver: str = "json-file", number: str = "4711", **options: str) -> None:
    config = {name.replace("_", "-"): value for name, value in options.items()}
    log = {"LogConfig": {"Type": driver, "Config": config}}
    put(engine, "lab-meter", env=(f"NUMBER={number}",), host=log)


@pytest.fixture
def metered(fake_engine: Any) -> Any:
    """It has the number of the receipt, and its log ends with the last reading."""
    fake_engine.volumes.things["lab-meter-receipt"] = Volume.from_inspect(
        {"Name": "lab-meter-receipt", "Driver": "local", "Labels": {"number": "4711"}}
    )
    fake_engine.containers.log_texts["lab-meter"] = (
        "meter 4711, reading 19000\nmeter 4711, reading 20000\n"
    )
    return fake_engine


@pytest.mark.parametrize(
    ("driver", "options"),
    [
        ("json-file", {"max_size": "100k", "max_file": "2"}),
        ("json-file", {"max_size": "20kb", "max_file": "10"}),
        ("local", {"max_size": "40k"}),
        ("local", {"max_size": "99999", "max_file": "2"}),
    ],
)
def test_a_log_with_an_end_passes(metered: Any, driver: str, options: dict[str, str]) -> None:
    meter(metered, driver, **options)
    operations.log_is_limited(metered)
    operations.meter_writes(metered)


@pytest.mark.parametrize(
    ("driver", "options", "found"),
    [
        ("json-file", {}, "grows without end"),
        ("json-file", {"max_file": "2"}, "grows without end"),
        ("json-file", {"max_size": "-1", "max_file": "2"}, "grows without end"),
        ("json-file", {"max_size": "200k"}, "one file of 200000 bytes"),
        ("json-file", {"max_size": "0.1m", "max_file": "3"}, "are 300000 bytes"),
        ("local", {}, "5 files of 20000000 bytes"),
        ("none", {}, "is `none`"),
        ("syslog", {}, "is `syslog`"),
    ],
)
def test_another_log_is_told_by_what_it_may_take(
    metered: Any, driver: str, options: dict[str, str], found: str
) -> None:
    meter(metered, driver, **options)
    assert found in refusal(operations.log_is_limited, metered).found


def test_a_meter_with_another_number_is_refused(metered: Any) -> None:
    meter(metered, number="", **{name.replace("-", "_"): value for name, value in FULL.items()})
    assert "had `4711`" in refusal(operations.meter_writes, metered).found


@pytest.mark.parametrize(
    "log",
    [
        "",
        "meter 4711, reading 1\nmeter 4711, reading 20000\n",
        "meter 4712, reading 20000\n",
    ],
)
def test_a_log_without_the_newest_lines_is_refused(
    metered: Any, monkeypatch: pytest.MonkeyPatch, log: str
) -> None:
    monkeypatch.setattr(operations, "wait_until", lambda *_args, **_options: None)
    meter(metered, max_size="100k", max_file="2")
    metered.containers.log_texts["lab-meter"] = log
    assert "the log ends with" in refusal(operations.meter_writes, metered).found


# operations.clean_up

NIGHT = {"labkit.shift": "night"}


def container_line(
    name: str, state: str = "exited", volume: str = "", labels: dict[str, str] | None = None
) -> dict[str, Any]:
    mounts = [{"Type": "volume", "Name": volume}] if volume else []
    return {"Names": [f"/{name}"], "State": state, "Labels": labels, "Mounts": mounts}


OVEN = container_line("lab-night-oven", "running", "lab-night-oven", NIGHT)
DESK = container_line("lab-day-desk", volume="lab-night-ledger")
MENU = {"Id": "sha256:aa", "RepoTags": ["lab/night-menu:latest"], "Labels": NIGHT}


def volume_line(name: str, labels: dict[str, str] | None) -> dict[str, Any]:
    return {"Name": name, "Labels": labels}


@pytest.fixture
def morning(fake_engine: Any) -> Any:
    """The night's rubbish is gone, and nothing else."""
    put(fake_engine, "lab-night-oven", labels=NIGHT)
    put(fake_engine, "lab-day-desk", labels={"number": "4711"}, Status="exited")
    fake_engine.containers.files["lab-day-desk", "/ledger/number"] = b"4711\n"
    fake_engine.containers.lines = (OVEN, DESK)
    fake_engine.images.lines = (MENU, {"Id": "sha256:bb", "RepoTags": None, "Labels": None})
    fake_engine.images.things["lab/night-menu"] = None
    fake_engine.volumes.lines = (
        volume_line("lab-night-oven", NIGHT),
        volume_line("lab-night-ledger", NIGHT),
        volume_line("lab-day-flour", None),
    )
    fake_engine.volumes.things["lab-day-flour"] = None
    return fake_engine


def test_a_clean_bakery_passes(morning: Any) -> None:
    operations.ended_containers_are_gone(morning)
    operations.unnamed_images_are_gone(morning)
    operations.loose_volumes_are_gone(morning)
    operations.the_rest_is_there(morning)


def test_rubbish_of_the_night_is_named(morning: Any) -> None:
    mixer = container_line("lab-night-mixer", "created", "lab-night-mixer", NIGHT)
    morning.containers.lines = (OVEN, DESK, mixer)
    assert "`lab-night-mixer`" in refusal(operations.ended_containers_are_gone, morning).found
    morning.images.lines = ({"Id": "sha256:cafe", "RepoTags": None, "Labels": NIGHT},)
    assert "`cafe` has no name" in refusal(operations.unnamed_images_are_gone, morning).found
    morning.volumes.lines = (volume_line("lab-night-flour", NIGHT),)
    assert "`lab-night-flour`" in refusal(operations.loose_volumes_are_gone, morning).found


@pytest.mark.parametrize(
    ("kind", "name", "found"),
    [
        ("containers", "lab-day-desk", "`lab-day-desk`, which is the day's"),
        ("volumes", "lab-day-flour", "the volume `lab-day-flour`"),
        ("images", "lab/night-menu", "the image `lab/night-menu` is gone"),
        ("containers", "lab-night-oven", "`lab-night-oven` was at work"),
    ],
)
def test_what_should_have_stayed_is_named(morning: Any, kind: str, name: str, found: str) -> None:
    del getattr(morning, kind).things[name]
    assert found in refusal(operations.the_rest_is_there, morning).found


@pytest.mark.parametrize("content", [None, b"5\n"])
def test_a_ledger_that_is_another_is_refused(morning: Any, content: bytes | None) -> None:
    morning.containers.files.clear()
    if content:
        morning.containers.files["lab-day-desk", "/ledger/number"] = content
    assert "the ledger" in refusal(operations.the_rest_is_there, morning).found


# operations.repair


PRICES = {**SET_UP, "price": "4711"}


def prices(engine: Any, **more: Any) -> None:
    put(engine, "lab-prices", **{"labels": PRICES, "networks": ("lab-market",), **more})


def kiosk(engine: Any, policy: str = "unless-stopped", **more: Any) -> None:
    host = {"RestartPolicy": {"Name": policy}}
    put(engine, "lab-kiosk", **{"labels": SET_UP, "host": host, **more})


@pytest.fixture
def mended(fake_engine: Any) -> Any:
    prices(fake_engine)
    kiosk(fake_engine, FinishedAt=EARLIER)
    fake_engine.http[8344] = "bread: 4711\n"
    return fake_engine


def test_a_mended_kiosk_passes(mended: Any) -> None:
    operations.prices_answer(mended)
    operations.kiosk_shows_the_price(mended)
    operations.kiosk_comes_back(mended)


@pytest.mark.parametrize(
    ("more", "hint"),
    [
        ({"labels": {"price": "4711"}}, "Run the set-up cell again"),
        ({"Status": "paused"}, "`docker unpause lab-prices`"),
        ({"Status": "exited"}, "`docker start lab-prices`"),
        ({"networks": ()}, "docker network connect"),
    ],
)
def test_prices_out_of_reach_are_told_by_why(mended: Any, more: dict[str, Any], hint: str) -> None:
    prices(mended, **more)
    assert hint in refusal(operations.prices_answer, mended).hint


def test_a_kiosk_that_does_not_show_the_price_is_told_by_why(mended: Any) -> None:
    mended.http[8344] = "bread: 5\n"
    assert "says `bread: 5`" in refusal(operations.kiosk_shows_the_price, mended).found
    kiosk(mended, Status="exited", ExitCode=1)
    assert "has ended with 1" in refusal(operations.kiosk_shows_the_price, mended).found
    kiosk(mended, labels=None)
    assert "not the one" in refusal(operations.kiosk_shows_the_price, mended).found


@pytest.mark.parametrize("policy", ["", "no", "always", "on-failure"])
def test_a_kiosk_that_does_not_come_back_as_before_is_refused(mended: Any, policy: str) -> None:
    kiosk(mended, policy)
    found = refusal(operations.kiosk_comes_back, mended).found
    assert f"`{policy or 'no'}`" in found
