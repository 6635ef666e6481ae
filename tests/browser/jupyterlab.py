"""JupyterLab as a person uses it: what the tests click, type and read."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from playwright.sync_api import expect

from labkit.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Locator, Page

#: Milliseconds that a cell, a kernel or a page may take on a slow machine.
PATIENCE = 60_000

_ALL_RAN = r"""notebook => {
    const prompts = [...notebook.querySelectorAll('.jp-CodeCell .jp-InputPrompt')];
    return prompts.every(prompt => /\[\d+\]/.test(prompt.textContent));
}"""
_CONTRAST = r"""element => {
    const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
    const rgba = colour => {
        canvas.clearRect(0, 0, 1, 1);
        canvas.fillStyle = colour;
        canvas.fillRect(0, 0, 1, 1);
        const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
        return [r, g, b, a / 255];
    };
    const over = (top, below) => below.map((c, i) => top[i] * top[3] + c * (1 - top[3]));
    const light = colour => colour.map(c => c / 255)
        .map(c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    const chain = [];
    for (let e = element; e; e = e.parentElement) chain.unshift(e);
    let back = [255, 255, 255];
    for (const e of chain) back = over(rgba(getComputedStyle(e).backgroundColor), back);
    const text = over(rgba(getComputedStyle(element).color), back);
    const [dark, pale] = [light(text), light(back)].sort((a, b) => a - b);
    return (pale + 0.05) / (dark + 0.05);
}"""


class JupyterLab:
    """One browser page that shows the course."""

    def __init__(self, page: Page, address: str, work: Path) -> None:
        self.page = page
        self.work = work
        self.address = address
        page.set_default_timeout(PATIENCE)
        expect.set_options(timeout=PATIENCE)

    def stop_kernels(self) -> None:
        """Stop the kernels that are left from other pages."""
        api, token = (
            self.address.partition("/lab/")[0] + "/api/sessions",
            self.address.split("=")[1],
        )
        headers = {"Authorization": f"token {token}"}
        for session in self.page.request.get(api, headers=headers).json():
            self.page.request.delete(f"{api}/{session['id']}", headers=headers)

    def open(self, notebook: str | None = None) -> Notebook:
        """Open the printed address, or another notebook by the same way."""
        shown = re.search(r"/tree/(.+?)\?", self.address)
        assert shown is not None
        path = notebook or shown[1]
        self.page.goto(self.address.replace(shown[1], path))
        return self.notebook(path)

    def new(self, path: str) -> Notebook:
        """Open a new notebook with one empty cell."""
        cell = {"cell_type": "code", "metadata": {}, "source": "", "outputs": []}
        cell |= {"id": "first", "execution_count": None}
        kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
        content = {"cells": [cell], "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
        (self.work / path).write_text(json.dumps(content), encoding="utf-8")
        return self.open(path)

    def reload(self, notebook: Notebook) -> Notebook:
        """Load the page anew, as F5 does."""
        self.page.reload()
        notebook.wait_until_complete()
        return notebook

    def notebook(self, path: str) -> Notebook:
        """Wait until a notebook is open in a tab, in front, and its kernel is ready."""
        name = path.rpartition("/")[2]
        tab = self.page.locator(".lm-DockPanel-tabBar .lm-mod-current").get_by_text(name)
        expect(tab).to_be_visible()
        notebook = Notebook(self, self.work / path)
        notebook.wait_until_complete()
        notebook.wait_until_idle()
        return notebook

    def menu(self, name: str, *entries: str) -> None:
        """Choose an entry of a menu, or of its menus' menus."""
        self.page.get_by_role("menuitem", name=name, exact=True).click()
        for entry in entries:
            self.page.locator(".lm-Menu-itemLabel").get_by_text(entry, exact=True).click()

    def accept(self, button: str) -> None:
        """Press a button of a dialog."""
        self.page.locator(".jp-Dialog-buttonLabel").get_by_text(button, exact=True).click()

    def theme(self, name: str) -> None:
        """Change to another theme, such as `JupyterLab Dark`."""
        self.menu("Settings", "Theme", name)
        expect(self.page.locator("body")).to_have_attribute("data-jp-theme-name", name)


class Notebook:
    """The notebook in front."""

    def __init__(self, lab: JupyterLab, path: Path) -> None:
        self.lab = lab
        self.path = path
        self.page = lab.page
        self.panel = self.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")
        self.cells = self.panel.locator(".jp-Cell")

    def cell(self, text: str) -> Cell:
        """Find the first code cell whose code contains a text."""
        cells = self.panel.locator(".jp-CodeCell")
        codes = cells.locator(".jp-InputArea-editor").all_text_contents()
        place = next(index for index, code in enumerate(codes) if text in code)
        return Cell(self, cells.nth(place))

    def new_cell(self) -> Cell:
        """Add a code cell at the end."""
        count = self.cells.count()
        self.cells.last.locator(".jp-InputArea-editor, .jp-MarkdownOutput").first.click()
        self.page.keyboard.press("Escape")
        self.page.keyboard.press("b")
        expect(self.cells).to_have_count(count + 1)
        return Cell(self, self.cells.nth(count))

    def run(self, code: str) -> Locator:
        """Run code in a new cell; return its outputs."""
        cell = self.new_cell()
        cell.write(code)
        return cell.run()

    def run_all(self) -> None:
        """Run > Run All Cells, and wait for the last one."""
        self.lab.menu("Run", "Run All Cells")
        self.page.wait_for_function(_ALL_RAN, arg=self.panel.element_handle())
        self.wait_until_idle()

    def restart(self) -> None:
        """Kernel > Restart Kernel."""
        self.lab.menu("Kernel", "Restart Kernel…")
        with self.page.expect_response(re.compile(r"/api/kernels/.*/restart")):
            self.lab.accept("Restart")
        self.wait_until_idle()

    def wait_until_idle(self) -> None:
        """Wait until the kernel has nothing to do."""
        expect(
            self.panel.locator(".jp-Notebook-ExecutionIndicator[data-status='idle']")
        ).to_be_visible()

    def wait_until_complete(self) -> None:
        """Wait until all cells of the file are there: JupyterLab adds them little by little."""
        expect(self.cells).to_have_count(len(self.saved()))

    def saved(self) -> list[dict[str, Any]]:
        """Return the cells as they are in the file."""
        cells: list[dict[str, Any]] = json.loads(self.path.read_text(encoding="utf-8"))["cells"]
        return cells

    def save(self) -> list[dict[str, Any]]:
        """Save as Ctrl+S does; return the cells as they are in the file."""
        with self.page.expect_response(
            lambda response: response.request.method == "PUT" and "/api/contents" in response.url
        ):
            self.lab.menu("File", "Save Notebook")
        return self.saved()


class Cell:
    """A code cell and its outputs."""

    def __init__(self, notebook: Notebook, cell: Locator) -> None:
        self.notebook = notebook
        self.here = cell
        self.page = notebook.page
        self.outputs = cell.locator(".jp-OutputArea-output")

    def write(self, code: str) -> None:
        """Replace its code."""
        self.here.locator(".cm-content").click()
        self.page.keyboard.press("ControlOrMeta+a")
        self.page.keyboard.insert_text(code)

    def scroll_to(self) -> None:
        """Bring it into view; cells that are drawn on the way may push it out again."""

        def at_rest() -> bool:
            self.here.evaluate("cell => cell.scrollIntoView({block: 'center'})")
            try:
                expect(self.here).to_be_in_viewport(ratio=1, timeout=500)
            except AssertionError:
                return False
            return True

        wait_until(at_rest, what="the cell to come into view", timeout=PATIENCE / 1000)

    def run(self) -> Locator:
        """Run it by Ctrl+Enter; return its outputs."""
        prompt = self.here.locator(".jp-InputPrompt")
        before = prompt.inner_text()
        self.here.locator(".cm-content").click()

        def accepted() -> bool:
            self.page.keyboard.press("Control+Enter")
            try:
                expect(prompt).not_to_have_text(before, timeout=1000)
            except AssertionError:
                return False
            return True

        # JupyterLab learns its keys a moment after it shows the page.
        wait_until(accepted, what="JupyterLab to run the cell", timeout=PATIENCE / 1000)
        expect(prompt).to_have_text(re.compile(r"\[\d+\]"))
        self.notebook.wait_until_idle()
        return self.outputs


def contrast(text: Locator) -> float:
    """Return the contrast ratio between an element's text and what is behind it, as WCAG has it."""
    ratio: float = text.evaluate(_CONTRAST)
    return ratio


def words(text: str) -> list[str]:
    """Return a text's words in alphabetical order: the same whatever the layout."""
    return sorted(re.findall(r"[\w<>-]+", text))
