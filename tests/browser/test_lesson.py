from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from labkit.engine.ownership import owned
from tests.browser.jupyterlab import contrast

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from labkit.course import Course
    from labkit.engine import Engine
    from tests.browser.jupyterlab import JupyterLab, Notebook
    from tests.browser.opened import OpenCourse

    Picture = Callable[[Page, str], None]


def test_the_printed_address_opens_the_welcome_lesson_and_asks_nothing(
    lab: JupyterLab, picture: Picture
) -> None:
    notebook = lab.open()
    expect(notebook.panel.get_by_role("heading", name="Welcome")).to_be_visible()
    expect(lab.page.locator(".jp-Dialog, .Toastify__toast")).to_have_count(0)
    assert not lab.page.locator(".jp-mod-error").count()
    picture(lab.page, "welcome")


def test_a_lesson_runs_says_what_each_cell_changed_and_links_to_its_exercise(
    lab: JupyterLab,
    opened: OpenCourse,
    clean_engine: Engine,
    course: Course,
    picture: Picture,
) -> None:
    (opened.work / "exercises" / "00_welcome" / "hello.ipynb").unlink(missing_ok=True)
    notebook = lab.open()
    notebook.run_all()
    ran = notebook.cell("docker run --name lab-first")
    expect(ran.outputs.first).to_contain_text("hello from inside")
    expect(ran.outputs.last).to_have_text("+ container lab-first  exited (0)")
    expect(notebook.cell("docker logs lab-first").outputs).to_have_count(1)
    expect(notebook.panel.locator(".labkit-changes").nth(1)).to_have_text("- container lab-first")
    ran.scroll_to()
    picture(lab.page, "welcome-run")

    left = [str(thing) for thing in owned(clean_engine, keep_images=course.image_tags)]
    assert left == [], "the lesson's last cell leaves nothing"

    # The removal is said once, by the magic itself.
    expect(notebook.cells.last).to_contain_text("- container lab-crowd-0")
    expect(notebook.cells.last.locator(".jp-OutputArea-output")).to_have_count(1)

    notebook.cell("%exercise welcome.hello").here.get_by_role("link").click()
    exercise = lab.notebook("exercises/00_welcome/hello.ipynb")
    expect(exercise.panel.get_by_role("heading", name="A first container")).to_be_visible()
    assert len(lab.page.context.pages) == 1


@pytest.mark.usefixtures("clean_engine")
def test_what_a_cell_changed_can_be_silenced_and_docker_gets_templates_as_typed(
    lab: JupyterLab,
) -> None:
    notebook = lab.open()
    notebook.cell("%load_ext labkit").run()
    create = "!docker create --name lab-quiet lab/shell true > /dev/null"
    expect(notebook.run(create)).to_have_text("+ container lab-quiet  created")
    notebook.run("%changes off")
    expect(notebook.run("!docker rm lab-quiet > /dev/null")).to_have_count(0)
    notebook.run("%changes on")
    expect(notebook.run(create)).to_have_text("+ container lab-quiet  created")
    named = notebook.run("!docker inspect --format '{{.Name}}, {{.State.Status}}' lab-quiet")
    expect(named).to_have_text("/lab-quiet, created\n")


@pytest.mark.parametrize("theme", ["JupyterLab Dark", "JupyterLab Light"])
def test_results_are_readable_in_both_themes(hello: Notebook, theme: str, picture: Picture) -> None:
    hello.lab.theme(theme)
    attempt = hello.cell("# Your commands here")
    attempt.write("!docker run --name lab-hello lab/shell echo Hello, world")
    changed = attempt.run()
    shown = hello.cell("%check welcome.hello").run()
    texts = (
        changed.last.locator("pre"),
        shown.get_by_text("passed").first,
        shown.get_by_text("failed"),
        shown.get_by_text("exactly"),
        shown.get_by_text("of 3 points"),
    )
    for text in texts:
        text.scroll_into_view_if_needed()
        assert contrast(text) >= 4.5, f"{text.inner_text()!r} in {theme}"
    picture(hello.page, f"exercise-failed-{theme.rpartition(' ')[2].lower()}")
