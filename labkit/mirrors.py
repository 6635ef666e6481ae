"""The host's own Debian mirrors, as far as an image may know them.

A classroom without internet has its mirror among them. One that wants a password is left out: the
image would carry the password, or could not use the mirror.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Collection


@dataclass(frozen=True)
class Mirrors:
    """What the host's apt gets a suite from.

    Attributes:
        lines: As in a sources.list; empty means Debian's own mirrors.
        withheld: The names of those that want a password.
    """

    lines: tuple[str, ...]
    withheld: tuple[str, ...] = ()

    def withheld_in_words(self) -> str:
        """Say what is left out; empty when nothing is."""
        if not self.withheld:
            return ""
        return _("This machine's mirror {names} wants a password and is not used.").format(
            names=", ".join(f"`{name}`" for name in self.withheld)
        )


def host_mirrors(suite: str) -> Mirrors:
    """Return the host's own mirrors for a suite, its updates and its security fixes."""
    targets = _asked(
        "apt-get", "indextargets", "--format", "$(ORIGIN) $(RELEASE) $(COMPONENT) $(REPO_URI)",
        "Created-By: Packages",
    )  # fmt: skip
    return choose(targets, suite, _machines_with_passwords())


def choose(targets: str, suite: str, guarded: Collection[str] = ()) -> Mirrors:
    """Choose among apt's index targets, a line `ORIGIN RELEASE COMPONENT URI` for each.

    Only http and https count, since the image's containers must reach it too.

    Args:
        targets: The lines.
        suite: Such as `bookworm`.
        guarded: Names of machines that apt has a password for.
    """
    lines, withheld = [], []
    for target in targets.splitlines():
        origin, _space, rest = target.partition(" ")
        release, component, uri = [*rest.split(), "", "", ""][:3]
        ours = release == suite or release.startswith((f"{suite}-updates", f"{suite}-security"))
        if not (origin == "Debian" and ours and component == "main" and uri.startswith("http")):
            continue
        place = urlsplit(uri)
        if "@" in place.netloc or place.hostname in guarded:
            withheld.append(place.hostname or "?")
        else:
            lines.append(f"deb {uri} {release} main")
    has_main_suite = any(f" {suite} " in line for line in lines)
    return Mirrors(
        tuple(dict.fromkeys(lines)) if has_main_suite else (), tuple(dict.fromkeys(withheld))
    )


def _machines_with_passwords() -> set[str]:
    """Read the names in apt's auth.conf; a file that only root may read says nothing."""
    told = _asked("apt-config", "shell", "FILE", "Dir::Etc::netrc/f", "D", "Dir::Etc::netrcparts/d")
    places = [Path(word.partition("=")[2]) for word in shlex.split(told)]
    files = [file for place in places for file in (place, *sorted(place.glob("*")))]
    text = "\n".join(map(_text, files))
    # `machine` names a host, with a path behind it or a scheme before it where one is meant.
    return set(re.findall(r"\bmachine\s+(?:\w+://)?([^\s/:]+)", text))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _asked(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout
