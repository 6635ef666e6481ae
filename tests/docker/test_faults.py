"""Things go wrong: the message says what, concerning what, and what helps; nothing is lost."""

from __future__ import annotations

import contextlib
import fcntl
import http.server
import json
import os
import shutil
import signal
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat.v4 as nbf
import pytest

from labkit import images
from labkit.checking import check
from labkit.cli import main
from labkit.course import Course
from labkit.engine.private import PrivateEngine, PrivatePaths
from labkit.engine.translate import engine_errors
from labkit.errors import EngineRequestFailed
from labkit.progress import ExerciseProgress, Progress
from labkit.provenance import Records
from labkit.running import run_notebook, workspace_environment
from labkit.waiting import wait_until
from tests.unit.two_chapters import add_checks, notebook, write_course

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from labkit.engine import Engine

    Labkit = Callable[..., subprocess.CompletedProcess[str]]

SLUG = "welcome.hello"


@pytest.fixture
def small_course(tmp_path: Path, work: Path, monkeypatch: pytest.MonkeyPatch) -> Course:
    """A course whose files a test may spoil, with some progress already."""
    made = write_course(tmp_path / "course")
    monkeypatch.setenv("LABKIT_COURSE", str(made.root))
    Progress(work).show_hint(SLUG, 2)
    return made


@pytest.fixture
def labkit(small_course: Course) -> Labkit:
    """Run the command as a learner does."""

    def run(
        *arguments: str, prefix: tuple[str, ...] = (), **env: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*prefix, sys.executable, "-m", "labkit", *arguments],
            env=os.environ | env,
            cwd=small_course.root,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return run


def assert_told(
    labkit: Labkit, *arguments: str, said: str, helps: str, json_too: bool = True, **how: Any
) -> None:
    """One paragraph on standard error and exit code 2; with `--json` the same as JSON."""
    done = labkit(*arguments, **how)
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("labkit: ")
    assert "Traceback" not in done.stderr
    assert said in done.stderr
    assert helps in done.stderr
    if json_too:
        again = labkit(*arguments, "--json", **how)
        assert again.returncode == 2
        told = json.loads(again.stdout)
        assert said in told["error"]
        assert helps in told["hint"]
        assert again.stderr == ""


def assert_progress_kept(course: Course) -> None:
    assert Progress(course.work()).read() == {SLUG: ExerciseProgress(hints_seen=1)}


# The engine


def test_no_engine_before_a_check(labkit: Labkit, small_course: Course, tmp_path: Path) -> None:
    away = f"unix://{tmp_path / 'nobody.sock'}"
    said = f"No Docker engine answers at `{away}`: No such file or directory."
    assert_told(labkit, "check", SLUG, said=said, helps="run `unset DOCKER_HOST`", DOCKER_HOST=away)
    assert_progress_kept(small_course)


@pytest.fixture
def throw_away_engine(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[PrivateEngine, Engine]]:
    """A daemon of this test alone, which holds nothing."""
    assert engine
    if os.geteuid() != 0:
        pytest.skip("starting a daemon needs root")
    # Not in pytest's folder: the path of a socket must be short.
    folder = Path(tempfile.mkdtemp(prefix="labkit-"))
    private = PrivateEngine(PrivatePaths.under(folder), own_network=True)
    try:
        connected = private.start(lambda _line: None)
        monkeypatch.setenv("DOCKER_HOST", private.endpoint)
        yield private, connected
        connected.close()
    finally:
        private.stop(lambda _line: None)
        shutil.rmtree(folder)


def kill(private: PrivateEngine) -> None:
    pid = private.pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: private.pid() is None, what="the engine's end", timeout=10)


