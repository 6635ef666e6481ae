"""The dashboard on a real engine: what it changes, its terminal, and its guard against others."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
import pytest
import websocket

from labkit.cli import main
from labkit.dashboard import inventory, operating, quick, status
from labkit.dashboard.accounts import Account, Accounts, Role
from labkit.dashboard.attached import AttachedDashboard
from labkit.dashboard.operating import Change
from labkit.dashboard.sessions import FREE_TRIES
from labkit.engine.consoles import Console
from labkit.engine.making import Wanted
from labkit.engine.processes import command_line
from labkit.errors import NameNotTyped
from labkit.obtaining import Silent
from labkit.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labkit.course import Course
    from labkit.engine import Engine

OPERATOR = Account("ada", Role.OPERATOR)
PASSWORD = "long enough"  # noqa: S105 - of no one
FOREIGN = "theirs-untouched"


def row(engine: Engine, kind: str, name: str) -> inventory.Row | None:
    return next((r for r in inventory.rows(engine) if (r.kind, r.name) == (kind, name)), None)


def do(engine: Engine, kind: str, name: str, action: str, typed: str = "") -> None:
    found = row(engine, kind, name)
    assert found is not None
    operating.perform(engine, OPERATOR, Change(kind, found.key, action, typed=typed))


def sleeper(engine: Engine, name: str, **more: Any) -> None:
    wanted = Wanted(name=name, image="lab/shell", command=("sleep", "600"), **more)
    operating.create_container(engine, OPERATOR, wanted)


def test_a_container_lives_and_ends_by_the_dashboard(clean_engine: Engine) -> None:
    engine = clean_engine
    operating.create_network(engine, OPERATOR, "lab-board")
    operating.create_volume(engine, OPERATOR, "lab-board")
    sleeper(engine, "lab-board", network="lab-board", volumes=(("lab-board", "/data"),))
    states = []
    for action in ("pause", "unpause", "kill", "start", "remove"):
        do(engine, "container", "lab-board", action)
        found = row(engine, "container", "lab-board")
        states.append(found.state if found else "gone")
    assert states == ["paused", "running", "exited (137)", "running", "gone"]
    do(engine, "network", "lab-board", "remove")
    do(engine, "volume", "lab-board", "remove")
    assert row(engine, "network", "lab-board") is row(engine, "volume", "lab-board") is None


def test_what_is_not_the_courses_survives_without_its_name(clean_engine: Engine) -> None:
    api: Any = clean_engine.client.api
    api.create_network(FOREIGN, "bridge")
    try:
        for typed in ("", "theirs"):
            with pytest.raises(NameNotTyped):
                do(clean_engine, "network", FOREIGN, "remove", typed)
        assert clean_engine.networks.exists(FOREIGN)
        do(clean_engine, "network", FOREIGN, "remove", FOREIGN)
        assert not clean_engine.networks.exists(FOREIGN)
    finally:
        if clean_engine.networks.exists(FOREIGN):
            api.remove_network(FOREIGN)


def test_the_disk_is_counted_as_docker_counts_it(clean_engine: Engine) -> None:
    sleeper(clean_engine, "lab-board")
    told: dict[str, Any] = clean_engine.client.api.df()
    found = status.read(clean_engine, inventory.rows(clean_engine))
    images, containers, *_rest = found.usage
    assert (images.count, images.size) == (len(told["Images"]), told["LayersSize"])
    assert images.reclaimable <= images.size
    assert containers.count == len(told["Containers"])
    assert found.containers["running"] == clean_engine.info()["ContainersRunning"]


def read_until(console: Console, wanted: bytes) -> bytes:
    seen = b""
    while wanted not in seen:
        chunk = console.read()
        assert chunk, seen
        seen += chunk
    return seen


def test_a_console_is_a_terminal_and_ends_its_shell(clean_engine: Engine) -> None:
    sleeper(clean_engine, "lab-board")
    console = Console(clean_engine, "lab-board")
    console.resize(101, 33)
    console.write(b"stty size; echo $((40 + 2))\n")
    seen = read_until(console, b"42\r\n")
    assert b"33 101" in seen
    assert b"\x1b]" not in seen  # the shell's number is not shown
    assert " sh" in clean_engine.containers.ask("lab-board", "ps").output
    console.close()
    assert console.read() == b""

    wait_until(lambda: not shells(clean_engine), what="the shell to end", timeout=10)
    console.close()


def shells(engine: Engine) -> list[str]:
    return re.findall(r"\ssh$", engine.containers.ask("lab-board", "ps").output, flags=re.MULTILINE)


def test_a_console_that_is_closed_at_once_leaves_no_shell(clean_engine: Engine) -> None:
    sleeper(clean_engine, "lab-board")
    console = Console(clean_engine, "lab-board")
    assert len(shells(clean_engine)) == 1
    console.close()
    wait_until(lambda: not shells(clean_engine), what="the shell to end", timeout=10)


def test_a_console_closes_while_somebody_writes_what_is_not_read(clean_engine: Engine) -> None:
    sleeper(clean_engine, "lab-board")
    console = Console(clean_engine, "lab-board")
    # A terminal that is not raw throws away what is too much.
    console.write(b"stty raw -echo; exec sleep 601\n")
    wait_until(
        lambda: "sleep 601" in clean_engine.containers.ask("lab-board", "ps").output,
        what="the shell to read no more",
        timeout=10,
    )
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(console.write, b"x" * (1 << 24))
        assert not wait([writing], timeout=1).done
        console.close()
        writing.result(timeout=10)


def test_a_console_without_a_shell_says_what_the_engine_said(clean_engine: Engine) -> None:
    sleeper(clean_engine, "lab-board")
    command = "rm /bin/sh"
    assert clean_engine.containers.ask("lab-board", "sh", "-c", command).exit_code == 0
    console = Console(clean_engine, "lab-board")
    assert b"sh" in console.read()
    assert console.read() == b""
    console.close()


def test_a_console_whose_shell_ends_is_at_its_end(clean_engine: Engine) -> None:
    sleeper(clean_engine, "lab-board")
    console = Console(clean_engine, "lab-board")
    console.write(b"exit\n")
    while console.read():
        pass
    console.close()


def test_the_application_of_lesson_09_is_deployed_and_taken_away(
    clean_engine: Engine, course: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABKIT_WORK", str(tmp_path))
    [notes] = [template for template in quick.templates() if template.slug == "notes"]
    said: list[str] = []
    quick.deploy(clean_engine, course, OPERATOR, notes, progress=Silent(), say=said.append)
    web = row(clean_engine, "container", "lab-app-notes-web-1")
    assert web is not None
    assert web.ours
    port = int(web.detail.partition("->")[0])
    reply = wait_until(lambda: clean_engine.http_get(port, "/notes"), what="an answer", timeout=10)
    assert reply.status == 200
    quick.take_away(clean_engine, course, OPERATOR, notes, say=said.append)
    assert not [r for r in inventory.rows(clean_engine) if "lab-app-notes" in r.name]


class Served:
    """A dashboard that runs, and its address."""

    def __init__(self, address: str, accounts: Accounts) -> None:
        self.address, self.accounts = address, accounts
        parts = urlsplit(address)
        self.origin = f"{parts.scheme}://{parts.netloc}"
        self.port = parts.port

    def browser(self) -> httpx.Client:
        return httpx.Client(base_url=self.origin, trust_env=False, headers={"Origin": self.origin})

    def log_in(self, browser: httpx.Client, name: str, password: str) -> httpx.Response:
        form = browser.get("/login").text
        [token] = re.findall(r'name="token" value="([^"]+)"', form)
        data = {"name": name, "password": password, "token": token}
        return browser.post("/login", data=data)


@pytest.fixture(scope="module")
def board() -> Iterator[AttachedDashboard]:
    attached = AttachedDashboard()
    yield attached
    attached.close()


@pytest.fixture(scope="module")
def environment(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return {**engine.cli_env(), "LABKIT_WORK": str(tmp_path_factory.mktemp("board"))}


@pytest.fixture
def served(board: AttachedDashboard, environment: dict[str, str]) -> Served:
    file = Path(environment["LABKIT_WORK"]) / ".labkit" / "accounts.json"
    return Served(board.address(environment), Accounts(file))


@pytest.fixture
def owner(served: Served) -> Iterator[httpx.Client]:
    with served.browser() as browser:
        assert browser.get(served.address).status_code == 200
        yield browser


def page_id(page: str) -> str:
    [found] = set(re.findall(r"'client_id': '([\w-]+)'", page)) or {""}
    return found


def connects(served: Served, *, page: str, cookie: str, origin: str) -> bool:
    url = f"ws://127.0.0.1:{served.port}/_nicegui_ws/socket.io/?EIO=4&transport=websocket"
    try:
        socket = websocket.create_connection(
            f"{url}&client_id={page}", origin=origin, cookie=cookie, timeout=10
        )
    except websocket.WebSocketBadStatusException:
        return False
    socket.close()
    return True


def cookie_of(browser: httpx.Client, served: Served) -> str:
    name = f"labkit-dashboard-{served.port}"
    return f"{name}={browser.cookies[name]}"


def test_nobody_sees_anything_without_a_login(served: Served) -> None:
    with served.browser() as browser:
        for path in ("/", "/save?image=lab/shell", "/_nicegui/x", "/docs", "/openapi.json"):
            answer = browser.get(path)
            assert (answer.status_code, answer.headers["location"]) == (303, "/login"), path
        assert browser.get("/enter?token=guess").status_code == 403


def test_the_cookie_is_for_this_site_and_no_script(served: Served) -> None:
    with served.browser() as browser:
        set_cookie = browser.get(served.address).headers["set-cookie"].lower()
        assert "httponly" in set_cookie
        assert "samesite=strict" in set_cookie


def test_an_address_works_once(
    served: Served, board: AttachedDashboard, environment: dict[str, str]
) -> None:
    with served.browser() as first, served.browser() as second:
        for address in (served.address, board.address(environment)):
            assert first.get(address).status_code == 200
            assert second.get(address).status_code == 403


def test_the_page_loads_from_here_alone(owner: httpx.Client) -> None:
    page = owner.get("/")
    assert page.status_code == 200
    policy = page.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'self' http://localhost:* http://127.0.0.1:*" in policy
    assert re.findall(r"""(?:src|href)=["']?(?:https?:)?//""", page.text) == []


