"""Open the course: an engine, its images, the learner's copies, and JupyterLab."""

from __future__ import annotations

import http.client
import os
import secrets
import signal
import subprocess
import sys
import webbrowser
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from labkit import images
from labkit.commands import Reporter, end
from labkit.docker_config import VARIABLE, course_config
from labkit.engine import kubeconfig
from labkit.engine.starting import reach_engine
from labkit.errors import ImageUnavailable, LabError
from labkit.ports import HOST, first_free
from labkit.running_server import RunningServer
from labkit.translation import _
from labkit.waiting import wait_until
from labkit.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from labkit.commands import Say
    from labkit.course import Course
    from labkit.engine import Engine

FIRST_PORT, PORTS_TRIED = 8888, 100
START_TIMEOUT = 60.0
#: JupyterLab settings of ours, read beside the user's own: nothing is asked of the internet.
SETTINGS = Path(__file__).with_name("jupyter")


@dataclass(frozen=True)
class LabServer:
    """A JupyterLab that is to be started.

    Attributes:
        folder: What it shows.
        notebook: What it opens on, relative to the folder.
        port: Where it listens, on this machine only.
        token: What a browser must show; kept out of every command line, which all users can read.
        browser: Whether it opens a browser by itself.
    """

    folder: Path
    notebook: str
    port: int
    browser: bool
    token: str = field(default_factory=lambda: secrets.token_hex(24), repr=False)

    @property
    def address(self) -> str:
        """What a person opens."""
        return f"http://{HOST}:{self.port}/lab/tree/{self.notebook}?token={self.token}"

    def command(self) -> list[str]:
        """Return the command that starts it."""
        settings = {
            "ServerApp.root_dir": self.folder,
            "ServerApp.ip": HOST,
            "ServerApp.port": self.port,
            "ServerApp.port_retries": 0,
            "ServerApp.default_url": f"/lab/tree/{self.notebook}",
            "ServerApp.open_browser": self.browser,
            "ServerApp.answer_yes": True,  # Ctrl-C stops it without a question
            "Application.log_level": "ERROR",
            "AsyncMappingKernelManager.kernel_manager_class": "labkit.lab_kernels.LabKernelManager",
            "LabApp.extension_manager": "readonly",
            "LabApp.news_url": "",
            "LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
        }
        as_root = ["--allow-root"] if os.geteuid() == 0 else []
        arguments = [f"--{name}={value}" for name, value in settings.items()]
        return [sys.executable, "-m", "jupyterlab", *as_root, *arguments]

    def environment(self, base: Mapping[str, str]) -> dict[str, str]:
        """Return its environment, which its kernels and terminals have too.

        Args:
            base: What it starts from, such as `Engine.cli_env()`.
        """
        ours = (str(SETTINGS), base.get("JUPYTER_CONFIG_PATH", ""))
        programs = (str(Path(sys.executable).parent), base.get("PATH", os.defpath))
        return {
            **base,
            "JUPYTER_TOKEN": self.token,
            "JUPYTER_CONFIG_PATH": os.pathsep.join(path for path in ours if path),
            # A kernel of the same name in the user's home must not stand in for the course's.
            "JUPYTER_PREFER_ENV_PATH": "1",
            "PATH": os.pathsep.join(programs),
        }

    def answers(self) -> bool:
        """Tell whether it takes requests, and this token with them."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=2)
        header = {"Authorization": f"token {self.token}"}
        try:
            connection.request("GET", "/api/status", headers=header)
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def run(self, say: Say, environment: Mapping[str, str]) -> int:
        """Run it until Ctrl-C or until it is shut down from its menu; return its exit code.

        Raises:
            LabError: It ended before it answered.
            WaitTimeout: It does not answer.
        """
        # A closed terminal and `kill` end it as Ctrl-C does, from its first moment on.
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.default_int_handler)
        # Its terminals open where it was started.
        process = subprocess.Popen(
            self.command(), cwd=self.folder, env=self.environment(environment)
        )

        def ready() -> bool:
            if process.poll() is not None:
                raise LabError(
                    _("JupyterLab ended with exit code {code} before it was ready.").format(
                        code=process.returncode
                    ),
                    hint=_("Its last words are above."),
                )
            return self.answers()

        waiting = Reporter(say, lambda: _("JupyterLab is starting"))
        try:
            wait_until(
                waiting.telling(ready), what=_("JupyterLab to answer"), timeout=START_TIMEOUT
            )
            note = RunningServer(process.pid, self.port, self.token, self.notebook)
            note.write(self.folder)
            say(_("JupyterLab is open at\n\n    {address}\n").format(address=self.address))
            say(_("Ctrl-C here stops it; your work is saved in {path}.").format(path=self.folder))
            return process.wait()
        except KeyboardInterrupt:
            say(_("\nStopping JupyterLab."))
            return 0
        finally:
            RunningServer.forget(self.folder, self.token)
            end(process)


def open_course(
    course: Course,
    *,
    say: Say,
    progress: Callable[[], AbstractContextManager[images.Progress]],
    port: int | None = None,
    browser: bool | None = None,
) -> int:
    """Set up what the course needs and open it on its first lesson; where it is open, say where.

    Args:
        course: Which.
        say: Told each step.
        progress: Opened while images are obtained, and told each step.
        port: Where JupyterLab listens; None takes the first free port from 8888 on.
        browser: Whether to open a browser; None does where there is one.

    Returns:
        JupyterLab's exit code.

    Raises:
        LabError: Something is missing; the message names the command that helps.
    """
    browser = has_browser() if browser is None else browser
    workspace = Workspace(course)
    if address := running_address(workspace.root):
        say(_("The course is open already, at\n\n    {address}\n").format(address=address))
        say(_("Ctrl-C in the terminal that it was opened in stops it."))
        if browser:
            webbrowser.open(address)
        return 0
    refresh = workspace.prepare()
    for name in refresh.refreshed:
        say(_("The course has a new {name}; your old copy is kept beside it.").format(name=name))
    for name in refresh.kept:
        say(_("Kept your copy of {name}; the course has a newer one.").format(name=name))
    engine = reach_engine(say)
    try:
        with progress() as shown:
            images.ensure(engine, course, progress=shown)
    except ImageUnavailable as error:
        # Reading goes on, and so do the lessons that do without it.
        say(str(error))
    environment = {
        **engine_environment(engine),
        VARIABLE: str(course_config(workspace.root)),
        **kubeconfig.variables(workspace.root),
    }
    engine.close()
    server = LabServer(
        folder=workspace.root,
        notebook=workspace.lesson(course.lessons[0]).relative_to(workspace.root).as_posix(),
        port=first_free_port() if port is None else port,
        browser=browser,
    )
    return server.run(say, environment)


def running_address(folder: Path) -> str:
    """Return the address of a course server that shows the folder; empty where none answers."""
    noted = RunningServer.read(folder)
    if noted is None or not noted.is_alive():
        return ""
    server = LabServer(folder, noted.notebook, noted.port, browser=False, token=noted.token)
    return server.address if server.answers() else ""


def engine_environment(engine: Engine) -> dict[str, str]:
    """Return an environment in which `docker` reaches the engine.

    DOCKER_HOST is set only where it is needed: with it, `docker context use` has no effect.
    """
    here = dict(os.environ)
    found_alone = engine.endpoint == "unix:///var/run/docker.sock"
    return here if found_alone and not here.get("DOCKER_HOST") else engine.cli_env()


def first_free_port(first: int = FIRST_PORT) -> int:
    """Return the first port from `first` on that nobody listens on.

    Raises:
        LabError: There is none among the next hundred.
    """
    return first_free(
        range(first, first + PORTS_TRIED),
        what="JupyterLab",
        hint=_("Run `labkit lab --port PORT` with a free one."),
    )


def has_browser() -> bool:
    """Tell whether a browser can show a window here; one inside the terminal does not count."""
    if sys.platform == "linux" and not {"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys():
        return False
    try:
        webbrowser.get()
    except webbrowser.Error:
        return False
    return True
