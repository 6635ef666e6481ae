"""The dashboard in a browser: what happens outside appears, and what is pressed happens."""

from __future__ import annotations

import re
import socket
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

import psutil
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from labkit.dashboard.accounts import Accounts, Role
from labkit.dashboard.attached import AttachedDashboard
from labkit.engine import transfer
from labkit.waiting import wait_until
from tests.second import silent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, Locator, Page

    from labkit.engine import Engine
    from labkit.engine.private import PrivateEngine
    from tests.browser.jupyterlab import JupyterLab

    Picture = Callable[..., None]

#: Milliseconds that a page may take on a slow machine.
PATIENCE = 60_000
#: Presses of Tab within which anything on the page is reached.
MOST_TABS = 60
PASSWORD = "long enough"  # noqa: S105 - of no one
MARKUP = "<img src=x onerror=\"document.title='injected'\"><b>bold</b>"
TABS = (
    *("Status", "Templates", "Containers", "Images", "Networks"),
    *("Volumes", "Events", "Swarm", "Users"),
)
#: For axe what a dialog lies over lies over it, unless it has a place of its own.
_ABOVE = ".q-dialog .q-card { z-index: 1 }"
_AT_REST = """() => Promise.all(document.getAnimations()
    .filter(one => one.effect.getComputedTiming().endTime !== Infinity)
    .map(one => one.finished.catch(() => null)))"""


@pytest.fixture(scope="module")
def environment(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return {**engine.cli_env(), "LABKIT_WORK": str(tmp_path_factory.mktemp("board"))}


@pytest.fixture(scope="module")
def attached() -> Iterator[AttachedDashboard]:
    attached = AttachedDashboard()
    yield attached
    attached.close()


@pytest.fixture
def board(
    browser: Browser, attached: AttachedDashboard, environment: dict[str, str]
) -> Iterator[Page]:
    yield from opened(browser, attached.address(environment))


def opened(browser: Browser, address: str) -> Iterator[Page]:
    # axe, which a test brings into the page, is not the page's own.
    context = browser.new_context(bypass_csp=True, viewport={"width": 1080, "height": 720})
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    asked: list[str] = []
    page.on("request", lambda one: asked.append(one.url))
    page.goto(address)
    expect(page.get_by_role("heading", name="On the disk")).to_be_visible()
    yield page
    own = page.evaluate("location.origin")
    assert [url for url in asked if not url.startswith((own, "data:", "blob:"))] == []
    context.close()


def in_both_themes(page: Page, picture: Picture, name: str, *, hidden: str = "") -> list[str]:
    """Return what axe finds wrong once nothing fades any more; the page is left light."""
    wrong = []
    page.add_style_tag(content=_ABOVE)
    for theme, rules in (("dark", {"runOnly": ["color-contrast"]}), ("light", None)):
        page.emulate_media(color_scheme=theme)
        if urlsplit(page.url).path != "/login":  # which has no more than CSS
            expect(page.locator(f"body.body--{theme}")).to_be_visible()
        page.evaluate(_AT_REST)
        found = Axe().run(page, options=rules).response["violations"]
        wrong += [
            f"{theme} {one['id']}: {node['html'][:200]} {node['failureSummary']}"
            for one in found
            for node in one["nodes"][:1]
        ]
        picture(page, f"dashboard-{name}-{theme}", *([page.get_by_text(hidden)] if hidden else ()))
    return wrong


def by_tab(page: Page, wanted: Locator, key: str = "Tab") -> None:
    """Go on by the keyboard until something has the focus."""
    for _press in range(MOST_TABS):
        page.keyboard.press(key)
        if wanted.evaluate("one => one === document.activeElement"):
            return
    raise AssertionError(wanted)


def tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name).click()


def press(page: Page, row: str, action: str) -> None:
    """Open an object and press one of its buttons."""
    page.get_by_role("button", name=row, exact=True).click()
    page.get_by_role("dialog", name=row).get_by_role("button", name=action, exact=True).click()


def agree(page: Page, question: str) -> Locator:
    """Answer a question with yes; return what it said."""
    asked = page.get_by_role("dialog", name=question)
    expect(asked).to_be_visible()
    asked.get_by_role("button", name="Do it").click()
    return asked


def said(page: Page, text: str) -> None:
    expect(page.locator(".q-notification").get_by_text(text).first).to_be_visible()


def run(engine: Engine, name: str, command: str, **options: Any) -> None:
    """Start a container past the dashboard."""
    api: Any = engine.client.api
    api.start(api.create_container("lab/shell", ["sh", "-c", command], name=name, **options))


