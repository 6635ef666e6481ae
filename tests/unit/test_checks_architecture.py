from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from labkit.checking import CheckFailed
from labkit.checks import architecture as checks
from labkit.engine import Container

GHOST = "ab" * 32
EARLIER = "cd" * 32
INFO = {
    "ServerVersion": "29.1.0",
    "Driver": "overlay2",
    "LoggingDriver": "json-file",
    "KernelVersion": "6.1.0-30",
    "SystemTime": "2026-01-01T00:00:00.123456789Z",
}


def refusal(check: Any, engine: Any) -> CheckFailed:
    with pytest.raises(CheckFailed) as caught:
        check(engine)
    return caught.value


def container(name: str, **values: Any) -> Container:
    """A container of `lab/shell`, ended well, unless `values` say otherwise."""
    state = {"Status": "exited", "ExitCode": 0, "Error": values.get("error", "")}
    state |= {"Status": values.get("status", "exited"), "ExitCode": values.get("code", 0)}
    return Container.from_inspect(
        {
            "Id": "c0ffee",
            "Name": f"/{name}",
            "Image": "sha256:feed",
            "State": state,
            "Config": {
                "Image": values.get("image", "lab/shell"),
                "Cmd": values.get("command", ["true"]),
                "Labels": values.get("labels"),
            },
            "HostConfig": {"Memory": values.get("memory", 0)},
            "NetworkSettings": {"Ports": values.get("ports")},
        }
    )


@pytest.fixture
def engine(fake_engine: Any) -> Any:
    """A fake engine that can be asked about itself and about the deaths of ghosts."""
    died = [
        {"Actor": {"ID": EARLIER, "Attributes": {"exitCode": "9"}}},
        {"Actor": {"ID": GHOST, "Attributes": {"exitCode": "42"}}},
    ]
    fake_engine.info = lambda: INFO
    fake_engine.version = lambda: {"ApiVersion": "1.52"}
    fake_engine.died = died
    fake_engine.events = lambda **_filters: tuple(fake_engine.died)
    return fake_engine


def put(engine: Any, name: str, **values: Any) -> None:
    engine.containers.things[name] = container(name, **values)


def test_a_container_made_by_hand_passes(engine: Any) -> None:
    put(engine, "lab-by-hand", memory=64 * 2**20)
    engine.containers.log_texts["lab-by-hand"] = "made by hand\n"
    checks.container_was_made(engine)
    checks.container_has_run(engine)
    checks.container_is_limited(engine)


@pytest.mark.parametrize(
    ("values", "hint"),
    [
        ({"status": "created"}, "POST /containers/lab-by-hand/start"),
        (
            {"status": "created", "error": "not found", "command": ["echo made by hand"]},
            "list of words",
        ),
        ({"code": 1}, "docker logs lab-by-hand"),
        ({}, "`echo`"),
    ],
)
def test_a_container_that_has_not_run_is_told_why(
    engine: Any, values: dict[str, Any], hint: str
) -> None:
    put(engine, "lab-by-hand", **values)
    assert hint in refusal(checks.container_has_run, engine).hint


@pytest.mark.parametrize(("memory", "hint"), [(0, "`HostConfig`"), (64_000_000, "2**20")])
def test_a_limit_that_is_not_64_mib_is_told_apart(engine: Any, memory: int, hint: str) -> None:
    put(engine, "lab-by-hand", memory=memory)
    assert hint in refusal(checks.container_is_limited, engine).hint


@pytest.mark.parametrize("named", [GHOST, GHOST[:12]])
def test_a_witness_may_name_the_ghost_in_full_or_in_short(engine: Any, named: str) -> None:
    put(engine, "lab-witness", labels={"lab.ghost": named, "lab.exit": "42"})
    checks.witness_is_there(engine)
    checks.witness_names_the_ghost(engine)
    checks.witness_knows_the_exit_code(engine)


@pytest.mark.parametrize(
    ("named", "hint"),
    [(EARLIER, "last one counts"), (GHOST[:4], "have its id"), ("lab-ghost", "have its id")],
)
def test_another_ghost_is_not_the_last_one(engine: Any, named: str, hint: str) -> None:
    put(engine, "lab-witness", labels={"lab.ghost": named, "lab.exit": "42"})
    assert hint in refusal(checks.witness_names_the_ghost, engine).hint


