"""Checks of chapter 15, Installation."""

from __future__ import annotations

import configparser
import json
import re
from typing import TYPE_CHECKING, Any

from labkit.checking import CheckFailed, check
from labkit.checks.diagnosis import drawn, listed, quoted, text_of
from labkit.translation import _
from labkit.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from labkit.engine import Engine

DAEMON = "/etc/docker/daemon.json"
LOG = "/var/log/docker.log"
FORWARDING = "/proc/sys/net/ipv4/ip_forward"
#: What makes `apt` take an index unseen, in a source and in its own settings, unless it says no.
NO = r"(?:no|false|without|off|disable|0)\b"
UNSEEN = re.compile(
    rf"\b(?:trusted|allow-(?:insecure|weak|downgrade-to-insecure))\s*[=:]\s*(?!{NO})", re.IGNORECASE
)
UNSEEN_ALWAYS = re.compile(
    rf'^(Acquire::Allow\w+Repositories|APT::Get::AllowUnauthenticated) "(?!{NO}|")',
    re.IGNORECASE | re.MULTILINE,
)
#: Seconds for a container that its engine has just started again.
SETTLING = 8.0


# installation.parcel


@check("installation.parcel", points=1)
def parcel_has_an_index(engine: Engine) -> None:
    """`/srv/parcel` of `lab-shed` has an index with both packages."""
    index = _file(engine, "lab-shed", "/srv/parcel/Packages")
    if index is None:
        raise CheckFailed(
            _("`/srv/parcel` has no file `Packages`"),
            hint=_(
                "`apt-ftparchive packages . > Packages` writes it. `dpkg --install` asks no "
                "repository, and finds nothing that a package needs."
            ),
        )
    missing = {"lab-lantern", "lab-oil"} - set(re.findall(r"^Package: (\S+)", index, re.MULTILINE))
    if missing:
        raise CheckFailed(
            _("the index does not name {packages}").format(packages=listed(sorted(missing))),
            hint=_("Write it again in the folder `/srv/parcel`, where both packages are."),
        )


@check("installation.parcel", points=2, after=parcel_has_an_index)
def apt_checks_the_signature(engine: Engine) -> None:
    """`apt` reads `/srv/parcel`, whose index is signed, and trusts nothing unseen."""
    sources = _sources(engine)
    if "/srv/parcel" not in sources:
        raise CheckFailed(
            _("no source of `apt` names `/srv/parcel`"),
            hint=_("A line of `/etc/apt/sources.list`: `deb [signed-by=KEY] file:/srv/parcel ./`."),
        )
    if UNSEEN.search(sources):
        raise CheckFailed(
            _("a source is trusted without a signature"),
            hint=_(
                "With it, `apt` would have installed whatever lay there. Sign the index, and name "
                "the key: `[signed-by=…]`."
            ),
        )
    settings = engine.containers.ask("lab-shed", "apt-config", "dump").output
    if always := UNSEEN_ALWAYS.search(settings):
        raise CheckFailed(
            _("`{setting}` lets `apt` take any source without a signature").format(
                setting=always[1]
            ),
            hint=_("Take it out of `/etc/apt/apt.conf.d`: `grep -ri allow /etc/apt` finds it."),
        )
    signed = (_file(engine, "lab-shed", f"/srv/parcel/{n}") for n in ("InRelease", "Release.gpg"))
    if not any("BEGIN PGP" in (text or "") for text in signed):
        raise CheckFailed(
            _("the index of `/srv/parcel` is not signed"),
            hint=_(
                "`apt-ftparchive release .` writes its hash, and `gpg --clearsign` makes "
                "`InRelease` of that."
            ),
        )


