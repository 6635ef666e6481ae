"""Packages of the host, where the host is a Debian or an Ubuntu."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

from labkit.commands import run
from labkit.errors import LabError
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labkit.commands import Say

#: Daemons and packet filters lie where an ordinary account's PATH does not look.
SYSTEM_FOLDERS = "/usr/local/sbin:/usr/sbin:/sbin"
#: apt-get ends what it has begun to unpack; to kill it would leave packages half installed.
APT_PATIENCE = 300.0
#: On a machine that has just booted, the unattended upgrade may hold the lock for a while.
APT_GET = ("apt-get", "-q", "-o", "DPkg::Lock::Timeout=300")


def is_debian() -> bool:
    """Tell whether packages come by apt-get."""
    return shutil.which("apt-get") is not None


def find_program(name: str) -> str | None:
    """Return the path of a program, in the system's folders too."""
    return shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:{SYSTEM_FOLDERS}")


def as_root(command: Sequence[str], *, why: str) -> tuple[str, ...]:
    """Return the command as it must be called to run as root.

    Raises:
        LabError: This account is not root and there is no sudo.
    """
    if os.geteuid() == 0:
        return tuple(command)
    if shutil.which("sudo"):
        return ("sudo", *command)
    raise LabError(
        _("{why} needs root, and there is no `sudo` here.").format(why=why),
        hint=_("Run `make lab` as root, or ask whoever administers this machine."),
    )


def install_packages(packages: Sequence[str], *, say: Say, optional: Sequence[str] = ()) -> None:
    """Install packages with apt-get, without what they only recommend.

    Args:
        packages: Their names.
        say: Told what is installed, before it is, and how far it is.
        optional: Packages that this release may not have; taken when it has.

    Raises:
        CommandFailed: apt-get could not do it.
        LabError: This account is not root and there is no sudo.
    """
    names = " ".join(packages)
    say(_("Installing packages of the distribution: {names}.").format(names=names))
    env = ("env", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C.UTF-8")
    why = _("Installing `{names}`").format(names=names)
    run(as_root((*env, *APT_GET, "update"), why=why), say=say)
    wanted = (*packages, *(name for name in optional if _is_available(name)))
    install = ("install", "--yes", "--no-install-recommends", *wanted)
    run(as_root((*env, *APT_GET, *install), why=why), say=say, patience=APT_PATIENCE)


def _is_available(package: str) -> bool:
    found = subprocess.run(
        ["apt-cache", "show", "--no-all-versions", package],
        capture_output=True,
        check=False,
    )
    return found.returncode == 0 and bool(found.stdout.strip())
