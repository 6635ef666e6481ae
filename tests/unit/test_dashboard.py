"""The dashboard's core: accounts, logins, what may be changed, and what is shown of an engine."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import threading
from argparse import Namespace
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from labkit.cli.dashboard import _announced
from labkit.dashboard import carrying, operating, quick, status
from labkit.dashboard.accounts import AT_ONCE, COST, Account, Accounts, Role
from labkit.dashboard.frame import frame_html
from labkit.dashboard.hub import Hub
from labkit.dashboard.inventory import Event, Row, View, Watched
from labkit.dashboard.operating import ACTIONS, Change
from labkit.dashboard.page.doing import plain
from labkit.dashboard.page.entrance import LONGEST_FORM, MOST_FIELDS, Entrance
from labkit.dashboard.page.guard import Guard
from labkit.dashboard.page.server import Dashboard
from labkit.dashboard.sessions import (
    FORGOTTEN,
    FREE_TRIES,
    LONGEST,
    LONGEST_BY_HUB,
    LONGEST_INVITATION,
    MOST_TRIED,
    Sessions,
)
from labkit.engine import transfer
from labkit.engine.disk import Usage
from labkit.errors import DashboardError, NameNotTyped, NoSuchObject, NotPermitted
from tests.unit.tars import tar_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from starlette.requests import Request
    from starlette.responses import Response

    from labkit.course import Course

OPERATOR = Account("ada", Role.OPERATOR)
VIEWER = Account("vic", Role.VIEWER)
PASSWORD = "long enough"  # noqa: S105 - of no one
OURS = Row("container", "1", "lab-web", "running", "", ours=True)
FOREIGN = Row("container", "2", "theirs", "running", "", ours=False)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


#: Of no password in the world.
CHEAP = {"n": 1 << 4, "r": 8, "p": 1}


@pytest.fixture
def accounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Accounts:
    monkeypatch.setattr("labkit.dashboard.accounts.COST", CHEAP)
    return Accounts(tmp_path / "kept" / "accounts.json")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sessions(accounts: Accounts, clock: Clock) -> Sessions:
    accounts.put("vic", Role.VIEWER, PASSWORD)
    return Sessions(accounts, OPERATOR, clock=clock)


def test_only_its_own_account_reads_the_file_and_no_password_is_in_it(accounts: Accounts) -> None:
    accounts.put("ada", Role.OPERATOR, PASSWORD)
    assert accounts.path.stat().st_mode & 0o777 == 0o600
    assert PASSWORD not in accounts.path.read_text()
    assert accounts.check("ada", PASSWORD) == OPERATOR
    assert accounts.check("ada", PASSWORD + "!") is None
    assert accounts.check("eve", PASSWORD) is None


def test_two_accounts_with_one_password_have_two_hashes(accounts: Accounts) -> None:
    accounts.put("ada", Role.OPERATOR, PASSWORD)
    accounts.put("vic", Role.VIEWER, PASSWORD)
    kept = json.loads(accounts.path.read_text())
    assert kept["ada"]["hash"] != kept["vic"]["hash"]
    assert accounts.list() == (OPERATOR, VIEWER)


def test_a_password_of_another_cost_is_still_known_and_kept_anew_with_todays(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts.put("ada", Role.OPERATOR, PASSWORD)
    monkeypatch.undo()
    assert accounts.check("ada", PASSWORD) == OPERATOR
    accounts.put("ada", Role.OPERATOR, PASSWORD)
    kept = json.loads(accounts.path.read_text())["ada"]
    assert {key: kept[key] for key in COST} == COST
    assert COST["n"] * COST["p"] >= 3 << 15  # what OWASP asks for where `r` is 8
    assert accounts.check("ada", PASSWORD) == OPERATOR


def test_no_more_than_a_few_passwords_are_looked_at_in_one_moment(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts.put("ada", Role.OPERATOR, PASSWORD)
    now, most, lock, hash_ = 0, 0, threading.Lock(), hashlib.scrypt

    def counted(*arguments: Any, **more: Any) -> bytes:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        try:
            return hash_(*arguments, **more)
        finally:
            with lock:
                now -= 1

    monkeypatch.setattr("labkit.dashboard.accounts.hashlib.scrypt", counted)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _n: accounts.check("ada", PASSWORD), range(8)))
    assert found == [OPERATOR] * 8
    assert most <= AT_ONCE


def test_a_file_that_others_can_read_is_refused(accounts: Accounts) -> None:
    accounts.put("ada", Role.OPERATOR, PASSWORD)
    accounts.path.chmod(0o640)
    with pytest.raises(DashboardError, match="chmod 600"):
        accounts.check("ada", PASSWORD)


@pytest.mark.parametrize(
    "content",
    [
        *("", "[]", '{"ada": {}}', '{"ada": {"role": "king"}}', '{"ada": null}', '{"ada": {"role"'),
        '{"ada": {"role": "viewer", "salt": "a", "hash": "b"}}',  # only together an even number
        '{"ada": {"role": "viewer", "salt": "", "hash": "", "n": 2, "r": 1, "p": null}}',
        '{"ada": {"role": "viewer", "salt": "", "hash": "", "n": 3, "r": 1, "p": 1}}',
        "\x00",
    ],
)
def test_a_file_that_cannot_be_understood_lets_nobody_in(accounts: Accounts, content: str) -> None:
    accounts.put("ada", Role.OPERATOR, PASSWORD)
    accounts.path.write_text(content)
    with pytest.raises(DashboardError, match="cannot be understood"):
        accounts.check("ada", PASSWORD)


def test_a_write_that_is_cut_off_loses_nothing(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts.put("ada", Role.OPERATOR, PASSWORD)

    def cut_off(_file: int) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("labkit.files.os.fsync", cut_off)
        for change in (
            lambda: accounts.put("vic", Role.VIEWER, PASSWORD),
            lambda: accounts.remove("ada"),
        ):
            with pytest.raises(KeyboardInterrupt):
                change()
            assert accounts.list() == (OPERATOR,)
            assert accounts.check("ada", PASSWORD) == OPERATOR
    accounts.put("vic", Role.VIEWER, PASSWORD)
    assert accounts.list() == (OPERATOR, VIEWER)


@pytest.mark.parametrize("name", ["", "../ada", "a b", "<b>", "a" * 65])
def test_a_name_is_made_of_the_characters_of_names(accounts: Accounts, name: str) -> None:
    with pytest.raises(DashboardError, match="no name"):
        accounts.put(name, Role.VIEWER, PASSWORD)


def test_a_short_password_is_refused(accounts: Accounts) -> None:
    with pytest.raises(DashboardError, match="8 characters"):
        accounts.put("ada", Role.VIEWER, "short")


def test_an_address_logs_the_owner_in_once(sessions: Sessions) -> None:
    token = sessions.invite()
    session = sessions.accept(token)
    assert session.account == OPERATOR
    assert sessions.find(session.key) is session
    with pytest.raises(NotPermitted, match="has been used"):
        sessions.accept(token)


def test_an_address_is_used_up_by_who_is_logged_in_too_and_makes_the_owner_of_them(
    sessions: Sessions,
) -> None:
    owner = sessions.accept(sessions.invite())
    token = sessions.invite()
    assert sessions.accept(token, owner) is owner
    with pytest.raises(NotPermitted, match="has been used"):
        sessions.accept(token)
    viewer = sessions.log_in("vic", PASSWORD)
    assert sessions.accept(sessions.invite(), viewer).account == OPERATOR


def test_an_address_that_nobody_used_is_too_old_after_ten_minutes(
    sessions: Sessions, clock: Clock
) -> None:
    token = sessions.invite()
    clock.now += LONGEST_INVITATION
    with pytest.raises(NotPermitted, match="too old"):
        sessions.accept(token)


def test_wrong_passwords_make_the_next_try_wait_longer_each_time(
    sessions: Sessions, clock: Clock
) -> None:
    for _try in range(FREE_TRIES):
        with pytest.raises(NotPermitted, match="wrong"):
            sessions.log_in("vic", "guess", "10.0.0.1")
    with pytest.raises(NotPermitted, match="again in 1 s"):
        sessions.log_in("vic", PASSWORD, "10.0.0.2")  # for the name
    with pytest.raises(NotPermitted, match="again in 1 s"):
        sessions.log_in("ada", PASSWORD, "10.0.0.1")  # for the address
    clock.now += 1.1
    with pytest.raises(NotPermitted, match="wrong"):
        sessions.log_in("vic", "guess", "10.0.0.1")
    with pytest.raises(NotPermitted, match="again in 2 s"):
        sessions.log_in("vic", PASSWORD, "10.0.0.1")
    clock.now += 2.1
    assert sessions.log_in("vic", PASSWORD, "10.0.0.1").account == VIEWER
    with pytest.raises(NotPermitted, match="wrong"):  # the count begins anew
        sessions.log_in("vic", "guess", "10.0.0.1")


def test_many_names_and_many_tries_at_once_are_many_from_one_address(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[str] = []
    monkeypatch.setattr(
        sessions.accounts,
        "check",
        lambda name, password: VIEWER if password == PASSWORD else checked.append(name),
    )

    def guess(number: int) -> None:
        with pytest.raises(NotPermitted):
            sessions.log_in(f"name-{number}", "guess", "10.0.0.1")

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(guess, range(MOST_TRIED + 100)))
    assert len(checked) == FREE_TRIES


def test_who_has_an_account_does_not_get_more_guesses_by_it(
    sessions: Sessions, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        sessions.accounts,
        "check",
        lambda _name, password: VIEWER if password == PASSWORD else None,
    )
    for number in range(FREE_TRIES):
        with pytest.raises(NotPermitted, match="wrong"):
            sessions.log_in(f"name-{number}", "guess", "10.0.0.1")
    clock.now += 1.1
    sessions.log_in("vic", PASSWORD, "10.0.0.1")
    with pytest.raises(NotPermitted, match="wrong"):
        sessions.log_in("another", "guess", "10.0.0.1")
    with pytest.raises(NotPermitted, match="again in 2 s"):
        sessions.log_in("vic", PASSWORD, "10.0.0.1")
    clock.now += FORGOTTEN + 3
    for number in range(FREE_TRIES):
        with pytest.raises(NotPermitted, match="wrong"):
            sessions.log_in(f"name-{number}", "guess", "10.0.0.1")


def test_nobody_keeps_others_out_of_a_machine_that_all_share(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        sessions.accounts, "check", lambda _name, word: VIEWER if word == PASSWORD else None
    )
    for number in range(MOST_TRIED + 1):
        with pytest.raises(NotPermitted, match="wrong"):
            sessions.log_in(f"name-{number}", "guess")
    assert sessions.log_in("vic", PASSWORD).account == VIEWER


def test_a_browser_that_is_known_is_not_kept_out_by_another_and_counted_by_itself(
    sessions: Sessions, clock: Clock
) -> None:
    known = sessions.known("vic")

    def guess(known: str) -> None:
        with pytest.raises(NotPermitted, match="wrong"):
            sessions.log_in("vic", "guess", known=known)

    for _try in range(FREE_TRIES):
        guess("")
    for none in ("", known + "0", sessions.known("ada"), "."):
        with pytest.raises(NotPermitted, match="Too many"):
            sessions.log_in("vic", PASSWORD, known=none)
    assert sessions.log_in("vic", PASSWORD, known=known).account == VIEWER
    for _try in range(FREE_TRIES):
        guess(known)
    with pytest.raises(NotPermitted, match="Too many"):
        sessions.log_in("vic", PASSWORD, known=known)
    clock.now += 1.1
    assert sessions.log_in("vic", PASSWORD, known=known).account == VIEWER


def test_a_wait_is_not_forgotten_for_names_that_nobody_waits_for(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions.accounts, "check", lambda _name, _word: None)
    for name in ["vic"] * FREE_TRIES + [f"name-{number}" for number in range(MOST_TRIED)]:
        with pytest.raises(NotPermitted, match="wrong"):
            sessions.log_in(name, "guess")
    with pytest.raises(NotPermitted, match="Too many"):
        sessions.log_in("vic", "guess")


def test_no_wait_is_longer_than_a_minute(sessions: Sessions, clock: Clock) -> None:
    for _try in range(20):
        with pytest.raises(NotPermitted, match="wrong"):
            sessions.log_in("eve", "guess", "10.0.0.1")
        clock.now += 61


def test_a_session_ends_with_account_and_password_and_by_time(
    sessions: Sessions, clock: Clock
) -> None:
    viewer = sessions.log_in("vic", PASSWORD, "10.0.0.1")
    sessions.accounts.put("vic", Role.OPERATOR, PASSWORD)
    found = sessions.find(viewer.key)
    assert found is not None
    assert found.account.may_change
    sessions.accounts.put("vic", Role.OPERATOR, PASSWORD + "!")
    assert sessions.find(viewer.key) is None
    viewer = sessions.log_in("vic", PASSWORD + "!", "10.0.0.1")
    sessions.accounts.remove("vic")
    assert sessions.find(viewer.key) is None

    owner = sessions.accept(sessions.invite())
    by_hub = sessions.came_by_hub(VIEWER)
    clock.now += LONGEST_BY_HUB + 1
    assert sessions.find(owner.key) is owner
    assert sessions.find(by_hub.key) is None
    clock.now += LONGEST - LONGEST_BY_HUB
    assert sessions.find(owner.key) is None


#: What JupyterHub 6 answers to `GET /hub/api/user`, less what is not read.
PERSON: dict[str, Any] = {"kind": "user", "admin": False, "groups": [], "roles": ["user"]}
OWN = ["access:servers!user=ada", "read:users:name!user=ada"]
ALL = ["access:servers", "access:services", "admin:users"]
BY_LOGIN = {**PERSON, "scopes": ["access:services!service=dashboard"]}


class AnswersAsHub(BaseHTTPRequestHandler):
    people: ClassVar[dict[str, Any]] = {
        "t1": {**PERSON, "name": "ada", "scopes": OWN},
        "t2": {**PERSON, "name": "boss", "admin": True, "scopes": ALL},
        "t3": {**PERSON, "name": "vic", "scopes": ["access:servers!server=ada/"]},
        "t4": {"kind": "service", "name": "robot", "admin": True, "scopes": ALL},
        "t5": {**PERSON, "name": "ada", "scopes": ["access:services!service=other"]},
        "t6": {**BY_LOGIN, "name": "vic"},
        "t7": {**BY_LOGIN, "name": "opal", "groups": ["labkit-operators"]},
    }

    def do_GET(self) -> None:
        token = self.headers["Authorization"].removeprefix("token ")
        person = self.people.get(token) if self.path == "/hub/api/user" else None
        self.answer(200 if person else 403, person or {"status": 403, "message": "Forbidden"})

    def do_POST(self) -> None:
        sent = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        wanted = {
            "client_id": ["service-dashboard"],
            "client_secret": ["secret"],
            "grant_type": ["authorization_code"],
            "redirect_uri": ["/services/dashboard/oauth_callback"],
        }
        code = sent.pop("code")[0]
        if self.path == "/hub/api/oauth2/token" and sent == wanted and code.startswith("code-"):
            self.answer(200, {"access_token": code.removeprefix("code-"), "token_type": "Bearer"})
        else:
            self.answer(401, {"error": "invalid_client"})

    def answer(self, status: int, said: dict[str, Any]) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(said).encode())

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture
def hub_api() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), AnswersAsHub)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/hub/api"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def in_a_server(hub_api: str) -> Hub:
    """A dashboard in ada's server."""
    environment = {
        "JUPYTERHUB_API_URL": hub_api,
        "JUPYTERHUB_USER": "ada",
        "JUPYTERHUB_SERVICE_PREFIX": "/user/ada/",
        "JUPYTERHUB_OAUTH_ACCESS_SCOPES": (
            '["access:servers!server=ada/", "access:servers!user=ada", "access:servers"]'
        ),
    }
    hub = Hub.around(environment, 8123)
    assert hub is not None
    return hub


