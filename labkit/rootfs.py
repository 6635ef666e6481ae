"""A Debian root file system, made with mmdebstrap where no registry gives one.

It holds what `debian:bookworm-slim` holds: the minimal base, without manuals and translations.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections import deque
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from labkit.distribution import install_packages, is_debian
from labkit.errors import CommandFailed, LabError
from labkit.mirrors import host_mirrors
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from labkit.engine.transfer import Report

SUITE = "bookworm"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
#: As in debian:bookworm-slim; what they leave out is documentation and translations.
LEFT_OUT = ("man", "info", "locale", "doc", "groff", "lintian", "linda")
#: As root, mmdebstrap's mounts and processes are in namespaces of their own. They end with it, so
#: that whenever it is killed, what is left is plain files in our folder.
SEALED = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
STEPS = ("apt-get update", "downloading", "extracting", "essential", "remaining", "tarball", "done")


@contextmanager
def made(report: Report) -> Iterator[Path]:
    """Make a root file system and yield its tar, which is removed afterwards.

    Args:
        report: Told each of mmdebstrap's steps, and first what is installed.

    Raises:
        CommandFailed: apt-get or mmdebstrap failed.
        LabError: This machine is no Debian or Ubuntu, or lacks packages that this account may not
            install.
    """
    if not is_debian():
        raise LabError(_("mmdebstrap needs a Debian or Ubuntu host"))
    if packages := _missing_packages():
        install_packages(packages, say=lambda line: report(line, None, None))
    with tempfile.TemporaryDirectory(prefix="labkit-rootfs-") as folder:
        # In mmdebstrap's unshare mode it is another account's, which must not need our folder.
        sealed = os.geteuid() == 0
        environment = {**os.environ, "TMPDIR": folder} if sealed else dict(os.environ)
        tar = Path(folder, "rootfs.tar")
        mirrors = host_mirrors(SUITE)
        if withheld := mirrors.withheld_in_words():
            report(withheld, None, None)
        words = [*(SEALED if sealed else ()), *command(tar, mirrors.lines)]
        try:
            _run(words, environment, report)
        except CommandFailed as error:
            if not withheld:
                raise
            raise LabError(f"{error.message.rstrip('. ')}. {withheld}") from error
        yield tar


def command(tar: Path, mirrors: Sequence[str]) -> list[str]:
    """Write the mmdebstrap command; no mirror means Debian's own, with updates and security."""
    excludes = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in LEFT_OUT]
    packages = ["usr-is-merged"]  # else usrmerge comes, and 45 MB of Perl with it
    if any("https://" in mirror for mirror in mirrors):
        packages.append("ca-certificates")
    keyring = [] if _host_is_debian() else [f"--keyring={KEYRING}"]
    return [
        "mmdebstrap", "--mode=auto", "--variant=minbase", "--format=tar", *keyring,
        f"--include={','.join(packages)}", "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr",
        '--aptopt=Acquire::Languages "none"',
        *excludes, "--dpkgopt=path-include=/usr/share/doc/*/copyright",
        # The host's name and resolver are no part of an image, and no service starts in a build.
        '--customize-hook=rm -f "$1/etc/hostname" "$1/etc/resolv.conf"',
        '--customize-hook=printf "#!/bin/sh\\nexit 101\\n" >"$1/usr/sbin/policy-rc.d"',
        '--customize-hook=chmod 755 "$1/usr/sbin/policy-rc.d"',
        SUITE, str(tar), *mirrors,
    ]  # fmt: skip


def _host_is_debian() -> bool:
    try:
        return "\nID=debian\n" in "\n" + Path("/etc/os-release").read_text()
    except OSError:
        return False


def _missing_packages() -> list[str]:
    wanted = {
        "mmdebstrap": shutil.which("mmdebstrap"),
        "debian-archive-keyring": KEYRING.exists(),
        "uidmap": os.geteuid() == 0 or shutil.which("newuidmap"),
    }
    return [package for package, there in wanted.items() if not there]


def _run(words: Sequence[str], environment: Mapping[str, str], report: Report) -> None:
    """Run mmdebstrap; when we are interrupted, none of it goes on."""
    tail: deque[str] = deque(maxlen=20)
    with subprocess.Popen(
        words,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    ) as process:
        try:
            for line in process.stderr or ():
                tail.append(line)
                _report_step(line, report)
            exit_code = process.wait()
        except BaseException:
            if words[0] == SEALED[0]:
                process.kill()
            else:
                # To all of the group: alone, mmdebstrap would go on to its end and then fail.
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGINT)
            for _line in process.stderr or ():
                pass  # until the last of them has let go of it
            raise
    if exit_code:
        problems = [line for line in tail if line.startswith("E:")] or list(tail)
        raise CommandFailed(["mmdebstrap"], exit_code, "".join(problems))


def _report_step(line: str, report: Report) -> None:
    for number, step in enumerate(STEPS, start=1):
        if line.startswith("I: ") and step in line:
            report(_("mmdebstrap: {step}").format(step=line[3:].strip()), number, len(STEPS))
