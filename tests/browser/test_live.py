"""Live pictures in JupyterLab: they follow the engine, by mouse and by keyboard, and end."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from labkit import nodes
from labkit.engine import nested
from tests.browser.jupyterlab import JupyterLab
from tests.second import silent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import BrowserContext, Locator, Page

    from labkit.course import Course
    from labkit.engine import Engine
    from labkit.engine.private import PrivateEngine
    from tests.browser.jupyterlab import Notebook
    from tests.browser.opened import OpenCourse

    Picture = Callable[[Page, str], None]

IMPORTS = "from labkit import show\nfrom labkit.engine import connect"
STATE = "docker inspect --format={{.State.Status}}"
THREADS = """import threading
print(*sorted(t.name for t in threading.enumerate() if t.name.startswith("labkit")), "and no more")
"""
#: Those of a picture, and one for each object that an event made it ask about at the same time.
FOLLOWING = r"labkit-events labkit-following( labkit-inspections_\d+)* labkit-objects and no more\n"


@pytest.fixture(scope="module")
def opened_notebook(context: BrowserContext, opened: OpenCourse) -> Iterator[Notebook]:
    """A notebook with `show` imported: one page and one kernel for all tests here."""
    lab = JupyterLab(context.new_page(), opened.address, opened.work)
    lab.stop_kernels()
    notebook = lab.new("lab-live.ipynb")
    notebook.run(IMPORTS)
    yield notebook
    lab.page.close()


@pytest.fixture
def notebook(opened_notebook: Notebook) -> Iterator[Notebook]:
    """The notebook; what a test shows there is put away after it."""
    yield opened_notebook
    opened_notebook.lab.menu("Edit", "Clear Outputs of All Cells")


def start(engine: Engine, name: str, *command: str, **options: Any) -> Any:
    return engine.client.containers.run(
        "lab/shell", command or ["sleep", "600"], name=name, detach=True, **options
    )


def accessible(shown: Locator) -> list[str]:
    """Return what axe finds wrong in a picture."""
    shown.evaluate("shown => shown.classList.add('lab-looked-at')")
    found = Axe().run(shown.page, context=".lab-looked-at")
    shown.evaluate("shown => shown.classList.remove('lab-looked-at')")
    return [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found.response["violations"]]


def test_the_map_follows_what_happens_elsewhere_and_opens_an_object(
    notebook: Notebook, clean_engine: Engine
) -> None:
    clean_engine.client.networks.create("lab-front")
    shown = notebook.run("show.engine()").locator(".labkit-live")
    expect(shown.get_by_role("button", name="lab-front")).to_be_visible()
    container = start(clean_engine, "lab-a", network="lab-front", ports={"80": 8087})
    title = shown.get_by_role("button", name="lab-a")
    expect(title).to_be_visible()
    expect(shown).to_contain_text("container, running")
    expect(shown).to_contain_text("8087 of the host -> 80/tcp")

    title.click()
    details = shown.locator(".labkit-details")
    expect(details).to_contain_text("docker run --detach --name=lab-a --network=lab-front")

    container.pause()
    expect(shown).to_contain_text("container, paused")
    container.remove(force=True)
    expect(title).to_have_count(0)
    expect(details).to_contain_text("Container lab-a")


def test_the_map_works_from_the_keyboard(notebook: Notebook, clean_engine: Engine) -> None:
    start(clean_engine, "lab-a")
    start(clean_engine, "lab-b")
    shown = notebook.run("show.engine()").locator(".labkit-live")
    keys, title = notebook.page.keyboard, shown.get_by_role("button", name="lab-b")
    shown.get_by_role("button", name="Pause").focus()
    for _step in range(3):  # the network, lab-a, lab-b
        keys.press("Tab")
    expect(title).to_be_focused()
    keys.press("Enter")
    expect(shown.locator(".labkit-details")).to_contain_text("Container lab-b")

    # What changes elsewhere does not take the focus away.
    clean_engine.client.api.remove_container("lab-a", force=True)
    expect(shown.get_by_role("button", name="lab-a")).to_have_count(0)
    expect(title).to_be_focused()

    close = shown.get_by_role("button", name="Close")
    close.focus()
    keys.press("Enter")
    expect(title).to_be_focused()
    keys.press("Enter")
    expect(close).to_be_visible()


def test_markup_in_names_labels_and_logs_is_shown_and_not_obeyed(
    notebook: Notebook, clean_engine: Engine
) -> None:
    markup = "<script>document.title='x'</script><img src=x onerror=\"document.title='x'\"><b>b</b>"
    clean_engine.client.containers.run(
        "lab/shell", ["echo", markup], name="lab-a", labels={markup: markup}, detach=True
    ).wait()
    shown = notebook.run("show.engine()").locator(".labkit-live")
    shown.get_by_role("button", name="lab-a").click()
    details = shown.locator(".labkit-details")
    expect(details).to_contain_text("docker run")
    expect(details.get_by_text(markup, exact=True)).to_be_visible()
    assert not shown.locator("script, img").count()
    assert notebook.page.title() != "x"


def test_a_picture_that_is_put_away_leaves_no_threads(
    notebook: Notebook, clean_engine: Engine
) -> None:
    start(clean_engine, "lab-a")
    cell = notebook.new_cell()
    cell.write("show.engine()")
    shown = cell.run().locator(".labkit-live")
    expect(shown.get_by_role("button", name="lab-a")).to_be_visible()
    shown.get_by_role("button", name="lab-a").click()
    expect(shown.locator(".labkit-details")).to_contain_text("Container lab-a")
    expect(notebook.run(THREADS)).to_have_text(re.compile(f"^{FOLLOWING}$"))
    cell.write("'something else'")
    cell.run()
    expect(notebook.run(THREADS)).to_have_text("and no more\n")


def test_a_log_and_events_are_live_and_can_be_paused_and_filtered(
    notebook: Notebook, clean_engine: Engine
) -> None:
    script = "echo first; trap 'echo \"second <b>\"; echo other' HUP; while :; do sleep 0.1; done"
    container = clean_engine.client.containers.run(
        "lab/shell", ["sh", "-c", script], name="lab-a", detach=True
    )
    log = notebook.run("show.logs('lab-a')").locator(".labkit-live")
    expect(log.get_by_role("log")).to_have_text("first")
    container.kill("HUP")
    expect(log.get_by_role("log")).to_have_text("firstsecond <b>other")
    log.get_by_role("searchbox", name="Only lines with").fill("SECOND")
    expect(log.get_by_text("other", exact=True)).to_be_hidden()
    expect(log.get_by_text("second <b>", exact=True)).to_be_visible()

    events = notebook.run("show.events(containing='lab-paused')").locator(".labkit-live")
    pause = events.get_by_role("button", name="Pause")
    pause.press("Enter")
    start(clean_engine, "lab-paused")
    other = notebook.run("show.events(containing='lab-paused')").locator(".labkit-live")
    expect(other).to_contain_text("container start lab-paused")
    expect(events).not_to_contain_text("container start lab-paused")
    pause.press("Enter")
    expect(events).to_contain_text("container start lab-paused")


def test_a_question_is_answered_by_the_engine_from_the_keyboard(
    notebook: Notebook, clean_engine: Engine
) -> None:
    start(clean_engine, "lab-a")
    quiz = notebook.run(f"show.quiz('Is it up?', '{STATE} lab-a', 'running', 'exited')")
    choice = quiz.get_by_role("radio", name="exited")
    choice.focus()
    notebook.page.keyboard.press("Space")
    quiz.get_by_role("button", name="Ask the engine").press("Enter")
    expect(quiz).to_contain_text("You predicted exited. The engine says running.")
    quiz.get_by_role("radio", name="running").check()
    quiz.get_by_role("button", name="Ask the engine").click()
    expect(quiz).to_contain_text("You predicted running, and so it is: running.")


def test_the_map_outlives_its_engine(notebook: Notebook, private: PrivateEngine) -> None:
    private.start(silent).close()
    shown = notebook.run(f"show.engine(engine=connect('{private.endpoint}'))").locator(
        ".labkit-live"
    )
    expect(shown).to_contain_text("Containers: 0")
    private.stop(silent)
    expect(shown.get_by_role("status")).to_contain_text("No Docker engine answers")
    engine = private.start(silent)
    expect(shown.get_by_role("status")).to_be_hidden()
    engine.client.volumes.create("lab-v")
    expect(shown.get_by_role("button", name="lab-v")).to_be_visible()
    engine.close()


def test_the_map_follows_while_a_cell_runs(notebook: Notebook, clean_engine: Engine) -> None:
    go = notebook.path.with_name("lab-go")
    cell = notebook.new_cell()
    cell.write(
        "import os, time\n"
        "display(show.engine())\n"
        "while not os.path.exists('lab-go'):\n"
        "    time.sleep(0.1)"
    )
    notebook.page.keyboard.press("Control+Enter")
    shown = cell.outputs.locator(".labkit-live")
    expect(shown.get_by_role("button", name="Pause")).to_be_visible()
    start(clean_engine, "lab-a")
    expect(shown.get_by_role("button", name="lab-a")).to_be_visible()
    expect(cell.here.locator(".jp-InputPrompt")).to_have_text("[*]:")
    go.touch()
    notebook.wait_until_idle()
    go.unlink()


@pytest.fixture
def things(clean_engine: Engine, course: Course) -> Iterator[None]:
    """Something to show in each picture."""
    busy = "echo it begins; while :; do wget -q -O /dev/null http://lab-web/passwd; done"
    client = clean_engine.client
    client.networks.create("lab-front")
    web = start(clean_engine, "lab-web", "httpd", "-f", "-h", "/etc", ports={"80": 8087},
                volumes={"lab-data": {"bind": "/data"}})  # fmt: skip
    client.networks.get("lab-front").connect(web)
    start(clean_engine, "lab-busy", "sh", "-c", busy, network="lab-front")
    client.containers.run("lab/registry", name="lab-registry", ports={"5000": 5009}, detach=True)
    nodes.up(clean_engine, course, 1)
    nodes.swarm(clean_engine, 1)
    with nested.connected(clean_engine, "lab-node-1") as manager:
        manager.client.services.create("lab/shell", ["sleep", "600"], name="lab-hello")
    yield
    for image in ("lab/built", "localhost:5009/lab/shell"):
        clean_engine.client.api.remove_image(image)


PREPARE = """\
from pathlib import Path
Path("lab-built").mkdir(exist_ok=True)
Path("lab-built/Dockerfile").write_text("FROM lab/shell\\nRUN echo one > /one\\nCMD [\\"true\\"]")
!docker tag lab/shell localhost:5009/lab/shell
"""
#: What is shown, and words that are in it, as it is first and when it was saved.
PICTURES = {
    "engine": ("show.engine()", "container, running"),
    "details": ("show.details('lab-web')", "docker run"),
    "build": ("show.build('lab-built', 'lab/built')", "3/3 CMD"),
    "push": ("show.push('localhost:5009/lab/shell')", "lab/shell"),
    "pull": ("show.pull('localhost:5009/lab/shell')", "lab/shell"),
    "layers": ("show.layers('lab/shell', 'lab/built')", "echo one"),
    "diff": ("!docker exec lab-web touch /new\nshow.diff('lab-web')", "/new"),
    "stats": ("show.stats('lab-busy', 'lab-web')", "lab-busy"),
    "logs": ("show.logs('lab-busy')", "it begins"),
    "events": ("show.events(containing='lab-web')", "container start lab-web"),
    "swarm": ("show.swarm()", "task, running"),
    "quiz": (f"show.quiz('Is it up?', '{STATE} lab-web', 'running', 'exited')", "Is it up?"),
}


def text_of(markup: str) -> str:
    """Return what markup without scripts says."""
    return html.unescape(re.sub(r"<[^>]*>", "", markup))


@pytest.mark.usefixtures("things")
def test_every_picture_is_readable_in_both_themes_and_kept_as_text(
    notebook: Notebook, picture: Picture
) -> None:
    notebook.run(PREPARE)
    cells = {name: notebook.new_cell() for name in PICTURES}
    for name, (code, words) in PICTURES.items():
        cells[name].write(code)
        expect(cells[name].run().last).to_contain_text(words)
    wrong: list[str] = []
    for theme in ("JupyterLab Dark", "JupyterLab Light"):
        notebook.lab.theme(theme)
        for name, cell in cells.items():
            shown = cell.outputs.last
            cell.here.evaluate("cell => cell.scrollIntoView({block: 'start'})")
            wrong += [f"{name} in {theme}: {what}" for what in accessible(shown)]
            picture(notebook.page, f"picture-{name}-{theme.rpartition(' ')[2].lower()}")

    saved = notebook.save()[-len(PICTURES) :]
    for (name, (_code, words)), content in zip(PICTURES.items(), saved, strict=True):
        data = content["outputs"][-1]["data"]
        forms = "".join(data["text/plain"]), text_of("".join(data.get("text/html", "")))
        wrong += [f"{name} is saved without {words}: {form}" for form in forms if words not in form]
    assert wrong == []


# The last one, since it leaves no kernel.
def test_a_picture_outlives_its_kernel_and_says_so(
    notebook: Notebook, clean_engine: Engine
) -> None:
    start(clean_engine, "lab-a")
    cell = notebook.new_cell()
    cell.write("show.engine()")
    shown = cell.run().locator(".labkit-live")
    expect(shown.get_by_role("button", name="lab-a")).to_be_visible()
    saved = notebook.save()[-1]["outputs"][0]["data"]
    assert "lab-a  container, running" in "".join(saved["text/plain"])
    assert "<b>lab-a</b>" in "".join(saved["text/html"])

    notebook.restart()
    expect(shown).to_contain_text("The kernel that drew this has gone.")
    expect(shown).to_contain_text("lab-a")
    notebook.run(IMPORTS)
    start(clean_engine, "lab-b")
    again = cell.run().locator(".labkit-live")
    expect(again.get_by_role("button", name="lab-b")).to_be_visible()

    notebook.lab.menu("Kernel", "Shut Down Kernel")
    expect(notebook.page.get_by_text(re.compile(r"No Kernel \|"))).to_be_visible()
    notebook.save()
    reloaded = notebook.lab.reload(notebook)
    expect(reloaded.panel.locator(".labkit-picture")).to_contain_text("lab-b")