@pytest.fixture
def as_a_service(hub_api: str) -> Hub:
    environment = {
        "JUPYTERHUB_API_URL": hub_api,
        "JUPYTERHUB_API_TOKEN": "secret",
        "JUPYTERHUB_BASE_URL": "/",
        "JUPYTERHUB_CLIENT_ID": "service-dashboard",
        "JUPYTERHUB_SERVICE_PREFIX": "/services/dashboard/",
        "JUPYTERHUB_OAUTH_CALLBACK_URL": "/services/dashboard/oauth_callback",
        "JUPYTERHUB_OAUTH_ACCESS_SCOPES": (
            '["access:services", "access:services!service=dashboard"]'
        ),
    }
    hub = Hub.around(environment, 8123)
    assert hub is not None
    return hub


def test_a_hub_says_who_may_change_in_somebodys_server(in_a_server: Hub) -> None:
    hub = in_a_server
    assert hub.prefix == "/user/ada/proxy/8123"
    assert hub.account("ada", "t1") == OPERATOR  # whose server it is
    assert hub.account("boss", "t2") == Account("boss", Role.OPERATOR)
    assert hub.account("vic", "t3") == VIEWER  # with whom it is shared
    assert hub.account("ada", "t3") is None  # another's token
    assert hub.account("robot", "t4") is None
    assert hub.account("ada", "t5") is None  # another service could come with it
    assert hub.account("ada", "none") is None
    assert hub.account("ada", "t1\r\nX: y") is None
    assert Hub.around({}, 8123) is None


