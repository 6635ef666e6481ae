"""The dashboard's core: accounts, logins, what may be changed, and what is shown of an engine."""

from __future__ import annotations

import asyncio
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from labkit.dashboard import operating, quick, status
from labkit.dashboard.accounts import Account, Accounts, Role
from labkit.dashboard.frame import frame_html
from labkit.dashboard.hub import Hub
from labkit.dashboard.inventory import Event, Row, View, Watched
from labkit.dashboard.operating import Change
from labkit.dashboard.page.doing import plain
from labkit.dashboard.page.entrance import Entrance
from labkit.dashboard.page.guard import Guard
from labkit.dashboard.sessions import (
    FORGOTTEN,
    FREE_TRIES,
    LONGEST,
    LONGEST_BY_HUB,
    MOST_TRIED,
    Sessions,
)
from labkit.engine.disk import Usage
from labkit.errors import DashboardError, NameNotTyped, NoSuchObject, NotPermitted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from starlette.requests import Request
    from starlette.responses import Response

OPERATOR = Account("ada", Role.OPERATOR)
VIEWER = Account("vic", Role.VIEWER)
PASSWORD = "long enough"  # noqa: S105 - of no one
OURS = Row("container", "1", "lab-web", "running", "", ours=True)
FOREIGN = Row("container", "2", "theirs", "running", "", ours=False)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def accounts(tmp_path: Path) -> Accounts:
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


def test_no_wait_is_longer_than_a_minute(sessions: Sessions, clock: Clock) -> None:
    for _try in range(20):
        with pytest.raises(NotPermitted, match="wrong"):
            sessions.log_in("eve", "guess", "10.0.0.1")
        clock.now += 61


def test_a_session_ends_with_its_account_and_by_time(sessions: Sessions, clock: Clock) -> None:
    viewer = sessions.log_in("vic", PASSWORD, "10.0.0.1")
    sessions.accounts.put("vic", Role.OPERATOR, PASSWORD)
    found = sessions.find(viewer.key)
    assert found is not None
    assert found.account.may_change
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

    def __init__(self, sessions: Sessions, hub: Hub) -> None:
        entrance = Entrance(sessions, 8123, hub)
        inner = Route("/{path:path}", self.seen)
        guarded = Guard(Starlette(routes=[*entrance.routes(), inner]), sessions, 8123, hub)
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(guarded), base_url="https://hub.example"
        )

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
    return did


def perform(account: Account | None, key: str, action: str, typed: str = "") -> Row:
    change = Change("container", key, action, typed=typed)
    return operating.perform(None, account, change)  # type: ignore[arg-type]


def test_an_operator_changes_what_is_the_courses(engine: list[tuple[str, ...]]) -> None:
    assert perform(OPERATOR, "1", "remove") == OURS
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
    with pytest.raises(NameNotTyped, match="`theirs` is not the course's"):
        perform(OPERATOR, "2", action, typed)
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
    monkeypatch.setattr("labkit.dashboard.inventory.rows", lambda _engine: looks.append("") or ())
    watched, view = Watched(), View((OURS,))
    calm = watched.apply(None, view, [("events", message("exec_start: sh"))])  # type: ignore[arg-type]
    assert (calm, looks) == (view, [])
    seen = watched.apply(
        None,  # type: ignore[arg-type]
        view,
        [
            ("events", message("die", name="lab-web", exitCode="3", image="lab/web")),
            ("events", None),
        ],
    )
    assert looks == [""]
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
