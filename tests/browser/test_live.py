"""Live pictures in JupyterLab: they follow the engine, by mouse and by keyboard, and end."""

from __future__ import annotations

import html
import re
import subprocess
from contextlib import suppress
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
#: Threads of labkit and sockets that the kernel holds.
HELD = """import gc, os, threading
gc.collect()
left = [t.name for t in threading.enumerate() if t.name.startswith("labkit")]
places = [os.path.realpath(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")]
print(*left or ["no threads,"], sum("socket:" in place for place in places), "sockets")
"""
#: Those of a picture, and one for each object that an event made it ask about at the same time.
FOLLOWING = r"labkit-events labkit-following( labkit-inspections_\d+)* labkit-objects and no more\n"


@pytest.fixture(scope="module")
def opened_notebook(context: BrowserContext, opened: OpenCourse) -> Iterator[Notebook]:
    """A notebook with `show` imported: one page and one kernel for all tests here."""
    lab = JupyterLab(context.new_page(), opened.address, opened.work)
    asked: list[str] = []
    lab.page.on("request", lambda request: asked.append(request.url))
    lab.page.on("websocket", lambda socket: asked.append(socket.url))
    lab.stop_kernels()
    notebook = lab.new("lab-live.ipynb")
    notebook.run(IMPORTS)
    yield notebook
    lab.page.close()
    here = re.compile(r"(data|blob):|(http|ws)://(127\.0\.0\.1|localhost)[:/]")
    assert [url for url in asked if not here.match(url)] == [], "no request leaves the machine"
    assert any(url.startswith("ws:") for url in asked)


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
    expect(details).to_contain_text("--name=lab-a")
    assert accessible(shown) == []

    container.pause()
    expect(shown).to_contain_text("container, paused")
    expect(details).to_contain_text("state paused")
    container.remove(force=True)
    expect(title).to_have_count(0)
    expect(details).to_contain_text("It is gone.")
    expect(details).to_contain_text("Container lab-a")
    details.get_by_role("button", name="Close").click()
    expect(details).to_be_hidden()


def test_a_thing_with_two_places_is_drawn_in_both(notebook: Notebook, clean_engine: Engine) -> None:
    shown = notebook.run("show.engine()").locator(".labkit-live")
    start(clean_engine, "lab-a", volumes=["lab-v:/one", "lab-v:/two"])
    volume = shown.get_by_role("button", name="lab-v, volume")
    expect(volume).to_have_count(2)
    start(clean_engine, "lab-b")
    expect(shown.get_by_role("button", name="lab-b")).to_be_visible()
    expect(volume).to_have_count(2)
    expect(shown).to_contain_text("/one")
    expect(shown).to_contain_text("/two")


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
    details = shown.locator(".labkit-details")
    expect(details).to_contain_text("Container lab-b")
    expect(details).to_be_focused()
    keys.press("Tab")
    expect(shown.get_by_role("button", name="Close")).to_be_focused()
    keys.press("Escape")
    expect(details).to_be_hidden()
    expect(title).to_be_focused()

    # What changes elsewhere does not take the focus away, and leaves it near where it was.
    clean_engine.client.api.remove_container("lab-a", force=True)
    expect(shown.get_by_role("button", name="lab-a")).to_have_count(0)
    expect(title).to_be_focused()
    clean_engine.client.api.remove_container("lab-b", force=True)
    expect(title).to_have_count(0)
    expect(shown.locator(":focus")).to_have_count(1)


def test_the_keys_of_a_picture_are_not_jupyterlab_s(
    notebook: Notebook, clean_engine: Engine
) -> None:
    count = ["sh", "-c", "for n in $(seq 200); do echo line $n; done; sleep 600"]
    start(clean_engine, "lab-a", *count)
    keys = notebook.page.keyboard
    shown = notebook.run("show.engine()").locator(".labkit-live")
    cells = notebook.cells.count()
    shown.get_by_role("button", name="lab-a").focus()
    keys.press("d")
    keys.press("d")

    log = notebook.run("show.logs('lab-a')").locator(".labkit-live")
    field = log.get_by_role("searchbox")
    field.press_sequentially("Line 200")
    expect(field).to_have_value("Line 200")
    expect(log.get_by_text("line 1", exact=True)).to_be_hidden()
    field.fill("")
    lines = log.get_by_role("log")
    lines.evaluate("lines => { lines.scrollTop = 0; }")
    lines.focus()
    keys.press("ArrowDown")
    notebook.page.wait_for_function("lines => lines.scrollTop > 0", arg=lines.element_handle())
    expect(lines).to_be_focused()

    quiz = notebook.run("show.quiz('Which?', lambda engine: 'b', 'a', 'b', 'c')")
    first, second = (quiz.get_by_role("radio", name=name, exact=True) for name in "ab")
    expect(quiz.get_by_role("group", name="Which?")).to_be_visible()
    first.focus()
    keys.press("Space")
    keys.press("ArrowDown")
    expect(second).to_be_checked()
    keys.press("Tab")
    keys.press("Enter")
    expect(quiz).to_contain_text("and so it is: b.")
    expect(notebook.cells).to_have_count(cells + 2)
    expect(shown).to_be_visible()
    assert accessible(quiz) == []


def docker(engine: Engine, *words: str) -> None:
    """Do something as a terminal does it."""
    subprocess.run(["docker", *words], env=engine.cli_env(), check=True, stdout=subprocess.DEVNULL)