def test_a_hub_logs_people_in_for_a_service(as_a_service: Hub) -> None:
    hub = as_a_service
    assert hub.login("a state") == (
        "/hub/api/oauth2/authorize?client_id=service-dashboard"
        "&redirect_uri=%2Fservices%2Fdashboard%2Foauth_callback&response_type=code&state=a+state"
    )
    assert hub.came_back("code-t6") == VIEWER
    assert hub.came_back("code-t7") == Account("opal", Role.OPERATOR)
    assert hub.came_back("code-t2") == Account("boss", Role.OPERATOR)
    assert hub.came_back("code-t1") is None  # not for this service
    assert hub.came_back("stolen") is None
    assert replace(hub, secret="guess").came_back("code-t6") is None  # noqa: S106 - of no one
    assert replace(hub, api="http://127.0.0.1:1").came_back("code-t6") is None


class Through:
    """A browser at an application that says who came and where to, with the guard before it."""

    def __init__(
        self, sessions: Sessions, hub: Hub | None, place: str = "https://hub.example"
    ) -> None:
        entrance = Entrance(sessions, 8123, hub)
        inner = Route("/{path:path}", self.seen)
        guarded = Guard(Starlette(routes=[*entrance.routes(), inner]), sessions, 8123, hub)
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(guarded), base_url=place)

    def get(self, path: str, **more: Any) -> httpx.Response:
        return asyncio.run(self.client.get(path, **more))

    def post(self, path: str, **more: Any) -> httpx.Response:
        return asyncio.run(self.client.post(path, **more))

    @staticmethod
    def seen(request: Request) -> Response:
        account = request.scope["labkit.session"].account
        prefix = request.headers.get("x-forwarded-prefix", "")
        return JSONResponse([account.name, request.url.path, prefix])


