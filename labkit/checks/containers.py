"""Checks of chapter 02, containers."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from labkit.checking import CheckFailed, check
from labkit.checks.diagnosis import (
    answers,
    drawn,
    expect_image,
    expect_published,
    memory,
    not_running,
    page_at,
    program_not_found,
    recent_events,
    repository,
)
from labkit.engine.objects import listed_name
from labkit.errors import NoSuchContainer, WaitTimeout
from labkit.translation import _
from labkit.waiting import wait_until

if TYPE_CHECKING:
    from labkit.engine import Engine

MIB = 2**20
KILLED = 137
SECOND = 1_000_000_000  # in the nanoseconds of events
MOST_RESTARTS = 5
PAGE = "/usr/share/nginx/html/index.html"


# containers.exit_code


@check("containers.exit_code", points=1)
def report_has_ended(engine: Engine) -> None:
    """A container `lab-report` of the image `lab/shell` has run, has ended and is still there."""
    try:
        report = engine.containers.get("lab-report")
    except NoSuchContainer:
        raise _no_report(engine) from None
    expect_image(
        engine,
        report,
        "lab/shell",
        hint=_("The image stands after the options and before the command: `lab/shell`."),
    )
    if report.running:
        raise CheckFailed(
            _("`lab-report` still runs `{command}`").format(command=" ".join(report.command)),
            hint=_("The command must end by itself: it says one line, then ends."),
        )
    if report.status != "exited":
        raise not_running(engine, report)


@check("containers.exit_code", after=report_has_ended, points=1)
def report_says_so(engine: Engine) -> None:
    """Its log holds the line `backup finished`."""
    lines = engine.containers.logs("lab-report").splitlines()
    if "backup finished" in (line.strip() for line in lines):
        return
    found = _("its log is empty") if not lines else _("its log ends with `{line}`")
    raise CheckFailed(
        found.format(line=lines[-1].strip() if lines else ""),
        hint=_("What the command prints becomes the log: compare with `docker logs lab-report`."),
    )


@check("containers.exit_code", after=report_has_ended, points=1)
def report_exits_with_seven(engine: Engine) -> None:
    """Its exit code is 7."""
    report = engine.containers.get("lab-report")
    if report.exit_code == 7:  # noqa: PLR2004 - the number that the exercise asks for
        return
    if not report.exit_code and not any("exit" in word for word in report.command):
        raise CheckFailed(
            _("the container ran `{command}` and ended with {code}: no `exit` reached it").format(
                command=" ".join(report.command), code=report.exit_code
            ),
            hint=_(
                "Your own shell took the rest of the line. Quote both commands: `sh -c '…; …'`."
            ),
        )
    raise CheckFailed(
        _("its exit code is {code}").format(code=report.exit_code),
        hint=_("The last thing that the command does is `exit 7`."),
    )


def _no_report(engine: Engine) -> CheckFailed:
    """Find out whether it ran under another name, or ran and was removed at once."""
    for line in engine.containers.list():
        if repository(line["Image"]) == "lab/shell" and "exit 7" in line["Command"]:
            name = listed_name(line)
            return CheckFailed(
                _("the container that runs `exit 7` is named `{name}`").format(name=name),
                hint=_("Without `--name` Docker invents one. `docker rename {name} …`.").format(
                    name=name
                ),
            )
    if _removed_itself(engine, "lab-report"):
        return CheckFailed(
            _("`lab-report` has run, and was removed in the moment when it ended"),
            hint=_("`--rm` removes a container with its log and exit code: leave it out."),
        )
    return CheckFailed(
        _("there is no container named `lab-report`"),
        hint=_("`docker run --name lab-report …` makes one and keeps it."),
    )


def _removed_itself(engine: Engine, name: str) -> bool:
    """Tell whether the last container of this name went at once after its end, as by `--rm`."""
    events = recent_events(engine, type="container", container=name)
    gone = next((e for e in reversed(events) if e["Action"] == "destroy"), None)
    if gone is None:
        return False
    its = [e for e in events if e["Actor"]["ID"] == gone["Actor"]["ID"]]
    died = [e["timeNano"] for e in its if e["Action"] == "die"]
    killed = any(e["Action"] == "kill" for e in its)
    return bool(died) and not killed and gone["timeNano"] - died[-1] < SECOND


# containers.published


@check("containers.published", points=1)
def site_is_published(engine: Engine) -> None:
    """`lab-site` of the image `lab/web` publishes its port 80 as port 8084 of the host."""
    try:
        site = engine.containers.get("lab-site")
    except NoSuchContainer:
        raise _no_site(engine) from None
    expect_image(engine, site, "lab/web", hint=_("The web server is in the image `lab/web`."))
    expect_published(site, 8084)


@check("containers.published", after=site_is_published, points=1)
def site_runs(engine: Engine) -> None:
    """`lab-site` runs in the background."""
    site = engine.containers.get("lab-site")
    if site.status == "exited" and site.exit_code == 0:
        raise CheckFailed(
            _("`lab-site` has run and was ended, without a fault of its own (exit code 0)"),
            hint=_("Without `--detach`, interrupting the cell also ends the server."),
        )
    if not site.running:
        raise not_running(engine, site)


@check("containers.published", after=site_runs, points=1)
def site_answers(engine: Engine) -> None:
    """`http://localhost:8084/` shows a page."""
    page_at(engine, 8084, "lab-site")


def _no_site(engine: Engine) -> CheckFailed:
    for line in engine.containers.list():
        if repository(line["Image"]) == "lab/web" and line["Command"].startswith("-"):
            return CheckFailed(
                _("container `{name}` was told to run `{command}`").format(
                    name=listed_name(line), command=line["Command"]
                ),
                hint=_("What follows the image is the command: options come before the image."),
            )
    return CheckFailed(
        _("there is no container named `lab-site`"),
        hint=_("`docker run` takes the name as `--name lab-site`, before the image."),
    )


# containers.page


@check("containers.page", points=2)
def south_is_closed(engine: Engine) -> None:
    """`lab-south` itself serves a page that says `Closed for repairs`."""
    south = engine.containers.get("lab-south")
    if not south.running:
        raise not_running(engine, south)
    if south.mounts:
        raise CheckFailed(
            _("`lab-south` takes `{path}` from outside").format(path=south.mounts[0].destination),
            hint=_("Run the set-up cell again: the page is to be changed in the container itself."),
        )
    if south.labels.get("started-by") != "exercise":
        raise CheckFailed(
            _("this `lab-south` is not the one that the set-up cell started"),
            hint=_("Run the set-up cell again, then change the page without replacing it."),
        )
    expect_published(south, 8086)
    if _is_closed(page_at(engine, 8086, "lab-south")):
        return
    if PAGE in engine.containers.diff("lab-north"):
        raise CheckFailed(
            _("the page of `lab-south` is the old one, and that of `lab-north` has changed"),
            hint=_("You went into the neighbour: the name before the colon says which container."),
        )
    changes = engine.containers.diff("lab-south")
    if PAGE in changes:
        raise CheckFailed(
            _("the page of `lab-south` has changed, but does not say `Closed for repairs`"),
            hint=_("Read what it says: `docker exec lab-south cat {page}`.").format(page=PAGE),
        )
    strays = [path for path, kind in changes.items() if kind == "A" and path.endswith(".html")]
    strays = [path for path in strays if not path.startswith("/usr/share/nginx/html/")]
    if strays:
        raise CheckFailed(
            _("`{path}` is new in `lab-south`, but it is not what nginx serves").format(
                path=strays[0]
            ),
            hint=_("nginx serves the folder `/usr/share/nginx/html`."),
        )
    raise CheckFailed(
        _("the page of `lab-south` is still the image's"),
        hint=_("`docker cp` and `docker exec` can both change a file of a running container."),
    )


@check("containers.page", after=south_is_closed, points=1)
def north_is_unchanged(engine: Engine) -> None:
    """`lab-north` still serves the page of the image."""
    if PAGE in engine.containers.diff("lab-north") or _is_closed(
        page_at(engine, 8085, "lab-north")
    ):
        raise CheckFailed(
            _("the page of `lab-north` has changed, too"),
            hint=_("A fresh start: run the set-up cell again, and change `lab-south` only."),
        )


@check("containers.page", after=north_is_unchanged, points=1)
def south_keeps_the_old_page(engine: Engine) -> None:
    """In `lab-south`, `/usr/share/nginx/html/before.html` is the page that it came with."""
    original = engine.containers.read_file("lab-north", PAGE)
    kept_as = PAGE.replace("index", "before")
    try:
        kept = engine.containers.read_file("lab-south", kept_as)
    except FileNotFoundError:
        raise CheckFailed(
            _("`lab-south` has no file `{path}`").format(path=kept_as),
            hint=_("Inside the container, `cp` copies: `docker exec lab-south cp … …`."),
        ) from None
    if kept == original:
        return
    if _is_closed(kept.decode(errors="replace")):
        raise CheckFailed(
            _("`before.html` is a copy of the new page"),
            hint=_("It was copied too late. `lab-north` still has the old one."),
        )
    raise CheckFailed(
        _("`before.html` is not the page that the image has"),
        hint=_("Compare: `docker exec lab-north cat {page}`.").format(page=PAGE),
    )


def _is_closed(page: str) -> bool:
    return "closed for repairs" in page.lower()


# containers.limits


@check("containers.limits", points=1)
def worker_memory_is_limited(engine: Engine) -> None:
    """`lab-worker` may use 64 MiB of memory at most."""
    worker = engine.containers.get("lab-worker")
    if worker.memory_limit == 64 * MIB:
        return
    if worker.memory_limit:
        raise CheckFailed(
            _("`lab-worker` may use {size}").format(size=memory(worker.memory_limit)),
            hint=_("The letter is the unit: b, k, m or g. The exercise asks for `64m`."),
        )
    for name in sorted(listed_name(line) for line in engine.containers.list()):
        if name.startswith("lab-") and engine.containers.get(name).memory_limit == 64 * MIB:
            raise CheckFailed(
                _("`{name}` may use 64 MiB, `lab-worker` still has no limit").format(name=name),
                hint=_("You started a second container. Limit the one that runs already."),
            )
    raise CheckFailed(
        _("`lab-worker` has no memory limit"),
        hint=_("`docker update` changes limits. Read what it prints: a refusal changes nothing."),
    )


@check("containers.limits", points=1)
def worker_has_half_a_cpu(engine: Engine) -> None:
    """`lab-worker` may use half a CPU at most."""
    worker = engine.containers.get("lab-worker")
    if worker.cpus == 0.5:  # noqa: PLR2004 - the number that the exercise asks for
        return
    if worker.cpus:
        raise CheckFailed(
            _("`lab-worker` may use {cpus:g} CPUs").format(cpus=worker.cpus),
            hint=_("`--cpus` counts CPUs, not percent: half of one is `0.5`."),
        )
    if shares := worker.attrs["HostConfig"].get("CpuShares"):
        raise CheckFailed(
            _("`lab-worker` has the weight {shares}, and no limit").format(shares=shares),
            hint=_("`--cpu-shares` only matters when CPUs are scarce. A limit is `--cpus`."),
        )
    raise CheckFailed(
        _("`lab-worker` has no CPU limit"), hint=_("`docker stats` shows what it takes: `--cpus`.")
    )


@check("containers.limits", points=1)
def worker_is_restarted(engine: Engine) -> None:
    """The engine starts `lab-worker` again when it fails, five times at most."""
    worker = engine.containers.get("lab-worker")
    policy, most = worker.restart_policy, worker.restart_maximum
    if policy == "on-failure" and 1 <= most <= MOST_RESTARTS:
        return
    if policy in {"always", "unless-stopped"}:
        raise CheckFailed(
            _("the restart policy is `{policy}`: no limit, and also after success").format(
                policy=policy
            ),
            hint=_("The policy that looks at the exit code is `on-failure`."),
        )
    if policy == "on-failure":
        found = _("the policy is `on-failure`, with {most} restarts at most")
        endless = _("the policy is `on-failure`, as often as it fails")
        raise CheckFailed(
            (found if most else endless).format(most=most),
            hint=_("The number of restarts stands behind a colon: `on-failure:N`."),
        )
    raise CheckFailed(
        _("the restart policy is `{policy}`").format(policy=policy),
        hint=_("`docker update` also takes `--restart`."),
    )


@check("containers.limits", after=worker_is_restarted, points=1)
def worker_goes_on(engine: Engine) -> None:
    """It is the worker of the set-up cell, at work since then without a break."""
    worker = engine.containers.get("lab-worker")
    if not worker.running:
        raise not_running(engine, worker)
    if worker.labels.get("started-by") != "exercise":
        raise CheckFailed(
            _("this `lab-worker` is not the one that the set-up cell started: its work is lost"),
            hint=_("Run the set-up cell again, then change the container without replacing it."),
        )
    # A container that has never ended has Docker's zero time as its end.
    if not worker.finished_at.startswith("0001-"):
        raise CheckFailed(
            _("`lab-worker` was started again after it had been at work"),
            hint=_("Limits and policy change while it runs. Run the set-up cell and try again."),
        )


# containers.repair


@check("containers.repair", points=2)
def shop_stays_up(engine: Engine) -> None:
    """`lab-shop` runs and stays up."""
    with suppress(WaitTimeout):
        wait_until(
            lambda: not engine.containers.get("lab-shop").running or answers(engine, 8087),
            what=_("the shop"),
            timeout=3.0,
        )
    shop = engine.containers.get("lab-shop")
    if shop.running:
        return
    # The last two runs, for it may just have been started again.
    if missing := program_not_found(engine.containers.logs("lab-shop", tail=6)):
        raise CheckFailed(
            _("`lab-shop` has ended with {code}: `{program}` was not found").format(
                code=shop.exit_code, program=missing
            ),
            hint=_("The command was fixed when the container was made: make it anew."),
        )
    if shop.exit_code == KILLED or shop.oom_killed:
        raise CheckFailed(
            _("`lab-shop` has ended with {code}, and may use {size}").format(
                code=shop.exit_code, size=memory(shop.memory_limit)
            ),
            hint=_("137 is 128 + 9: it was killed. `OOMKilled` in `docker inspect` says why."),
        )
    raise not_running(engine, shop)


@check("containers.repair", after=shop_stays_up, points=1)
def shop_shows_its_name(engine: Engine) -> None:
    """`http://localhost:8087/` shows the shop's name and number, out of its environment."""
    shop, name = engine.containers.get("lab-shop"), drawn(engine, "lab-shop-sign", "shop")
    expect_published(shop, 8087)
    page = page_at(engine, 8087, "lab-shop").strip()
    if shop.env.get("SHOP") == name and name in page:
        return
    if "Corner Shop" in page and "SHOP" not in shop.env:
        raise CheckFailed(
            _("the page says `{page}`, and there is no `SHOP` in its environment").format(
                page=page[:60]
            ),
            hint=_("Its text is fixed in the command now; there, it should be `$SHOP` again."),
        )
    raise CheckFailed(
        _("the page says `{page}`, and the shop is `{name}`").format(page=page[:60], name=name),
        hint=_("The name comes from the container's environment: `--env SHOP=…`."),
    )


@check("containers.repair", after=shop_shows_its_name, points=1)
def shop_keeps_its_settings(engine: Engine) -> None:
    """It still has a memory limit, of 128 MiB at most, and the restart policy `unless-stopped`."""
    shop = engine.containers.get("lab-shop")
    if shop.restart_policy != "unless-stopped":
        raise CheckFailed(
            _("its restart policy is `{policy}`").format(policy=shop.restart_policy),
            hint=_("A new container has none of the old one's settings; also give `--restart`."),
        )
    if not 0 < shop.memory_limit <= 128 * MIB:
        raise CheckFailed(
            _("it may use {size}").format(size=memory(shop.memory_limit)),
            hint=_("It needs some 45 MiB: raise the limit, but keep one."),
        )