@check("installation.parcel", points=1, after=apt_checks_the_signature)
def lantern_is_installed(engine: Engine) -> None:
    """`apt` has installed `lab-lantern`, and `lab-oil` because it is needed."""
    light = drawn(engine, "lab-shed", "light")
    if _file(engine, "lab-shed", "/usr/share/lab/lab-lantern") != light:
        raise CheckFailed(
            _("`lab-lantern` is not installed"),
            hint=_(
                "`apt-get update`, then `apt-get install lab-lantern`. If the first says "
                "NO_PUBKEY, `apt` does not have the key: `gpg --export` into a file below "
                "`/etc/apt/keyrings`, and name it by `signed-by=`."
            ),
        )
    command = ("apt-get", "indextargets", "--format", "$(REPO_URI) $(TRUSTED)")
    if not re.search(
        r"^\w+:/srv/parcel/? yes$", engine.containers.ask("lab-shed", *command).output, re.MULTILINE
    ):
        raise CheckFailed(
            _("`apt` knows no key that has signed `/srv/parcel`"),
            hint=_("Name the key by `signed-by=`, and run `apt-get update` without any option."),
        )
    if "lab-oil" not in engine.containers.ask("lab-shed", "apt-mark", "showauto").output.split():
        raise CheckFailed(
            _("`lab-oil` was not installed by `apt` for `lab-lantern`"),
            hint=_("`apt-get purge lab-lantern lab-oil`, then `apt-get install lab-lantern`."),
        )


# installation.yum


@check("installation.yum", points=1)
def folder_has_an_index(engine: Engine) -> None:
    """`/srv/rpms` of `lab-mill` has the index of a yum repository."""
    if _file(engine, "lab-mill", "/srv/rpms/repodata/repomd.xml") is None:
        raise CheckFailed(
            _("`/srv/rpms` has no `repodata/repomd.xml`"), hint=_("`createrepo_c /srv/rpms`.")
        )


@check("installation.yum", points=1, after=folder_has_an_index)
def dnf_knows_the_folder(engine: Engine) -> None:
    """A file in `/etc/yum.repos.d` names it as a repository."""
    bases = list(_repositories(engine))
    if "file:///srv/rpms" in bases:
        return
    if bases:
        raise CheckFailed(
            _("`dnf` is sent to {bases}").format(bases=listed(bases)),
            hint=_(
                "`file://` and the path, which begins with a slash itself: three slashes, "
                "`baseurl=file:///srv/rpms`."
            ),
        )
    raise CheckFailed(
        _("no repository is defined in `/etc/yum.repos.d`"),
        hint=_(
            "The folder's name, letter by letter: `/etc/yum.repos.d`. In it a file that ends in "
            "`.repo`, with a name in brackets and a line `baseurl=file:///srv/rpms`."
        ),
    )


@check("installation.yum", points=2, after=dnf_knows_the_folder)
def flour_is_installed(engine: Engine) -> None:
    """`dnf` has installed `lab-flour` and what it needs below `/srv/bakery`."""
    sack = drawn(engine, "lab-mill", "sack")
    if _file(engine, "lab-mill", "/srv/bakery/usr/share/lab/lab-flour") != sack:
        raise CheckFailed(
            _("`lab-flour` is not installed below `/srv/bakery`"),
            hint=_("`dnf --releasever=1 --installroot=/srv/bakery install --assumeyes lab-flour`."),
        )
    # Where each came from; nowhere, by `rpm`, and `@commandline` for a file that was named.
    dnf = ("dnf", "--releasever=1", "--installroot=/srv/bakery", "--quiet")
    installed = ("repoquery", "--installed", "--qf", "%{name}:%{from_repo}")
    origins = engine.containers.ask("lab-mill", *dnf, *installed).output
    if not {"lab-flour", "lab-grain"} <= set(re.findall(r"(?m)^([\w-]+):[^@\s]", origins)):
        raise CheckFailed(
            _("they were not installed by `dnf` from the repository"),
            hint=_(
                "`rpm` asks no repository, and you had to name what is needed. Remove "
                "`/srv/bakery`, and let `dnf` find it."
            ),
        )


# installation.settings


@check("installation.settings", points=1)
def press_engine_runs(engine: Engine) -> None:
    """The engine of `lab-press` runs."""
    _engine_of(engine, "lab-press")


