"""The checks of chapter 09 on containers as Compose labels them."""

from __future__ import annotations

from typing import Any

import pytest

from labkit.checking import CheckFailed
from labkit.checks import compose
from labkit.engine import HttpReply
from tests.unit.compose_project import Stage

HEALTHY_DB = "db:service_healthy:false"
NOTE = b"insert into notes values ('combination 4711');"


def refusal(stage: Stage, check: Any) -> CheckFailed:
    with pytest.raises(CheckFailed) as caught:
        check(stage.engine)
    return caught.value


def accepts(stage: Stage, *checks: Any) -> None:
    for check in checks:
        check(stage.engine)


# compose.two_services


@pytest.fixture
def tea(fake_engine: Any) -> Stage:
    return Stage(fake_engine, "lab-tea")


def brewed(tea: Stage, *, kettle: dict[int, int] | None = None, web: Any = ((80, 8092),)) -> None:
    tea.container("kettle", ports=kettle)
    tea.container("web", ports=dict(web))
    tea.engine.containers.files["lab-tea-kettle-1", "/www/index.html"] = b"tea number 7\n"
    tea.engine.http[8092] = "tea number 7\n"


def test_two_services_in_one_file_pass(tea: Stage) -> None:
    brewed(tea)
    accepts(tea, compose.tea_has_two_services, compose.only_web_is_published, compose.tea_is_served)


def test_without_a_project_that_is_said(tea: Stage) -> None:
    refused = refusal(tea, compose.tea_has_two_services)
    assert refused.found == "there is no project `lab-tea`"
    assert "docker compose up" in refused.hint


def test_a_project_of_another_name_is_named(tea: Stage) -> None:
    Stage(tea.engine, "lab-teahouse").container("web")
    refused = refusal(tea, compose.tea_has_two_services)
    assert refused.found == "there is no project `lab-tea`, but `lab-teahouse`"
    assert "the name of its folder" in refused.hint


def test_services_of_other_names_are_named(tea: Stage) -> None:
    tea.container("pot")
    tea.container("web")
    refused = refusal(tea, compose.tea_has_two_services)
    assert "`pot`, `web`" in refused.found
    assert "host name" in refused.hint


def test_a_service_that_was_never_started_is_told(tea: Stage) -> None:
    tea.container("kettle")
    tea.container("web", State={"Status": "created"})
    assert "made but not started" in refusal(tea, compose.tea_has_two_services).found


def test_a_service_that_ended_is_told_its_exit_code(tea: Stage) -> None:
    tea.container("kettle", State={"Status": "exited", "ExitCode": 3})
    tea.container("web")
    assert "has ended with 3" in refusal(tea, compose.tea_has_two_services).found


@pytest.mark.parametrize(
    ("web", "found", "hint"),
    [
        ((), "publishes no port", '`- "8092:80"`'),
        (((8092, 80),), "publishes 80->8092, the exercise asks for 8092->80", "HOST:CONTAINER"),
        (((80, 8099),), "publishes 8099->80", "HOST:CONTAINER"),
    ],
)
def test_another_port_of_web_is_told(tea: Stage, web: Any, found: str, hint: str) -> None:
    brewed(tea, web=web)
    refused = refusal(tea, compose.only_web_is_published)
    assert found in refused.found
    assert hint in refused.hint


def test_a_published_kettle_is_told_its_port(tea: Stage) -> None:
    brewed(tea, kettle={80: 8091})
    assert "8091->80" in refusal(tea, compose.only_web_is_published).found


def test_another_page_is_no_tea(tea: Stage) -> None:
    brewed(tea)
    tea.engine.http[8092] = "<h1>It works</h1>"
    assert "does not show" in refusal(tea, compose.tea_is_served).found


def test_a_kettle_without_tea_is_told_its_image(tea: Stage) -> None:
    brewed(tea)
    tea.engine.containers.files.clear()
    assert "`lab/kettle:1`" in refusal(tea, compose.tea_is_served).hint


# compose.in_order


@pytest.fixture
def early(fake_engine: Any) -> Stage:
    fake_engine.http[8093] = "[]"
    return Stage(fake_engine, "lab-early")


def test_an_api_that_waited_passes(early: Stage) -> None:
    early.container("db", health="healthy")
    early.container("api", after=HEALTHY_DB, ports={8000: 8093})
    accepts(
        early,
        compose.api_waits_for_the_database,
        compose.early_database_is_healthy,
        compose.early_api_answers,
    )


