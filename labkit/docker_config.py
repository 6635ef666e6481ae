"""The course's own configuration of the `docker` command.

Lessons log in to registries, make contexts and need the Compose plugin. None of that belongs into
the learner's `~/.docker`, and the learner's logins do not belong into a lesson. So notebooks and
terminals of the course get a folder of their own by `DOCKER_CONFIG`: with the learner's contexts
and proxies, without logins, and with Compose where the machine has none.
"""

from __future__ import annotations

import json
import sysconfig
from contextlib import suppress
from pathlib import Path
from typing import Any

from labkit.engine.contexts import configuration
from labkit.errors import WorkspaceError
from labkit.files import write_atomically
from labkit.translation import _

VARIABLE = "DOCKER_CONFIG"
COMPOSE = "docker-compose"
#: What is taken over. Not `auths`, `credsStore`, `credHelpers` or `HttpHeaders`: these are logins.
TAKEN_OVER = ("currentContext", "proxies", "plugins", "features")
#: With no login at all, `docker login` would choose the system's keychain, which is the learner's.
NO_KEYCHAIN: dict[str, Any] = {"no-keychain.invalid": {}}
#: Where the `docker` command looks for plugins of the whole machine.
PLUGIN_FOLDERS = (
    "/usr/local/lib/docker/cli-plugins",
    "/usr/local/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins",
    "/usr/libexec/docker/cli-plugins",
)


def course_config(work: Path) -> Path:
    """Return the folder of the course's configuration, made and brought up to date.

    Args:
        work: The workspace that it belongs to.

    Raises:
        WorkspaceError: The learner's configuration cannot be read, or the course's not written.
    """
    folder = work / ".labkit" / "docker"
    own = configuration().parent
    if own == folder and (folder / "config.json").is_file():
        return folder
    settings = _read(own)
    taken = {key: value for key, value in settings.items() if key in TAKEN_OVER}
    taken["auths"] = {**_read(folder).get("auths", {}), **NO_KEYCHAIN}
    plugins = (str(own / "cli-plugins"), *settings.get("cliPluginsExtraDirs", ()))
    taken["cliPluginsExtraDirs"] = [path for path in plugins if Path(path).is_dir()]
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _link_contexts(own / "contexts", folder / "contexts")
        _bring_compose(folder / "cli-plugins", taken["cliPluginsExtraDirs"])
    except OSError as error:
        raise WorkspaceError(
            _("`{path}` cannot be written: {why}.").format(path=folder, why=error.strerror)
        ) from error
    write_atomically(folder / "config.json", (json.dumps(taken, indent=2) + "\n").encode())
    return folder


def _read(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or _("it is no JSON")
        raise WorkspaceError(
            _("Docker's configuration `{path}` cannot be read: {why}.").format(path=path, why=why),
            hint=_("Mend it, or move it away: `mv {path} {path}.old`.").format(path=path),
        ) from error
    return content if isinstance(content, dict) else {}


def _link_contexts(source: Path, target: Path) -> None:
    """Link the files of the learner's contexts; `docker` does not list a folder that is a link."""
    for link in [path for path in target.rglob("*") if path.is_symlink() and not path.exists()]:
        link.unlink()
        with suppress(OSError):  # the last one of its folder takes the folder along
            link.parent.rmdir()
    for file in source.rglob("*"):
        link = target / file.relative_to(source)
        if file.is_file() and not link.exists():
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(file)


def _bring_compose(plugins: Path, others: list[str]) -> None:
    """Link the Compose that was installed with labkit, unless the machine has one."""
    link = plugins / COMPOSE
    here = any(Path(folder, COMPOSE).exists() for folder in (*others, *PLUGIN_FOLDERS))
    program = Path(sysconfig.get_path("scripts"), COMPOSE)
    if link.is_symlink() and (here or link.readlink() != program):
        link.unlink()
    if not here and program.is_file() and not link.is_symlink():
        plugins.mkdir(exist_ok=True)
        link.symlink_to(program)