def test_a_connection_needs_login_origin_and_a_page_of_its_session(
    served: Served, owner: httpx.Client, board: AttachedDashboard, environment: dict[str, str]
) -> None:
    page, cookie = page_id(owner.get("/").text), cookie_of(owner, served)
    assert page
    assert connects(served, page=page, cookie=cookie, origin=served.origin)
    assert not connects(served, page=page, cookie="", origin=served.origin)
    assert not connects(served, page=page, cookie=cookie, origin="http://evil.example")
    assert not connects(served, page="", cookie=cookie, origin=served.origin)
    with served.browser() as other:
        other.get(board.address(environment))
        another = cookie_of(other, served)
        assert not connects(served, page=page, cookie=another, origin=served.origin)


def test_no_other_host_name_leads_here(served: Served, owner: httpx.Client) -> None:
    answer = owner.get("/", headers={"Host": f"evil.example:{served.port}"})
    assert answer.status_code == 403


def test_a_write_needs_the_pages_token_and_its_origin(owner: httpx.Client) -> None:
    page = owner.get("/").text
    path = f"/_nicegui/client/{page_id(page)}/upload/1"
    assert owner.post(path).status_code == 403
    assert owner.post(path, headers={"X-XSRF-Token": "guess"}).status_code == 403
    assert owner.post("/_nicegui_ws/socket.io/?EIO=4&transport=polling").status_code == 403
    evil = {"Origin": "http://evil.example"}
    assert owner.post("/login", data={"name": "x"}, headers=evil).status_code == 403
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        for route in ("/", "/save?image=lab/shell:latest", "/_nicegui/x", "/enter?token=guess"):
            assert owner.request(method, route).status_code == 403