def test_a_wrong_exit_code_is_not_corrected_for_the_learner(engine: Any) -> None:
    put(engine, "lab-witness", labels={"lab.ghost": GHOST, "lab.exit": "9"})
    refused = refusal(checks.witness_knows_the_exit_code, engine)
    assert "42" not in refused.found + refused.hint


def test_an_engine_that_has_forgotten_is_no_fault_of_the_learner(engine: Any) -> None:
    put(engine, "lab-witness", labels={"lab.ghost": GHOST, "lab.exit": "42"})
    engine.died = []
    assert "Run the exercise's first cells" in refusal(checks.witness_names_the_ghost, engine).hint


def test_labels_behind_the_image_are_found_in_the_command(engine: Any) -> None:
    put(engine, "lab-witness", command=["true", "--label", "lab.exit=1"])
    assert "before the image" in refusal(checks.witness_is_there, engine).hint


def test_a_passport_in_the_engines_words_passes(engine: Any) -> None:
    labels = {"lab.version": "29.1.0", "lab.driver": "overlay2", "lab.kernel": "6.1.0-30"}
    put(engine, "lab-passport", labels=labels)
    checks.passport_names_the_version(engine)
    checks.passport_names_the_driver(engine)
    checks.passport_names_the_kernel(engine)


@pytest.mark.parametrize(
    ("check", "label", "value", "hint"),
    [
        (checks.passport_names_the_version, "lab.version", "{{.ServerVersion}}", "template"),
        (checks.passport_names_the_version, "lab.version", "1.52", "of the API"),
        (checks.passport_names_the_version, "lab.version", "28.0.0", "prints the engine's"),
        (checks.passport_names_the_driver, "lab.driver", "json-file", "keeps logs"),
        (checks.passport_names_the_driver, "lab.driver", "ext4", "`Storage Driver`"),
        (checks.passport_names_the_kernel, "lab.kernel", "Linux", "`KernelVersion`"),
        (checks.passport_names_the_kernel, "lab.other", "", "--label lab.kernel"),
    ],
)
def test_another_word_in_a_passport_is_told_apart(
    engine: Any, check: Any, label: str, value: str, hint: str
) -> None:
    put(engine, "lab-passport", labels={label: value})
    assert hint in refusal(check, engine).hint


def test_a_tower_that_answers_passes(engine: Any) -> None:
    ports = {"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8091"}]}  # noqa: S104 - as Docker says
    put(engine, "lab-tower", status="running", memory=32 * 2**20, ports=ports)
    engine.http[8091] = "It is time.\n"
    checks.tower_runs(engine)
    checks.tower_answers(engine)
    checks.tower_is_limited(engine)
    engine.http[8091] = "It is late.\n"
    assert "It is late." in refusal(checks.tower_answers, engine).found
    engine.http.clear()
    assert "`docker port lab-tower`" in refusal(checks.tower_answers, engine).hint


@pytest.mark.parametrize(
    ("values", "hint"),
    [
        ({"status": "created", "error": "not found", "command": ["echo a && b"]}, "whole name"),
        ({"command": ["echo", "a", "&&", "b"]}, "`sh -c`"),
        ({"command": ["sh", "-c", "exit 1"], "code": 1}, "docker logs lab-tower"),
    ],
)
def test_a_tower_that_fell_is_told_why(engine: Any, values: dict[str, Any], hint: str) -> None:
    put(engine, "lab-tower", **values)
    assert hint in refusal(checks.tower_runs, engine).hint


def test_a_tower_without_a_port_or_a_limit_is_told_so(engine: Any) -> None:
    put(engine, "lab-tower", status="running")
    assert "`HostConfig`" in refusal(checks.tower_answers, engine).hint
    assert "without limit" in refusal(checks.tower_is_limited, engine).found


@pytest.mark.parametrize("check", [checks.container_was_made, checks.tower_runs])
def test_what_was_not_made_is_told_to_read_the_answer(engine: Any, check: Any) -> None:
    assert "answer" in refusal(check, engine).hint


def test_what_was_made_from_another_image_is_told_so(engine: Any) -> None:
    engine.images.get = lambda _name: SimpleNamespace(id="sha256:other")
    put(engine, "lab-by-hand", image="lab/debian")
    put(engine, "lab-witness", image="lab/debian")
    assert "lab/debian" in refusal(checks.container_was_made, engine).found
    assert "lab/debian" in refusal(checks.witness_is_there, engine).found
