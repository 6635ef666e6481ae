"""The checks of chapter 03 on recorded inspect answers, cut down to what the checks read."""

from __future__ import annotations

from typing import Any

import pytest

from labkit.checks import images
from labkit.engine import Image
from tests.unit.desk import COPY, IMPORTED, MORE, OWN, SHELL, SHELL_CMD, Desk

READ_DIARY = ["cat", "/diary/today.txt"]
WRITE_DIARY = ["sh", "-c", "mkdir /diary && date > /diary/today.txt"]
DIARY = "Tue Nov 24 03:16:55 UTC 2026\n"
SUM = f"{'4b38ec97' * 8}  /data\n"

CLASSIC_WRITE = ("/bin/sh -c head -c 20000000 /dev/urandom > /data", 20_000_000)
BUILDKIT_WRITE = ("RUN /bin/sh -c head -c 20000000 /dev/urandom > /data # buildkit", 20_000_000)


@pytest.fixture
def desk(fake_engine: Any) -> Desk:
    return Desk(fake_engine)


# images.second_name


def test_two_names_of_one_image_pass(desk: Desk) -> None:
    for name in ("lab/memo:1", "lab/memo:stable"):
        desk.image(name, "e1862da876521111", [SHELL, OWN])
    desk.accepts(images.second_name_exists, images.first_name_kept, images.one_image)


def test_without_a_second_name_that_is_said(desk: Desk) -> None:
    desk.image("lab/memo:1", "e1862da876521111", [SHELL, OWN])
    refusal = desk.refusal(images.second_name_exists)
    assert refusal.found == "no image is called `lab/memo:stable`"
    assert "docker tag" in refusal.hint


def test_a_name_without_colon_is_told_by_that_name(desk: Desk) -> None:
    memo = Image.from_inspect(
        {"Id": "sha256:e1862da87652", "RepoTags": ["lab/memo-stable:latest", "lab/memo:1"]}
    )
    desk.engine.images.things["lab/memo:1"] = memo
    refusal = desk.refusal(images.second_name_exists)
    assert "`lab/memo-stable:latest`" in refusal.found
    assert "colon" in refusal.hint


def test_a_renamed_image_is_told_that_its_old_name_is_gone(desk: Desk) -> None:
    desk.image("lab/memo:stable", "e1862da876521111", [SHELL, OWN])
    assert "`lab/memo:1`" in desk.refusal(images.first_name_kept).found


def test_another_image_is_told_with_both_ids(desk: Desk) -> None:
    desk.image("lab/memo:1", "e1862da876521111", [SHELL, OWN])
    desk.image("lab/memo:stable", "9163255410be2222", [SHELL, OWN, MORE])
    found = desk.refusal(images.one_image).found
    assert "ID 9163255410be" in found
    assert "ID e1862da87652" in found


# images.keep_a_container


def kept(desk: Desk, *, command: list[str] = READ_DIARY, layers: Any = (SHELL, OWN)) -> None:
    desk.container("lab-diary", "lab/shell", Cmd=WRITE_DIARY)
    desk.image("lab/diary:1", "4b38ec978d382cf2", list(layers), Cmd=command)
    desk.history("lab/diary:1", (" ".join(WRITE_DIARY), 29), SHELL_CMD, COPY)
    desk.container("lab-reader", "lab/diary:1", DIARY)
    desk.engine.containers.files["lab-diary", "/diary/today.txt"] = DIARY.encode()


def test_a_committed_diary_that_is_read_passes(desk: Desk) -> None:
    kept(desk)
    desk.accepts(
        images.diary_is_an_image, images.diary_has_its_command, images.reader_printed_the_diary
    )


def test_a_diary_not_yet_made_is_told_so(desk: Desk) -> None:
    assert "no image" in desk.refusal(images.diary_is_an_image).found


def test_an_exported_diary_is_told_its_oldest_step(desk: Desk) -> None:
    kept(desk, layers=(IMPORTED,))
    desk.history("lab/diary:1", ("", 2_976_592), comment="Imported from -")
    refusal = desk.refusal(images.diary_is_an_image)
    assert "`Imported from -`" in refusal.found
    assert "docker export" in refusal.hint


def test_a_diary_with_too_many_layers_is_told_their_number(desk: Desk) -> None:
    kept(desk, layers=(SHELL, OWN, MORE))
    assert "2 layers on top" in desk.refusal(images.diary_is_an_image).found


def test_a_command_taken_over_from_the_container_is_told_so(desk: Desk) -> None:
    kept(desk, command=WRITE_DIARY)
    refusal = desk.refusal(images.diary_has_its_command)
    assert "command of `lab-diary`" in refusal.found
    assert "--change" in refusal.hint