def test_somebody_comes_by_the_hub_and_goes_back_to_it(
    sessions: Sessions, as_a_service: Hub
) -> None:
    browser = Through(sessions, as_a_service)
    place = "/services/dashboard"
    assert browser.get(f"{place}/").headers["location"] == f"{place}/login"
    assert 'href="hub"' in browser.get(f"{place}/login").text
    sent = browser.get(f"{place}/hub").headers["location"]
    [state] = parse_qs(urlsplit(sent).query)["state"]
    for wrong in ("", "guess"):
        back = browser.get(f"{place}/oauth_callback", params={"code": "code-t6", "state": wrong})
        assert back.status_code == 403
    back = browser.get(f"{place}/oauth_callback", params={"code": "code-t6", "state": state})
    assert back.status_code == 200
    assert "Path=/services/dashboard/;" in back.headers["set-cookie"]
    assert browser.get(f"{place}/x").json() == ["vic", "/x", place]
    # A state is for one login.
    back = browser.get(f"{place}/oauth_callback", params={"code": "code-t7", "state": state})
    assert back.status_code == 403


def test_jupyter_server_proxy_leads_to_the_same_and_nobody_else_names_a_place(
    sessions: Sessions, in_a_server: Hub
) -> None:
    browser = Through(sessions, in_a_server)
    place = {"X-Forwarded-Prefix": in_a_server.prefix}
    entered = browser.get(f"/enter?token={sessions.invite()}", headers=place)
    assert f"Path={in_a_server.prefix}/;" in entered.headers["set-cookie"]
    [cookie] = browser.client.cookies.jar
    sent = {"Cookie": f"{cookie.name}={cookie.value}"}
    assert browser.get("/x", headers={**place, **sent}).json() == ["ada", "/x", in_a_server.prefix]
    evil = {"X-Forwarded-Prefix": "/evil", **sent}
    assert browser.get("/x", headers=evil).json() == ["ada", "/x", ""]
    assert browser.get("/hub").status_code == 404  # its own server logs people in
    assert browser.post("/login", headers={"Origin": "https://evil.example"}).status_code == 403