NEW = ("run", "--detach", "--name=lab-new", "lab/shell", "sleep", "600")
SERVICE = ("service", "create", "--detach", "--name=lab-hello", "lab/shell", "sleep", "600")
#: What is shown, what a terminal does meanwhile, and the words that come of it.
FOLLOWED = {
    "engine": ("show.engine()", NEW, "lab-new"),
    "events": ("show.events()", NEW, "container start lab-new"),
    "stats": ("show.stats()", NEW, "lab-new"),
    "logs": ("show.logs('lab-a')", ("kill", "--signal=HUP", "lab-a"), "hung up"),
    "swarm": ("show.swarm()", ("exec", "lab-node-1", "docker", *SERVICE), "lab-hello"),
}


@pytest.mark.parametrize("name", FOLLOWED)
def test_each_live_picture_follows_a_terminal_and_leaves_no_thread_or_socket(
    notebook: Notebook, clean_engine: Engine, course: Course, name: str
) -> None:
    code, command, words = FOLLOWED[name]
    script = "trap 'echo hung up' HUP; while :; do sleep 0.1; done"
    start(clean_engine, "lab-a", "sh", "-c", script)
    if name == "swarm":
        nodes.up(clean_engine, course, 1)
        nodes.swarm(clean_engine, 1)
    cell = notebook.new_cell()
    held = set[str]()
    for _turn in range(2):
        cell.write(code)
        shown = cell.run().locator(".labkit-live")
        expect(shown.get_by_role("button", name="Pause")).to_be_visible()
        if held:
            docker(clean_engine, *command)
            expect(shown).to_contain_text(words)
        cell.write("'something else'")
        cell.run()
        held.add(notebook.run(HELD).last.inner_text())
    (only,) = held
    assert only.startswith("no threads, ")


def test_what_a_terminal_starts_is_on_the_map_within_a_second(
    notebook: Notebook, clean_engine: Engine
) -> None:
    shown = notebook.run("show.engine()").locator(".labkit-live")
    expect(shown).to_contain_text("Containers: 0")

    def in_time(name: str) -> bool:
        docker(clean_engine, "run", "--detach", f"--name={name}", "lab/shell", "sleep", "600")
        with suppress(AssertionError):
            expect(shown.get_by_role("button", name=name)).to_be_visible(timeout=1000)
            return True
        return False

    # Other tests keep the machine busy meanwhile.
    assert any(in_time(f"lab-{number}") for number in range(5))


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
    note = shown.get_by_role("status").first
    expect(note).to_contain_text("No Docker engine answers")
    assert accessible(shown) == []
    engine = private.start(silent)
    expect(note).to_be_hidden()
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
    clean_engine.client.api.remove_image(BUILT)


PREPARE = """\
from pathlib import Path
from labkit.live.usage import Sample, Used
from labkit.show.live import usage
Path("lab-built").mkdir(exist_ok=True)
Path("lab-built/Dockerfile").write_text("FROM lab/shell\\nRUN echo one > /one\\nCMD [\\"true\\"]")
shares = [0.1, 0.2, 0.2, 0.9, 1, 1, 0.4, 0.1]
samples = tuple(
    Sample(n, int(sum(shares[:n]) * 1e9), n * 10**9, 1, (9 + n) * 10**6, 64 * 10**6, n * n * 999, 0)
    for n in range(9)
)
GIVEN = {
    "1": Used("lab-busy", samples=samples),
    "2": Used("lab-new", samples=samples[:1]),
    "3": Used("lab-old", running=False),
}
"""
BUILT = "localhost:5009/lab/built"
QUIZ = f"show.quiz('Is it up?', '{STATE} lab-web', 'running', 'exited')"
#: What is shown, and words that are in it, as it is first and when it was saved.
PICTURES = {
    "engine": ("show.engine()", "container, running"),
    "opened": ("show.engine()", "container, running"),
    "details": ("show.details('lab-web')", "docker run"),
    "build": ("show.build('lab-built', 'lab/built')", "3/3 CMD"),
    "push": (f"!docker tag lab/built {BUILT}\nshow.push('{BUILT}')", "Pushed"),
    "pull": (f"!docker rmi lab/built {BUILT}\nshow.pull('{BUILT}')", "Pull complete"),
    "layers": (f"show.layers('lab/shell', '{BUILT}')", "echo one"),
    "diff": ("!docker exec lab-web touch /new\nshow.diff('lab-web')", "/new"),
    "stats": ("show.stats('lab-busy', 'lab-web')", "lab-busy"),
    "usage": ("usage(GIVEN)", "of a processor"),
    "logs": ("show.logs('lab-busy')", "it begins"),
    "events": ("show.events(containing='LAB-WEB')", "container start lab-web"),
    "swarm": ("show.swarm()", "task, running"),
    "quiz": (QUIZ, "Is it up?"),
    "answered": (QUIZ, "Is it up?"),
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
    cells["opened"].outputs.last.get_by_role("button", name="lab-web").first.click()
    expect(cells["opened"].outputs.last).to_contain_text("Its last lines")
    cells["answered"].outputs.last.get_by_role("radio", name="running").check()
    cells["answered"].outputs.last.get_by_role("button", name="Ask the engine").click()
    expect(cells["answered"].outputs.last).to_contain_text("so it is")
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


def test_a_page_that_is_loaded_anew_follows_on(notebook: Notebook, clean_engine: Engine) -> None:
    start(clean_engine, "lab-a")
    title = (
        notebook.run("show.engine()").locator(".labkit-live").get_by_role("button", name="lab-a")
    )
    expect(title).to_be_visible()
    notebook.save()
    notebook.lab.reload(notebook)
    shown = notebook.panel.locator(".labkit-live")
    expect(shown.get_by_role("button", name="lab-a")).to_be_visible()
    start(clean_engine, "lab-b")
    expect(shown.get_by_role("button", name="lab-b")).to_be_visible()


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