def test_a_command_that_prints_something_else_is_shown(desk: Desk) -> None:
    kept(desk, command=["sh"])
    assert "runs `sh`" in desk.refusal(images.diary_has_its_command).found


def test_a_command_in_one_word_is_told_so(desk: Desk) -> None:
    kept(desk, command=["cat /diary/today.txt"])
    error = 'exec: "cat /diary/today.txt": stat cat /diary/today.txt: no such file or directory'
    state = {"Status": "created", "ExitCode": 127, "Error": error}
    desk.container("lab-reader", "lab/diary:1", State=state)
    refusal = desk.refusal(images.reader_printed_the_diary)
    assert "`cat /diary/today.txt`" in refusal.found
    assert "a word of its own" in refusal.hint


def test_a_reader_with_a_command_of_its_own_is_told_so(desk: Desk) -> None:
    kept(desk)
    desk.container("lab-reader", "lab/diary:1", DIARY, Cmd=["cat", "/etc/hostname"])
    assert "`cat /etc/hostname`" in desk.refusal(images.reader_printed_the_diary).found


def test_a_reader_of_an_older_image_is_told_both_ids(desk: Desk) -> None:
    kept(desk)
    desk.container("lab-reader", "lab/diary:1", DIARY, image_id="sha256:ca34a0aa589d4708")
    found = desk.refusal(images.reader_printed_the_diary).found
    assert "ca34a0aa589d" in found
    assert "4b38ec978d38" in found


def test_a_reader_that_still_runs_is_told_its_state(desk: Desk) -> None:
    kept(desk)
    desk.container("lab-reader", "lab/diary:1", DIARY, State={"Status": "running"})
    assert "is running" in desk.refusal(images.reader_printed_the_diary).found


def test_a_reader_of_another_text_is_told_both_texts(desk: Desk) -> None:
    kept(desk)
    desk.container("lab-reader", "lab/diary:1", "yesterday\n")
    found = desk.refusal(images.reader_printed_the_diary).found
    assert "`yesterday`" in found
    assert DIARY.strip() in found


def test_a_diary_container_without_its_file_is_the_learners_to_mend(desk: Desk) -> None:
    kept(desk)
    desk.engine.containers.files.clear()
    assert "no file" in desk.refusal(images.reader_printed_the_diary).found


# images.two_archives


def archives(desk: Desk, *, hull: list[str] | None) -> None:
    carried = {"cargo": "twelve barrels"}
    desk.image(
        "lab/cargo:1", "bb2aafc42df21111", [SHELL, OWN], Cmd=["cat", "/cargo"], Labels=carried
    )
    desk.image("lab/hull:1", "592980bd92382222", [IMPORTED], Cmd=hull)
    desk.container("lab-hull", "lab/hull:1", "twelve barrels\n")
    desk.engine.containers.files["lab-hull", "/cargo"] = b"twelve barrels\n"
    desk.container("lab-list", "lab/shell", Labels={"cargo": "twelve barrels"})


def test_one_loaded_and_one_imported_archive_pass(desk: Desk) -> None:
    archives(desk, hull=["cat", "/cargo"])
    desk.accepts(images.cargo_is_back, images.hull_is_an_image, images.hull_prints_its_cargo)


def test_an_imported_saved_archive_is_told_its_oldest_step(desk: Desk) -> None:
    desk.image("lab/cargo:1", "bb2aafc42df21111", [IMPORTED], Cmd=["cat", "/cargo"])
    desk.history("lab/cargo:1", ("", 5_000_000), comment="Imported from -")
    refusal = desk.refusal(images.cargo_is_back)
    assert "`Imported from -`" in refusal.found
    assert "docker load" in refusal.hint


def test_a_cargo_with_another_command_is_told_it(desk: Desk) -> None:
    desk.image("lab/cargo:1", "bb2aafc42df21111", [SHELL, OWN], Cmd=["sh"])
    assert "runs `sh`" in desk.refusal(images.cargo_is_back).found


def test_a_cargo_built_anew_is_told_what_was_shipped(desk: Desk) -> None:
    archives(desk, hull=None)
    desk.image("lab/cargo:1", "bb2aafc42df23333", [SHELL, OWN], Cmd=["cat", "/cargo"])
    refusal = desk.refusal(images.cargo_is_back)
    assert refusal.found == "`lab/cargo:1` carries nothing, and `twelve barrels` were shipped"
    assert "load it from its archive" in refusal.hint


def test_a_missing_hull_is_told_of_docker_import(desk: Desk) -> None:
    assert "docker import" in desk.refusal(images.hull_is_an_image).hint


def test_a_hull_that_is_the_cargo_is_told_so(desk: Desk) -> None:
    archives(desk, hull=None)
    desk.image("lab/hull:1", "bb2aafc42df21111", [SHELL, OWN])
    assert "are one image, bb2aafc42df2" in desk.refusal(images.hull_is_an_image).found


