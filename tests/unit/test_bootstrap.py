from __future__ import annotations

import fcntl
import re
import signal
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from labkit import bootstrap
from labkit.bootstrap import STAMP, Environment
from labkit.errors import CommandFailed, LabError

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PROJECT = '[project]\nname = "x"\n[tool.ruff]\nline-length = 80\n'


def silent(_line: str) -> None:
    pass


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    """An environment that was made to the end, but for its packages."""
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    (tmp_path / "requirements.lock").write_text("docker==7.1 \\\n    --hash=sha256:00\n")
    made = Environment(tmp_path / ".venv", tmp_path / "requirements.lock")
    made.folder.mkdir()
    (made.folder / STAMP).write_text(made.fingerprint())
    return made


def test_a_current_environment_is_left_alone(environment: Environment) -> None:
    said: list[str] = []
    environment.ensure(said.append)
    assert said == []


def test_a_changed_lock_makes_it_outdated(environment: Environment) -> None:
    environment.lock.write_text("docker==7.2\n")
    assert not environment.is_current()


def test_changed_dependencies_make_it_outdated(environment: Environment) -> None:
    environment.lock.with_name("pyproject.toml").write_text(PROJECT.replace("x", "y"))
    assert not environment.is_current()


def test_a_changed_setting_of_a_tool_does_not(environment: Environment) -> None:
    environment.lock.with_name("pyproject.toml").write_text(PROJECT.replace("80", "100"))
    assert environment.is_current()


def test_a_moved_folder_makes_it_outdated(environment: Environment, tmp_path: Path) -> None:
    moved = environment.folder.rename(tmp_path / "elsewhere")
    assert not Environment(moved, environment.lock).is_current()


