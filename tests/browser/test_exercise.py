from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from labkit.waiting import wait_until
from tests.browser.jupyterlab import words

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Locator, Page

    from labkit.engine import Engine
    from tests.browser.jupyterlab import Notebook
    from tests.browser.opened import OpenCourse

    Picture = Callable[[Page, str], None]

SLUG = "welcome.hello"
RIGHT = "!docker run --name lab-hello lab/shell echo hello"


def open_panel(notebook: Notebook) -> Locator:
    panel = notebook.run(f"%panel {SLUG}")
    expect(panel.get_by_role("button", name="Check")).to_be_visible()
    return panel


def test_a_wrong_attempt_shows_the_hint_and_a_right_one_passes(
    hello: Notebook, opened: OpenCourse, picture: Picture
) -> None:
    attempt, check = hello.cell("# Your commands here"), hello.cell("%check")
    attempt.write("!docker create --name lab-hello lab/shell echo hello")
    attempt.run()
    shown = check.run()
    expect(shown).to_contain_text("Found: it was created, and never started.")
    expect(shown).to_contain_text("Next: Run docker start lab-hello.")
    expect(shown).to_contain_text("1 of 3 points.")
    assert words(shown.inner_text()) == words(opened.run("check", SLUG))

    attempt.write(f"!docker rm lab-hello\n{RIGHT}")
    attempt.run()
    shown = check.run()
    expect(shown).to_contain_text("3 of 3 points.")
    expect(shown.get_by_text("failed")).to_have_count(0)
    assert words(shown.inner_text()) == words(opened.run("check", SLUG))
    picture(hello.page, "exercise-passed")

    # What was done is not the kernel's memory.
    hello.restart()
    hello.cell("%load_ext labkit").run()
    expect(hello.run(f"%exercise {SLUG}")).to_contain_text("(3 points, passed)")
    # From within the exercise's folder, too, the link leads to the exercise.
    hello.save()
    hello.cell("%exercise").here.get_by_role("link").click()
    hello.lab.notebook("exercises/00_welcome/hello.ipynb")
    expect(hello.page.locator(".jp-Dialog")).to_have_count(0)


def test_the_panel_does_by_mouse_what_the_magics_do(
    hello: Notebook, opened: OpenCourse, clean_engine: Engine, picture: Picture
) -> None:
    hello.run("!docker run --name lab-hello lab/shell echo Hello, world")
    panel = open_panel(hello)
    panel.get_by_role("button", name="Check").click()
    expect(panel).to_contain_text("Found: it wrote Hello, world.")
    panel.get_by_text("exactly").scroll_into_view_if_needed()
    picture(hello.page, "panel")
    checked = hello.cell("%check").run()
    assert (
        panel.locator(".labkit-check").inner_html() == checked.locator(".labkit-check").inner_html()
    )
    assert words(panel.locator(".labkit-check").inner_text()) == words(opened.run("check", SLUG))

    panel.get_by_role("button", name="Hint").click()
    expect(panel).to_contain_text("Hint 1 of 3: docker run makes a container and starts it.")
    expect(hello.run(f"%hint {SLUG}")).to_contain_text("Hint 2 of 3:")

    panel.get_by_role("button", name="Begin again").click()
    expect(panel).to_contain_text("container lab-hello")
    picture(hello.page, "panel-begin-again")
    panel.get_by_role("button", name="Keep everything").click()
    expect(panel).to_contain_text("Nothing was removed.")
    assert clean_engine.containers.exists("lab-hello")
    panel.get_by_role("button", name="Begin again").click()
    panel.get_by_role("button", name="Remove and begin again").click()
    expect(panel).to_contain_text("- container lab-hello")
    assert not clean_engine.containers.exists("lab-hello")
    hello.lab.menu("File", "Reload Notebook from Disk")
    hello.lab.accept("Reload")
    hello.wait_until_complete()
    hello.cell("# Your commands here")