def test_a_built_hull_is_told_its_layers(desk: Desk) -> None:
    archives(desk, hull=None)
    desk.image("lab/hull:1", "592980bd92382222", [SHELL, MORE])
    assert "2 layers" in desk.refusal(images.hull_is_an_image).found


def test_a_hull_without_command_is_told_so(desk: Desk) -> None:
    archives(desk, hull=None)
    refusal = desk.refusal(images.hull_prints_its_cargo)
    assert "has no command" in refusal.found
    assert "--change" in refusal.hint


def test_a_hull_that_prints_something_else_is_told_both(desk: Desk) -> None:
    archives(desk, hull=["cat", "/etc/hostname"])
    desk.container("lab-hull", "lab/hull:1", "")
    found = desk.refusal(images.hull_prints_its_cargo).found
    assert "printed nothing" in found
    assert "`twelve barrels`" in found


def test_a_cargo_that_was_never_shipped_is_told_both(desk: Desk) -> None:
    archives(desk, hull=["cat", "/cargo"])
    desk.container("lab-hull", "lab/hull:1", "gold\n")
    desk.engine.containers.files["lab-hull", "/cargo"] = b"gold\n"
    refusal = desk.refusal(images.hull_prints_its_cargo)
    assert refusal.found == "`lab-hull` printed `gold`, and `twelve barrels` were shipped"
    assert "written by hand" in refusal.hint


def test_without_the_list_a_cargo_is_to_be_set_up_again(desk: Desk) -> None:
    archives(desk, hull=["cat", "/cargo"])
    desk.container("lab-list", "lab/shell")
    refusal = desk.refusal(images.hull_prints_its_cargo)
    assert "`lab-list` of the set-up cell is gone" in refusal.found
    assert "set-up cell again" in refusal.hint


# images.every_layer


def checksum(desk: Desk, *steps: tuple[str, int], layers: Any = (SHELL, OWN)) -> None:
    desk.image("lab/checksum:1", "aaaa11112222", [SHELL, MORE], Cmd=["cat", "/checksum"])
    desk.image("lab/checksum:2", "bbbb11112222", list(layers), Cmd=["cat", "/checksum"])
    desk.history("lab/checksum:2", *steps, SHELL_CMD, COPY)
    desk.container("lab-checksum", "lab/checksum:2", SUM)
    desk.container("lab-checksum-old", "lab/checksum:1", SUM)


def test_a_checksum_without_its_data_passes(desk: Desk) -> None:
    checksum(desk, ("RUN /bin/sh -c head … && rm /data # buildkit", 72))
    desk.accepts(
        images.checksum_stands_on_shell, images.no_step_is_large, images.checksum_was_printed
    )


@pytest.mark.parametrize("step", [CLASSIC_WRITE, BUILDKIT_WRITE])
def test_a_large_step_is_told_whichever_builder_made_it(desk: Desk, step: tuple[str, int]) -> None:
    checksum(desk, ("/bin/sh -c rm /data", 0), step)
    refusal = desk.refusal(images.no_step_is_large)
    assert refusal.found == "`RUN head -c 20000000 /dev/urandom > /data` takes 20 MB"
    assert "the same instruction" in refusal.hint


def test_layers_of_lab_shell_do_not_count_however_large(desk: Desk) -> None:
    checksum(desk, ("/bin/sh -c true", 0))
    desk.accepts(images.no_step_is_large)


def test_an_image_on_top_of_the_large_one_is_told_so(desk: Desk) -> None:
    checksum(desk, ("/bin/sh -c rm /data", 0), CLASSIC_WRITE, layers=(SHELL, MORE, OWN))
    refusal = desk.refusal(images.no_step_is_large)
    assert "on the layers of `lab/checksum:1`" in refusal.found
    assert "take nothing away" in refusal.hint


def test_a_flattened_checksum_is_told_its_oldest_step(desk: Desk) -> None:
    checksum(desk, layers=(IMPORTED,))
    desk.history("lab/checksum:2", ("", 2_976_640), comment="Imported from -")
    assert "`Imported from -`" in desk.refusal(images.checksum_stands_on_shell).found


def test_a_text_that_is_no_checksum_is_shown(desk: Desk) -> None:
    checksum(desk)
    desk.container("lab-checksum", "lab/checksum:2", "sha256sum: /data: No such file\n")
    assert "No such file" in desk.refusal(images.checksum_was_printed).found