@check("installation.settings", points=1, after=press_engine_runs)
def settings_hold(engine: Engine) -> None:
    """It has the log driver `local` and live restore, from its `daemon.json`."""
    info, written = _engine_of(engine, "lab-press"), _settings(engine, "lab-press")
    if not info["LiveRestoreEnabled"]:
        raise CheckFailed(
            _("live restore is off"),
            hint=_('`"live-restore": true` in `{file}`, then a reload.').format(file=DAEMON),
        )
    if info["LoggingDriver"] != "local":
        raise CheckFailed(
            _("the log driver is `{driver}`").format(driver=info["LoggingDriver"]),
            hint=_(
                '`"log-driver": "local"` in `{file}`. It is read at the start only: '
                "`service docker restart`, once live restore is on."
            ).format(file=DAEMON),
        )

    if (written.get("live-restore"), written.get("log-driver")) != (True, "local"):
        raise CheckFailed(
            _("the engine has both settings, and `{file}` has not").format(file=DAEMON),
            hint=_("Write them there: what was given otherwise is lost at the next start."),
        )


@check("installation.settings", points=2, after=settings_hold)
def news_never_stopped(engine: Engine) -> None:
    """`news` runs, and still has its number."""
    number = text_of(engine, "lab-press", "/root/number")
    command = ("docker", "exec", "news", "cat", "/memory/number")
    reply = engine.containers.ask("lab-press", *command)
    if reply.exit_code or reply.output.strip() != number:
        raise CheckFailed(
            _("`news` has lost its number: {said}").format(said=quoted(reply.output.strip())),
            hint=_(
                "When it was restarted, the engine still ran by the old settings, and took its "
                "containers along. Run the set-up cell again; have live restore reloaded first."
            ),
        )


# installation.repair


@check("installation.repair", points=1)
def inn_engine_runs(engine: Engine) -> None:
    """The engine of `lab-inn` runs."""
    _engine_of(engine, "lab-inn")


@check("installation.repair", points=1, after=inn_engine_runs)
def good_settings_are_kept(engine: Engine) -> None:
    """It keeps its log driver and does without the proxy."""
    settings = _settings(engine, "lab-inn")
    kept = settings.get("userland-proxy") is False and settings.get("log-driver") == "local"
    if not kept or _engine_of(engine, "lab-inn")["LoggingDriver"] != "local":
        raise CheckFailed(
            _('the engine has lost `"userland-proxy": false` or `"log-driver": "local"`'),
            hint=_("Put them back into `{file}`, and take out only what does harm.").format(
                file=DAEMON
            ),
        )


@check("installation.repair", points=1, after=good_settings_are_kept)
def inn_has_a_door(engine: Engine) -> None:
    """The firewall of `lab-inn` leads port 8080 to `parlour`."""
    command = ("iptables", "-t", "nat", "-S", "DOCKER")

    def door() -> bool:
        return "--dport 8080 -j DNAT" in engine.containers.ask("lab-inn", *command).output

    switched_off = _settings(engine, "lab-inn").get("iptables") is False
    if switched_off or not _soon(door):
        raise CheckFailed(
            _("no rule of the table `nat` sends port 8080 to a container"),
            hint=_(
                '`"iptables": false` takes this work from the engine. Take it out of `{file}`, '
                "and restart the engine; `docker ps` should show `parlour`."
            ).format(file=DAEMON),
        )


@check("installation.repair", points=1, after=inn_has_a_door)
def packets_are_forwarded(engine: Engine) -> None:
    """Its kernel forwards packets, and will do so after the next start."""

    def answer() -> str:
        # Not by the engine's archive: what it cannot see is the kernel's.
        return engine.containers.ask("lab-inn", "cat", FORWARDING).output.strip()

    # No answer is not a 0.
    what = _("what `{file}` of `lab-inn` has in it").format(file=FORWARDING)
    value = wait_until(answer, what=what, timeout=SETTLING)
    if value != "1":
        raise CheckFailed(
            _("`net.ipv4.ip_forward` is `{value}`").format(value=value),
            hint=_(
                "The kernel lets no packet through from card to card. The engine would set it at "
                "its start, unless a setting in `{file}` forbids it."
            ).format(file=DAEMON),
        )
    if _settings(engine, "lab-inn").get("ip-forward") is False:
        raise CheckFailed(
            _("`net.ipv4.ip_forward` is 1, and the engine is told to leave it alone"),
            hint=_(
                "What was written by hand holds until the next start of the machine. Take "
                '`"ip-forward": false` out of `{file}`.'
            ).format(file=DAEMON),
        )


