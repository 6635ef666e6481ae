"""Checks of chapter 08, Networks."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from labkit.checking import CheckFailed, check
from labkit.checks.diagnosis import drawn, expect_image, not_running, page_at
from labkit.errors import WaitTimeout
from labkit.translation import _
from labkit.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labkit.engine import Engine
    from labkit.engine.objects import Container

LOOPBACK = "127.0.0.1"
#: Requests to a counter that shares them evenly: the second one would do.
ORDERS = 6
PAGE = "/srv/index.html"
NGINX = "/etc/nginx/sites-available/default"
BAD_GATEWAY = "502 Bad Gateway"


# networks.by_name


@check("networks.by_name", points=1)
def baker_is_on_the_alley(engine: Engine) -> None:
    """The baker of the set-up cell is on a network `lab-alley`."""
    if not engine.networks.exists("lab-alley"):
        raise CheckFailed(
            _("there is no network `lab-alley`"), hint=_("`docker network create lab-alley`.")
        )
    baker = _original(engine, "lab-baker")
    if "lab-alley" not in baker.networks:
        raise CheckFailed(
            _("`lab-baker` is on {networks}").format(networks=_list(baker.networks)),
            hint=_("`docker network connect` plugs in a container that runs already."),
        )


@check("networks.by_name", after=baker_is_on_the_alley, points=1)
def baker_is_called_bread(engine: Engine) -> None:
    """On `lab-alley`, `lab-baker` is also called `bread`."""
    _expect_alias(engine.containers.get("lab-baker"), "lab-alley", "bread")


@check("networks.by_name", after=baker_is_on_the_alley, points=1)
def guest_is_on_the_alley(engine: Engine) -> None:
    """`lab-guest`, of the image `lab/shell`, was on `lab-alley` and on no other network."""
    guest = engine.containers.get("lab-guest")
    expect_image(engine, guest, "lab/shell")
    if set(guest.networks) != {"lab-alley"}:
        raise CheckFailed(
            _("`lab-guest` was on {networks}").format(networks=_list(guest.networks)),
            hint=_("Remove it, and run it with `--network lab-alley`."),
        )
    host = guest.attrs["HostConfig"]
    if host.get("ExtraHosts") or host.get("Links"):
        raise CheckFailed(
            _("`lab-guest` was given an address by hand, with `--add-host` or `--link`"),
            hint=_("Leave that out: the name server of the network knows the name."),
        )


@check("networks.by_name", after=guest_is_on_the_alley, points=1)
def guest_has_the_loaf(engine: Engine) -> None:
    """The log of `lab-guest` is the page of `lab-baker`."""
    loaf = engine.containers.read_file("lab-baker", PAGE).decode().strip()
    lines = engine.containers.logs("lab-guest").splitlines()
    if loaf in lines:
        return
    found = _("its log ends with `{line}`") if lines else _("its log is empty")
    raise CheckFailed(
        found.format(line=lines[-1].strip() if lines else ""),
        hint=_("Remove `lab-guest` and send it again, when the baker has his name: `wget -O -`."),
    )


# networks.localhost_only


@check("networks.localhost_only", points=2)
def office_is_for_this_machine_only(engine: Engine) -> None:
    """Port 80 of `lab-office` is behind `127.0.0.1:8182`, and behind nothing else."""
    office = engine.containers.get("lab-office")
    doors = [(ip, port, inner) for inner, at in office.ports.items() for ip, port in at]
    if doors == [(LOOPBACK, 8182, "80/tcp")]:
        return
    if office.network_mode == "host":
        raise CheckFailed(
            _("`lab-office` uses the network of the host"),
            hint=_("Such a container has no ports of its own to publish: use a bridge network."),
        )
    if not doors:
        raise CheckFailed(
            _("`lab-office` publishes no port"),
            hint=_("`EXPOSE` and `--expose` are notes; they open no door. `--publish` does."),
        )
    found = _("`lab-office` publishes {doors}").format(
        doors=_(" and ").join(f"`{ip}:{port}->{inner}`" for ip, port, inner in doors)
    )
    if any(inner != "80/tcp" for _ip, _port, inner in doors):
        hint = _("The container's port comes last: `ADDRESS:HOST:CONTAINER`.")
    elif any(ip != LOOPBACK for ip, _port, _inner in doors):
        hint = _("Every address of the host leads to it. Put one before the port: `127.0.0.1:…`.")
    else:
        hint = _("The host's port stands between the address and the container's port.")
    raise CheckFailed(found, hint=hint)


@check("networks.localhost_only", after=office_is_for_this_machine_only, points=1)
def office_answers(engine: Engine) -> None:
    """`lab-office`, of the image `lab/web`, runs and shows its page."""
    office = engine.containers.get("lab-office")
    expect_image(engine, office, "lab/web")
    if not office.running:
        raise not_running(engine, office)
    if engine.is_here:  # what is behind it cannot be asked from another machine
        page_at(engine, 8182, "lab-office")


# networks.two_kitchens


@check("networks.two_kitchens", points=2)
def kitchens_have_one_name(engine: Engine) -> None:
    """Both kitchens of the set-up cell are called `kitchen` on `lab-restaurant`."""
    for name in ("lab-kitchen-1", "lab-kitchen-2"):
        _expect_alias(_original(engine, name), "lab-restaurant", "kitchen")


@check("networks.two_kitchens", after=kitchens_have_one_name, points=1)
def counter_runs(engine: Engine) -> None:
    """`lab-counter` of the set-up cell runs."""
    _original(engine, "lab-counter")


@check("networks.two_kitchens", after=counter_runs, points=1)
def counter_asks_both(engine: Engine) -> None:
    """`http://localhost:8183/` shows the dish of either kitchen in turn."""
    dishes = {
        engine.containers.read_file(name, PAGE).decode().strip(): name
        for name in ("lab-kitchen-1", "lab-kitchen-2")
    }
    pages = [page_at(engine, 8183, "lab-counter") for _order in range(ORDERS)]
    for page in pages:
        if page.strip() not in dishes:
            raise CheckFailed(
                _said(page),
                hint=_("What went wrong stands in `docker logs --tail 3 lab-counter`."),
            )
    cooks = {dishes[page.strip()] for page in pages}
    if len(cooks) == len(dishes):
        return
    raise CheckFailed(
        _("of {count} orders, all went to `{name}`").format(count=ORDERS, name=cooks.pop()),
        hint=_(
            "nginx looked the name up when it started, and knew one kitchen: "
            "`docker restart lab-counter`."
        ),
    )


# networks.three_tiers


@check("networks.three_tiers", points=1)
def shop_is_the_same(engine: Engine) -> None:
    """`lab-cashier`, `lab-clerk` and `lab-safe` of the set-up cell run."""
    for name in ("lab-cashier", "lab-clerk", "lab-safe"):
        _original(engine, name)


@check("networks.three_tiers", after=shop_is_the_same, points=1)
def safe_has_no_way_out(engine: Engine) -> None:
    """`lab-safe` is on internal networks only."""
    safe = engine.containers.get("lab-safe")
    open_ones = [name for name in safe.networks if not engine.networks.get(name).internal]
    if not safe.networks:
        raise CheckFailed(
            _("`lab-safe` is on no network"), hint=_("Plug it in where the clerk can reach it.")
        )
    if open_ones == ["lab-hall"]:
        raise CheckFailed(
            _("`lab-safe` is still on `lab-hall`, which has a way out"),
            hint=_("Plug it into an internal network, then unplug it from `lab-hall`."),
        )
    if open_ones:
        raise CheckFailed(
            _("{networks} has a way out").format(networks=_list(open_ones)),
            hint=_(
                "What a network may do is said when it is made: `docker network create --internal`."
            ),
        )


@check("networks.three_tiers", after=shop_is_the_same, points=1)
def cashier_and_safe_are_apart(engine: Engine) -> None:
    """`lab-cashier` and `lab-safe` share no network."""
    if shared := _shared(engine, "lab-cashier", "lab-safe"):
        raise CheckFailed(
            _("both are on {networks}").format(networks=_list(shared)),
            hint=_("The clerk stands between them: `docker network disconnect` one of the two."),
        )


@check("networks.three_tiers", after=shop_is_the_same, points=1)
def clerk_reaches_both(engine: Engine) -> None:
    """`lab-clerk` shares a network with `lab-cashier`, and one with `lab-safe`."""
    for name in ("lab-cashier", "lab-safe"):
        if not _shared(engine, "lab-clerk", name):
            raise CheckFailed(
                _("`lab-clerk` and `{name}` have no network in common").format(name=name),
                hint=_("Plug the clerk into both: a container can be on several networks."),
            )


@check("networks.three_tiers", after=clerk_reaches_both, points=1)
def cashier_shows_the_safe(engine: Engine) -> None:
    """`lab-cashier` has a way out, and `http://localhost:8184/` shows the page of `lab-safe`."""
    cashier = engine.containers.get("lab-cashier")
    # The port that it had may answer still; from the next start on, it does not.
    if all(engine.networks.get(name).internal for name in cashier.networks):
        raise CheckFailed(
            _("`lab-cashier` is on {networks}, which has no way out").format(
                networks=_list(cashier.networks)
            ),
            hint=_("An internal network is closed to customers, too: only the safe's is one."),
        )
    balance = engine.containers.read_file("lab-safe", PAGE).decode().strip()
    page = _page(engine, 8184, balance)
    if balance not in page:
        raise CheckFailed(
            _said(page),
            hint=_("Why stands in `docker logs --tail 3` of the cashier, then of the clerk."),
        )


# networks.no_menu


@check("networks.no_menu", points=1)
def cafe_is_the_same(engine: Engine) -> None:
    """`lab-cafe` of the set-up cell runs on `lab-dining`, and asks `http://menu:8000`."""
    cafe = _original(engine, "lab-cafe")
    if "lab-dining" not in cafe.networks:
        raise CheckFailed(
            _("`lab-cafe` is on {networks}").format(networks=_list(cafe.networks)),
            hint=_("`docker network connect lab-dining lab-cafe`: it stays, the menu comes to it."),
        )
    if b"$next menu;" not in engine.containers.read_file("lab-cafe", NGINX):
        raise CheckFailed(
            _("the configuration of `lab-cafe` was changed"),
            hint=_("Run the set-up cell again: the fault is not in the café."),
        )


@check("networks.no_menu", after=cafe_is_the_same, points=2)
def menu_is_in_reach(engine: Engine) -> None:
    """`lab-menu` runs on a network of `lab-cafe`, where it is called `menu`."""
    menu = engine.containers.get("lab-menu")
    if not menu.running:
        raise not_running(engine, menu)
    shared = _shared(engine, "lab-cafe", "lab-menu")
    if not shared:
        raise CheckFailed(
            _("`lab-menu` is on {menu}, `lab-cafe` on {cafe}").format(
                menu=_list(menu.networks), cafe=_list(engine.containers.get("lab-cafe").networks)
            ),
            hint=_("The log of `lab-cafe` says that the name is not known: they share no network."),
        )
    if not any("menu" in menu.networks[network].aliases for network in shared):
        _expect_alias(menu, shared[0], "menu")


@check("networks.no_menu", after=menu_is_in_reach, points=2)
def menu_is_served(engine: Engine) -> None:
    """`http://localhost:8185/` shows the menu."""
    dish = drawn(engine, "lab-cafe", "dish")
    page = _page(engine, 8185, dish)
    if dish in page:
        return
    if not page:
        raise CheckFailed(_said(page), hint=_("Compare `docker ps` and `docker port lab-cafe`."))
    if BAD_GATEWAY not in page:
        raise CheckFailed(
            _said(page),
            hint=_("A new container has nothing of the old one's environment: `--env MENU=…`."),
        )
    command = " ".join(engine.containers.get("lab-menu").command)
    if LOOPBACK in command:
        raise CheckFailed(
            _("the café is refused: `lab-menu` runs `{command}`").format(command=command),
            hint=_(
                "`127.0.0.1` in a container is that container: it listens for itself only. "
                "A command is changed by making the container anew."
            ),
        )
    raise CheckFailed(
        _("the café is refused: `lab-menu` runs `{command}`").format(command=command),
        hint=_(
            "The café asks for port 8000. See who listens: `docker exec lab-menu netstat -ltn`."
        ),
    )


def _original(engine: Engine, name: str) -> Container:
    """Return a container of the set-up cell that runs."""
    container = engine.containers.get(name)
    if container.labels.get("started-by") != "exercise":
        raise CheckFailed(
            _("this `{name}` is not the one of the set-up cell").format(name=name),
            hint=_("Run the set-up cell again, and leave that container its life."),
        )
    if not container.running:
        raise not_running(engine, container)
    return container


def _expect_alias(container: Container, network: str, alias: str) -> None:
    """Expect a further name of a container on a network."""
    name = container.name
    if network not in container.networks:
        raise CheckFailed(
            _("`{name}` is not on `{network}`").format(name=name, network=network),
            hint=_("`docker network connect --alias {alias} {network} {name}`.").format(
                alias=alias, network=network, name=name
            ),
        )
    if alias not in container.networks[network].aliases:
        raise CheckFailed(
            _("on `{network}`, `{name}` is not called `{alias}`").format(
                network=network, name=name, alias=alias
            ),
            hint=_(
                "A plug gets its names when it is plugged in: "
                "`docker network disconnect {network} {name}`, then connect with `--alias {alias}`."
            ).format(network=network, name=name, alias=alias),
        )


def _shared(engine: Engine, one: str, other: str) -> list[str]:
    """Name the networks that two containers are on, in alphabetical order."""
    places = (engine.containers.get(name).networks for name in (one, other))
    return sorted(set.intersection(*map(set, places)))


def _page(engine: Engine, port: int, wanted: str) -> str:
    """Read a page once `wanted` is in it, or after some seconds; empty where nothing answers."""

    def page() -> str:
        with suppress(ConnectionError):
            return engine.http_get(port).body
        return ""

    with suppress(WaitTimeout):
        wait_until(lambda: wanted in page(), what=_("the page"), timeout=3.0)
    return page()


def _list(networks: Iterable[str]) -> str:
    """Write names of networks as part of a sentence."""
    return _(" and ").join(f"`{name}`" for name in networks) or _("no network")


def _said(page: str) -> str:
    """Say what a page shows, as far as it fits into a sentence."""
    if not page:
        return _("nothing answers")
    if not page.strip():
        return _("the page is empty")
    return _("the page says `{page}`").format(page=page.strip()[:60])
