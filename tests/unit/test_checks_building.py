"""The checks of chapter 04 on recorded inspect answers, cut down to what the checks read."""

from __future__ import annotations

from typing import Any

import pytest

from labkit.checks import building
from labkit.errors import NoSuchContainer, WaitTimeout
from tests.unit.desk import COPY, IMPORTED, MORE, OWN, SHELL, SHELL_CMD, Desk

SEAL = "Rule 4711: write it down."
COPIED = ("/bin/sh -c #(nop) COPY file:af73c54594df8ba8 in . ", 27)
COPIED_BY_BUILDKIT = ("COPY quote.txt . # buildkit", 27)
FIRST_UUID = "d6bbebf6-582f-4da9-b207-c32babd66335"
OTHER_UUID = "953646ab-85d1-4a36-b87a-042cd2192872"
BRACKETS = {"Test": ["CMD", "/lamp", "check"]}


@pytest.fixture
def desk(fake_engine: Any) -> Desk:
    return Desk(fake_engine)


def seal(desk: Desk, name: str, text: str) -> None:
    desk.container(name, "lab/shell", Labels={"drawn": text})


# building.first


def quote(desk: Desk, *, step: tuple[str, int] = COPIED, logs: str = SEAL, **config: Any) -> None:
    seal(desk, "lab-quote-seal", SEAL)
    settings = {"Cmd": ["cat", "quote.txt"], "User": "1000", "WorkingDir": "/srv", **config}
    desk.image("lab/quote:1", "aa00", [SHELL, OWN], **settings)
    desk.history("lab/quote:1", step, SHELL_CMD, COPY)
    desk.container("lab-quote", "lab/quote:1", f"{logs}\n")
    desk.engine.containers.files["lab-quote", "/srv/quote.txt"] = f"{SEAL}\n".encode()


@pytest.mark.parametrize("step", [COPIED, COPIED_BY_BUILDKIT])
def test_a_built_quote_passes_whichever_builder_made_it(desk: Desk, step: tuple[str, int]) -> None:
    quote(desk, step=step)
    desk.accepts(
        building.quote_is_built,
        building.quote_is_in_its_place,
        building.quote_is_not_root,
        building.quote_was_printed,
    )


def test_a_committed_quote_is_told_its_step(desk: Desk) -> None:
    quote(desk, step=("cat /srv/quote.txt", 27))
    refusal = desk.refusal(building.quote_is_built)
    assert "`cat /srv/quote.txt`" in refusal.found
    assert "`COPY`" in refusal.hint


def test_the_copies_of_lab_shell_do_not_count(desk: Desk) -> None:
    quote(desk, step=("/bin/sh -c echo something > /srv/quote.txt", 27))
    assert "copies a file" in desk.refusal(building.quote_is_built).found


def test_an_imported_quote_is_told_so(desk: Desk) -> None:
    quote(desk)
    desk.image("lab/quote:1", "aa00", [IMPORTED])
    assert "none of the layers" in desk.refusal(building.quote_is_built).found


@pytest.mark.parametrize(("path", "said"), [("", "`/`"), ("/app", "`/app`")])
def test_another_working_directory_is_named(desk: Desk, path: str, said: str) -> None:
    quote(desk, WorkingDir=path)
    assert said in desk.refusal(building.quote_is_in_its_place).found


def test_an_old_text_is_told_beside_the_new_one(desk: Desk) -> None:
    quote(desk)
    seal(desk, "lab-quote-seal", "Rule 5.")
    found = desk.refusal(building.quote_is_in_its_place).found
    assert f"says `{SEAL}`" in found
    assert "says `Rule 5.`" in found


@pytest.mark.parametrize(
    ("user", "said"),
    [("", "as root"), ("0", "as root"), ("root", "as root"), ("nobody", "`nobody`")],
)
def test_another_user_of_the_quote_is_named(desk: Desk, user: str, said: str) -> None:
    quote(desk, User=user)
    assert said in desk.refusal(building.quote_is_not_root).found


def test_a_group_beside_the_user_is_no_fault(desk: Desk) -> None:
    quote(desk, User="1000:1000")
    desk.accepts(building.quote_is_not_root)