HERE = "http://127.0.0.1:8123"


def test_a_second_address_opened_while_logged_in_lets_nobody_else_in(sessions: Sessions) -> None:
    first, second = (Through(sessions, None, HERE) for _one in range(2))
    for _time in range(2):
        address = f"/enter?token={sessions.invite()}"
        assert first.get(address).status_code == 200
        assert second.get(address).status_code == 403
        assert first.get(address).status_code == 200  # a notebook's frame that is loaded again
    assert first.get("/x").json()[0] == "ada"


def log_in(browser: Through, name: str, password: str) -> httpx.Response:
    [token] = re.findall(r'name="token" value="([^"]+)"', browser.get("/login").text)
    data = {"name": name, "password": password, "token": token}
    return browser.post("/login", data=data, headers={"X-Forwarded-For": "10.0.0.1"})


def test_a_form_that_is_too_long_is_not_read(sessions: Sessions) -> None:
    browser = Through(sessions, None, HERE)
    assert log_in(browser, "vic", PASSWORD).status_code == 303
    assert log_in(browser, "vic", "x" * LONGEST_FORM).status_code == 413
    many = {f"field-{number}": "" for number in range(MOST_FIELDS + 1)}
    assert browser.post("/login", data=many).status_code == 413


def test_a_browser_in_which_somebody_logged_in_stays_theirs(sessions: Sessions) -> None:
    known, another = (Through(sessions, None, HERE) for _one in range(2))
    assert log_in(known, "vic", PASSWORD).status_code == 303
    for _try in range(FREE_TRIES):
        assert "is wrong" in log_in(another, "vic", "guess").text
    assert "Too many" in log_in(another, "vic", PASSWORD).text
    assert log_in(known, "vic", PASSWORD).status_code == 303