def shells(engine: Engine, name: str) -> int:
    lines = engine.containers.ask(name, "ps").output.splitlines()
    return sum(line.endswith(" sh") for line in lines)


def test_a_container_is_seen_entered_and_stopped(
    board: Page, clean_engine: Engine, picture: Picture
) -> None:
    tab(board, "Containers")
    written = "printf '%s\\n' \"$A\"; trap exit TERM; while :; do sleep 0.2; done"
    run(clean_engine, "lab-outside", written, labels={MARKUP: MARKUP}, environment={"A": MARKUP})
    expect(board.get_by_role("row", name=re.compile("lab-outside"))).to_contain_text("running")
    board.get_by_role("button", name="lab-outside").click()

    details = board.get_by_role("dialog")
    expect(details.locator(".labkit-log")).to_have_text(MARKUP)
    assert board.locator("img[src=x], b:text('bold')").count() == 0
    assert board.title() != "injected"
    assert in_both_themes(board, picture, "container") == []

    details.get_by_role("button", name="console").click()
    expect(board.get_by_role("heading", name="Console in lab-outside")).to_be_visible()
    expect(board.locator(".xterm-rows")).to_contain_text("/ #")
    board.keyboard.type("echo $((40 + 2)) > /typed; echo it is $((40 + 2))\n")
    expect(board.locator(".xterm-rows")).to_contain_text("it is 42")
    assert clean_engine.containers.read_file("lab-outside", "/typed") == b"42\n"
    assert in_both_themes(board, picture, "console") == []

    # Something that no terminal says.
    place = board.locator(".labkit-terminal").get_attribute("id") or ""
    board.evaluate(f"getElement({place.removeprefix('c')}).$emit('data', 42)")
    said(board, "This is a fault of the course, not yours")

    # From here on by the keyboard alone.
    console = board.get_by_role("dialog", name="Console in lab-outside")
    expect(console).to_have_accessible_description("Shift+Tab leaves the terminal.")
    close = console.get_by_role("button", name="Close")
    board.locator(".xterm-helper-textarea").focus()
    board.keyboard.type("echo a")
    board.keyboard.press("Tab")
    board.keyboard.type("b; echo still $((1 + 1))\n")
    expect(board.locator(".xterm-rows")).to_contain_text("still 2")
    by_tab(board, close, "Shift+Tab")
    by_tab(board, board.locator(".xterm-helper-textarea"))
    by_tab(board, close, "Shift+Tab")
    board.keyboard.press("Enter")
    expect(console).to_have_count(0)
    wait_until(
        lambda: shells(clean_engine, "lab-outside") == 0, what="the shell to end", timeout=20
    )
    by_tab(board, board.get_by_role("button", name="lab-outside"))
    board.keyboard.press("Enter")
    by_tab(board, board.get_by_role("dialog").get_by_role("button", name="stop", exact=True))
    board.keyboard.press("Enter")
    expect(board.get_by_role("row", name=re.compile("lab-outside"))).to_contain_text("exited")
    assert not clean_engine.containers.get("lab-outside").running


def test_what_is_not_the_courses_goes_only_by_its_name(
    board: Page, clean_engine: Engine, picture: Picture
) -> None:
    api: Any = clean_engine.client.api
    api.create_network("theirs-seen", "bridge")
    try:
        tab(board, "Networks")
        for typed in ("theirs", "theirs-seen"):
            press(board, "theirs-seen", "remove")
            asked = board.get_by_role("dialog").get_by_role("textbox", name="Name")
            expect(asked).to_be_focused()
            if typed == "theirs":
                assert in_both_themes(board, picture, "name") == []
            asked.fill(typed)
            asked.press("Enter")
            expect(board.get_by_role("dialog")).to_have_count(0)
            if typed == "theirs":
                said(board, "Type its name")
                assert clean_engine.networks.exists("theirs-seen")
        expect(board.get_by_role("button", name="theirs-seen")).to_have_count(0)
        tab(board, "Events")
        expect(board.get_by_role("row", name=re.compile("destroy theirs-seen"))).to_be_visible()
        assert not clean_engine.networks.exists("theirs-seen")
    finally:
        if clean_engine.networks.exists("theirs-seen"):
            api.remove_network("theirs-seen")


