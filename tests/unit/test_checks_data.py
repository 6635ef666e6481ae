"""The checks of chapter 07 on recorded inspect answers, cut down to what the checks read."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest

from labkit.checking import CheckFailed
from labkit.checks import data
from labkit.checks.databases import DATA, expect_rows, wait_for
from labkit.engine import Container, ExecReply, FileEntry, Volume

NOTE = b"cm9ja2V0\n"
NOBODY_NAMED = "94432a447f25b21a36e86579bf63aaedaf2063f2db582eea1b4b8c98e549478f"
RECEIPT = "1:aaaa1111 2:bbbb2222 3:cccc3333"
FATAL = (
    "2026-11-24 07:31:16.176 UTC [1] FATAL:  data directory "
    '"/var/lib/postgresql/data" has invalid permissions\n'
    "2026-11-24 07:31:16.176 UTC [1] DETAIL:  Permissions should be u=rwx (0700) or more.\n"
)


def volume(name: str, path: str, *, read_only: bool = False) -> dict[str, Any]:
    source = f"/var/lib/docker/volumes/{name}/_data"
    return {
        "Type": "volume",
        "Name": name,
        "Source": source,
        "Destination": path,
        "RW": not read_only,
    }


def folder(source: str, path: str, *, read_only: bool = False) -> dict[str, Any]:
    return {"Type": "bind", "Source": source, "Destination": path, "RW": not read_only}


def put(
    engine: Any, name: str, image: str, *mounts: dict[str, Any], logs: str = "", **state: Any
) -> None:
    """A running container, unless `state` says otherwise."""
    attrs = {
        "Id": f"id of {name}",
        "Name": f"/{name}",
        "Image": "sha256:feed",
        "State": {"Status": "running", "ExitCode": 0, **state},
        "Config": {"Image": image},
        "HostConfig": {"PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": "8071"}]}},
        "Mounts": list(mounts),
    }
    engine.containers.things[name] = Container.from_inspect(attrs)
    engine.containers.log_texts[name] = logs


def label(engine: Any, name: str, **labels: str) -> None:
    engine.volumes.things[name] = Volume.from_inspect(
        {"Name": name, "Driver": "local", "Labels": labels}
    )


def refusal(check: Any, *arguments: Any, **options: Any) -> CheckFailed:
    with pytest.raises(CheckFailed) as caught:
        check(*arguments, **options)
    return caught.value


# data.note


@pytest.fixture
def kept(fake_engine: Any) -> Any:
    """The note is in the volume, and was printed."""
    archive = volume("lab-archive", "/archive")
    put(fake_engine, "lab-visitor", "lab/shell", archive, logs=NOTE.decode(), Status="exited")
    label(fake_engine, "lab-receipt", sum=sha256(NOTE).hexdigest())
    fake_engine.containers.files["lab-visitor", "/archive/note"] = NOTE
    return fake_engine


def test_a_note_in_the_volume_passes(kept: Any) -> None:
    data.visitor_has_the_archive(kept)
    data.visitor_printed_the_note(kept)
    data.scribe_is_gone(kept)


@pytest.mark.parametrize(
    ("mount", "found"),
    [
        (folder("/home/me/lab-archive", "/archive"), "the folder `/home/me/lab-archive`"),
        (volume(NOBODY_NAMED, "/archive"), "that nobody named"),
        (volume("lab-archiv", "/archive"), "the volume `lab-archiv`"),
        (volume("lab-archive", "/desk"), "the volume `lab-archive` → `/desk`"),
    ],
)
def test_another_mount_is_told_by_what_it_is(kept: Any, mount: dict[str, Any], found: str) -> None:
    put(kept, "lab-visitor", "lab/shell", mount)
    assert found in refusal(data.visitor_has_the_archive, kept).found


def test_a_missing_note_is_told_with_what_is_there(kept: Any) -> None:
    kept.containers.files.clear()
    kept.containers.trees["lab-visitor", "/archive"] = {"desk": entry("folder")}
    assert "in it is `desk`" in refusal(data.visitor_printed_the_note, kept).found


def test_a_note_that_is_not_the_scribes_is_refused(kept: Any) -> None:
    kept.containers.files["lab-visitor", "/archive/note"] = b"a note\n"
    assert "went with the scribe" in refusal(data.visitor_printed_the_note, kept).hint
    put(kept, "lab-scribe", "lab/shell")
    assert "still have the scribe" in refusal(data.visitor_printed_the_note, kept).hint


def test_a_visitor_that_printed_something_else_is_quoted(kept: Any) -> None:
    kept.containers.log_texts["lab-visitor"] = "note\n"
    assert refusal(data.visitor_printed_the_note, kept).found == "`lab-visitor` printed `note`"


def test_a_scribe_that_stays_is_told_with_its_state(kept: Any) -> None:
    put(kept, "lab-scribe", "lab/shell")
    assert "(running)" in refusal(data.scribe_is_gone, kept).found


def test_without_a_receipt_the_set_up_is_to_be_run_again(kept: Any) -> None:
    kept.volumes.things.clear()
    assert "`lab-receipt`" in refusal(data.visitor_printed_the_note, kept).found


# data.page


@pytest.fixture
def served(fake_engine: Any) -> Any:
    mount = folder("/home/me/lab-dishes", data.HTML, read_only=True)
    put(fake_engine, "lab-kitchen", "lab/web", mount)
    fake_engine.containers.trees["lab-kitchen", data.HTML] = {"index.html": entry()}
    fake_engine.http[8071] = "<h1>Dish of the day: 7 fish</h1>"
    return fake_engine


def test_a_folder_that_is_served_read_only_passes(served: Any) -> None:
    data.kitchen_is_published(served)
    data.page_is_mounted(served)
    data.folder_is_read_only(served)


@pytest.mark.parametrize(
    ("mount", "hint"),
    [
        (volume("lab-dishes", data.HTML), "without a slash is a volume"),
        (folder("/home/me/lab-dishes", "/var/www/html"), "nginx serves the folder"),
    ],
)
def test_a_wrong_mount_of_the_page_has_its_own_hint(
    served: Any, mount: dict[str, Any], hint: str
) -> None:
    put(served, "lab-kitchen", "lab/web", mount)
    assert hint in refusal(data.page_is_mounted, served).hint


def test_a_copied_page_is_told_as_a_copy(served: Any) -> None:
    put(served, "lab-kitchen", "lab/web")
    served.containers.diffs["lab-kitchen"] = {data.PAGE: "C"}
    assert "copied into the layer" in refusal(data.page_is_mounted, served).found


def test_an_empty_folder_is_told_by_its_path(served: Any) -> None:
    served.containers.trees["lab-kitchen", data.HTML] = {}
    assert "`/home/me/lab-dishes`" in refusal(data.page_is_mounted, served).found


def test_another_page_is_refused(served: Any) -> None:
    served.http[8071] = "<h1>It works</h1>"
    assert "no dish of the day" in refusal(data.page_is_mounted, served).found


def test_a_folder_that_may_be_written_is_refused(served: Any) -> None:
    put(served, "lab-kitchen", "lab/web", folder("/home/me/lab-dishes", data.HTML))
    assert "`:ro`" in refusal(data.folder_is_read_only, served).hint


# data.copy


def entry(kind: str = "file", content: bytes = b"", **rights: int) -> FileEntry:
    return FileEntry(kind, **{"mode": 0o644, "uid": 0, "gid": 0, **rights}, content=content)


BOOKS = {
    ".number": entry(content=b"4711\n"),
    "2025": entry("folder", mode=0o755),
    "2025/spring": entry(content=b"spring", uid=1000, mode=0o600),
}


@pytest.fixture
def copied(fake_engine: Any) -> Any:
    put(
        fake_engine,
        "lab-auditor",
        "lab/shell",
        volume("lab-books", "/before", read_only=True),
        volume("lab-books-copy", "/after", read_only=True),
    )
    label(fake_engine, "lab-books", number="4711")
    fake_engine.containers.trees["lab-auditor", "/before"] = BOOKS
    fake_engine.containers.trees["lab-auditor", "/after"] = dict(BOOKS)
    return fake_engine


def test_a_whole_copy_passes(copied: Any) -> None:
    data.auditor_has_both(copied)
    data.every_file_is_copied(copied)
    data.owners_and_rights_are_kept(copied)


def test_a_source_that_was_changed_is_refused(copied: Any) -> None:
    label(copied, "lab-books", number="1")
    assert "not as the set-up cell" in refusal(data.auditor_has_both, copied).found


@pytest.mark.parametrize(
    ("after", "found", "hint"),
    [
        ({p: e for p, e in BOOKS.items() if p != ".number"}, "no `.number`", "shell's `*`"),
        (
            {"from": entry("folder")} | {f"from/{p}": e for p, e in BOOKS.items()},
            "no",
            "`/from/.`",
        ),
        ({}, "no `.number`", "Compare `ls -lRA`"),
        (BOOKS | {"more": entry()}, "has `more`", "docker volume rm lab-books-copy"),
        (BOOKS | {"2025/spring": entry()}, "`2025/spring` is not the same", "`cmp`"),
    ],
)
def test_what_a_copy_lacks_is_named(
    copied: Any, after: dict[str, FileEntry], found: str, hint: str
) -> None:
    copied.containers.trees["lab-auditor", "/after"] = after
    caught = refusal(data.every_file_is_copied, copied)
    assert found in caught.found
    assert hint in caught.hint


def test_a_lost_owner_is_told_with_both(copied: Any) -> None:
    copied.containers.trees["lab-auditor", "/after"]["2025/spring"] = entry(content=b"spring")
    found = refusal(data.owners_and_rights_are_kept, copied).found
    assert "was 1000:0 0600 and is 0:0 0644" in found


# data.orders and data.repair


def test_a_database_on_its_volume_passes(fake_engine: Any) -> None:
    put(fake_engine, "lab-orders", "lab/postgres", volume("lab-orders-data", DATA))
    data.orders_have_their_volume(fake_engine)
    put(fake_engine, "lab-library", "lab/postgres", volume("lab-library-data", DATA))
    data.library_has_its_volume(fake_engine)


@pytest.mark.parametrize(
    ("mounts", "text"),
    [
        ([volume(NOBODY_NAMED, DATA)], "still in a volume without a name"),
        (
            [volume("lab-orders-data", "/var/lib/postgresql"), volume(NOBODY_NAMED, DATA)],
            "mounted at `/var/lib/postgresql`",
        ),
        ([volume("lab-order-data", DATA)], "the volume `lab-order-data`"),
        ([folder("/data", DATA)], "the folder `/data`"),
        ([volume("lab-orders-data", DATA, read_only=True)], "read-only"),
    ],
)
def test_data_elsewhere_are_told_by_where_they_are(
    fake_engine: Any, mounts: list[dict[str, Any]], text: str
) -> None:
    put(fake_engine, "lab-orders", "lab/postgres", *mounts)
    assert text in refusal(data.orders_have_their_volume, fake_engine).found


def test_a_database_of_a_committed_image_is_refused(fake_engine: Any) -> None:
    put(fake_engine, "lab-orders", "lab/orders", volume("lab-orders-data", DATA))
    assert "not what is in its volumes" in refusal(data.orders_have_their_volume, fake_engine).hint


def test_a_database_that_answers_is_waited_for(fake_engine: Any) -> None:
    put(fake_engine, "lab-library", "lab/postgres")
    fake_engine.containers.replies["lab-library"] = ExecReply(0, "127.0.0.1:5432 - accepting\n")
    data.library_runs(fake_engine)


def test_a_database_that_refuses_its_folder_is_quoted(fake_engine: Any) -> None:
    put(fake_engine, "lab-library", "lab/postgres", logs=FATAL, Status="exited", ExitCode=1)
    caught = refusal(wait_for, fake_engine, "lab-library")
    assert 'data directory "/var/lib/postgresql/data" has invalid' in caught.found
    assert "chmod 700" in caught.hint


def test_a_database_that_ended_without_a_word_is_told_by_its_exit_code(fake_engine: Any) -> None:
    put(fake_engine, "lab-library", "lab/postgres", Status="exited", ExitCode=137)
    assert "137" in refusal(wait_for, fake_engine, "lab-library").found


def rows(engine: Any, text: str, *, exit_code: int = 0) -> dict[str, Any]:
    put(engine, "lab-orders", "lab/postgres")
    engine.containers.replies["lab-orders"] = ExecReply(exit_code, text)
    return {"receipt": RECEIPT, "gone": "Restore."}


def test_the_same_rows_pass_in_any_order(fake_engine: Any) -> None:
    options = rows(fake_engine, "3:cccc3333\n1:aaaa1111\n2:bbbb2222\n")
    expect_rows(fake_engine, "lab-orders", "shop", "orders", **options)


@pytest.mark.parametrize(
    ("said", "found", "hint"),
    [
        ("", "has no row", "has its rows too"),
        ("1:aaaa1111\n3:cccc3333\n", "of 3 rows in `orders`, 2 are", "Run it again"),
        ("1:aaaa1111\n2:ffffffff\n3:cccc3333\n", "row 2 is one that is not", "Run it again"),
        ("1:aaaa1111\n2:bbbb2222\n3:cccc3333\n4:d\n", "row 4", "Run it again"),
        ("1:aaaa1111\n2:bbbb2222\n3:cccc3333\n" * 2, "has 6 rows and had 3", "twice"),
    ],
)
def test_rows_that_differ_are_told_by_how(
    fake_engine: Any, said: str, found: str, hint: str
) -> None:
    options = rows(fake_engine, said)
    caught = refusal(expect_rows, fake_engine, "lab-orders", "shop", "orders", **options)
    assert found in caught.found
    assert hint in caught.hint


def test_a_table_that_is_not_there_is_told_in_the_words_of_the_database(fake_engine: Any) -> None:
    options = rows(fake_engine, 'ERROR:  relation "orders" does not exist\nLINE 1', exit_code=1)
    caught = refusal(expect_rows, fake_engine, "lab-orders", "shop", "orders", **options)
    assert caught.found.endswith('ERROR:  relation "orders" does not exist')
    assert caught.hint == "Restore."
