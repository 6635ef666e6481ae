"""Checks of chapter 14, operations."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING

from labkit.checking import CheckFailed, check
from labkit.checks.diagnosis import (
    drawn,
    expect_image,
    listed,
    not_running,
    page_at,
    short_id,
)
from labkit.engine.disk import ALIVE
from labkit.engine.objects import listed_name, listed_tags
from labkit.errors import WaitTimeout
from labkit.translation import _
from labkit.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labkit.engine import Engine
    from labkit.engine.objects import Container

COOKS = tuple(f"lab-cook-{number}" for number in range(1, 5))
RUSH, CRUMBS = "/tmp/rush", "/tmp/crumbs"  # noqa: S108 - in a container
LITTLE_CPU = 0.2
#: Bytes of a log, and files that it has at least.
LONGEST_LOG, FEWEST_FILES = 200_000, 2
#: What the log drivers do unless they are told: `json-file` has one file, without an end.
DEFAULT_FILES = {"json-file": 1, "local": 5}
DEFAULT_SIZE = {"json-file": 0, "local": 20_000_000}
LAST_READING = "reading 20000"
NIGHT = {"labkit.shift": "night"}


# operations.culprits


@check("operations.culprits", points=2)
def busy_cook_is_limited(engine: Engine) -> None:
    """The cook that takes all the processor may use 0.2 CPUs at most, and goes on."""
    busy = _cook_with(engine, RUSH)
    if busy is None:
        raise CheckFailed(
            _("none of the four cooks is the busy one: it was replaced"),
            hint=_("`docker update` changes a limit while it runs. Run the set-up cell again."),
        )
    if busy.cpus > LITTLE_CPU:
        raise CheckFailed(
            _("`{name}` may use {cpus:g} CPUs").format(name=busy.name, cpus=busy.cpus),
            hint=_("`--cpus` counts CPUs: a fifth of one is `0.2`."),
        )
    if not busy.cpus:
        raise _unlimited(engine, busy)
    if not busy.running:
        raise not_running(engine, busy)


@check("operations.culprits", points=1, after=busy_cook_is_limited)
def crumbs_are_kept(engine: Engine) -> None:
    """The cook whose layer has grown has ended, and is still there."""
    heavy = _cook_with(engine, CRUMBS)
    if heavy is None:
        raise CheckFailed(
            _("no cook has crumbs any more: nobody can look at them"),
            hint=_("A layer goes with its container. Run the set-up cell again; end it only."),
        )
    if heavy.status != "exited":
        raise CheckFailed(
            _("the cook whose layer has grown is {status}").format(status=heavy.status),
            hint=_("`docker ps --size` shows what each has written. End that one, and keep it."),
        )


@check("operations.culprits", points=1, after=crumbs_are_kept)
def others_are_as_they_were(engine: Engine) -> None:
    """The other two run without a limit; they and the busy one have run without a break."""
    for name in COOKS:
        cook, files = engine.containers.get(name), engine.containers.diff(name)
        if CRUMBS in files:
            continue
        # A container that has never ended has Docker's zero time as its end.
        if cook.labels.get("started-by") != "exercise" or not cook.finished_at.startswith("0001-"):
            raise CheckFailed(
                _("`{name}` was started again or replaced").format(name=name),
                hint=_("A limit changes while it runs. Run the set-up cell and try again."),
            )
        if RUSH in files:
            continue
        if not cook.running:
            raise CheckFailed(
                _("`{name}` is {status}, and did nothing wrong").format(
                    name=name, status=cook.status
                ),
                hint=_("Let it go on: `docker unpause {name}`, `docker start {name}`.").format(
                    name=name
                ),
            )
        if 0 < cook.cpus <= LITTLE_CPU:
            raise CheckFailed(
                _("`{name}` is limited to {cpus:g} CPUs, and did nothing wrong").format(
                    name=name, cpus=cook.cpus
                ),
                hint=_("Give it room again: `docker update --cpus 1` with its name."),
            )


def _cook_with(engine: Engine, path: str) -> Container | None:
    """Return the cook in whose layer a file lies: what is wrong with it comes from that."""
    there = filter(engine.containers.exists, COOKS)
    name = next((name for name in there if path in engine.containers.diff(name)), None)
    return engine.containers.get(name) if name else None


def _unlimited(engine: Engine, busy: Container) -> CheckFailed:
    if shares := busy.attrs["HostConfig"].get("CpuShares"):
        return CheckFailed(
            _("`{name}` has the weight {shares}, and no limit").format(
                name=busy.name, shares=shares
            ),
            hint=_("A weight only matters when CPUs are scarce. A limit is `--cpus`."),
        )
    for name in filter(engine.containers.exists, COOKS):
        if engine.containers.get(name).cpus:
            return CheckFailed(
                _("`{name}` is limited, and another cook takes the processor").format(name=name),
                hint=_("`docker stats --no-stream` compares them all: look at `CPU %`."),
            )
    return CheckFailed(
        _("the cook that takes all the processor has no limit"),
        hint=_("`docker stats --no-stream` shows who it is, `docker update` limits it."),
    )


# operations.rotate_logs


@check("operations.rotate_logs", points=2)
def log_is_limited(engine: Engine) -> None:
    """The log of `lab-meter` takes 200 kB at most, in two files or more."""
    meter = engine.containers.get("lab-meter")
    expect_image(engine, meter, "lab/shell")
    driver, options = _log_of(meter)
    if driver not in DEFAULT_FILES:
        raise CheckFailed(
            _("the log driver of `lab-meter` is `{driver}`").format(driver=driver),
            hint=_("`none` keeps nothing, others keep it elsewhere. Rotate with `json-file`.")
            if driver == "none"
            else _("`json-file` and `local` keep the log on this machine, and rotate it."),
        )
    size, files = _room(driver, options)
    if not size:
        raise CheckFailed(
            _("the log of `lab-meter` grows without end"),
            hint=_("It is fixed when a container is made: run it anew, with `--log-opt`."),
        )
    if files < FEWEST_FILES:
        raise CheckFailed(
            _("the log has one file of {size} bytes").format(size=size),
            hint=_("A single file is emptied at once when it is full. Also set `max-file`."),
        )
    if size * files > LONGEST_LOG:
        raise CheckFailed(
            _("{files} files of {size} bytes are {total} bytes").format(
                files=files, size=size, total=files * size
            ),
            hint=_("`max-size` is what one file may have. `max-file` is how many there are."),
        )


@check("operations.rotate_logs", points=2, after=log_is_limited)
def meter_writes(engine: Engine) -> None:
    """It runs with its `NUMBER`, and the newest lines are in its log, but not all."""
    meter = engine.containers.get("lab-meter")
    number = drawn(engine, "lab-meter-receipt", "number", volume=True)
    if meter.env.get("NUMBER") != number:
        raise CheckFailed(
            _("`lab-meter` has the number `{found}`, and had `{number}`").format(
                found=meter.env.get("NUMBER", ""), number=number
            ),
            hint=_("A new container has none of the old one's settings: `--env NUMBER={}`.").format(
                number
            ),
        )
    if not meter.running:
        raise not_running(engine, meter)
    with suppress(WaitTimeout):
        wait_until(
            lambda: LAST_READING in engine.containers.logs("lab-meter", tail=1),
            what=_("the last reading"),
            timeout=5.0,
        )
    lines = engine.containers.logs("lab-meter").splitlines()
    last = lines[-1] if lines else ""
    if last != f"meter {number}, {LAST_READING}" or lines[0].endswith("reading 1"):
        raise CheckFailed(
            _("the log ends with `{line}`").format(line=last[:60]),
            hint=_("The command stays the same: it writes {} lines, then sleeps.").format(20000),
        )


def _log_of(container: Container) -> tuple[str, dict[str, str]]:
    log = container.attrs["HostConfig"]["LogConfig"]
    return log["Type"], log.get("Config") or {}


def _room(driver: str, options: dict[str, str]) -> tuple[int, int]:
    """Return how many bytes a file of the log may have, 0 is no end, and how many files."""
    size = _bytes(options["max-size"]) if "max-size" in options else DEFAULT_SIZE[driver]
    return size, int(options.get("max-file", DEFAULT_FILES[driver]))


def _bytes(size: str) -> int:
    """Read a size as log drivers do: `100k` is 100,000 bytes; what is no size is no limit."""
    found = re.fullmatch(r"([\d.]+) *([kmg]?)(i?b)?", size.lower())
    return round(float(found[1]) * 1000 ** " kmg".index(found[2] or " ")) if found else 0


# operations.clean_up


@check("operations.clean_up", points=1)
def ended_containers_are_gone(engine: Engine) -> None:
    """No container of the night that has ended is left."""
    left = [
        listed_name(line)
        for line in engine.containers.list()
        if _of_the_night(line) and line["State"] not in ALIVE
    ]
    if left:
        raise CheckFailed(
            _("{names} has ended and is still there").format(names=listed(sorted(left))),
            hint=_("`docker ps` shows ended ones with `--all`; it takes `--filter label=…`, too."),
        )


@check("operations.clean_up", points=1)
def unnamed_images_are_gone(engine: Engine) -> None:
    """No image of the night without a name is left."""
    left = [line for line in engine.images.list() if _of_the_night(line) and not listed_tags(line)]
    if left:
        raise CheckFailed(
            _("the image `{id}` has no name and is still there").format(id=short_id(left[0]["Id"])),
            hint=_("`docker image ls --filter dangling=true` lists those that lost their name."),
        )


@check("operations.clean_up", points=1, after=ended_containers_are_gone)
def loose_volumes_are_gone(engine: Engine) -> None:
    """No volume of the night that no container has is left."""
    used = set(_mounted(engine))
    left = [line["Name"] for line in engine.volumes.list() if _of_the_night(line)]
    left = sorted(name for name in left if name not in used)
    if left:
        raise CheckFailed(
            _("no container has {names}").format(names=listed(left)),
            hint=_("A container that has ended keeps its volumes in use, so volumes come last."),
        )


@check("operations.clean_up", points=2, after=loose_volumes_are_gone)
def the_rest_is_there(engine: Engine) -> None:
    """What the night uses, its image `lab/night-menu` and all that is the day's are there."""
    again = _("Run the set-up cell again.")
    if not engine.containers.exists("lab-day-desk"):
        raise CheckFailed(
            _("`lab-day-desk`, which is the day's, is gone"),
            hint=_("`docker ps --all` without a label asks for all ended containers.")
            + f" {again}",
        )
    number = drawn(engine, "lab-day-desk", "number")
    try:
        kept = engine.containers.read_file("lab-day-desk", "/ledger/number").decode().strip()
    except FileNotFoundError:
        kept = ""
    if kept != number:
        raise CheckFailed(_("the ledger in `lab-night-ledger` is not what it was"), hint=again)
    if not engine.volumes.exists("lab-day-flour"):
        raise CheckFailed(
            _("the volume `lab-day-flour`, which is the day's, is gone"),
            hint=_("No container has it, but it is not the night's: it has no label.")
            + f" {again}",
        )
    if not engine.images.exists("lab/night-menu"):
        raise CheckFailed(
            _("the image `lab/night-menu` is gone"),
            hint=_("An image that has a name and no container is unused, not dangling.")
            + f" {again}",
        )
    oven = engine.containers.exists("lab-night-oven") and engine.containers.get("lab-night-oven")
    if not oven or not oven.running:
        raise CheckFailed(
            _("`lab-night-oven` was at work, and is not any more"),
            hint=_("`docker rm --force` also takes what runs; `prune` does not.") + f" {again}",
        )