def test_a_quote_read_while_building_is_told_of_cmd(desk: Desk) -> None:
    quote(desk, logs="", Cmd=["sh"])
    refusal = desk.refusal(building.quote_was_printed)
    assert "printed nothing; its command is `sh`" in refusal.found
    assert "`CMD`" in refusal.hint


# building.cache


def markets(desk: Desk, *, packages: Any = (FIRST_UUID, FIRST_UUID)) -> None:
    for number, word in ((1, "open"), (2, "closed")):
        desk.image(f"lab/market:{number}", f"bb{number}", [SHELL, OWN, f"{MORE}{number}"])
        desk.container(f"lab-market-{number}", f"lab/market:{number}", word)
        files = desk.engine.containers.files
        files[f"lab-market-{number}", "/app/market.sh"] = f"echo {word}".encode()
        files[f"lab-market-{number}", "/packages"] = packages[number - 1].encode()


def test_two_markets_with_one_installation_pass(desk: Desk) -> None:
    markets(desk)
    desk.accepts(
        building.markets_were_run,
        building.market_was_edited,
        building.market_stands_alone,
        building.packages_were_not_installed_again,
    )


def test_a_market_not_yet_built_is_named(desk: Desk) -> None:
    markets(desk)
    del desk.engine.images.things["lab/market:2"]
    assert "`lab/market:2`" in desk.refusal(building.markets_were_run).found


def test_a_market_that_failed_is_told_its_exit_code(desk: Desk) -> None:
    markets(desk)
    desk.container("lab-market-2", "lab/market:2", "sh: oh", State={"ExitCode": 2})
    assert "exited with 2: `sh: oh`" in desk.refusal(building.markets_were_run).found


def test_a_market_without_an_edit_is_told_its_text(desk: Desk) -> None:
    markets(desk)
    desk.engine.containers.files["lab-market-2", "/app/market.sh"] = b"echo open"
    assert "both say `echo open`" in desk.refusal(building.market_was_edited).found


def test_a_market_on_top_of_the_last_is_told_so(desk: Desk) -> None:
    markets(desk)
    desk.image("lab/market:2", "bb2", [SHELL, OWN, f"{MORE}1", f"{MORE}2"])
    assert "more on top" in desk.refusal(building.market_stands_alone).found


def test_two_installations_are_told_with_both_numbers(desk: Desk) -> None:
    markets(desk, packages=(FIRST_UUID, OTHER_UUID))
    found = desk.refusal(building.packages_were_not_installed_again).found
    assert FIRST_UUID in found
    assert OTHER_UUID in found


def test_an_installation_that_always_writes_the_same_is_found_out(desk: Desk) -> None:
    markets(desk, packages=("installed", "installed"))
    assert "`installed`" in desk.refusal(building.packages_were_not_installed_again).found


# building.small


def lamp(desk: Desk, *, layers: Any = (OWN,), size: int = 13_500, **config: Any) -> None:
    seal(desk, "lab-lamp-seal", "lamp 7 is on")
    desk.image("lab/cc", "cc00", [SHELL, MORE], size=97_800_000)
    settings = {"Cmd": ["/lamp"], "User": "65534", "Healthcheck": BRACKETS, **config}
    desk.image("lab/lamp:1", "dd00", list(layers), size=size, **settings)
    running = {"Status": "running", "Health": {"Status": "healthy"}}
    desk.container("lab-lamp", "lab/lamp:1", "lamp 7 is on\n", State=running)


def test_a_small_healthy_lamp_of_nobody_passes(desk: Desk) -> None:
    lamp(desk)
    desk.accepts(
        building.lamp_is_small,
        building.lamp_is_not_root,
        building.lamp_checks_itself,
        building.lamp_is_healthy,
    )


def test_a_lamp_with_its_compiler_is_told_of_a_second_stage(desk: Desk) -> None:
    lamp(desk, layers=(SHELL, MORE, OWN), size=97_800_000)
    refusal = desk.refusal(building.lamp_is_small)
    assert "takes 97.8 MB: it stands on the layers of `lab/cc`" in refusal.found
    assert "`COPY --from`" in refusal.hint