@pytest.mark.parametrize("host", ["localhost:8123", "127.0.0.1:9000", "[::1]:9000", "localhost"])
def test_this_machine_has_three_names_and_any_port(sessions: Sessions, host: str) -> None:
    browser = Through(sessions, None, HERE)
    sent = {"Host": host, "Origin": f"http://{host}"}
    assert browser.get("/login", headers=sent).status_code == 200
    assert browser.post("/login", headers=sent).status_code == 403  # its token is missing
    assert "too old" in browser.post("/login", headers=sent).text
    evil = {**sent, "Host": host.replace("localhost", "localhost.evil.example")}
    if evil != sent:
        assert browser.get("/login", headers=evil).status_code == 403
    elsewhere = {**sent, "Origin": "http://localhost:1"}
    assert "another page" in browser.post("/login", headers=elsewhere).text


def test_only_an_operator_sends_anything_and_only_archives(sessions: Sessions) -> None:
    browser = Through(sessions, None, HERE)
    log_in(browser, "vic", PASSWORD)
    [session] = sessions._sessions.values()
    token = {"X-XSRF-Token": session.xsrf}
    refused = browser.post("/load/x", headers=token)
    assert (refused.status_code, "may look" in refused.text) == (403, True)
    sessions.accounts.put("vic", Role.OPERATOR, PASSWORD)
    assert browser.post("/load/x").status_code == 403
    assert browser.post("/load/x", headers=token).status_code == 405  # there, it would be taken
    assert "nothing to write" in browser.post("/_nicegui/x", headers=token).text


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """Stand in for an engine with two containers; what is done to them is in the list."""
    did: list[tuple[str, ...]] = []
    monkeypatch.setattr(operating, "rows", lambda _engine: (OURS, FOREIGN))
    monkeypatch.setattr(
        operating.changing,
        "change_container",
        lambda _engine, key, action: did.append((key, action)),
    )
    monkeypatch.setattr(
        operating.changing, "remove", lambda _engine, _kind, key: did.append((key, "remove"))
    )
    return did


def perform(account: Account | None, key: str, action: str, typed: str = "") -> Row:
    change = Change("container", key, action, typed=typed)
    return operating.perform(None, account, change)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "action"), [(kind, action) for kind, them in ACTIONS.items() for action in them]
)
def test_only_a_removal_removes_anything(
    kind: str, action: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    did: list[str] = []
    row = Row(kind, "1", "lab-web", "running", "", ours=True)
    monkeypatch.setattr(operating, "rows", lambda _engine: (row,))
    monkeypatch.setattr(operating, "swarm_rows", lambda _engine: (row,))
    monkeypatch.setattr(operating, "manager", nullcontext)
    for name in ("remove", "remove_service", "change_container", "scale_service"):
        monkeypatch.setattr(operating.changing, name, lambda *_told, name=name: did.append(name))
    monkeypatch.setattr(operating.changing, "set_availability", lambda *told: did.append(told[2]))
    change = Change(kind, "1", action)
    if action in {"console", "push", "save"}:
        with pytest.raises(DashboardError, match=f"no `{action}` here"):
            operating.perform(None, OPERATOR, change)  # type: ignore[arg-type]
        assert did == []
        return
    operating.perform(None, OPERATOR, change)  # type: ignore[arg-type]
    assert len(did) == 1
    assert did[0].startswith("remove") == (action == "remove")


def test_an_operator_changes_what_is_the_courses_and_that_is_written_down(
    engine: list[tuple[str, ...]], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "labkit.dashboard")
    assert perform(OPERATOR, "1", "remove") == OURS
    assert caplog.messages == ["ada: remove container lab-web"]
    assert engine == [("1", "remove")]


@pytest.mark.parametrize("account", [VIEWER, None])
def test_nobody_else_changes_anything(
    engine: list[tuple[str, ...]], account: Account | None
) -> None:
    with pytest.raises(NotPermitted):
        perform(account, "1", "stop")
    for make in (operating.create_network, operating.create_volume):
        with pytest.raises(NotPermitted):
            make(None, account, "lab-new")  # type: ignore[arg-type]
    assert engine == []


@pytest.mark.parametrize("action", ["stop", "kill", "restart", "pause", "remove", "console"])
@pytest.mark.parametrize("typed", ["", "their", "Theirs"])
def test_what_is_not_the_courses_needs_its_name_typed(
    engine: list[tuple[str, ...]], action: str, typed: str
) -> None:
    change = Change("container", "2", action, typed=typed)
    with pytest.raises(NameNotTyped, match="`theirs` is not the course's"):
        operating.checked(None, OPERATOR, change)  # type: ignore[arg-type]
    assert engine == []


def test_with_its_name_typed_it_is_done_and_starting_harms_nobody(
    engine: list[tuple[str, ...]],
) -> None:
    perform(OPERATOR, "2", "remove", "theirs")
    perform(OPERATOR, "2", "start")
    assert engine == [("2", "remove"), ("2", "start")]


def test_what_is_gone_and_what_does_not_exist_is_said(engine: list[tuple[str, ...]]) -> None:
    with pytest.raises(NoSuchObject):
        perform(OPERATOR, "3", "stop")
    with pytest.raises(DashboardError, match="no `explode`"):
        perform(OPERATOR, "1", "explode")
    assert engine == []


@pytest.mark.parametrize("name", ["", "web", "lab-", "lab_web"])
def test_what_is_made_here_has_a_name_of_the_course(name: str) -> None:
    with pytest.raises(DashboardError, match="Begin it with `lab-`"):
        operating.create_volume(None, OPERATOR, name)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("written", "listed"),
    [
        *(("debian", "debian:latest"), ("docker.io/library/debian:12", "debian:12")),
        *(("library/debian", "debian:latest"), ("docker.io/lab/web", "lab/web:latest")),
        *(("localhost:5000/a/b", "localhost:5000/a/b:latest"), ("library/a/b:1", "library/a/b:1")),
        *(("a@sha256:1", "a@sha256:1"), ("a:1@sha256:1", "a:1@sha256:1"), (" ", "")),
    ],
)
def test_a_name_is_written_as_the_engine_lists_it(written: str, listed: str) -> None:
    assert carrying.whole(written) == listed


