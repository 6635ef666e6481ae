from __future__ import annotations

import json
import os
import sysconfig
from pathlib import Path

import pytest

from labkit import docker_config
from labkit.docker_config import course_config
from labkit.errors import WorkspaceError

COMPOSE = Path("cli-plugins", "docker-compose")


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The learner's own folder, on a machine without plugins."""
    monkeypatch.delenv("DOCKER_CONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(docker_config, "PLUGIN_FOLDERS", ())
    folder = tmp_path / ".docker"
    folder.mkdir()
    return folder


def write(folder: Path, **content: object) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(content))


def read(folder: Path) -> dict[str, object]:
    content: dict[str, object] = json.loads((folder / "config.json").read_text())
    return content


def test_the_learners_logins_stay_out_and_settings_come_along(own: Path, tmp_path: Path) -> None:
    secret = {"auths": {"registry.example": {"auth": "c2VjcmV0"}}, "credsStore": "desktop"}
    write(own, **secret, currentContext="far", HttpHeaders={"Authorization": "x"})
    before = (own / "config.json").read_bytes()
    made = course_config(tmp_path / "work")
    assert read(made).keys() == {"currentContext", "auths", "cliPluginsExtraDirs"}
    assert "registry.example" not in (made / "config.json").read_text()
    assert (own / "config.json").read_bytes() == before


def test_no_keychain_is_chosen_for_a_first_login(tmp_path: Path) -> None:
    # `docker` looks for a keychain only while its configuration names no login at all.
    assert read(course_config(tmp_path / "work"))["auths"]


def test_the_courses_logins_outlive_the_next_start(own: Path, tmp_path: Path) -> None:
    made = course_config(tmp_path / "work")
    write(made, auths={"localhost:5000": {"auth": "bGFi"}})
    write(own, currentContext="new")
    again = read(course_config(tmp_path / "work"))
    assert again["currentContext"] == "new"
    assert "localhost:5000" in str(again["auths"])


def test_within_the_course_nothing_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = course_config(tmp_path / "work")
    write(made, currentContext="lab-here")
    monkeypatch.setenv("DOCKER_CONFIG", str(made))
    assert read(course_config(tmp_path / "work")) == {"currentContext": "lab-here"}


def test_only_its_owner_may_look_into_it(tmp_path: Path) -> None:
    assert course_config(tmp_path / "work").stat().st_mode & 0o077 == 0


def test_the_learners_contexts_are_there_and_a_new_one_stays_in_the_course(
    own: Path, tmp_path: Path
) -> None:
    meta = own / "contexts" / "meta" / "a1" / "meta.json"
    meta.parent.mkdir(parents=True)
    meta.write_text("{}")
    made = course_config(tmp_path / "work") / "contexts" / "meta"
    assert (made / "a1" / "meta.json").read_text() == "{}"
    assert not (made / "a1").is_symlink()
    (made / "b2").mkdir()
    (made / "b2" / "meta.json").write_text("{}")
    meta.unlink()
    course_config(tmp_path / "work")
    assert [path.name for path in made.iterdir()] == ["b2"]
    assert not (own / "contexts" / "meta" / "b2").exists()


def test_compose_is_brought_where_there_is_none(tmp_path: Path) -> None:
    link = course_config(tmp_path / "work") / COMPOSE
    assert link.readlink() == Path(sysconfig.get_path("scripts"), "docker-compose")
    assert os.access(link, os.X_OK)


def test_compose_of_the_machine_comes_first(own: Path, tmp_path: Path) -> None:
    course_config(tmp_path / "work")
    (own / "cli-plugins").mkdir()
    (own / COMPOSE).touch()
    made = course_config(tmp_path / "work")
    assert not (made / COMPOSE).is_symlink()
    assert read(made)["cliPluginsExtraDirs"] == [str(own / "cli-plugins")]


def test_an_environment_that_moved_gets_a_new_link(tmp_path: Path) -> None:
    link = course_config(tmp_path / "work") / COMPOSE
    link.unlink()
    link.symlink_to(tmp_path / "gone")
    course_config(tmp_path / "work")
    assert link.exists()


@pytest.mark.parametrize("content", ["{", "\xff"])
def test_an_unreadable_configuration_is_named(own: Path, tmp_path: Path, content: str) -> None:
    (own / "config.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(WorkspaceError, match=r"config\.json` cannot be read") as caught:
        course_config(tmp_path / "work")
    assert "mv " in caught.value.hint