def test_an_engine_that_dies_in_the_middle_of_a_check(
    throw_away_engine: tuple[PrivateEngine, Engine],
    small_course: Course,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    private, _ = throw_away_engine

    @check(SLUG, points=1)
    def it_is_empty(engine: Engine) -> None:
        """The engine is empty."""
        assert engine.containers.list() == ()

    @check(SLUG, points=1)
    def it_asks_a_dead_engine(engine: Engine) -> None:
        """The engine answers."""
        if private.pid() is not None:
            kill(private)
        engine.containers.get("lab-hello")

    add_checks(monkeypatch, it_is_empty, it_asks_a_dead_engine)
    assert main(["check", SLUG]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert f"No Docker engine answers at `{private.endpoint}`" in said.err
    assert "run `unset DOCKER_HOST`" in said.err
    assert main(["check", SLUG, "--json"]) == 2
    assert "`unset DOCKER_HOST`" in json.loads(capsys.readouterr().out)["hint"]
    assert_progress_kept(small_course)


def test_an_engine_without_the_course_images(
    throw_away_engine: tuple[PrivateEngine, Engine],
    small_course: Course,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert throw_away_engine

    @check(SLUG, points=1)
    def it_has_the_image(engine: Engine) -> None:
        """The image `lab/shell` is there."""
        engine.images.get("lab/shell")

    add_checks(monkeypatch, it_has_the_image)
    assert main(["check", SLUG]) == 1
    assert "There is no image `lab/shell`" in capsys.readouterr().out
    assert main(["images", "list"]) == 1
    assert "lab/shell" in capsys.readouterr().out
    assert Progress(small_course.work()).read()[SLUG].attempts == 1


class OldEngine(http.server.BaseHTTPRequestHandler):
    """Says what Docker 17.06 said to a ping."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Api-Version", "1.30")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"OK")

    def address_string(self) -> str:
        return "a socket"

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Path]:
    """A socket at which an old engine answers."""
    path = tmp_path / "d.sock"
    with socketserver.ThreadingUnixStreamServer(str(path), OldEngine) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield path
        server.shutdown()
        thread.join()


def test_an_engine_that_is_too_old(labkit: Labkit, small_course: Course, served: Path) -> None:
    assert_told(
        labkit,
        "check",
        SLUG,
        said="speaks API version 1.30; the course needs 1.41 or newer",
        helps="Upgrade Docker to 20.10 or newer",
        DOCKER_HOST=f"unix://{served}",
    )
    assert_progress_kept(small_course)


def test_a_socket_without_permission(labkit: Labkit, small_course: Course, served: Path) -> None:
    served.chmod(0)
    # Root may open everything, unless it gives up the capability to.
    without = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
    assert_told(
        labkit,
        "check",
        SLUG,
        said=f"This account may not use the Docker engine's socket `unix://{served}`.",
        helps="usermod -aG docker",
        prefix=without if os.geteuid() == 0 else (),
        DOCKER_HOST=f"unix://{served}",
    )
    assert_progress_kept(small_course)


@pytest.mark.parametrize("taken_by", ["a container", "another program"])
def test_a_port_that_is_taken(clean_engine: Engine, taken_by: str) -> None:
    api: Any = clean_engine.client.api

    def publish(name: str, port: int) -> None:
        host = api.create_host_config(port_bindings={80: port})
        with engine_errors():
            api.start(api.create_container("lab/web", name=name, ports=[80], host_config=host))

    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.socket())
        server.bind(("0.0.0.0", 0))  # noqa: S104 - where Docker publishes
        port = server.getsockname()[1]
        if taken_by == "a container":
            server.close()
            publish("lab-first", port)
        else:
            server.listen()
        with pytest.raises(EngineRequestFailed, match=str(port)) as caught:
            publish("lab-second", port)
    assert caught.value.message.startswith("The engine refused: ")
    assert "`docker ps`" in caught.value.hint
    if taken_by == "a container":
        assert clean_engine.containers.get("lab-first").running


@pytest.fixture
def port_8084() -> Iterator[None]:
    """Another program has the port of `containers.published`."""
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("0.0.0.0", 8084))  # noqa: S104 - where Docker publishes
        server.listen()
        yield


@pytest.mark.usefixtures("port_8084", "work")
def test_a_taken_port_is_named_to_the_learner_with_how_to_find_who_has_it(
    clean_engine: Engine, course: Course, capsys: pytest.CaptureFixture[str]
) -> None:
    run = ("docker", "run", "--detach", "--name", "lab-site", "--publish", "8084:80", "lab/web")
    refused = subprocess.run(run, env=clean_engine.cli_env(), capture_output=True, check=False)
    assert refused.returncode != 0
    assert course.exercise("containers.published")
    assert main(["check", "containers.published"]) == 1
    said = capsys.readouterr().out
    assert "something else has port 8084 of this host" in said
    assert "`sudo ss -ltnp 'sport = :8084'`" in said
    assert "`docker start lab-site`" in said


@pytest.mark.usefixtures("work")
def test_a_log_that_nobody_keeps_is_a_failed_check_in_the_engines_words(
    clean_engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    run = ("docker", "run", "--name", "lab-hello", "--log-driver", "none", "lab/shell", "true")
    subprocess.run(run, env=clean_engine.cli_env(), capture_output=True, check=True)
    assert main(["check", "welcome.hello"]) == 1
    assert "logging driver does not support reading" in capsys.readouterr().out


# Course images


@pytest.fixture
def lacking(engine: Engine, small_course: Course) -> Course:
    """A course whose first lesson and exercise need an image that is not here."""
    manifest = small_course.root / "course.toml"
    text = manifest.read_text().replace('"lab/shell"', '"lab/try-missing"')
    manifest.write_text(
        text.replace('slug = "hello"', 'slug = "hello"\nimages = ["lab/try-missing"]')
    )
    assert not engine.images.exists("lab/try-missing")
    return small_course


MISSING = "The engine lacks course images: `lab/try-missing`."


@pytest.mark.usefixtures("lacking")
def test_a_missing_course_image_is_said_by_every_command(labkit: Labkit) -> None:
    checked = labkit("check", SLUG)
    assert checked.returncode == 1
    assert MISSING in checked.stdout
    assert "Run `labkit images ensure`." in checked.stdout
    started = labkit("start", SLUG)
    assert started.returncode == 0
    assert MISSING in started.stderr
    ran = labkit("run", "welcome", "--yes")
    assert ran.returncode == 1
    assert MISSING in ran.stdout
    short = labkit("doctor", "--short")
    assert short.returncode == 1
    assert "`lab/try-missing`" in short.stdout


def test_a_lesson_cell_that_needs_a_missing_image_says_what_helps(
    engine: Engine, lacking: Course, work: Path
) -> None:
    cells = [nbf.new_code_cell(c) for c in ("%load_ext labkit", "!docker run lab/try-missing ls")]
    made = nbf.new_notebook(cells=cells)
    work.mkdir(exist_ok=True)
    report = run_notebook(
        made, cwd=work, env=workspace_environment(engine, lacking, work), allow_errors=True
    )
    assert MISSING in report.cells[1].output


# Ctrl-C


@pytest.fixture
def slow_course(engine: Engine, course: Course, small_course: Course) -> Iterator[Course]:
    """A course with an image whose build takes a minute."""
    images.ensure(engine, course, ["lab/shell"])
    root = small_course.root
    for name in ("debian", "shell"):
        shutil.copytree(course.root / "images" / name, root / "images" / name)
    slow = root / "images" / "try-slow" / "Dockerfile"
    slow.parent.mkdir()
    slow.write_text("FROM lab/shell\nRUN sleep 61\n")
    needs = {"lab/debian": [], "lab/shell": ["lab/debian"], "lab/try-slow": ["lab/shell"]}
    (root / "course.toml").write_text(
        "title = 'Slow'\n"
        + "".join(
            f"[[images]]\nname = '{name}'\nwhy = 'a test'\nfrom = {json.dumps(below)}\n"
            for name, below in needs.items()
        )
    )
    yield Course.load(root)
    assert not engine.images.exists("lab/try-slow")


def interrupted(course: Course, *arguments: str, when: Callable[[], bool], **env: str) -> None:
    """Run `labkit` and press Ctrl-C when `when` is true: one sentence, and exit code 130."""
    command = [sys.executable, "-m", "labkit", *arguments]
    with subprocess.Popen(
        command,
        cwd=course.root,
        env=os.environ | env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:

        def now() -> bool:
            assert process.poll() is None, process.communicate()
            return when()

        wait_until(now, what="the moment to press Ctrl-C", timeout=60, interval=0.01)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert out == ""
    assert err.endswith("labkit: stopped; what was done stays.\n")
    assert "Traceback" not in err


def ids(engine: Engine) -> set[str]:
    """Everything that a half-made image leaves: containers, and images without a name."""
    unnamed = engine.client.api.images(filters={"dangling": True})
    return {line["Id"] for line in (*engine.containers.list(), *unnamed)}


def test_ctrl_c_while_an_image_is_built(engine: Engine, slow_course: Course) -> None:
    before = ids(engine)

    def builds() -> bool:
        return any("sleep 61" in line["Command"] for line in engine.containers.list())

    interrupted(slow_course, "images", "ensure", "--no-pull", when=builds)
    wait_until(lambda: ids(engine) == before, what="the build's end", timeout=10)


def test_ctrl_c_while_a_pack_is_written(engine: Engine, slow_course: Course) -> None:
    manifest = slow_course.root / "course.toml"
    manifest.write_text(manifest.read_text().replace("lab/try-slow", "lab/web"))
    assert engine.images.exists("lab/web")
    folder = slow_course.root / "packs"
    partial = folder / ".all.tar.gz.partial"

    def writes() -> bool:
        return partial.exists() and partial.stat().st_size > 0

    interrupted(slow_course, "images", "pack", str(folder / "all.tar.gz"), when=writes)
    assert list(folder.iterdir()) == []


def test_ctrl_c_while_another_ensure_is_waited_for_which_is_said(
    engine: Engine, slow_course: Course, tmp_path: Path
) -> None:
    before = ids(engine)
    lock = Records(slow_course).path.with_suffix(".lock")
    lock.parent.mkdir(parents=True, exist_ok=True)
    said = tmp_path / "said"
    with lock.open("a") as held, said.open("w") as stderr:
        fcntl.flock(held, fcntl.LOCK_EX)
        process = subprocess.Popen(
            [sys.executable, "-m", "labkit", "images", "ensure"],
            cwd=slow_course.root,
            stderr=stderr,
        )
        wait_until(
            lambda: "another `labkit images ensure` is at work" in said.read_text(),
            what="a word on what is waited for",
            timeout=30,
        )
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
    assert said.read_text().endswith("labkit: stopped; what was done stays.\n")
    assert ids(engine) == before


class SlowRegistry(http.server.BaseHTTPRequestHandler):
    """A registry that says it is one, and then leaves whoever pulls waiting."""

    asked: threading.Event
    released: threading.Event

    def do_GET(self) -> None:
        if self.path != "/v2/":
            self.asked.set()
            self.released.wait(60)
        self.send_response(200 if self.path == "/v2/" else 404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_HEAD = do_GET  # noqa: N815 - as http.server calls it

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def slow_registry() -> Iterator[tuple[str, threading.Event]]:
    """Its address as the engine sees it, and what is set when somebody pulls."""
    asked, released = threading.Event(), threading.Event()
    handler = type("Handler", (SlowRegistry,), {"asked": asked, "released": released})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"127.0.0.1:{server.server_port}", asked
        released.set()
        server.shutdown()
        thread.join()


def test_ctrl_c_while_an_image_is_pulled(
    engine: Engine, slow_course: Course, slow_registry: tuple[str, threading.Event]
) -> None:
    address, asked = slow_registry
    before = ids(engine)
    pulling = {"when": asked.is_set, "LABKIT_REGISTRY_MIRROR": address}
    interrupted(slow_course, "images", "ensure", **pulling)  # type: ignore[arg-type]
    assert ids(engine) == before


# The course's and the learner's files


def test_a_slug_that_does_not_exist(labkit: Labkit, small_course: Course) -> None:
    for command in ("check", "start", "hint"):
        assert_told(
            labkit,
            command,
            "welcome.helo",
            said="no lesson or exercise `welcome.helo`",
            helps="Did you mean `welcome.hello`?",
        )
    assert_progress_kept(small_course)


@pytest.mark.parametrize("spoilt", [b"garbage", b"", b"{}", b'{"cells": 3}', b"\xff\xfe"])
def test_an_exercise_that_was_edited_beyond_repair(
    engine: Engine, labkit: Labkit, small_course: Course, spoilt: bytes
) -> None:
    assert engine
    labkit("start", SLUG)
    copy = small_course.work() / "exercises" / "00_welcome" / "hello.ipynb"
    copy.write_bytes(spoilt)
    assert_told(
        labkit,
        "start",
        SLUG,
        said=f"`{copy}` is not a notebook any more",
        helps=f"Run `labkit reset {SLUG}`",
    )
    assert copy.read_bytes() == spoilt
    done = labkit("reset", SLUG, "--yes", "--json")
    assert done.returncode == 0, done.stderr
    assert Path(json.loads(done.stdout)["kept_as"]).read_bytes() == spoilt
    source = small_course.exercise_notebook(small_course.exercise(SLUG))
    assert copy.read_bytes() == source.read_bytes()
    assert_progress_kept(small_course)


def test_an_exercise_that_was_deleted_is_copied_again(labkit: Labkit, small_course: Course) -> None:
    for _time in range(2):
        done = labkit("start", SLUG, "--json")
        copy = Path(json.loads(done.stdout)["path"])
        assert json.loads(done.stdout)["new"]
        copy.unlink()
    assert_progress_kept(small_course)


def test_a_notebook_that_the_course_names_but_has_not(
    engine: Engine, labkit: Labkit, small_course: Course
) -> None:
    assert engine
    source = small_course.exercise_notebook(small_course.exercise(SLUG))
    copy = Path(json.loads(labkit("start", SLUG, "--json").stdout)["path"])
    copy.write_bytes(mine := notebook("my own work"))
    source.unlink()
    said = f"`{source}`: cannot be read: No such file or directory."
    assert_told(labkit, "reset", SLUG, "--yes", said=said, helps="make build")
    assert copy.read_bytes() == mine
    copy.unlink()
    assert_told(labkit, "start", SLUG, said=said, helps="make build")
    assert_progress_kept(small_course)


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        ("title = \n", "is not TOML"),
        ("\xff", "is not TOML"),
        ('title = "x"\nchapters = 3', "`chapters`"),
        ('title = "x"\n[[chapters]]\nslug = "a"', "chapter `a` needs"),
    ],
)
@pytest.mark.parametrize("command", [["list"], ["check", SLUG], ["start", SLUG]])
def test_a_manifest_that_is_wrong(
    labkit: Labkit, small_course: Course, manifest: str, said: str, command: list[str]
) -> None:
    path = small_course.root / "course.toml"
    path.write_text(manifest, encoding="latin-1")
    done = labkit(*command, "--json")
    assert done.returncode == 2
    error = json.loads(done.stdout)["error"]
    assert f"`{path}`: " in error
    assert said in error
    assert_progress_kept(small_course)


# Progress


def test_a_progress_file_that_is_corrupt(
    engine: Engine, labkit: Labkit, small_course: Course
) -> None:
    assert engine
    progress = Progress(small_course.work())
    progress.path.write_text("{ half of")
    done = labkit("check", SLUG, "--json")
    assert done.returncode == 1, "the verdict is given all the same"
    warning = json.loads(done.stdout)["warning"]
    assert f"The progress file `{progress.path}` cannot be read." in warning
    (kept,) = progress.path.parent.glob("progress.corrupt-*.json")
    assert str(kept) in warning
    assert kept.read_text() == "{ half of"
    assert progress.read()[SLUG].attempts == 1


RECORD = """
import sys
from pathlib import Path
from labkit.checking import CheckResult
from labkit.progress import Progress
progress = Progress(Path(sys.argv[1]))
for _ in range(int(sys.argv[2])):
    progress.record(CheckResult(sys.argv[3], "", ()))
"""


def recorder(work: Path, times: int, slug: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", RECORD, str(work), str(times), slug])


def test_two_notebooks_that_record_at_once_lose_nothing(work: Path) -> None:
    recorders = [recorder(work, 40, slug) for slug in ("a.b", "a.b", "a.c")]
    assert [one.wait() for one in recorders] == [0, 0, 0]
    noted = Progress(work).read()
    assert {slug: entry.attempts for slug, entry in noted.items()} == {"a.b": 80, "a.c": 40}


def test_a_kernel_that_is_killed_while_it_records_leaves_all_that_was_noted(work: Path) -> None:
    progress = Progress(work)

    def attempts() -> int:
        return progress.read().get("a.b", ExerciseProgress()).attempts

    for _time in range(5):
        before = attempts()
        one = recorder(work, 1_000_000, "a.b")
        wait_until(lambda: attempts() > before + 5, what="progress", timeout=20, interval=0.001)  # noqa: B023
        one.send_signal(signal.SIGKILL)
        assert one.wait() == -signal.SIGKILL
        assert attempts() > before + 5
    assert not list(progress.path.parent.glob("progress.corrupt-*"))