def test_the_panel_does_by_keyboard_what_it_does_by_mouse(
    hello: Notebook, clean_engine: Engine
) -> None:
    hello.run(RIGHT)
    panel, keys = open_panel(hello), hello.page.keyboard
    hello.panel.locator(".jp-CodeCell").last.locator(".cm-content").press("Escape")
    keys.press("Tab")
    for _step in range(20):
        if panel.get_by_role("button", name="Check").evaluate("e => e === document.activeElement"):
            break
        keys.press("Tab")
    expect(panel.get_by_role("button", name="Check")).to_be_focused()
    keys.press("Enter")
    expect(panel).to_contain_text("3 of 3 points.")
    expect(panel.get_by_role("button", name="Check")).to_be_focused()
    keys.press("Tab")
    keys.press("Enter")
    expect(panel).to_contain_text("Hint 1 of 3:")
    keys.press("Tab")
    keys.press("Enter")
    expect(panel.get_by_role("button", name="Remove and begin again")).to_be_visible()
    keys.press("Tab")
    keys.press("Enter")
    expect(panel).to_contain_text("- container lab-hello")
    expect(panel.get_by_role("button", name="Check")).to_be_focused()
    assert not clean_engine.containers.exists("lab-hello")


def test_markup_from_the_engine_is_shown_and_not_obeyed(
    hello: Notebook, clean_engine: Engine
) -> None:
    markup = "<script>document.title='x'</script><img src=x onerror=\"document.title='x'\"><b>b</b>"
    clean_engine.client.containers.run(
        "lab/shell", ["echo", markup], name="lab-hello", labels={"lab": markup}, detach=True
    ).wait()
    panel = open_panel(hello)
    panel.get_by_role("button", name="Check").click()
    for shown in (panel, hello.cell("%check").run()):
        expect(shown).to_contain_text(f"Found: it wrote {markup}.")
        assert not shown.locator("script, img, b b, code b").count()
    expect(hello.run("!docker logs lab-hello")).to_contain_text(markup)
    assert hello.page.title() != "x"


def test_a_saved_notebook_is_readable_without_a_kernel(hello: Notebook, opened: OpenCourse) -> None:
    hello.run(RIGHT)
    hello.cell("%check").run()
    panel = open_panel(hello)
    panel.get_by_role("button", name="Check").click()
    expect(panel).to_contain_text("3 of 3 points.")
    saved = {"".join(cell["source"]): cell.get("outputs") for cell in hello.save()}
    texts = {
        code: ["".join(out["data"]["text/plain"]) for out in outputs if "data" in out]
        for code, outputs in saved.items()
        if outputs
    }
    assert texts[RIGHT] == ["+ container lab-hello  exited (0)"]
    assert texts[f"%check {SLUG}"] == [opened.run("check", SLUG).rstrip("\n")]
    assert f"`%check {SLUG}` checks it" in texts[f"%panel {SLUG}"][0]

    hello.lab.menu("Kernel", "Shut Down Kernel")
    expect(hello.page.get_by_text(re.compile(r"No Kernel \|"))).to_be_visible()
    again = hello.lab.reload(hello)
    for code in ("%check", "%panel"):
        expect(again.cell(code).outputs).to_contain_text("3 of 3 points.")


def test_a_kernel_has_files_for_ports_over_a_restart_and_leaves_none(hello: Notebook) -> None:
    ask = "import ipykernel; print(ipykernel.get_connection_info(unpack=True)['ip'])"
    sockets = Path(hello.run(ask).inner_text().strip()).parent
    assert len(list(sockets.iterdir())) == 5
    hello.restart()
    expect(hello.run(ask)).to_contain_text(str(sockets))
    assert len(list(sockets.iterdir())) == 5
    hello.lab.menu("Kernel", "Shut Down Kernel")
    wait_until(lambda: not sockets.exists(), what="the kernel's sockets to go", timeout=10)