def _of_the_night(line: dict[str, dict[str, str] | None]) -> bool:
    return (line.get("Labels") or {}).items() >= NIGHT.items()


def _mounted(engine: Engine) -> Iterator[str]:
    """Name the volumes that containers have, running or not."""
    for line in engine.containers.list():
        yield from (mount["Name"] for mount in line["Mounts"] or () if mount["Type"] == "volume")


# operations.repair


@check("operations.repair", points=2)
def prices_answer(engine: Engine) -> None:
    """`lab-prices` is the container that it was, runs, and is on the network `lab-market`."""
    prices = engine.containers.get("lab-prices")
    _expect_the_same(prices)
    if prices.status == "exited":
        raise CheckFailed(
            _("`lab-prices` has ended, and nobody started it again"),
            hint=_("`docker events` tells by what it ended. `docker start lab-prices`."),
        )
    if not prices.running:
        raise not_running(engine, prices)
    if "lab-market" not in prices.networks:
        raise CheckFailed(
            _("`lab-prices` is not on `lab-market`; its networks: {names}").format(
                names=listed(prices.networks) or _("none")
            ),
            hint=_("The kiosk's log names it a bad address. `docker network connect` plugs it in."),
        )


@check("operations.repair", points=2, after=prices_answer)
def kiosk_shows_the_price(engine: Engine) -> None:
    """`lab-kiosk` is the container that it was, and shows the price at port 8344."""
    kiosk, price = engine.containers.get("lab-kiosk"), drawn(engine, "lab-prices", "price")
    _expect_the_same(kiosk)
    if not kiosk.running:
        raise not_running(engine, kiosk)
    page = page_at(engine, 8344, "lab-kiosk").strip()
    if page != f"bread: {price}":
        raise CheckFailed(
            _("the page says `{page}`, and the price is {price}").format(
                page=page[:60], price=price
            ),
            hint=_("It fetches the price when it starts: `docker restart lab-kiosk`."),
        )


@check("operations.repair", points=1, after=kiosk_shows_the_price)
def kiosk_comes_back(engine: Engine) -> None:
    """The restart policy of `lab-kiosk` is `unless-stopped`."""
    policy = engine.containers.get("lab-kiosk").restart_policy
    if policy != "unless-stopped":
        raise CheckFailed(
            _("its restart policy is `{policy}`").format(policy=policy),
            hint=_("It was `unless-stopped`. `docker update --restart` changes it."),
        )


def _expect_the_same(container: Container) -> None:
    if container.labels.get("started-by") != "exercise":
        raise CheckFailed(
            _("this `{name}` is not the one that was there").format(name=container.name),
            hint=_("Run the set-up cell again, and mend the containers that there are."),
        )
