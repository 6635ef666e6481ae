"""Checks of chapter 09, Compose."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING

from labkit.checking import CheckFailed, check
from labkit.checks.diagnosis import listed, not_running, page_at
from labkit.engine.projects import PROJECT, Project, depends_on, service_of
from labkit.translation import _
from labkit.waiting import wait_until

if TYPE_CHECKING:
    from labkit.engine import Engine
    from labkit.engine.objects import Container

#: Seconds that a health check gets for its first verdict.
VERDICT = 20.0
ENOUGH_REQUESTS = 60
HEALTHY = "service_healthy"


# compose.two_services


@check("compose.two_services", points=2)
def tea_has_two_services(engine: Engine) -> None:
    """In the project `lab-tea`, the services `kettle` and `web` run."""
    project = _project(engine, "lab-tea")
    if set(project.services) != {"kettle", "web"}:
        raise CheckFailed(
            _("the services of `lab-tea` are {names}").format(names=listed(project.services)),
            hint=_("A service's name is its host name: `web` looks for a host called `kettle`."),
        )
    for container in project.containers:
        _expect_running(engine, container)


@check("compose.two_services", points=1, after=tea_has_two_services)
def only_web_is_published(engine: Engine) -> None:
    """Port 8092 of the host leads to port 80 of `web`, and none to `kettle`."""
    project = _project(engine, "lab-tea")
    _expect_published(project.of("web")[0], 8092)
    if project.of("kettle")[0].ports:
        raise CheckFailed(
            _("`kettle` is published, too, at {ports}").format(
                ports=_ports(project.of("kettle")[0])
            ),
            hint=_("What only other services ask needs no `ports:`; the network is enough."),
        )


@check("compose.two_services", points=1, after=only_web_is_published)
def tea_is_served(engine: Engine) -> None:
    """`http://localhost:8092/` shows the tea of the day, as `kettle` has it."""
    project = _project(engine, "lab-tea")
    kettle, web = project.of("kettle")[0], project.of("web")[0]
    if page_at(engine, 8092, web.name) != _file(engine, kettle, "/www/index.html"):
        raise CheckFailed(
            _("port 8092 does not show what `kettle` serves"),
            hint=_("`web` is to be of the image `lab/teahouse:1`, `kettle` of `lab/kettle:1`."),
        )


# compose.in_order


@check("compose.in_order", points=2)
def api_waits_for_the_database(engine: Engine) -> None:
    """In the project `lab-early`, `api` is started when `db` is healthy."""
    project = _project(engine, "lab-early")
    api, condition = None, ""
    with suppress(IndexError):
        api = project.of("api")[0]
        condition = depends_on(api).get("db", "")
    if api and condition == HEALTHY:
        return
    if any("api" in depends_on(c) for c in project.of("db")):
        raise CheckFailed(
            _("`db` waits for `api`"),
            hint=_("The other way round: what needs something else has the `depends_on:`."),
        )
    if condition:
        raise CheckFailed(
            _("`api` depends on `db`, with the condition `{condition}`").format(
                condition=condition
            ),
            hint=_("That waits for the start only. Name the service, and below it a `condition:`."),
        )
    if api and api.restart_policy != "no":
        raise CheckFailed(
            _("`api` waits for nothing; it has the restart policy `{policy}`").format(
                policy=api.restart_policy
            ),
            hint=_("Restarting tries until it happens to fit. `depends_on:` puts it in order."),
        )
    raise CheckFailed(
        _("`api` waits for nothing"),
        hint=_("In the file, `api` needs a `depends_on:`; then `docker compose up` again."),
    )


@check("compose.in_order", points=1, after=api_waits_for_the_database)
def early_database_is_healthy(engine: Engine) -> None:
    """`db` runs and is healthy."""
    _expect_healthy(engine, _one(engine, "lab-early", "db"))


@check("compose.in_order", points=1, after=early_database_is_healthy)
def early_api_answers(engine: Engine) -> None:
    """`api` has never been restarted, and port 8093 answers to `/notes`."""
    api = _one(engine, "lab-early", "api")
    _expect_running(engine, api)
    if api.restart_count:
        raise CheckFailed(
            _("`{name}` was restarted {count} times").format(
                name=api.name, count=api.restart_count
            ),
            hint=_("Run `docker compose down`, then `docker compose up --detach`."),
        )
    _expect_published(api, 8093, inner=8000)
    _ask(engine, 8093, "/notes", api.name)


# compose.three_of_them


@check("compose.three_of_them", points=1)
def three_baristas_run(engine: Engine) -> None:
    """In the project `lab-cafe`, three containers of `barista` run."""
    baristas = _project(engine, "lab-cafe").of("barista")
    running = [c for c in baristas if c.running]
    if len(running) == 3:  # noqa: PLR2004 - as the docstring says
        return
    found = _("{count} of {all} containers of `barista` run").format(
        count=len(running), all=len(baristas)
    )
    if any(c.status == "created" for c in baristas):
        raise CheckFailed(
            found, hint=_("Read what `up` says: a port of the host leads to one container only.")
        )
    raise CheckFailed(
        found,
        hint=_(
            "`--scale` holds for the one `up` that it is given to; `scale: 3` in the file stays."
        ),
    )


@check("compose.three_of_them", points=1, after=three_baristas_run)
def one_door(engine: Engine) -> None:
    """Port 8094 of the host leads to port 80 of `web`, and none to a `barista`."""
    project = _project(engine, "lab-cafe")
    published = [c for c in project.of("barista") if c.ports]
    if published:
        raise CheckFailed(
            _("`{name}` is published at {ports}").format(
                name=published[0].name, ports=_ports(published[0])
            ),
            hint=_("Guests know one port. Publish `web`, which knows all three."),
        )
    _expect_published(_one(engine, "lab-cafe", "web"), 8094)


@check("compose.three_of_them", points=2, after=one_door)
def all_three_serve(engine: Engine) -> None:
    """Port 8094 is answered by all three in turn."""
    project = _project(engine, "lab-cafe")
    web = project.of("web")[0]
    _expect_running(engine, web)
    waiting = {c.hostname for c in project.of("barista")}
    for _request in range(ENOUGH_REQUESTS):
        waiting.discard(page_at(engine, 8094, web.name).strip())
        if not waiting:
            return
    raise CheckFailed(
        _("{count} of the three answered none of {all} requests").format(
            count=len(waiting), all=ENOUGH_REQUESTS
        ),
        hint=_("`web` should pass requests on to the host `barista`, as the file had it."),
    )


# compose.backup


@check("compose.backup", points=2)
def backup_was_a_one_off(engine: Engine) -> None:
    """A one-off container of the service `backup` has run in `lab-vault`, and exited with 0."""
    made = _backups(engine)
    if any(c.status == "exited" and c.exit_code == 0 for c in made):
        return
    if made:
        raise _failed_backup(engine, made[-1])
    if _project(engine, "lab-vault").of("backup"):
        raise CheckFailed(
            _("`up` has started `backup` as a service like the others"),
            hint=_("Give it a profile, and start it by `docker compose run backup`."),
        )
    raise CheckFailed(
        _("there is no one-off container of a service `backup`"),
        hint=_("`docker compose run backup`, without `--rm`, so that it can be looked at."),
    )


@check("compose.backup", points=1, after=backup_was_a_one_off)
def backup_is_kept_out_of_up(engine: Engine) -> None:
    """`docker compose up` has made no container of `backup`."""
    if started := _project(engine, "lab-vault").of("backup"):
        raise CheckFailed(
            _("`{name}` was made by `up`").format(name=started[0].name),
            hint=_("With `profiles:`, `up` leaves it out. Then remove the container."),
        )


@check("compose.backup", points=2, after=backup_was_a_one_off)
def backup_holds_the_note(engine: Engine) -> None:
    """`/backups/notes.sql` is in the volume `lab-vault_backups`, and has the secret note."""
    backup = next(c for c in reversed(_backups(engine)) if c.exit_code == 0)
    if "lab-vault_backups" not in {m.name for m in backup.mounts if m.destination == "/backups"}:
        raise CheckFailed(
            _("`{name}` has no volume `lab-vault_backups` at `/backups`").format(name=backup.name),
            hint=_("What a container keeps to itself goes with it: a volume must be mounted."),
        )
    database = _one(engine, "lab-vault", "db")
    told = _file(engine, database, "/docker-entrypoint-initdb.d/note.sql")
    note = re.search(r"combination \d+", told)
    if note is None or note[0] not in _file(engine, backup, "/backups/notes.sql"):
        raise CheckFailed(
            _("`/backups/notes.sql` does not hold the note that is in the database"),
            hint=_("`pg_dump --file /backups/notes.sql … notes`: the last word is the database."),
        )


def _backups(engine: Engine) -> list[Container]:
    """Return the one-off containers of `backup`, the newest last."""
    made = [c for c in _project(engine, "lab-vault").one_offs if service_of(c) == "backup"]
    return sorted(made, key=lambda c: str(c.attrs["Created"]))


def _failed_backup(engine: Engine, backup: Container) -> CheckFailed:
    lines = engine.containers.logs(backup.name, tail=3).strip().splitlines()
    found = _("`{name}` is {status}, exit code {code}: {words}").format(
        name=backup.name,
        status=backup.status,
        code=backup.exit_code,
        words=f"`{lines[0]}`" if lines else _("it wrote nothing"),
    )
    words = " ".join(lines)
    if "socket" in words:
        return CheckFailed(
            found,
            hint=_("Without `--host`, `pg_dump` looks for the database in its own container."),
        )
    if "password" in words:
        return CheckFailed(found, hint=_("`pg_dump` takes the password from `PGPASSWORD`."))
    return CheckFailed(
        found,
        hint=_("Mend the service in the file, and `docker compose run backup` once more."),
    )


# compose.repair


@check("compose.repair", points=1)
def guestbook_database_is_healthy(engine: Engine) -> None:
    """In the project `lab-guestbook`, `db` is healthy by a check of its own."""
    database = _one(engine, "lab-guestbook", "db")
    _expect_running(engine, database)
    health = _verdict(engine, database)
    if health == "healthy":
        return
    if health is None:
        raise CheckFailed(
            _("`{name}` has no health check any more").format(name=database.name),
            hint=_("Without one, nobody can wait for it. Bring it back, and let it ask rightly."),
        )
    said = ((database.attrs["State"].get("Health") or {}).get("Log") or [{}])[-1].get("Output", "")
    raise CheckFailed(
        _("`{name}` is {health}; its check says: `{said}`").format(
            name=database.name, health=health, said=said.strip()
        ),
        hint=_("Its log says where it listens: `docker compose logs db`. Is that what is asked?"),
    )


@check("compose.repair", points=2, after=guestbook_database_is_healthy)
def guestbook_api_is_healthy(engine: Engine) -> None:
    """`api` is healthy: it reaches the database."""
    api, database = (_one(engine, "lab-guestbook", name) for name in ("api", "db"))
    if not api.running and "password authentication failed" in engine.containers.logs(api.name):
        found = _("`{name}` has ended: the database refused its password").format(name=api.name)
        if api.env.get("PGPASSWORD") == database.env.get("POSTGRES_PASSWORD"):
            raise CheckFailed(
                found,
                hint=_(
                    "`POSTGRES_PASSWORD` counts only for an empty volume. This one is in use, and "
                    "has the password that was there at first."
                ),
            )
        raise CheckFailed(
            found, hint=_("Compare `PGPASSWORD` of `api` with the password of the database.")
        )
    _expect_healthy(engine, api)


@check("compose.repair", points=1, after=guestbook_api_is_healthy)
def guestbook_shows_its_notes(engine: Engine) -> None:
    """`http://localhost:8096/notes` shows the note that has been in the volume all along."""
    web, api = (_one(engine, "lab-guestbook", name) for name in ("web", "api"))
    _expect_running(engine, web)
    if not set(web.networks) & set(api.networks):
        raise CheckFailed(
            _("`web` is in {web}, and `api` in {api}").format(
                web=listed(tuple(web.networks)), api=listed(tuple(api.networks))
            ),
            hint=_("They share no network. A service may be in several."),
        )
    _expect_published(web, 8096)
    volume = engine.volumes.get("lab-guestbook-notes")
    note = volume.labels.get("lab.note")
    if not note:
        raise CheckFailed(
            _("the volume `lab-guestbook-notes` is not the one that was there"),
            hint=_("Its notes are lost. Run the set-up cell again, and keep the volume this time."),
        )
    if note not in _ask(engine, 8096, "/notes", web.name):
        raise CheckFailed(
            _("the old note is not shown"),
            hint=_("`db` should keep its data in the volume `lab-guestbook-notes`."),
        )


@check("compose.repair", points=1, after=guestbook_shows_its_notes)
def guestbook_database_is_apart(engine: Engine) -> None:
    """`web` and `db` share no network."""
    web, database = (_one(engine, "lab-guestbook", name) for name in ("web", "db"))
    if shared := set(web.networks) & set(database.networks):
        raise CheckFailed(
            _("`web` and `db` are both in {names}").format(names=listed(tuple(sorted(shared)))),
            hint=_("Keep the two networks apart, with `api` alone in both."),
        )


# What they share


def _project(engine: Engine, name: str) -> Project:
    """Return a project that has containers."""
    project = Project.read(engine, name)
    if project.containers or project.one_offs:
        return project
    labels = (line["Labels"] or {} for line in engine.containers.list())
    others = sorted({found for label in labels if (found := label.get(PROJECT, ""))})
    if others:
        raise CheckFailed(
            _("there is no project `{name}`, but {others}").format(
                name=name, others=listed(tuple(others))
            ),
            hint=_("A file's `name:` names the project, and without it the name of its folder."),
        )
    raise CheckFailed(
        _("there is no project `{name}`").format(name=name),
        hint=_("In the folder of the file: `docker compose up --detach`."),
    )


def _one(engine: Engine, project: str, service: str) -> Container:
    """Return the first container of a service."""
    containers = _project(engine, project).of(service)
    if not containers:
        raise CheckFailed(
            _("`{project}` has no container of a service `{service}`").format(
                project=project, service=service
            ),
            hint=_("`docker compose config --services` lists what the file has."),
        )
    return containers[0]


def _expect_running(engine: Engine, container: Container) -> None:
    if container.running:
        return
    if container.status == "created" and not container.error:
        raise CheckFailed(
            _("`{name}` was made but not started").format(name=container.name),
            hint=_("`docker compose up --detach`; what keeps it back stands in the last line."),
        )
    raise not_running(engine, container)


def _expect_healthy(engine: Engine, container: Container) -> None:
    _expect_running(engine, container)
    health = _verdict(engine, container)
    if health != "healthy":
        raise CheckFailed(
            _("`{name}` is {health}").format(
                name=container.name, health=health or _("without a health check")
            ),
            hint=_("`docker inspect {name}` shows what its check says, below `Health`.").format(
                name=container.name
            ),
        )


def _verdict(engine: Engine, container: Container) -> str | None:
    """Return a container's health, once its check has come to one."""

    def health() -> str:
        now = engine.containers.get(container.name).health
        return "" if now == "starting" else now or "none"

    found = wait_until(
        health, what=_("a verdict on `{name}`").format(name=container.name), timeout=VERDICT
    )
    return None if found == "none" else found