def test_a_checksum_of_other_data_is_told_both(desk: Desk) -> None:
    checksum(desk)
    desk.container("lab-checksum", "lab/checksum:2", f"{'0' * 64}  /data\n")
    refusal = desk.refusal(images.checksum_was_printed)
    assert (
        refusal.found == "`lab-checksum` printed 000000000000, and `lab-checksum-old` 4b38ec974b38"
    )
    assert "docker history --no-trunc" in refusal.hint


# images.mute_greeter

WORLD, ADA = "hello, world, from greeter 7\n", "hello, Ada, from greeter 7\n"


def greeter(desk: Desk, logs: str = WORLD, **changes: Any) -> None:
    config = {"Entrypoint": ["/greet"], "Cmd": changes.pop("image_command", None)}
    old = {"Entrypoint": ["/greet"], "Cmd": ["sh"], "Labels": {"greeter": "7"}}
    desk.image("lab/greeter:1", "532acc0bc25f1111", [SHELL, OWN], **old)
    desk.image("lab/greeter:2", "3a577bbcc77a2222", [SHELL, OWN, MORE], **config)
    desk.container("lab-greeter", "lab/greeter:2", logs, **changes)
    desk.container("lab-greeter-ada", "lab/greeter:2", ADA, Cmd=["Ada"])


def test_a_mended_greeter_passes(desk: Desk) -> None:
    greeter(desk)
    desk.accepts(
        images.greeter_was_mended,
        images.greeter_starts,
        images.world_is_greeted,
        images.ada_is_greeted,
    )


def test_a_new_name_alone_mends_no_greeter(desk: Desk) -> None:
    greeter(desk)
    desk.image("lab/greeter:2", "532acc0bc25f1111", [SHELL, OWN], Entrypoint=["/greet"])
    assert "only another name" in desk.refusal(images.greeter_was_mended).found


def test_a_script_that_may_not_be_executed_is_told_so(desk: Desk) -> None:
    error = 'unable to start container process: exec: "/greet": permission denied: unknown'
    greeter(desk, "", State={"Status": "created", "ExitCode": 126, "Error": error})
    refusal = desk.refusal(images.greeter_starts)
    assert refusal.found == "`lab-greeter` exited with 126: permission denied"
    assert "may be executed" in refusal.hint


@pytest.mark.parametrize("code", [1, 127, 255])
def test_a_missing_interpreter_is_told_whatever_the_runtime_makes_of_it(
    desk: Desk, code: int
) -> None:
    greeter(desk, "exec /greet: no such file or directory\n", State={"ExitCode": code})
    refusal = desk.refusal(images.greeter_starts)
    assert f"exited with {code}" in refusal.found
    assert "first line" in refusal.hint


def test_another_failure_of_the_greeter_is_shown_with_its_last_line(desk: Desk) -> None:
    greeter(desk, "one\n/greet: line 2: syntax error\n", State={"ExitCode": 2})
    found = desk.refusal(images.greeter_starts).found
    assert found == "`lab-greeter` exited with 2: `/greet: line 2: syntax error`"


def test_another_entrypoint_mends_one_container_only(desk: Desk) -> None:
    greeter(desk, Entrypoint=["sh"], Cmd=["/greet"])
    refusal = desk.refusal(images.greeter_starts)
    assert "`sh` as its entrypoint" in refusal.found
    assert "this one container" in refusal.hint


def test_a_command_left_behind_is_greeted_and_told(desk: Desk) -> None:
    greeter(desk, "hello, sh\n", image_command=["sh"])
    desk.accepts(images.greeter_starts)
    refusal = desk.refusal(images.world_is_greeted)
    assert "`hello, sh`; the image's command is `sh`" in refusal.found
    assert "CMD" in refusal.hint


def test_a_script_written_anew_is_told_where_the_old_one_is(desk: Desk) -> None:
    greeter(desk, "hello, world\n")
    desk.image("lab/greeter:2", "3a577bbcc77a2222", [SHELL, MORE], Entrypoint=["/greet"])
    refusal = desk.refusal(images.world_is_greeted)
    assert "`hello, world`: not the words of the old script" in refusal.found
    assert "anew" in refusal.hint


def test_without_the_old_greeter_its_number_is_unknown(desk: Desk) -> None:
    greeter(desk)
    del desk.engine.images.things["lab/greeter:1"]
    assert "no image is called `lab/greeter:1`" in desk.refusal(images.world_is_greeted).found


def test_a_changed_greeting_is_shown(desk: Desk) -> None:
    greeter(desk, "good morning\n")
    assert "`good morning`" in desk.refusal(images.world_is_greeted).found


def test_ada_who_is_not_greeted_is_told_so(desk: Desk) -> None:
    greeter(desk)
    desk.container("lab-greeter-ada", "lab/greeter:2", "hello, world\n")
    assert "`hello, world`" in desk.refusal(images.ada_is_greeted).found
