"""`%check` in a process that runs already, as a notebook's kernel does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from benchmarks.measuring import ratio
from labkit.engine.ownership import owned, remove

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.measuring import Finding
    from labkit.course import Course
    from labkit.engine import Engine


def run(engine: Engine, course: Course) -> Iterator[Finding]:
    """Compare the whole magic with the docker-py calls that the exercise's checks make."""
    api: Any = engine.client.api
    container = api.create_container("lab/shell", ["echo", "hello"], name="lab-hello")
    api.start(container)
    api.wait(container)
    shell = InteractiveShell.instance()
    shell.extension_manager.load_extension("labkit")

    def ours() -> None:
        """Read the manifest, connect, check, note the progress, render."""
        with capture_output() as shown:
            shell.run_line_magic("check", "welcome.hello")
        if "3 of 3 points" not in shown.outputs[0].data["text/plain"]:
            raise SystemExit("`%check welcome.hello` did not pass.")

    def peer() -> None:
        api.inspect_container("lab-hello")  # container_is_there
        api.inspect_container("lab-hello")  # container_has_run
        api.logs("lab-hello", tail=20)  # container_said_hello

    yield ratio("%check / bare docker-py", ours, peer, target=2, repetitions=100)
    remove(engine, owned(engine, keep_images=course.image_tags))