def test_a_login_form_needs_its_token(served: Served) -> None:
    served.accounts.put("form", Role.OPERATOR, PASSWORD)
    with served.browser() as browser:
        data = {"name": "form", "password": PASSWORD, "token": ""}
        assert "too old" in browser.post("/login", data=data).text
        assert browser.get("/").status_code == 303


def test_a_viewer_sees_nothing_that_changes_anything_and_saves_nothing(served: Served) -> None:
    served.accounts.put("vic", Role.VIEWER, PASSWORD)
    served.accounts.put("ada", Role.OPERATOR, PASSWORD)
    with served.browser() as viewer, served.browser() as operator:
        assert served.log_in(viewer, "vic", PASSWORD).status_code == 303
        assert served.log_in(operator, "ada", PASSWORD).status_code == 303
        seen, able = viewer.get("/").text, operator.get("/").text
        for label in ("Create and start", "Deploy", "New volume", "Add or change"):
            assert label in able
            assert label not in seen
        assert viewer.get("/save?image=lab/shell:latest").status_code == 403
        with operator.stream("GET", "/save?image=lab/shell:latest") as saved:
            assert saved.status_code == 200
            assert "lab-shell" in saved.headers["content-disposition"]
        page, cookie = page_id(seen), cookie_of(viewer, served)
        assert connects(served, page=page, cookie=cookie, origin=served.origin)
        theirs = page_id(able)
        assert not connects(served, page=theirs, cookie=cookie, origin=served.origin)
        served.accounts.remove("vic")
        assert not connects(served, page=page, cookie=cookie, origin=served.origin)
        for path in ("/", "/save?image=lab/shell:latest"):
            assert viewer.get(path).headers["location"] == "/login"