def test_what_is_filled_in_is_made_and_what_is_removed_is_asked_for(
    board: Page, clean_engine: Engine, picture: Picture
) -> None:
    for kind in ("network", "volume"):
        tab(board, f"{kind.title()}s")
        board.get_by_role("textbox", name=f"New {kind}").fill("lab-made")
        board.get_by_role("tabpanel").get_by_role("button", name="Create").press("Enter")
        expect(board.get_by_role("button", name="lab-made")).to_be_visible()
    tab(board, "Containers")
    board.get_by_role("button", name="New container").click()
    filled = {
        "Image": "lab/shell",
        "Name": "lab-made",
        "Command": "sh -c 'echo \"hello\" > /data/said; sleep 600'",
        "Ports": "8093:80",
        "Network": "lab-made",
        "Volumes": "lab-made:/data",
    }
    for name, text in filled.items():
        board.get_by_role("textbox", name=re.compile(f"^{name}")).fill(text)
    create = board.get_by_role("button", name="Create and start")
    board.get_by_role("textbox", name="Ports").fill(MARKUP)
    create.click()
    said(board, "This cannot be read")
    board.get_by_role("textbox", name="Ports").fill("8093:80")
    board.get_by_role("textbox", name="Name").fill("lab-<b>bold</b>")
    create.click()
    said(board, "Invalid container name (lab-<b>bold</b>)")  # in the engine's words
    assert board.locator("img[src=x], b:text('bold')").count() == 0
    board.get_by_role("textbox", name="Name").fill("lab-made")
    create.click()
    expect(board.get_by_role("row", name=re.compile("lab-made"))).to_contain_text("8093->80")
    made = clean_engine.containers.get("lab-made")
    assert (made.running, set(made.networks)) == (True, {"lab-made"})
    found = wait_until(
        lambda: clean_engine.containers.ask("lab-made", "cat", "/data/said").output,
        what="the command",
        timeout=10,
    )
    assert found.strip() == "hello"

    press(board, "lab-made", "remove")
    expect(board.get_by_role("dialog", name="Remove container lab-made?")).to_be_visible()
    assert in_both_themes(board, picture, "removal") == []
    board.get_by_role("dialog").get_by_role("button", name="Leave it").click()
    expect(board.get_by_role("dialog")).to_have_count(0)
    assert clean_engine.containers.exists("lab-made")
    press(board, "lab-made", "remove")
    agree(board, "Remove container lab-made?")
    expect(board.get_by_role("row", name=re.compile("lab-made"))).to_have_count(0)
    tab(board, "Volumes")
    press(board, "lab-made", "remove")
    agree(board, "Remove volume lab-made?")
    expect(board.get_by_role("button", name="lab-made")).to_have_count(0)
    assert not clean_engine.volumes.exists("lab-made")


def test_an_image_goes_to_a_registry_and_into_a_file_and_comes_back(
    board: Page, clean_engine: Engine, tmp_path: Path
) -> None:
    tab(board, "Templates")
    expect(board.get_by_role("button", name="Take away Registry")).to_be_hidden()
    board.get_by_role("button", name="Deploy Registry").click()
    said(board, "Registry is up")
    [port] = [
        place[1]
        for places in clean_engine.containers.get("lab-app-registry-registry-1").ports.values()
        for place in places
    ][:1]
    name = f"localhost:{port}/lab/shell:1"
    transfer.tag(clean_engine, "lab/shell", name.removesuffix(":1"), "1")

    tab(board, "Images")
    press(board, name, "push")
    said(board, "is pushed")
    press(board, name, "remove")
    agree(board, f"Remove image {name}?")
    expect(board.get_by_role("button", name=name)).to_have_count(0)
    board.get_by_role("textbox", name="Image, such as").fill(name)
    board.get_by_role("button", name="Pull", exact=True).click()
    expect(board.get_by_role("button", name=name)).to_be_visible()
    assert clean_engine.images.get(name).id == clean_engine.images.get("lab/shell").id

    board.get_by_role("textbox", name="Image, such as").fill(f"localhost:{port}/lab/none")
    board.get_by_role("button", name="Pull", exact=True).click()
    said(board, "lab/none")
    with board.expect_download() as saved:
        press(board, name, "save")
    archive = tmp_path / "image.tar"
    saved.value.save_as(archive)
    transfer.untag(clean_engine, name)
    expect(board.get_by_role("button", name=name)).to_have_count(0)
    load(board, archive)
    expect(board.get_by_role("button", name=name)).to_be_visible()
    transfer.untag(clean_engine, name)
    archive.write_text("no archive")
    load(board, archive)
    said(board, "This file is no archive of images")

    tab(board, "Templates")
    board.get_by_role("button", name="Take away Registry").click()
    asked = board.get_by_role("dialog", name="Take away Registry?")
    expect(asked).to_contain_text("container lab-app-registry-registry-1")
    expect(asked).to_contain_text("volume lab-app-registry_")
    agree(board, "Take away Registry?")
    said(board, "Registry is gone")
    assert not clean_engine.containers.exists("lab-app-registry-registry-1")