@pytest.mark.parametrize(
    ("reference", "asked"),
    [
        ("localhost:5000/lab/web:1", ("localhost:5000/lab/web", "1")),
        ("localhost:5000/lab/web@sha256:abc", ("localhost:5000/lab/web", "sha256:abc")),
    ],
)
def test_an_image_is_pulled_by_its_tag_or_by_its_digest(
    reference: str, asked: tuple[str, str]
) -> None:
    did: list[tuple[str, str]] = []

    def answer(repository: str, *, tag: str, **_more: object) -> tuple[()]:
        did.append((repository, tag))
        return ()

    client = SimpleNamespace(api=SimpleNamespace(pull=answer))
    engine: Any = SimpleNamespace(client=client, errors=nullcontext)
    transfer.pull(engine, reference, print)
    assert did == [asked]


def archive(path: Path, mode: str = "w", **files: Any) -> Path:
    contents = {f"{name}.json": json.dumps(content).encode() for name, content in files.items()}
    path.write_bytes(tar_of(contents, mode))
    return path


MANIFEST = [{"RepoTags": ["theirs:1", "lab/web:latest"]}, {"RepoTags": None}]
INDEX = {"manifests": [{"annotations": {carrying.NAME: "docker.io/library/second:2"}}, {}]}


def test_an_archive_says_which_names_are_in_it(tmp_path: Path) -> None:
    for mode in ("w", "w:gz"):
        made = archive(tmp_path / "a.tar", mode, manifest=MANIFEST, index=INDEX)
        assert carrying.names_in(made) == ("lab/web:latest", "second:2", "theirs:1")
    assert carrying.names_in(archive(tmp_path / "b.tar", index=INDEX)) == ("second:2",)


def test_what_is_no_archive_of_images_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no archive")
    for file in (
        tmp_path / "text",
        archive(tmp_path / "empty.tar"),
        archive(tmp_path / "other.tar", manifest={"a": "b"}),
    ):
        with pytest.raises(DashboardError, match="no archive of images"):
            carrying.names_in(file)


def test_an_image_comes_in_the_place_of_somebodys_only_when_its_name_is_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    foreign = Row("image", "theirs:1", "theirs:1", "", "", ours=False)
    monkeypatch.setattr(carrying, "rows", lambda _engine: (foreign, OURS))
    did: list[Any] = []
    for name in ("pull", "load"):
        monkeypatch.setattr(carrying.transfer, name, lambda _engine, *told: did.append(told[0]))
    file = archive(tmp_path / "a.tar", manifest=MANIFEST)
    with pytest.raises(NotPermitted):
        carrying.load(None, VIEWER, file, (), print)  # type: ignore[arg-type]
    for typed in ((), ("theirs",)):
        with pytest.raises(NameNotTyped, match="`theirs:1`"):
            carrying.load(None, OPERATOR, file, typed, print)  # type: ignore[arg-type]
        with pytest.raises(NameNotTyped, match="`theirs:1`"):
            carrying.pull(None, OPERATOR, "docker.io/theirs:1", typed, print)  # type: ignore[arg-type]
    assert did == []
    carrying.pull(None, OPERATOR, "another:1", (), print)  # type: ignore[arg-type]
    carrying.pull(None, OPERATOR, "theirs:1", ("theirs:1",), print)  # type: ignore[arg-type]
    carrying.load(None, OPERATOR, file, ("theirs:1",), print)  # type: ignore[arg-type]
    assert did == ["another:1", "theirs:1", file]