def _expect_published(container: Container, port: int, *, inner: int = 80) -> None:
    published = [(host, key) for key, at in container.ports.items() for _ip, host in at]
    if (port, f"{inner}/tcp") in published:
        return
    if not published:
        raise CheckFailed(
            _("`{name}` publishes no port").format(name=container.name),
            hint=_('Its service needs `ports:`, and below it `- "{port}:{inner}"`.').format(
                port=port, inner=inner
            ),
        )
    raise CheckFailed(
        _("`{name}` publishes {ports}, the exercise asks for {port}->{inner}").format(
            name=container.name, ports=_ports(container), port=port, inner=inner
        ),
        hint=_("Below `ports:` stands `HOST:CONTAINER`."),
    )


def _ask(engine: Engine, port: int, path: str, name: str) -> str:
    """Return the answer of a server that was started a moment ago."""
    said = ""

    def answer() -> str:
        nonlocal said
        with suppress(ConnectionError):
            reply = engine.http_get(port, path)
            said = f"{reply.status} {reply.body}"
            return reply.body if reply.status == 200 else ""  # noqa: PLR2004 - OK
        return ""

    return wait_until(
        answer,
        what=_("`{path}` at port {port}").format(path=path, port=port),
        timeout=5.0,
        state=lambda: said,
        log_tail=lambda: engine.containers.logs(name, tail=5),
    )


def _file(engine: Engine, container: Container, path: str) -> str:
    """Read a text of a container; one that is not there is empty."""
    try:
        return engine.containers.read_file(container.name, path).decode(errors="replace")
    except FileNotFoundError:
        return ""


def _ports(container: Container) -> str:
    pairs = (
        f"{host}->{inner.removesuffix('/tcp')}"
        for inner, at in container.ports.items()
        for host in sorted({host for _ip, host in at})
    )
    return ", ".join(pairs)