def load(page: Page, archive: Path) -> None:
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Load an archive").click()
    chooser.value.set_files(archive)


def test_an_image_that_comes_in_takes_somebodys_name_only_when_that_is_typed(
    board: Page, clean_engine: Engine, tmp_path: Path
) -> None:
    theirs, archive = "theirs.invalid/image:1", tmp_path / "image.tar"

    def id_() -> str:
        return clean_engine.images.get(theirs).id

    transfer.tag(clean_engine, "lab/web", "theirs.invalid/image", "1")
    try:
        archive.write_bytes(b"".join(transfer.save(clean_engine, [theirs])))
        web, shell = id_(), clean_engine.images.get("lab/shell").id
        transfer.tag(clean_engine, "lab/shell", "theirs.invalid/image", "1")
        tab(board, "Images")
        asked = board.get_by_role("dialog").get_by_role("textbox", name="Name")
        load(board, archive)
        asked.fill("theirs")
        asked.press("Enter")
        said(board, "Type its name")
        assert id_() == shell
        board.get_by_role("textbox", name="Image, such as").fill(theirs)
        board.get_by_role("button", name="Pull", exact=True).click()
        asked.press("Escape")
        expect(board.get_by_role("dialog")).to_have_count(0)
        load(board, archive)
        asked.fill(theirs)
        asked.press("Enter")
        said(board, "the archive is loaded")
        assert id_() == web
    finally:
        transfer.untag(clean_engine, theirs)


def test_all_tabs_by_the_keyboard_in_both_themes_and_a_page_that_goes_leaves_nothing(
    board: Page,
    browser: Browser,
    attached: AttachedDashboard,
    environment: dict[str, str],
    clean_engine: Engine,
    picture: Picture,
) -> None:
    api: Any = clean_engine.client.api
    for number in range(10):
        api.create_container("lab/shell", name=f"lab-a-long-name-that-goes-on-and-on-{number}")
    run(clean_engine, "lab-entered", "sleep 600")
    run(clean_engine, "lab-fails", "exit 3")
    assert attached._process is not None
    server = psutil.Process(attached._process.pid)
    for other in opened(browser, attached.address(environment)):
        tab(other, "Containers")
        press(other, "lab-entered", "console")
        expect(other.locator(".xterm-rows")).to_contain_text("/ #")
        with_two = connections(server)
    # That page has gone with its terminal open; this one is used meanwhile.
    wrong = []
    board.get_by_role("tab", name=TABS[0]).focus()
    for name in TABS:
        expect(board.get_by_role("tab", name=name)).to_be_focused()
        board.keyboard.press("Enter")
        expect(board.get_by_role("tab", name=name, selected=True)).to_be_visible()
        hidden = "Docker Engine" if name == "Status" else ""  # it names one machine's engine
        wrong += in_both_themes(board, picture, name.lower(), hidden=hidden)
        board.keyboard.press("ArrowRight")
    assert "\n".join(wrong) == ""
    board.set_viewport_size({"width": 390, "height": 720})
    tab(board, "Containers")
    row = board.locator(".labkit-item").filter(has_text="lab-fails")
    expect(row).to_contain_text("exited (3)")
    expect(row).to_contain_text("the course's")
    assert in_both_themes(board, picture, "narrow") == []
    row.get_by_role("button", name="lab-fails").click()
    board.get_by_role("dialog").get_by_role("button", name="Close").click()
    assert board.evaluate("document.documentElement.scrollWidth <= innerWidth")
    wait_until(
        lambda: shells(clean_engine, "lab-entered") == 0, what="the shell to end", timeout=30
    )
    wait_until(lambda: connections(server) < with_two, what="connections to end", timeout=10)


@pytest.fixture
def accounts(environment: dict[str, str]) -> Accounts:
    return Accounts(Path(environment["LABKIT_WORK"]) / ".labkit" / "accounts.json")