def test_a_wrong_password_is_slowed_down_and_names_are_escaped(served: Served) -> None:
    served.accounts.put("slow", Role.VIEWER, PASSWORD)
    with served.browser() as browser:
        # The longer it goes on, the longer is the wait, also for a machine that is slow itself.
        for number in range(FREE_TRIES + 5):
            browser.headers["X-Forwarded-For"] = f"10.0.0.{number}"
            answer = served.log_in(browser, "slow", "<b>wrong</b>")
            assert answer.status_code == 403
            assert "<b>wrong" not in answer.text
        assert "Too many wrong passwords" in served.log_in(browser, "slow", PASSWORD).text


def test_a_dashboard_ends_when_it_is_told_to(board: AttachedDashboard, served: Served) -> None:
    process = board._process
    assert process is not None
    assert answers(served.address)
    board.close()
    assert process.returncode == 0
    assert not answers(served.address)
    board.close()


def test_a_dashboard_ends_with_who_started_it_also_when_that_is_killed(
    environment: dict[str, str],
) -> None:
    script = (
        "import os, sys; from labkit.dashboard.attached import AttachedDashboard\n"
        "board = AttachedDashboard(); print(board.address(os.environ), flush=True)\n"
        "print(board._process.pid, flush=True)\n"
        "sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        text=True,
    ) as starter:
        assert starter.stdout is not None
        address, process = starter.stdout.readline().strip(), int(starter.stdout.readline())
        assert answers(address)
        assert command_line(process)
        starter.kill()
    wait_until(lambda: not command_line(process), what="the dashboard to end", timeout=20)
    assert not answers(address)


def answers(address: str) -> bool:
    try:
        httpx.get(address.partition("/enter")[0] + "/login", trust_env=False)
    except httpx.TransportError:
        return False
    return True


def test_the_status_is_printed_once_as_text_or_json(
    clean_engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    sleeper(clean_engine, "lab-board")
    assert main(["dashboard", "--text"]) == 0
    assert "containers: 1 running" in capsys.readouterr().out
    assert main(["dashboard", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert ("lab-board", True) in [(one["name"], one["ours"]) for one in told["objects"]]