def test_a_lamp_with_a_shell_is_told_of_scratch(desk: Desk) -> None:
    lamp(desk, layers=(IMPORTED, OWN), size=2_990_000)
    assert "`FROM scratch`" in desk.refusal(building.lamp_is_small).hint


@pytest.mark.parametrize("user", ["", "0", "root"])
def test_a_lamp_of_root_is_told_so(desk: Desk, user: str) -> None:
    lamp(desk, User=user)
    assert "as root" in desk.refusal(building.lamp_is_not_root).found


def test_a_user_without_a_number_is_told_of_passwd(desk: Desk) -> None:
    lamp(desk, User="nobody")
    assert "/etc/passwd" in desk.refusal(building.lamp_is_not_root).hint


@pytest.mark.parametrize(
    ("healthcheck", "said"),
    [
        (None, "has no health check"),
        ({"Test": ["NONE"]}, "has no health check"),
        ({"Test": ["CMD-SHELL", "/lamp check"]}, "for a shell to run"),
        ({"Test": ["CMD", "/lamp"]}, "runs `/lamp`"),
    ],
)
def test_another_health_check_is_named(desk: Desk, healthcheck: Any, said: str) -> None:
    lamp(desk, Healthcheck=healthcheck)
    assert said in desk.refusal(building.lamp_checks_itself).found


def test_a_lamp_that_does_not_run_is_told_why(desk: Desk) -> None:
    lamp(desk)
    error = "unable to find user nobody: no matching entries in passwd file"
    desk.container("lab-lamp", "lab/lamp:1", State={"Status": "created", "Error": error})
    assert error in desk.refusal(building.lamp_is_healthy).found


def test_another_lamp_is_told_both_numbers(desk: Desk) -> None:
    lamp(desk)
    seal(desk, "lab-lamp-seal", "lamp 8 is on")
    found = desk.refusal(building.lamp_is_healthy).found
    assert "`lamp 7 is on`" in found
    assert "`lamp 8 is on`" in found