@pytest.fixture
def logged_in(
    browser: Browser,
    attached: AttachedDashboard,
    environment: dict[str, str],
    accounts: Accounts,
) -> Iterator[Callable[[Role], Page]]:
    """Log somebody in by a password, in a browser of their own."""
    contexts = []

    def log_in(role: Role) -> Page:
        accounts.put("vic", role, PASSWORD)
        contexts.append(
            browser.new_context(bypass_csp=True, base_url=attached.address(environment))
        )
        page = contexts[-1].new_page()
        page.set_default_timeout(PATIENCE)
        page.goto("/login")
        page.get_by_role("textbox", name="Name").fill("vic")
        page.get_by_role("textbox", name="Password").fill(PASSWORD)
        page.keyboard.press("Enter")
        expect(page.get_by_text(f"vic ({role})")).to_be_visible(timeout=PATIENCE)
        return page

    yield log_in
    for context in contexts:
        context.close()


def test_a_viewer_looks_and_goes_with_the_account(
    logged_in: Callable[[Role], Page], accounts: Accounts, clean_engine: Engine, picture: Picture
) -> None:
    run(clean_engine, "lab-seen", "echo a line; sleep 600")
    page = logged_in(Role.VIEWER)
    tab(page, "Containers")
    page.get_by_role("button", name="lab-seen").click()
    details = page.get_by_role("dialog")
    expect(details).to_contain_text("a line")
    assert details.get_by_role("button").all_inner_texts() == ["Close"]
    accounts.remove("vic")
    expect(page.get_by_role("textbox", name="Password")).to_be_visible()
    assert in_both_themes(page, picture, "login") == []


def test_who_may_not_change_any_more_is_refused_on_the_page_that_is_open_and_loses_the_console(
    logged_in: Callable[[Role], Page], accounts: Accounts, clean_engine: Engine
) -> None:
    run(clean_engine, "lab-seen", "sleep 600")
    page = logged_in(Role.OPERATOR)
    tab(page, "Containers")
    press(page, "lab-seen", "console")
    expect(page.locator(".xterm-rows")).to_contain_text("/ #")
    accounts.put("vic", Role.VIEWER, PASSWORD)
    expect(page.get_by_role("dialog")).to_have_count(0)
    wait_until(lambda: shells(clean_engine, "lab-seen") == 0, what="the shell to end", timeout=20)
    tab(page, "Volumes")
    page.get_by_role("textbox", name="New volume").fill("lab-late")
    page.get_by_role("tabpanel").get_by_role("button", name="Create").click()
    said(page, "may look, but not change")
    assert not clean_engine.volumes.exists("lab-late")


def test_a_page_whose_account_cannot_be_read_goes_and_the_others_go_on(
    logged_in: Callable[[Role], Page],
    browser: Browser,
    attached: AttachedDashboard,
    environment: dict[str, str],
    accounts: Accounts,
    clean_engine: Engine,
) -> None:
    page = logged_in(Role.VIEWER)
    for other in opened(browser, attached.address(environment)):
        tab(other, "Containers")
        accounts.path.chmod(0o640)
        try:
            run(clean_engine, "lab-after", "sleep 600")
            expect(other.get_by_role("button", name="lab-after")).to_be_visible()
            expect(page.get_by_text("chmod 600")).to_be_visible(timeout=PATIENCE)
        finally:
            accounts.path.chmod(0o600)


def test_who_logs_out_is_out_on_every_page(board: Page, clean_engine: Engine) -> None:
    run(clean_engine, "lab-seen", "sleep 600")
    other = board.context.new_page()
    other.goto(urljoin(board.url, "/"))
    tab(other, "Containers")
    expect(other.get_by_role("button", name="lab-seen")).to_be_visible()
    board.get_by_role("button", name="Log out").click()
    for page in (board, other):  # the second without being touched
        expect(page.get_by_role("textbox", name="Password")).to_be_visible()
        expect(page.get_by_text("lab-seen")).to_have_count(0)
    for path in ("/", "/save?image=lab/shell:latest"):
        answer = board.request.get(urljoin(board.url, path), max_redirects=0)
        assert (answer.status, answer.headers["location"]) == (303, "/login")


def connections(process: psutil.Process) -> int:
    """Count those to browsers and to the engine, each of which the page's terminal had one of."""
    return len([one for one in process.net_connections("all") if one.status != "LISTEN"])