@check("installation.repair", points=1, after=packets_are_forwarded)
def guest_gets_the_page(engine: Engine) -> None:
    """`lab-inn-guest` gets the page of `parlour`."""
    dish = drawn(engine, "lab-inn-guest", "dish")
    command = ("timeout", "2", "wget", "-q", "-O", "-", "http://lab-inn:8080/")

    def said() -> str:
        return engine.containers.ask("lab-inn-guest", *command).output.strip()

    if not _soon(lambda: said() == dish):
        raise CheckFailed(
            _("at `http://lab-inn:8080/`, the guest reads {said}").format(said=quoted(said())),
            hint=_("`docker exec lab-inn docker ps`: does `parlour` run, with its port 8080?"),
        )


def _soon(true: Callable[[], bool]) -> bool:
    """Tell whether something is true, or becomes so in a moment."""
    from labkit.errors import WaitTimeout

    try:
        wait_until(true, what="", timeout=SETTLING, interval=0.3)
    except WaitTimeout:
        return False
    return True


def _file(engine: Engine, name: str, path: str) -> str | None:
    """Read a text of a container, without the white space around it; None if there is none."""
    try:
        return engine.containers.read_file(name, path).decode(errors="replace").strip()
    except FileNotFoundError:
        return None


def _sources(engine: Engine) -> str:
    """Read what `apt` on `lab-shed` reads as sources, without comments."""
    folder = "/etc/apt/sources.list.d"
    names = engine.containers.list_files("lab-shed", folder)
    read = (n for n in names if "/" not in n and n.endswith((".list", ".sources")))
    paths = ["/etc/apt/sources.list", *(f"{folder}/{n}" for n in read)]
    text = "\n".join(_file(engine, "lab-shed", path) or "" for path in paths)
    return re.sub(r"#.*", "", text)


def _repositories(engine: Engine) -> list[str]:
    """Return where `dnf` of `lab-mill` is sent, as far as it is not switched off."""
    folder, bases = "/etc/yum.repos.d", []
    for name in engine.containers.list_files("lab-mill", folder):
        parser = configparser.ConfigParser(interpolation=None, strict=False)
        if not name.endswith(".repo"):
            continue
        try:
            parser.read_string(_file(engine, "lab-mill", f"{folder}/{name}") or "")
        except configparser.Error as error:
            raise CheckFailed(
                _("`{file}` cannot be read: {why}").format(
                    file=f"{folder}/{name}", why=str(error).splitlines()[0]
                ),
                hint=_("It begins with a name in brackets, such as `[local]`."),
            ) from error
        bases += [
            part["baseurl"].rstrip("/")
            for part in map(parser.__getitem__, parser.sections())
            if part.get("baseurl") and part.get("enabled", "1") not in {"0", "false", "no"}
        ]
    return bases


def _engine_of(engine: Engine, host: str) -> dict[str, Any]:
    """Ask the engine of a host what it says about itself; that it does not run is a finding."""
    reply = engine.containers.ask(host, "docker", "info", "--format", "{{json .}}")
    info: dict[str, Any] = {}
    if not reply.exit_code:
        info = json.loads(reply.output[reply.output.index("{") :].splitlines()[0])
    if info.get("ServerVersion"):
        return info
    ends = [line for line in (_file(engine, host, LOG) or "").splitlines() if "unable to" in line]
    found = _("the engine of `{host}` does not run").format(host=host)
    raise CheckFailed(
        _("{found}: `{why}`").format(found=found, why=ends[-1][-200:]) if ends else found,
        hint=_("`docker exec {host} tail {log}` says why. Then `service docker start`.").format(
            host=host, log=LOG
        ),
    )


def _settings(engine: Engine, host: str) -> dict[str, Any]:
    """Read the `daemon.json` of a host."""
    try:
        settings = json.loads(_file(engine, host, DAEMON) or "{}")
    except json.JSONDecodeError as error:
        raise CheckFailed(
            _("`{file}` cannot be read: {why}").format(file=DAEMON, why=error),
            hint=_("The engine that runs has read an older one, and would not start with this."),
        ) from error
    return settings if isinstance(settings, dict) else {}