def test_a_lamp_that_is_not_asked_in_time_is_told_of_the_interval(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(building, "SECONDS_TO_HEALTH", 0.0)
    lamp(desk)
    state = {"Status": "running", "Health": {"Status": "starting"}}
    desk.container("lab-lamp", "lab/lamp:1", "lamp 7 is on\n", State=state)
    with pytest.raises(WaitTimeout, match="--interval"):
        building.lamp_is_healthy(desk.engine)


# building.pid1


def stall(desk: Desk, *, command: Any = None, said: str = "", **changes: Any) -> None:
    shell_form = ["/bin/sh", "-c", "exec /stall.sh $STALL"]
    desk.image("lab/stall:1", "ee01", [SHELL, OWN], Env=["STALL=42"], Cmd=["/bin/sh", "-c", "…"])
    desk.image("lab/stall:2", "ee02", [SHELL, OWN], Env=["STALL=42"], Cmd=command or shell_form)
    logs = f"stall 42: open\n{said or 'stall 42: cleared away'}\n"
    desk.container("lab-stall", "lab/stall:2", logs, **changes)


def test_a_stall_that_was_cleared_passes(desk: Desk) -> None:
    stall(desk)
    desk.accepts(
        building.stall_was_stopped, building.stall_ended_by_itself, building.stall_was_cleared
    )


def test_a_stall_that_runs_is_to_be_stopped(desk: Desk) -> None:
    stall(desk, State={"Status": "running"})
    assert "docker stop" in desk.refusal(building.stall_was_stopped).hint


def test_a_stall_that_never_started_is_told_so(desk: Desk) -> None:
    stall(desk, State={"Status": "created"})
    assert "never started" in desk.refusal(building.stall_was_stopped).found


def test_a_stall_killed_behind_a_shell_is_told_of_exec(desk: Desk) -> None:
    stall(desk, State={"ExitCode": 137})
    refusal = desk.refusal(building.stall_ended_by_itself)
    assert "ended with 137" in refusal.found
    assert "a shell was process 1" in refusal.found
    assert "`exec`" in refusal.hint


def test_a_stall_killed_without_a_shell_is_told_of_docker_stop(desk: Desk) -> None:
    stall(desk, command=["/stall.sh", "42"], State={"ExitCode": 137})
    assert "`docker kill` asks nobody" in desk.refusal(building.stall_ended_by_itself).hint


def test_a_stall_behind_an_init_is_told_what_that_does(desk: Desk) -> None:
    stall(desk, State={"ExitCode": 143}, HostConfig={"Init": True})
    assert "`--init`" in desk.refusal(building.stall_ended_by_itself).hint


def test_a_stall_that_failed_is_sent_to_its_log(desk: Desk) -> None:
    stall(desk, State={"ExitCode": 2})
    assert "docker logs" in desk.refusal(building.stall_ended_by_itself).hint


def test_a_variable_that_nobody_replaced_is_told_so(desk: Desk) -> None:
    stall(desk, said="stall $STALL: cleared away")
    refusal = desk.refusal(building.stall_was_cleared)
    assert "`stall $STALL: cleared away`" in refusal.found
    assert "no shell" in refusal.hint


def test_another_last_word_is_told_beside_the_right_one(desk: Desk) -> None:
    stall(desk, said="stall 41: cleared away")
    refusal = desk.refusal(building.stall_was_cleared)
    assert "stall 41" in refusal.found
    assert "stall 42" in refusal.hint


# building.repair


def letter(desk: Desk, *, ada: str = "Ada", **config: Any) -> None:
    seal(desk, "lab-letter-seal", "9")
    settings = {"Entrypoint": ["/app/letter.sh"], "Cmd": ["somebody"], "User": "1000", **config}
    desk.image("lab/letter:1", "ff00", [SHELL, OWN], **settings)
    desk.container("lab-letter", "lab/letter:1", "letter 9 for somebody\n")
    desk.container("lab-letter-ada", "lab/letter:1", f"letter 9 for {ada}\n", Cmd=["Ada"])


def test_a_mended_letter_service_passes(desk: Desk) -> None:
    letter(desk)
    desk.accepts(
        building.letter_is_built,
        building.letter_is_not_root,
        building.letter_holds_no_key,
        building.letters_have_receivers,
    )


def test_a_letter_on_another_base_is_told_so(desk: Desk) -> None:
    letter(desk)
    desk.image("lab/letter:1", "ff00", [IMPORTED])
    assert "`lab/shell`" in desk.refusal(building.letter_is_built).found


def test_a_letter_of_root_is_told_that_user_may_stay(desk: Desk) -> None:
    letter(desk, User="")
    assert "as root" in desk.refusal(building.letter_is_not_root).found


def test_a_key_in_the_image_is_found(desk: Desk) -> None:
    letter(desk)
    desk.engine.containers.files["lab-letter", "/app/secret.key"] = b"do not tell"
    assert "`.dockerignore`" in desk.refusal(building.letter_holds_no_key).hint


def test_without_its_container_no_key_is_no_success(desk: Desk) -> None:
    letter(desk)
    del desk.engine.containers.things["lab-letter"]
    with pytest.raises(NoSuchContainer):
        building.letter_holds_no_key(desk.engine)


@pytest.mark.parametrize(
    ("config", "hint"),
    [
        ({"Entrypoint": ["/bin/sh", "-c", "/app/letter.sh"]}, "hands no words on"),
        ({"Cmd": ["/bin/sh", "-c", "somebody"]}, "are `/bin/sh -c …`"),
        ({"Cmd": ["everybody"]}, "when `docker run` gives none"),
    ],
)
def test_a_wrong_receiver_is_told_what_the_image_ran(
    desk: Desk, config: dict[str, Any], hint: str
) -> None:
    letter(desk, **config)
    desk.container("lab-letter", "lab/letter:1", "letter 9 for nobody\n")
    refusal = desk.refusal(building.letters_have_receivers)
    assert "printed `letter 9 for nobody`, not `letter 9 for somebody`" in refusal.found
    assert hint in refusal.hint


def test_a_letter_that_is_not_for_ada_is_named(desk: Desk) -> None:
    letter(desk, ada="somebody")
    assert "`lab-letter-ada` printed" in desk.refusal(building.letters_have_receivers).found
