"""The warm process: it has imported all that a desk needs, and forks a child for each request.

The grader starts it as a program of its own, with nothing of the grader's in its memory. It has
one thread and waits on one socket, and ends when the other end is closed.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import socket
import sys
import tempfile
import traceback
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labkit.engine import kernel, rootless
from labkit.grading import learner, routes
from labkit.translation import _

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from labkit.course import Course

LONGEST_REQUEST = 1 << 16
MOST_FILES = 8
#: What cells, `!` and checks import sooner or later.
LOADED = ("docker", "pexpect", "labkit.magics", "labkit.attempts", "labkit.engine.probes")
#: The engine and the learner share a file system, which is not the checks' own.
MET = ("folders",)


def main() -> None:
    """Serve requests that arrive with open files, until the grader is gone."""
    requests = socket.socket(fileno=int(sys.argv[1]))
    course = _load(sys.argv[2])
    shell = _warm_shell()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the grader's business
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    gc.collect()
    gc.freeze()
    requests.send(b"ready")
    while True:
        message, files, _flags, _address = socket.recv_fds(requests, LONGEST_REQUEST, MOST_FILES)
        if not message:
            os._exit(0)
        if os.fork() == 0:
            requests.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            try:
                _serve(json.loads(message), files, course, shell)
            except BaseException:  # noqa: BLE001 - the grader sees the line end; this is for people
                traceback.print_exc()
            os._exit(0)
        for file in files:
            os.close(file)


def _serve(
    request: dict[str, Any], files: list[int], course: Course, shell: InteractiveShell
) -> None:
    os.umask(0)
    if request["kind"] == "engine":
        request["spec"]["shown"] = tuple(map(tuple, request["spec"]["shown"]))
        spec = rootless.Rootless(**request["spec"])
        rootless.keep(spec, socket.socket(fileno=files[0]), socket.socket(fileno=files[1]))
    elif request["kind"] == "learner":
        lines = learner.Lines.opened(files)
        with suppress(ProcessLookupError):  # the engine has ended, and the grader sees it
            learner.supervise(shell, request["group"], lines, request["settings"])
    elif request["kind"] == "routes":
        routes.serve(
            socket.socket(fileno=files[0]), files[1], request["addresses"], request["group"],
            request["uid"],
        )  # fmt: skip
    else:
        _check(request, files, course)


def _check(request: dict[str, Any], files: list[int], course: Course) -> None:
    """Run an exercise's checks where the engine's published ports are, as nobody's account."""
    answer, result, engine = files
    parent = os.getppid()
    try:
        kernel.enter(engine, kernel.NEW_NETWORK)
    except ProcessLookupError:
        said: dict[str, Any] = {"engine": _("The engine of this desk has ended.")}
    else:
        kernel.become_reader(request["uid"])  # Python may lie where only root may look
        kernel.die_with_parent(parent)
        said = _checked(request["slug"], request["endpoint"], course)
    with os.fdopen(result, "w", encoding="utf-8") as file:
        json.dump(said, file)
    os.write(answer, b"done")


def _checked(slug: str, endpoint: str, course: Course) -> dict[str, Any]:
    from labkit.checking import run_checks
    from labkit.engine import connect
    from labkit.errors import EngineError, LabError

    try:
        engine = connect(endpoint)
        exercise = course.exercise(slug)
        return {"result": run_checks(engine, exercise, course, hidden=True, met=MET).as_json()}
    except LabError as error:
        kind = "engine" if isinstance(error, EngineError) else "course"
        return {kind: str(error)}


def _load(root: str) -> Course:
    from labkit.course import Course

    return Course.load(Path(root))


def _warm_shell() -> InteractiveShell:
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    for name in LOADED:
        importlib.import_module(name)
    settings = Config()
    settings.HistoryManager.enabled = False  # it would have a thread, which no fork has
    settings.InteractiveShell.colors = "nocolor"
    with tempfile.TemporaryDirectory(prefix="labkit-") as folder:
        os.environ["IPYTHONDIR"] = folder
        shell: InteractiveShell = InteractiveShell.instance(config=settings)
    return shell


if __name__ == "__main__":
    main()
