"""Which engine Docker's own configuration names: `docker context`.

docker-py reads contexts, too, but takes a broken configuration for an empty one, and ends with an
error of its own on a broken context.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING, Any

from labkit.errors import EngineError, EngineUnreachable
from labkit.files import write_atomically
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Context:
    """A Docker context that was chosen.

    Attributes:
        host: The engine's address.
        named_by: `DOCKER_CONTEXT` or `docker context`: what chose it.
        certificates: The folder of its `ca.pem`, `cert.pem` and `key.pem`; None without TLS.
        verify: Whether the engine must prove who it is.
    """

    host: str
    named_by: str
    certificates: Path | None
    verify: bool

    def environment(self) -> dict[str, str]:
        """Return the variables that lead to the same engine, without the context."""
        return {
            "DOCKER_HOST": self.host,
            # Empty is as good as unset: what the user has set belongs to another engine.
            "DOCKER_TLS": "1" if self.certificates else "",
            "DOCKER_TLS_VERIFY": "1" if self.certificates and self.verify else "",
            "DOCKER_CERT_PATH": str(self.certificates or ""),
        }


def configuration() -> Path:
    """Return Docker's configuration file, whether or not there is one."""
    return Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker") / "config.json"


def current() -> Context | None:
    """Return the context that the user chose; None where it is the default one.

    Raises:
        EngineUnreachable: There is no such context, or it names no engine.
        EngineError: Its file, or Docker's configuration, is broken.
    """
    if name := os.environ.get("DOCKER_CONTEXT"):
        named_by = "DOCKER_CONTEXT"
    else:
        name = str(_object(configuration()).get("currentContext") or "default")
        named_by = "docker context"
    if name == "default":
        return None
    meta, tls = _places(configuration().parent, name)
    if not (meta / "meta.json").exists():
        raise _useless(name, named_by, _("Docker has no context of this name"))
    endpoints = _object(meta / "meta.json").get("Endpoints")
    endpoint = endpoints.get("docker") if isinstance(endpoints, dict) else None
    if not isinstance(endpoint, dict) or not endpoint.get("Host"):
        raise _useless(name, named_by, _("this context names no engine"))
    certificates = tls / "docker"
    return Context(
        host=str(endpoint["Host"]),
        named_by=named_by,
        certificates=certificates if certificates.is_dir() else None,
        verify=not endpoint.get("SkipTLSVerify"),
    )


def write(folder: Path, name: str, host: str, certificates: Mapping[str, bytes]) -> None:
    """Make a context, or make it anew, as `docker context create` does.

    Args:
        folder: The folder of Docker's configuration.
        name: The context's.
        host: The engine's address.
        certificates: `ca.pem`, `cert.pem` and `key.pem` by name.
    """
    meta, tls = _places(folder, name)
    for file, content in certificates.items():
        write_atomically(tls / "docker" / file, content, private=True)
    description = {
        "Name": name,
        "Metadata": {},
        "Endpoints": {"docker": {"Host": host, "SkipTLSVerify": False}},
    }
    write_atomically(meta / "meta.json", json.dumps(description).encode())


def exists(folder: Path, name: str) -> bool:
    """Tell whether a configuration has a context of this name."""
    return _places(folder, name)[0].is_dir()


def forget(folder: Path, name: str) -> None:
    """Remove a context; one that is not there is as good as removed."""
    for place in _places(folder, name):
        rmtree(place, ignore_errors=True)


def _places(folder: Path, name: str) -> tuple[Path, Path]:
    """Return the folders of a context's description and of its certificates."""
    key = hashlib.sha256(name.encode()).hexdigest()
    return folder / "contexts/meta" / key, folder / "contexts/tls" / key


def broken(path: Path, why: object) -> EngineError:
    """Say that a file of Docker's configuration cannot be used, and what to do about it."""
    return EngineError(
        _("Docker's file `{path}` cannot be used: {why}.").format(path=path, why=why),
        hint=_("Mend it, or move it away: `mv {path} {path}.old`.").format(path=path),
    )


def _object(path: Path) -> dict[str, Any]:
    """Read a JSON object; a file that is not there is an empty one."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise broken(path, error) from error
    if not isinstance(content, dict):
        raise broken(path, _("it is no JSON object"))
    return content


def _useless(name: str, named_by: str, reason: str) -> EngineUnreachable:
    # Another engine than the one the `docker` command would use is worse than none.
    back = "docker context use default" if " " in named_by else f"unset {named_by}"
    return EngineUnreachable(
        name,
        reason,
        named_by=named_by,
        hint=_("Run `docker context ls` to see those that there are, or `{back}`.").format(
            back=back
        ),
    )