def test_a_browser_is_led_by_a_file_that_nobody_else_reads(
    course: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABKIT_WORK", str(tmp_path))
    dashboard = Dashboard(None, course)  # type: ignore[arg-type]
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    _announced(dashboard, Namespace(no_browser=False))()
    [door] = (tmp_path / ".labkit").iterdir()
    assert opened == [door.as_uri()]
    assert door.stat().st_mode & 0o777 == 0o600
    [token] = re.findall(
        rf"url=http://127.0.0.1:{dashboard.port}/enter\?token=(.+)\"", door.read_text()
    )
    assert dashboard.sessions.accept(token).account.may_change
    dashboard._socket.close()


def test_a_service_of_a_hub_has_no_address_that_logs_in(
    course: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABKIT_WORK", str(tmp_path))
    monkeypatch.setenv("JUPYTERHUB_API_URL", "http://127.0.0.1:1/hub/api")
    for user, logs_in in (("", False), ("ada", True)):
        monkeypatch.setenv("JUPYTERHUB_USER", user)
        dashboard = Dashboard(None, course)  # type: ignore[arg-type]
        assert ("token" in dashboard.address()) == logs_in
        assert ("token" in dashboard.address_by_hub()) == logs_in
        dashboard._socket.close()


def message(action: str, kind: str = "container", **attributes: str) -> dict[str, Any]:
    return {
        "Type": kind,
        "Action": action,
        "Actor": {"ID": "abc", "Attributes": attributes},
        "timeNano": 1_700_000_000_000_000_000,
    }


def test_events_are_kept_and_objects_are_listed_anew_only_after_a_change(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks: list[str] = []
    monkeypatch.setattr(
        "labkit.dashboard.inventory.rows", lambda _engine: looks.append("listed") or ()
    )
    engine: Any = SimpleNamespace(containers=SimpleNamespace(get=looks.append))
    watched, view = Watched(), View((OURS,))
    calm = watched.apply(engine, view, [("events", message("exec_start: sh"))])
    assert (calm, looks) == (view, [])
    seen = watched.apply(
        engine,
        view,
        [
            ("events", message("die", name="lab-web", exitCode="3", image="lab/web")),
            ("events", None),
        ],
    )
    # An engine tells of an end before its list does, and answers about that container after it.
    assert looks == ["abc", "listed"]
    [event] = seen.events
    assert (event.action, event.name, event.detail) == (
        "die",
        "lab-web",
        "image=lab/web exitCode=3",
    )


def test_an_event_without_a_name_has_its_id() -> None:
    assert Event.from_message(message("create", "network")).name == "abc"


def test_a_status_names_what_needs_a_look() -> None:
    states = ["running", "running (unhealthy)", "exited (0)", "exited (1)", "exited (137)", "dead"]
    rows = [Row("container", state, state[-8:], state, "", ours=True) for state in states]
    worried = [one.partition(": ")[2] for one in status.concerns(rows)]
    assert worried == ["running (unhealthy)", "exited (1)", "dead"]


def test_a_status_is_written_for_a_terminal() -> None:
    usage = (Usage("images", 3, 5_000_000, 1_000_000),)
    found = status.Status(
        "Docker Engine 20.10",
        "Debian",
        {"running": 2},
        {"images": 3},
        "inactive",
        ("x: dead",),
        usage,
    )
    said = status.status_text(found)
    assert "containers: 2 running" in said
    assert "  images: 3, 5 MB; 1 MB of it used by no container" in said
    assert said.endswith("needs a look:\n  x: dead")


def test_each_template_has_a_file_and_names_of_the_course() -> None:
    files = {path.stem for path in quick.FOLDER.glob("*.yaml")}
    assert {template.slug for template in quick.templates()} == files
    for template in quick.templates():
        lines = template.file.read_text().splitlines()
        named = {line.split()[1] for line in lines if " image: " in line}
        assert named == set(template.images)
        assert template.project.startswith("lab-")


def test_a_page_shows_quotes_in_place_of_backticks() -> None:
    said = plain("`<b>lab</b>` is made. Run `docker ps`.")
    assert said == "\u201c<b>lab</b>\u201d is made. Run \u201cdocker ps\u201d."
    assert plain("a lone ` stays") == "a lone ` stays"


def test_a_frame_escapes_its_address() -> None:
    environment = {"JUPYTERHUB_SERVICE_PREFIX": "/user/<script>/"}
    shown = frame_html("http://127.0.0.1:1/enter?token=</script>", environment)
    assert (shown.count("<script>"), shown.count("</script>")) == (1, 1)
