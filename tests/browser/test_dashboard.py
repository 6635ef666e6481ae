"""The dashboard in a browser: what happens outside appears, and what is pressed happens."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from labkit.dashboard.attached import AttachedDashboard
from labkit.engine import transfer
from labkit.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    from labkit.engine import Engine

#: Milliseconds that a page may take on a slow machine.
PATIENCE = 60_000
MARKUP = "<img src=x onerror=\"document.title='injected'\"><b>bold</b>"
_AT_REST = """() => Promise.all(document.getAnimations()
    .filter(one => one.effect.getComputedTiming().endTime !== Infinity)
    .map(one => one.finished.catch(() => null)))"""


@pytest.fixture
def address(engine: Engine, tmp_path: Path) -> Iterator[str]:
    attached = AttachedDashboard()
    yield attached.address({**engine.cli_env(), "LABKIT_WORK": str(tmp_path)})
    attached.close()


@pytest.fixture(params=["light", "dark"])
def board(request: pytest.FixtureRequest, browser: Browser, address: str) -> Iterator[Page]:
    # axe, which a test brings into the page, is not the page's own.
    context = browser.new_context(
        bypass_csp=True, viewport={"width": 1080, "height": 720}, color_scheme=request.param
    )
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    asked: list[str] = []
    page.on("request", lambda one: asked.append(one.url))
    page.goto(address)
    expect(page.get_by_role("heading", name="On the disk")).to_be_visible()
    yield page
    own = page.evaluate("location.origin")
    assert [url for url in asked if not url.startswith((own, "data:"))] == []
    context.close()


def accessible(page: Page) -> list[str]:
    """Return what axe finds wrong, once nothing fades in or out any more."""
    page.evaluate(_AT_REST)
    found = Axe().run(page)
    return [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found.response["violations"]]


def _scheme(page: Page) -> str:
    dark: bool = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    return "dark" if dark else "light"


def run(engine: Engine, name: str, command: str, **options: Any) -> None:
    """Start a container past the dashboard."""
    api: Any = engine.client.api
    api.start(api.create_container("lab/shell", ["sh", "-c", command], name=name, **options))


def test_a_container_is_seen_entered_and_stopped(
    board: Page, clean_engine: Engine, picture: Callable[[Page, str], None]
) -> None:
    scheme = _scheme(board)
    assert accessible(board) == []
    board.get_by_role("tab", name="Containers").click()
    said = f"echo '{MARKUP}'; trap exit TERM; while :; do sleep 0.2; done"
    run(clean_engine, "lab-outside", said, labels={MARKUP: MARKUP})
    expect(board.get_by_role("row", name=re.compile("lab-outside"))).to_contain_text("running")
    board.get_by_role("button", name="lab-outside").click()

    details = board.get_by_role("dialog")
    expect(details.get_by_text("<b>bold</b>").last).to_be_visible()
    assert board.locator("img[src=x], b:text('bold')").count() == 0
    assert board.title() != "injected"
    picture(board, f"dashboard-container-{scheme}")
    assert accessible(board) == []

    details.get_by_role("button", name="console").click()
    expect(board.get_by_role("heading", name="Console in lab-outside")).to_be_visible()
    expect(board.locator(".xterm-rows")).to_contain_text("/ #")
    board.keyboard.type("echo $((40 + 2)) > /typed; echo it is $((40 + 2))\n")
    expect(board.locator(".xterm-rows")).to_contain_text("it is 42")
    assert clean_engine.containers.read_file("lab-outside", "/typed") == b"42\n"
    picture(board, f"dashboard-console-{scheme}")
    board.get_by_role("button", name="Close").click()

    def shells() -> int:
        lines = clean_engine.containers.ask("lab-outside", "ps").output.splitlines()
        return sum(line.endswith(" sh") for line in lines)

    wait_until(lambda: shells() == 0, what="the shell to end", timeout=20)

    # From here on by the keyboard alone.
    board.get_by_role("button", name="lab-outside").focus()
    board.keyboard.press("Enter")
    board.get_by_role("dialog").get_by_role("button", name="stop", exact=True).focus()
    board.keyboard.press("Enter")
    expect(board.get_by_role("row", name=re.compile("lab-outside"))).to_contain_text("exited")
    assert not clean_engine.containers.get("lab-outside").running


def test_what_is_not_the_courses_goes_only_by_its_name(board: Page, clean_engine: Engine) -> None:
    api: Any = clean_engine.client.api
    api.create_network("theirs-seen", "bridge")
    try:
        board.get_by_role("tab", name="Networks").click()
        for typed in ("theirs", "theirs-seen"):
            board.get_by_role("button", name="theirs-seen").click()
            board.get_by_role("dialog").get_by_role("button", name="remove").click()
            asked = board.get_by_role("dialog").get_by_role("textbox", name="Name")
            asked.fill(typed)
            asked.press("Enter")
            expect(board.get_by_role("dialog")).to_have_count(0)
            if typed == "theirs":
                expect(board.get_by_text("Type its name").first).to_be_visible()
                assert clean_engine.networks.exists("theirs-seen")
        expect(board.get_by_role("button", name="theirs-seen")).to_have_count(0)
        board.get_by_role("tab", name="Events").click()
        expect(board.get_by_role("row", name=re.compile("destroy theirs-seen"))).to_be_visible()
        assert not clean_engine.networks.exists("theirs-seen")
    finally:
        if clean_engine.networks.exists("theirs-seen"):
            api.remove_network("theirs-seen")


@pytest.mark.parametrize("board", ["light"], indirect=True)
def test_an_archive_is_loaded(board: Page, clean_engine: Engine, tmp_path: Path) -> None:
    transfer.tag(clean_engine, "lab/shell", "lab/loaded", "1")
    archive = tmp_path / "image.tar"
    archive.write_bytes(b"".join(transfer.save(clean_engine, ["lab/loaded:1"])))
    transfer.untag(clean_engine, "lab/loaded:1")
    board.get_by_role("tab", name="Images").click()
    assert accessible(board) == []
    expect(board.get_by_role("button", name="lab/loaded:1")).to_have_count(0)
    with board.expect_file_chooser() as chooser:
        board.get_by_role("button", name="Load an archive").click()
    chooser.value.set_files(archive)
    expect(board.get_by_role("button", name="lab/loaded:1")).to_be_visible()
    assert clean_engine.images.exists("lab/loaded:1")
