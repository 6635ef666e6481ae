"""The checks of chapter 08 on recorded inspect answers, cut down to what the checks read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from labkit.checking import CheckFailed
from labkit.checks import diagnosis, networks
from labkit.engine import Container
from labkit.engine.objects import Network
from labkit.errors import WaitTimeout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

OURS = {"started-by": "exercise"}
GATEWAY_PAGE = "<html><head><title>502 Bad Gateway</title></head></html>"
PAGE = "/srv/index.html"


class Town:
    """Puts networks and containers on the fake engine."""

    def __init__(self, engine: Any) -> None:
        self.engine = engine
        engine.host = "127.0.0.1"

    def network(self, name: str, *, internal: bool = False) -> None:
        attrs = {"Id": name, "Name": name, "Driver": "bridge", "Internal": internal}
        self.engine.networks.things[name] = Network.from_inspect(attrs)

    def container(
        self,
        name: str,
        places: dict[str, list[str]],
        *,
        image: str = "lab/shell",
        labels: dict[str, str] | None = OURS,
        status: str = "running",
        page: str = "",
        ports: dict[str, Any] | None = None,
        **host: Any,
    ) -> None:
        """A container on `places`, networks with its aliases there."""
        self.engine.containers.things[name] = Container.from_inspect(
            {
                "Id": f"id-of-{name}",
                "Name": f"/{name}",
                "Image": "sha256:feed",
                "State": {"Status": status, "ExitCode": 0},
                "Config": {"Image": image, "Labels": labels, "Cmd": host.pop("command", ["sh"])},
                "HostConfig": host,
                "NetworkSettings": {
                    "Ports": ports,
                    "Networks": {
                        network: {"IPAddress": "172.18.0.2", "Aliases": aliases}
                        for network, aliases in places.items()
                    },
                },
            }
        )
        self.engine.containers.files[name, PAGE] = f"{page}\n".encode()

    def logs(self, name: str, text: str) -> None:
        self.engine.containers.log_texts[name] = text

    def refusal(self, check: Callable[..., None]) -> CheckFailed:
        with pytest.raises(CheckFailed) as caught:
            check(self.engine)
        return caught.value

    def accepts(self, *checks: Callable[..., None]) -> None:
        for check in checks:
            check(self.engine)


@pytest.fixture
def town(fake_engine: Any) -> Town:
    return Town(fake_engine)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    def ask_once(condition: Callable[[], Any], *, what: str, **_options: Any) -> Any:
        if answer := condition():
            return answer
        raise WaitTimeout(what, 0.0)

    for module in (networks, diagnosis):
        monkeypatch.setattr(module, "wait_until", ask_once)


# networks.by_name


def alley(town: Town, **baker: Any) -> None:
    town.network("lab-alley")
    options = {"places": {"bridge": [], "lab-alley": ["bread"]}, "page": "loaf number 7", **baker}
    town.container("lab-baker", **options)
    town.container("lab-guest", {"lab-alley": []}, status="exited", labels=None)
    town.logs("lab-guest", "loaf number 7\n")


def test_a_guest_who_found_the_bread_by_name_passes(town: Town) -> None:
    alley(town)
    town.accepts(
        networks.baker_is_on_the_alley,
        networks.baker_is_called_bread,
        networks.guest_is_on_the_alley,
        networks.guest_has_the_loaf,
    )


def test_without_a_network_that_is_said(town: Town) -> None:
    assert "no network `lab-alley`" in town.refusal(networks.baker_is_on_the_alley).found


def test_a_baker_elsewhere_is_told_where(town: Town) -> None:
    alley(town, places={"bridge": []})
    assert town.refusal(networks.baker_is_on_the_alley).found == "`lab-baker` is on `bridge`"


def test_another_baker_is_told_so(town: Town) -> None:
    alley(town, labels=None)
    assert "not the one of the set-up cell" in town.refusal(networks.baker_is_on_the_alley).found


def test_a_baker_who_has_stopped_is_told_so(town: Town) -> None:
    alley(town, status="exited")
    assert "has ended" in town.refusal(networks.baker_is_on_the_alley).found


def test_a_missing_alias_is_told_with_the_way_to_give_it(town: Town) -> None:
    alley(town, places={"lab-alley": ["loaf"]})
    refusal = town.refusal(networks.baker_is_called_bread)
    assert "is not called `bread`" in refusal.found
    assert "disconnect lab-alley lab-baker" in refusal.hint


def test_a_guest_on_two_networks_is_told_both(town: Town) -> None:
    alley(town)
    town.container("lab-guest", {"bridge": [], "lab-alley": []}, labels=None)
    assert "`bridge` and `lab-alley`" in town.refusal(networks.guest_is_on_the_alley).found


@pytest.mark.parametrize("option", ["ExtraHosts", "Links"])
def test_an_address_by_hand_is_no_name(town: Town, option: str) -> None:
    alley(town)
    town.container("lab-guest", {"lab-alley": []}, **{option: ["bread:172.18.0.2"]})
    assert "by hand" in town.refusal(networks.guest_is_on_the_alley).found


def test_a_guest_of_another_image_is_told_it(town: Town) -> None:
    alley(town)
    town.container("lab-guest", {"lab-alley": []}, image="lab/web")
    assert "`lab/web`" in town.refusal(networks.guest_is_on_the_alley).found


@pytest.mark.parametrize(
    ("log", "found"),
    [("wget: bad address 'bread'\n", "ends with `wget: bad address"), ("", "is empty")],
)
def test_a_guest_without_a_loaf_is_told_its_last_line(town: Town, log: str, found: str) -> None:
    alley(town)
    town.logs("lab-guest", log)
    assert found in town.refusal(networks.guest_has_the_loaf).found


# networks.localhost_only


def door(ip: str, port: int) -> dict[str, str]:
    return {"HostIp": ip, "HostPort": str(port)}


def office(town: Town, ports: dict[str, Any] | None, **options: Any) -> None:
    town.container("lab-office", {"bridge": []}, **{"image": "lab/web", "ports": ports, **options})


ONLY_HERE = {"80/tcp": [door("127.0.0.1", 8182)]}


def test_an_office_behind_the_hosts_own_address_passes(town: Town) -> None:
    office(town, ONLY_HERE)
    town.engine.http[8182] = "It works"
    town.accepts(networks.office_is_for_this_machine_only, networks.office_answers)


@pytest.mark.parametrize(
    ("ports", "hint"),
    [
        ({"80/tcp": [door("0.0.0.0", 8182), door("::", 8182)]}, "Every address"),  # noqa: S104
        ({"80/tcp": [door("127.0.0.1", 8182), door("::", 8182)]}, "Every address"),
        ({"80/tcp": [door("127.0.0.1", 49153)]}, "between the address and"),
        ({"8182/tcp": [door("127.0.0.1", 80)]}, "comes last"),
        ({}, "open no door"),
    ],
)
def test_other_doors_are_told_by_what_is_wrong(town: Town, ports: Any, hint: str) -> None:
    office(town, ports)
    assert hint in town.refusal(networks.office_is_for_this_machine_only).hint


def test_the_hosts_network_publishes_nothing(town: Town) -> None:
    office(town, {}, NetworkMode="host")
    assert "network of the host" in town.refusal(networks.office_is_for_this_machine_only).found


def test_an_office_that_was_not_started_is_told_so(town: Town) -> None:
    office(town, ONLY_HERE, status="created")
    assert "never started" in town.refusal(networks.office_answers).found


def test_an_office_of_another_image_is_told_it(town: Town) -> None:
    office(town, ONLY_HERE, image="lab/shell")
    assert "`lab/shell`" in town.refusal(networks.office_answers).found


def test_an_office_that_does_not_answer_is_waited_for_in_vain(town: Town) -> None:
    office(town, ONLY_HERE)
    with pytest.raises(WaitTimeout):
        networks.office_answers(town.engine)


# networks.two_kitchens


def kitchens(town: Town, *, aliases: tuple[str, ...] = ("kitchen", "kitchen")) -> None:
    for n, alias in enumerate(aliases, 1):
        town.container(f"lab-kitchen-{n}", {"lab-restaurant": [alias]}, page=f"dish {n}")
    town.container("lab-counter", {"lab-restaurant": []}, image="lab/web")


def serve(town: Town, monkeypatch: pytest.MonkeyPatch, *pages: str) -> None:
    """Serve these pages again and again."""

    def endless() -> Iterator[str]:
        while True:
            yield from pages

    served = endless()
    monkeypatch.setattr(networks, "page_at", lambda *_where: next(served))
    assert town.engine.containers.exists("lab-counter")


def test_two_kitchens_with_one_name_pass(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    kitchens(town)
    serve(town, monkeypatch, "dish 1\n", "dish 2\n")
    town.accepts(networks.kitchens_have_one_name, networks.counter_runs, networks.counter_asks_both)


def test_the_kitchen_without_the_name_is_told(town: Town) -> None:
    kitchens(town, aliases=("kitchen", "other"))
    assert "`lab-kitchen-2` is not called" in town.refusal(networks.kitchens_have_one_name).found


def test_an_unplugged_kitchen_is_told_how_to_plug_it_in(town: Town) -> None:
    kitchens(town)
    town.container("lab-kitchen-1", {})
    assert "--alias kitchen" in town.refusal(networks.kitchens_have_one_name).hint


def test_orders_that_all_go_to_one_kitchen_are_told(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    kitchens(town)
    serve(town, monkeypatch, "dish 2\n")
    refusal = town.refusal(networks.counter_asks_both)
    assert refusal.found == "of 6 orders, all went to `lab-kitchen-2`"
    assert "docker restart" in refusal.hint


@pytest.mark.parametrize(
    ("page", "found"), [(GATEWAY_PAGE, "502 Bad Gateway"), ("\n", "the page is empty")]
)
def test_a_dish_of_no_kitchen_is_told(
    town: Town, monkeypatch: pytest.MonkeyPatch, page: str, found: str
) -> None:
    kitchens(town)
    serve(town, monkeypatch, page)
    assert found in town.refusal(networks.counter_asks_both).found


def test_a_counter_that_was_not_started_is_told_so(town: Town) -> None:
    kitchens(town)
    town.container("lab-counter", {"lab-restaurant": []}, status="created")
    assert "docker start lab-counter" in town.refusal(networks.counter_runs).hint


# networks.three_tiers


def shop(town: Town, **places: dict[str, list[str]]) -> None:
    for name in ("lab-hall", "lab-outer"):
        town.network(name)
    town.network("lab-inner", internal=True)
    right = {
        "cashier": {"lab-outer": []},
        "clerk": {"lab-outer": [], "lab-inner": []},
        "safe": {"lab-inner": []},
    }
    for name, place in {**right, **places}.items():
        town.container(f"lab-{name}", place, page="balance 42")


def test_a_shop_in_three_tiers_passes(town: Town) -> None:
    shop(town)
    town.engine.http[8184] = "balance 42\n"
    town.accepts(
        networks.shop_is_the_same,
        networks.safe_has_no_way_out,
        networks.cashier_and_safe_are_apart,
        networks.clerk_reaches_both,
        networks.cashier_shows_the_safe,
    )


def test_a_safe_still_in_the_hall_is_told_so(town: Town) -> None:
    shop(town, safe={"lab-hall": [], "lab-inner": []})
    assert "still on `lab-hall`" in town.refusal(networks.safe_has_no_way_out).found


def test_a_safe_with_another_way_out_is_told_which(town: Town) -> None:
    shop(town, safe={"lab-outer": []})
    refusal = town.refusal(networks.safe_has_no_way_out)
    assert refusal.found == "`lab-outer` has a way out"
    assert "--internal" in refusal.hint


def test_a_safe_on_no_network_is_not_safe_but_gone(town: Town) -> None:
    shop(town, safe={})
    assert "on no network" in town.refusal(networks.safe_has_no_way_out).found


def test_cashier_and_safe_together_are_told_where(town: Town) -> None:
    shop(town, cashier={"lab-outer": [], "lab-inner": []})
    assert town.refusal(networks.cashier_and_safe_are_apart).found == "both are on `lab-inner`"


def test_a_clerk_on_one_side_is_told_whom_he_misses(town: Town) -> None:
    shop(town, clerk={"lab-inner": []})
    assert "`lab-cashier`" in town.refusal(networks.clerk_reaches_both).found


def test_a_cashier_without_a_way_out_fails_even_while_its_old_port_answers(town: Town) -> None:
    shop(town, cashier={"lab-inner": []})
    town.engine.http[8184] = "balance 42\n"
    assert "has no way out" in town.refusal(networks.cashier_shows_the_safe).found


def test_a_cashier_that_shows_something_else_is_told_what(town: Town) -> None:
    shop(town)
    assert town.refusal(networks.cashier_shows_the_safe).found == "nothing answers"
    town.engine.http[8184] = GATEWAY_PAGE
    assert "502" in town.refusal(networks.cashier_shows_the_safe).found


def test_a_replaced_cashier_is_told_so(town: Town) -> None:
    shop(town)
    town.container("lab-cashier", {"lab-outer": []}, labels=None)
    assert "this `lab-cashier` is not" in town.refusal(networks.shop_is_the_same).found


# networks.no_menu


def cafe(town: Town, places: dict[str, list[str]] | None = None, **menu: Any) -> None:
    town.container("lab-cafe", {"lab-dining": []}, labels={**OURS, "dish": "soup number 7"})
    conf = b"server { location / { set $next menu; proxy_pass http://$next:8000; } }"
    town.engine.containers.files["lab-cafe", networks.NGINX] = conf
    menu_places = {"lab-dining": ["menu"]} if places is None else places
    town.container("lab-menu", menu_places, labels=None, **menu)


def test_a_cafe_that_shows_its_menu_passes(town: Town) -> None:
    cafe(town)
    town.engine.http[8185] = "soup number 7\n"
    town.accepts(networks.cafe_is_the_same, networks.menu_is_in_reach, networks.menu_is_served)


def test_a_cafe_elsewhere_is_told_where(town: Town) -> None:
    cafe(town)
    town.container("lab-cafe", {"lab-larder": []})
    assert "`lab-larder`" in town.refusal(networks.cafe_is_the_same).found


def test_a_cafe_that_asks_somebody_else_is_told_so(town: Town) -> None:
    cafe(town)
    town.engine.containers.files["lab-cafe", networks.NGINX] = b"return 200 'soup number 7';"
    assert "was changed" in town.refusal(networks.cafe_is_the_same).found


def test_a_menu_on_another_network_is_told_with_both(town: Town) -> None:
    cafe(town, {"lab-larder": ["menu"]})
    found = town.refusal(networks.menu_is_in_reach).found
    assert found == "`lab-menu` is on `lab-larder`, `lab-cafe` on `lab-dining`"


def test_a_menu_in_reach_without_its_name_is_told_so(town: Town) -> None:
    cafe(town, {"lab-larder": ["menu"], "lab-dining": []})
    assert "is not called `menu`" in town.refusal(networks.menu_is_in_reach).found


def test_a_menu_that_does_not_run_is_told_so(town: Town) -> None:
    cafe(town, status="exited")
    assert "has ended" in town.refusal(networks.menu_is_in_reach).found


@pytest.mark.parametrize(
    ("command", "hint"),
    [
        (["httpd", "-f", "-p", "127.0.0.1:8000"], "for itself only"),
        (["httpd", "-f", "-p", "80"], "asks for port 8000"),
    ],
)
def test_a_refused_cafe_is_told_what_the_menu_listens_at(
    town: Town, command: list[str], hint: str
) -> None:
    cafe(town, command=command)
    town.engine.http[8185] = GATEWAY_PAGE
    refusal = town.refusal(networks.menu_is_served)
    assert " ".join(command) in refusal.found
    assert hint in refusal.hint


@pytest.mark.parametrize(
    ("page", "found"), [("\n", "the page is empty"), ("stew\n", "the page says `stew`")]
)
def test_another_menu_is_told_of_its_environment(town: Town, page: str, found: str) -> None:
    cafe(town)
    town.engine.http[8185] = page
    refusal = town.refusal(networks.menu_is_served)
    assert refusal.found == found
    assert "--env MENU" in refusal.hint


def test_a_cafe_that_does_not_answer_is_told_so(town: Town) -> None:
    cafe(town)
    assert town.refusal(networks.menu_is_served).found == "nothing answers"