def scaled_to_three(board: Page, picture: Picture) -> list[str]:
    """Scale the service that has two tasks; return what axe finds wrong."""
    board.get_by_role("button", name="lab-tasks").click()
    tasks = board.get_by_role("spinbutton", name="Tasks")
    expect(tasks).to_have_value("2")
    wrong = in_both_themes(board, picture, "service")
    scale = board.get_by_role("dialog").get_by_role("button", name="scale")
    tasks.fill("")
    scale.click()
    said(board, "Say how many tasks")
    tasks.fill("3")
    scale.click()
    return wrong


def test_a_swarm_is_followed_and_an_engine_that_restarts(
    browser: Browser, private: PrivateEngine, clean_engine: Engine, tmp_path: Path, picture: Picture
) -> None:
    attached = AttachedDashboard()
    engine = private.start(silent)
    transfer.copy(clean_engine, ["lab/shell:latest"], engine)
    api: Any = engine.client.api
    swarm: Any = engine.client
    try:
        # Its own network has an address on the bridge and nowhere else.
        subnet = api.inspect_network("bridge")["IPAM"]["Config"][0]["Subnet"]
        here = str(next(ip_network(subnet).hosts()))
        swarm.swarm.init(advertise_addr=here, listen_addr=here)
        address = attached.address({**engine.cli_env(), "LABKIT_WORK": str(tmp_path)})
        for board in opened(browser, address):
            tab(board, "Swarm")
            expect(board.get_by_role("row", name=re.compile("ready, active"))).to_be_visible()
            service = swarm.services.create("lab/shell:latest", ["sleep", "600"], name="lab-tasks")
            row = board.get_by_role("row", name=re.compile("lab-tasks"))
            expect(row).to_contain_text("1 of 1 run")
            service.scale(2)
            expect(row).to_contain_text("2 of 2 run")
            assert scaled_to_three(board, picture) == []
            expect(row).to_contain_text("3 of 3 run")
            press(board, "lab-tasks", "remove")
            agree(board, "Remove service lab-tasks?")
            expect(row).to_have_count(0)

            tab(board, "Volumes")
            api.create_volume("lab-before")
            expect(board.get_by_role("button", name="lab-before")).to_be_visible()
            private.stop(silent)
            alert = board.get_by_role("alert").filter(has_text="No Docker engine answers")
            expect(alert).to_be_visible()
            board.get_by_role("textbox", name="New volume").fill("lab-none")
            board.get_by_role("tabpanel").get_by_role("button", name="Create").click()
            expect(board.locator(".q-notification").first).to_contain_text("No Docker engine")
            again = private.start(silent)
            expect(alert).to_have_count(0)
            again.client.api.remove_volume("lab-before")
            again.client.api.create_volume("lab-after")
            again.close()
            expect(board.get_by_role("button", name="lab-after")).to_be_visible()
            expect(board.get_by_role("button", name="lab-before")).to_have_count(0)
            tab(board, "Swarm")
            expect(board.get_by_role("row", name=re.compile("ready, active"))).to_be_visible()
    finally:
        attached.close()
        engine.close()


@pytest.mark.usefixtures("clean_engine")
def test_a_notebook_shows_it_logged_in_and_it_ends_with_the_kernel(
    lab: JupyterLab, picture: Picture
) -> None:
    notebook = lab.open()
    notebook.run("%load_ext labkit")
    cell = notebook.new_cell()
    cell.write("%dashboard")
    shown = cell.run().locator("iframe")
    frame = shown.content_frame
    expect(frame.get_by_text("you (operator)")).to_be_visible()
    expect(frame.get_by_text(re.compile("^images: "))).to_be_visible()
    frame.get_by_role("tab", name="Volumes").click()
    frame.get_by_role("textbox", name="New volume").fill("lab-framed")
    frame.get_by_role("tabpanel").get_by_role("button", name="Create").click()
    expect(frame.get_by_role("button", name="lab-framed")).to_be_visible()
    for theme in ("JupyterLab Dark", "JupyterLab Light"):
        lab.theme(theme)
        shown.scroll_into_view_if_needed()
        name = theme.rpartition(" ")[2].lower()
        expect(frame.locator(f"body.body--{name}")).to_be_visible()
        picture(lab.page, f"dashboard-notebook-{name}")
    address = shown.get_attribute("src") or ""
    assert "/enter?token=" in address
    assert answers(address)
    lab.menu("Kernel", "Shut Down Kernel")
    wait_until(lambda: not answers(address), what="the dashboard to end", timeout=20)


def answers(address: str) -> bool:
    parts = urlsplit(address)
    try:
        socket.create_connection((parts.hostname or "", parts.port or 0), timeout=5).close()
    except OSError:
        return False
    return True