@pytest.mark.parametrize(
    ("api", "db", "hint"),
    [
        ({}, "", "needs a `depends_on:`"),
        ({"restart": "on-failure"}, "", "happens to fit"),
        ({"after": "db:service_started:false"}, "", "the start only"),
        ({}, "api:service_started:false", "other way round"),
    ],
)
def test_an_api_that_waits_for_no_health_is_told_why(
    early: Stage, api: dict[str, str], db: str, hint: str
) -> None:
    early.container("db", after=db)
    early.container("api", **api)  # type: ignore[arg-type]
    assert hint in refusal(early, compose.api_waits_for_the_database).hint


@pytest.mark.parametrize("health", ["unhealthy", None])
def test_a_database_that_is_not_healthy_is_told(early: Stage, health: str | None) -> None:
    early.container("db", health=health)
    found = refusal(early, compose.early_database_is_healthy).found
    assert (health or "without a health check") in found


def test_a_restarted_api_is_told_how_often(early: Stage) -> None:
    early.container("api", RestartCount=2)
    assert "restarted 2 times" in refusal(early, compose.early_api_answers).found


# compose.three_of_them


@pytest.fixture
def cafe(fake_engine: Any, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """A project whose port 8094 is answered by the containers of `barista` in turn."""
    stage, asked = Stage(fake_engine, "lab-cafe"), []

    def answer(_port: int, _path: str = "/", **_options: Any) -> HttpReply:
        names = [n for n in fake_engine.containers.things if n in stage.engine.serving]
        asked.append(names[len(asked) % len(names)])
        return HttpReply(200, asked[-1] + "\n", {})

    fake_engine.serving = {f"lab-cafe-barista-{n}" for n in (1, 2, 3)}
    monkeypatch.setattr(fake_engine, "http_get", answer)
    return stage


def staffed(cafe: Stage, *, running: int = 3, created: int = 0, **barista: Any) -> None:
    for number in range(1, running + 1):
        cafe.container("barista", number, **barista)
    for number in range(running + 1, running + created + 1):
        cafe.container("barista", number, State={"Status": "created"})
    cafe.container("web", ports={80: 8094})


def test_three_behind_one_door_pass(cafe: Stage) -> None:
    staffed(cafe)
    accepts(cafe, compose.three_baristas_run, compose.one_door, compose.all_three_serve)


@pytest.mark.parametrize(
    ("created", "found", "hint"),
    [(2, "1 of 3", "one container only"), (0, "1 of 1", "`scale: 3`")],
)
def test_too_few_are_counted(cafe: Stage, created: int, found: str, hint: str) -> None:
    staffed(cafe, running=1, created=created)
    refused = refusal(cafe, compose.three_baristas_run)
    assert found in refused.found
    assert hint in refused.hint


def test_a_door_of_a_barista_is_told(cafe: Stage) -> None:
    staffed(cafe, ports={80: 8095})
    assert "8095->80" in refusal(cafe, compose.one_door).found


def test_one_who_never_answers_is_counted(cafe: Stage) -> None:
    staffed(cafe)
    cafe.engine.serving.discard("lab-cafe-barista-3")
    assert "1 of the three answered none" in refusal(cafe, compose.all_three_serve).found


# compose.backup


@pytest.fixture
def vault(fake_engine: Any) -> Stage:
    stage = Stage(fake_engine, "lab-vault")
    db = stage.container("db", health="healthy")
    fake_engine.containers.files[db.name, "/docker-entrypoint-initdb.d/note.sql"] = NOTE
    return stage


def saved(vault: Stage, content: bytes = b"combination 4711\n", volume: str = "_backups") -> None:
    name = f"lab-vault{volume}"
    mount = {"Type": "volume", "Name": name, "Destination": "/backups", "RW": True}
    ended = {"Status": "exited", "ExitCode": 0}
    backup = vault.container("backup", one_off=True, State=ended, Mounts=[mount])
    vault.engine.containers.files[backup.name, "/backups/notes.sql"] = content


def test_a_one_off_backup_passes(vault: Stage) -> None:
    saved(vault)
    accepts(
        vault,
        compose.backup_was_a_one_off,
        compose.backup_is_kept_out_of_up,
        compose.backup_holds_the_note,
    )


def test_no_backup_is_told_to_be_left_in_place(vault: Stage) -> None:
    assert "without `--rm`" in refusal(vault, compose.backup_was_a_one_off).hint


def test_a_backup_that_up_started_is_told(vault: Stage) -> None:
    vault.container("backup")
    assert "Give it a profile" in refusal(vault, compose.backup_was_a_one_off).hint
    saved(vault)
    assert "made by `up`" in refusal(vault, compose.backup_is_kept_out_of_up).found


@pytest.mark.parametrize(
    ("logs", "hint"),
    [
        ('connection to server on socket "/run/postgresql" failed', "--host"),
        ("fe_sendauth: no password supplied", "PGPASSWORD"),
        ("pg_dump: error: too many command-line arguments", "Mend the service"),
        ("", "Mend the service"),
    ],
)
def test_a_backup_that_failed_is_told_why(vault: Stage, logs: str, hint: str) -> None:
    vault.container("backup", one_off=True, State={"Status": "exited", "ExitCode": 1}, logs=logs)
    refused = refusal(vault, compose.backup_was_a_one_off)
    assert "exit code 1" in refused.found
    assert hint in refused.hint


def test_a_backup_without_the_volume_is_told(vault: Stage) -> None:
    saved(vault, volume="_data")
    assert (
        "has no volume `lab-vault_backups`" in refusal(vault, compose.backup_holds_the_note).found
    )


@pytest.mark.parametrize("content", [b"", b"combination 4712\n"])
def test_a_backup_without_the_note_is_none(vault: Stage, content: bytes) -> None:
    saved(vault, content)
    assert "does not hold the note" in refusal(vault, compose.backup_holds_the_note).found


# compose.repair


@pytest.fixture
def guestbook(fake_engine: Any) -> Stage:
    fake_engine.http[8096] = '[{"id": 1, "text": "visitor 4711 was here"}]'
    return Stage(fake_engine, "lab-guestbook")


def opened(guestbook: Stage, *, web: str = "front", note: str = "4711", **api: Any) -> None:
    guestbook.container(
        "db", health="healthy", networks=("back",), Env=["POSTGRES_PASSWORD=guestbook"]
    )
    networks = api.pop("networks", ("front", "back"))
    password = api.pop("password", "guestbook")
    guestbook.container(
        "api",
        networks=networks,
        Env=[f"PGPASSWORD={password}"],
        **{"health": "healthy", **api},
    )
    guestbook.container("web", networks=(web,), ports={80: 8096})
    guestbook.volume("lab-guestbook-notes", **({"lab.note": note} if note else {}))


def test_a_mended_guestbook_passes(guestbook: Stage) -> None:
    opened(guestbook)
    accepts(
        guestbook,
        compose.guestbook_database_is_healthy,
        compose.guestbook_api_is_healthy,
        compose.guestbook_shows_its_notes,
        compose.guestbook_database_is_apart,
    )


@pytest.mark.parametrize(
    ("health", "found", "hint"),
    [
        (None, "no health check", "nobody can wait"),
        ("unhealthy", "its check says: `no response`", "where it listens"),
    ],
)
def test_a_database_without_health_is_told(
    guestbook: Stage, health: str | None, found: str, hint: str
) -> None:
    guestbook.container("db", health=health)
    refused = refusal(guestbook, compose.guestbook_database_is_healthy)
    assert found in refused.found
    assert hint in refused.hint


@pytest.mark.parametrize(
    ("password", "hint"), [("guest", "Compare `PGPASSWORD`"), ("guestbook", "an empty volume")]
)
def test_a_refused_password_is_told_by_both_settings(
    guestbook: Stage, password: str, hint: str
) -> None:
    opened(
        guestbook,
        password=password,
        health=None,
        State={"Status": "exited", "ExitCode": 1},
        logs="no database: FATAL:  password authentication failed for user",
    )
    assert hint in refusal(guestbook, compose.guestbook_api_is_healthy).hint


def test_services_that_share_no_network_are_told_theirs(guestbook: Stage) -> None:
    opened(guestbook, networks=("back",))
    refused = refusal(guestbook, compose.guestbook_shows_its_notes)
    assert refused.found == "`web` is in `front`, and `api` in `back`"


@pytest.mark.parametrize(
    ("note", "found"), [("", "not the one that was there"), ("4712", "old note is not shown")]
)
def test_a_lost_note_is_told(guestbook: Stage, note: str, found: str) -> None:
    opened(guestbook, note=note)
    assert found in refusal(guestbook, compose.guestbook_shows_its_notes).found


def test_a_web_server_beside_the_database_is_told(guestbook: Stage) -> None:
    opened(guestbook, web="back")
    assert "both in `back`" in refusal(guestbook, compose.guestbook_database_is_apart).found