def test_one_that_was_interrupted_is_made_again(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    (environment.folder / STAMP).unlink()
    ran: list[list[str]] = []
    monkeypatch.setattr(
        "labkit.commands.run", lambda command, **_options: ran.append(list(command)) or ""
    )
    environment.ensure(silent)
    assert "--clear" in ran[0]
    assert "--require-hashes" in ran[1]
    assert "--no-build-isolation" in ran[2]
    assert environment.is_current()


def test_a_failed_install_leaves_no_stamp(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    (environment.folder / STAMP).unlink()

    def fail(command: list[str], **_options: object) -> str:
        raise CommandFailed(command, 1, "no network")

    monkeypatch.setattr("labkit.commands.run", fail)
    with pytest.raises(CommandFailed):
        environment.ensure(silent)
    assert not environment.is_current()


@pytest.fixture
def without_venv(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A Python without venv; what apt-get is asked for is written down."""
    installed: list[str] = []
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    monkeypatch.setattr(
        bootstrap, "install_packages", lambda names, **_options: installed.extend(names)
    )
    return installed


def test_venv_comes_from_the_distribution_where_it_is_missing(
    without_venv: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "is_debian", lambda: True)
    bootstrap.ensure_venv_module(silent)
    assert without_venv == [f"python3.{sys.version_info.minor}-venv"]


@pytest.mark.usefixtures("without_venv")
def test_elsewhere_one_sentence_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "is_debian", lambda: False)
    with pytest.raises(LabError, match="has no `venv`") as failure:
        bootstrap.ensure_venv_module(silent)
    assert "-venv" in failure.value.hint


def test_chromium_is_installed_only_where_there_is_no_browser(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    installed: list[str] = []
    monkeypatch.setattr(bootstrap, "is_debian", lambda: True)
    monkeypatch.setattr(
        bootstrap, "install_packages", lambda names, **_options: installed.extend(names)
    )
    monkeypatch.setattr(bootstrap, "find_program", lambda name: name == "google-chrome")
    bootstrap.ensure_browser(silent)
    assert installed == []
    monkeypatch.setattr(bootstrap, "find_program", lambda _name: None)
    bootstrap.ensure_browser(silent)
    assert installed == ["chromium"]


def test_an_error_is_one_sentence_and_exit_code_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_arguments: object) -> int:
        raise LabError("It is broken.", hint="Run `mend`.")

    monkeypatch.setattr(bootstrap, "lab", fail)
    assert bootstrap.main(["lab"]) == 2
    assert capsys.readouterr().err == "It is broken. Run `mend`.\n"


@pytest.fixture
def beside() -> list[str]:
    """What `make test` runs beside other things."""
    return []


@pytest.fixture
def did(monkeypatch: pytest.MonkeyPatch, beside: list[str]) -> list[str]:
    """What `make test` runs, instead of running it."""
    done: list[str] = []

    def become(program: str, command: tuple[str, ...]) -> None:
        assert program == command[0]
        done.append(" ".join(command[-4:]))
        raise SystemExit

    def unseen(
        ready: Future[None], _program: Path, *arguments: str
    ) -> subprocess.CompletedProcess[str]:
        ready.result()
        beside.append(" ".join(arguments))
        return subprocess.CompletedProcess(arguments, 0, "what they said", "")

    def call(_program: Path, *arguments: str) -> int:
        done.append(" ".join(arguments))
        return 0

    monkeypatch.setattr(Environment, "ensure", lambda _self, _say: None)
    for name in ("ensure_browser", "ensure_venv_module"):
        monkeypatch.setattr(bootstrap, name, lambda _say: None)
    monkeypatch.setattr(bootstrap, "_call", call)
    monkeypatch.setattr(bootstrap, "_unseen", unseen)
    monkeypatch.setattr(bootstrap, "with_new_group", lambda _command: None)
    monkeypatch.setattr("os.chdir", lambda _folder: None)
    monkeypatch.setattr("os.execvp", become)
    return done


def test_a_part_of_the_tests_runs_when_the_images_are_there(did: list[str]) -> None:
    with pytest.raises(SystemExit):
        bootstrap.test(silent, ["tests/unit"])
    assert did == ["engine start", "images ensure --all", "-m pytest --require-docker tests/unit"]


WHOLE = ["engine start", "images ensure --all", "-m pytest --require-docker --ignore tests/unit"]


def test_tests_that_need_no_engine_run_beside_the_others(did: list[str], beside: list[str]) -> None:
    told: list[str] = []
    assert bootstrap.test(told.append, []) == 0
    assert did == WHOLE
    assert beside == ["-m pytest --require-docker tests/unit"]
    assert told == ["what they said"]


def test_all_tests_run_and_count_where_a_unit_test_fails(
    did: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = subprocess.CompletedProcess((), 1, "", "")
    monkeypatch.setattr(bootstrap, "_unseen", lambda *_command: failed)
    assert bootstrap.test(silent, []) == 1
    assert did == WHOLE


def test_unit_tests_count_where_another_fails(
    did: list[str], beside: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    called = bootstrap._call
    monkeypatch.setattr(bootstrap, "_call", lambda *c: called(*c) or int("--ignore" in c))
    assert bootstrap.test(silent, []) == 1
    assert did == WHOLE
    assert beside


def test_the_tests_go_on_with_a_group_that_the_engines_start_has_added(
    did: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "with_new_group", lambda command: ("sg", *command))
    with pytest.raises(SystemExit):
        bootstrap.test(silent, ["tests/unit"])
    assert did == ["engine start", "-m labkit.bootstrap test tests/unit"]


def script(folder: Path, text: str) -> Path:
    program = folder / "program"
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(0o755)
    return program


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which programs are run."""
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    return tmp_path


def test_what_runs_unseen_waits_for_what_it_needs_and_keeps_what_it_said(here: Path) -> None:
    ready: Future[None] = Future()
    program = script(here, "echo said; echo wrong >&2; exit 3")
    with ThreadPoolExecutor() as pool:
        running = pool.submit(bootstrap._unseen, ready, program)
        assert not running.done()
        ready.set_result(None)
    assert running.result().returncode == 3
    assert running.result().stdout == "said\nwrong\n"


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Ctrl-C means what it usually does, also where these tests run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
def test_a_program_interrupted_by_ctrl_c_is_waited_for(here: Path) -> None:
    # As in a terminal, the signal goes to both; the program takes its time to put things away.
    interrupts = "kill -INT $PPID; sleep 0.5; echo put away > put-away; exit 130"
    assert bootstrap._call(script(here, interrupts)) == 130
    assert (here / "put-away").exists()
    with pytest.raises(KeyboardInterrupt):  # afterwards it means what it did
        signal.raise_signal(signal.SIGINT)


def test_an_environment_that_another_process_makes_is_waited_for(environment: Environment) -> None:
    told: list[str] = []

    def other_is_done(line: str) -> None:
        told.append(line)
        (environment.folder / STAMP).write_text(environment.fingerprint())
        fcntl.flock(held, fcntl.LOCK_UN)

    (environment.folder / STAMP).unlink()
    with environment.lock.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        environment.ensure(other_is_done)
    assert told == ["Another process makes `.venv`; waiting for it."]


def test_what_follows_the_target_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    passed: list[str] = []
    monkeypatch.setattr(bootstrap, "test", lambda _say, rest: passed.extend(rest) or 0)
    assert bootstrap.main(["test", "-k", "bootstrap", "tests/unit"]) == 0
    assert passed == ["-k", "bootstrap", "tests/unit"]


def test_it_runs_on_a_python_that_has_nothing_installed() -> None:
    code = "import labkit.bootstrap, sys; print(*sys.modules)"
    command = [sys.executable, "-S", "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "labkit.bootstrap" in done.stdout
    assert "docker " not in done.stdout


def test_an_older_python_is_refused_in_one_sentence(tmp_path: Path) -> None:
    old = tmp_path / "python3.9"
    # The real check, run by a Python that claims to be 3.9.
    old.write_text(
        "#!/bin/sh\n"
        f"exec '{sys.executable}' -c 'import sys; sys.version_info = (3, 9, 2); exec(sys.argv[1])' "
        '"$2"\n'
    )
    old.chmod(0o755)
    done = subprocess.run(
        ["make", "lab", f"PYTHON={old}"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert re.search(r"needs Python 3\.11 or newer; `.*python3\.9` is 3\.9\.", done.stderr)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_a_lock_names_no_registry_and_pins_everything(name: str) -> None:
    lines = (ROOT / name).read_text().splitlines()
    assert not any("://" in line or "index-url" in line for line in lines)
    requirements = [line for line in lines if not line.startswith(("#", " "))]
    assert all("==" in line and line.endswith("\\") for line in requirements)


def test_tests_run_what_learners_run() -> None:
    def pins(name: str) -> set[str]:
        lines = (ROOT / name).read_text().splitlines()
        return {re.split(r"[ ;]", line)[0] for line in lines if "==" in line}

    assert pins("requirements.lock") <= pins("requirements-dev.lock")
