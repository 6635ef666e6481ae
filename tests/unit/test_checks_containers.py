from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from labkit.checking import CheckFailed
from labkit.checks import containers as checks
from labkit.checks import diagnosis
from labkit.engine import Container
from labkit.errors import NoSuchContainer, WaitTimeout

INDEX = "/usr/share/nginx/html/index.html"
BEFORE = "/usr/share/nginx/html/before.html"
MIB = 2**20

# Recorded from an engine 20.10, trimmed to what the checks read.
REPORT = {
    "Id": "4c1f",
    "Created": "2026-03-02T09:00:00.251000000Z",
    "Name": "/lab-report",
    "Image": "sha256:b45c",
    "RestartCount": 0,
    "State": {
        "Status": "exited",
        "OOMKilled": False,
        "ExitCode": 7,
        "Error": "",
        "StartedAt": "2026-03-02T09:00:00.501000000Z",
        "FinishedAt": "2026-03-02T09:00:00.512000000Z",
    },
    "Config": {
        "Image": "lab/shell",
        "Cmd": ["sh", "-c", 'echo "backup finished"; exit 7'],
        "Env": ["PATH=/bin"],
        "Labels": {"labkit.image": "shell"},
    },
    "HostConfig": {
        "PortBindings": {},
        "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0},
        "Memory": 0,
        "MemorySwap": 0,
        "NanoCpus": 0,
        "CpuShares": 0,
    },
    "Mounts": [],
    "NetworkSettings": {"Ports": {}, "Networks": {}},
}
NOT_FOUND = (
    "failed to create shim task: OCI runtime create failed: runc create failed: unable to start "
    'container process: exec: "nginxx": executable file not found in $PATH: unknown'
)
SHOP_LOG = "loading the catalogue\nopening the shop\nsh: exec: line 0: httpdd: not found\n"


def recorded(name: str, **changes: dict[str, Any]) -> Container:
    """The recorded container under another name, with changes to parts of its inspect answer."""
    attrs: dict[str, Any] = deepcopy(REPORT)
    attrs["Name"] = f"/{name}"
    for part, values in changes.items():
        attrs[part] = {**attrs[part], **values} if isinstance(values, dict) else values
    return Container.from_inspect(attrs)


def running(name: str, *, port: int | None = None, **changes: Any) -> Container:
    never = {"FinishedAt": "0001-01-01T00:00:00Z"}
    changes["State"] = {"Status": "running", "ExitCode": 0, **never, **changes.get("State", {})}
    if port is not None:
        bindings = {"80/tcp": [{"HostIp": "", "HostPort": str(port)}]}
        changes["HostConfig"] = {"PortBindings": bindings, **changes.get("HostConfig", {})}
    return recorded(name, **changes)


STARTED_BY_US = {"Labels": {"started-by": "exercise"}}


def put(engine: Any, *containers: Container) -> None:
    engine.containers.things.update({c.name: c for c in containers})
    engine.containers.lines = tuple(
        {"Names": [f"/{c.name}"], "Image": c.image, "Command": " ".join(c.command)}
        for c in engine.containers.things.values()
    )


def refusal(check: Any, engine: Any) -> CheckFailed:
    with pytest.raises(CheckFailed) as caught:
        check(engine)
    return caught.value


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    def ask_once(condition: Any, *, what: str, timeout: float, **_: Any) -> Any:
        if answer := condition():
            return answer
        raise WaitTimeout(what, timeout)

    for module in (checks, diagnosis):
        monkeypatch.setattr(module, "wait_until", ask_once)


@pytest.fixture
def engine(fake_engine: Any) -> Any:
    fake_engine.info = lambda: {"SystemTime": "2026-03-02T10:00:00.123456789Z"}
    fake_engine.events = lambda **_: ()
    return fake_engine


# containers.exit_code


def event(action: str, at: float, container: str = "4c1f") -> dict[str, Any]:
    return {"Action": action, "Actor": {"ID": container}, "timeNano": int(at * 1e9)}


def test_report_passes_when_it_ended_with_seven(engine: Any) -> None:
    put(engine, recorded("lab-report"))
    engine.containers.log_texts["lab-report"] = "backup finished\n"
    checks.report_has_ended(engine)
    checks.report_says_so(engine)
    checks.report_exits_with_seven(engine)


def test_report_by_the_images_id_passes(engine: Any, make_image: Any) -> None:
    engine.images.things["lab/shell"] = make_image("sha256:b45c")
    put(engine, recorded("lab-report", Config={"Image": "sha256:b45c"}))
    checks.report_has_ended(engine)


def test_report_that_was_never_made_is_told_the_name(engine: Any) -> None:
    assert "--name lab-report" in refusal(checks.report_has_ended, engine).hint


def test_report_under_another_name_is_told_that_name(engine: Any) -> None:
    put(engine, recorded("bold_bell"))
    failure = refusal(checks.report_has_ended, engine)
    assert "`bold_bell`" in failure.found
    assert "docker rename bold_bell" in failure.hint


def test_report_that_removed_itself_is_told_about_rm(engine: Any) -> None:
    engine.events = lambda **_: (event("die", 10.0), event("destroy", 10.2))
    assert "`--rm`" in refusal(checks.report_has_ended, engine).hint


@pytest.mark.parametrize(
    "events",
    [
        (event("die", 10.0), event("destroy", 15.0)),
        (event("kill", 10.0), event("die", 10.1), event("destroy", 10.2)),
        (event("die", 10.0, "other"), event("destroy", 10.2)),
    ],
    ids=["removed later", "removed by force", "never started"],
)
def test_report_that_a_person_removed_is_not_told_about_rm(engine: Any, events: Any) -> None:
    engine.events = lambda **_: events
    assert "`--rm`" not in refusal(checks.report_has_ended, engine).hint


def test_report_from_another_image_is_told_which(engine: Any) -> None:
    put(engine, recorded("lab-report", Config={"Image": "lab/web"}))
    assert "`lab/web`" in refusal(checks.report_has_ended, engine).found


def test_report_that_was_only_created_is_told_to_start_it(engine: Any) -> None:
    put(engine, recorded("lab-report", State={"Status": "created", "ExitCode": 0}))
    assert "docker start lab-report" in refusal(checks.report_has_ended, engine).hint


def test_report_that_still_runs_is_told_its_command(engine: Any) -> None:
    put(engine, running("lab-report", Config={"Cmd": ["sleep", "600"]}))
    assert "`sleep 600`" in refusal(checks.report_has_ended, engine).found


def test_report_whose_exit_went_to_the_own_shell_is_found_out(engine: Any) -> None:
    words = {"Cmd": ["echo", "backup finished"]}
    put(engine, recorded("lab-report", State={"ExitCode": 0}, Config=words))
    failure = refusal(checks.report_exits_with_seven, engine)
    assert "`echo backup finished`" in failure.found
    assert "Your own shell" in failure.hint


def test_report_with_another_exit_code_is_told_it(engine: Any) -> None:
    put(engine, recorded("lab-report", State={"ExitCode": 1}))
    assert refusal(checks.report_exits_with_seven, engine).found == "its exit code is 1"


@pytest.mark.parametrize(("log", "found"), [("", "empty"), ("backup\nfinish\n", "`finish`")])
def test_report_that_says_something_else_is_told_what(engine: Any, log: str, found: str) -> None:
    put(engine, recorded("lab-report"))
    engine.containers.log_texts["lab-report"] = log
    assert found in refusal(checks.report_says_so, engine).found


# containers.published

WEB = {"Image": "lab/web", "Cmd": ["nginx", "-g", "daemon off;"]}


def test_site_passes_when_it_answers_at_its_port(engine: Any) -> None:
    put(engine, running("lab-site", port=8084, Config=WEB))
    engine.http[8084] = "It works"
    checks.site_is_published(engine)
    checks.site_runs(engine)
    checks.site_answers(engine)


def test_site_without_a_published_port_is_told_so(engine: Any) -> None:
    put(engine, running("lab-site", Config=WEB))
    failure = refusal(checks.site_is_published, engine)
    assert "publishes no port" in failure.found
    assert "--publish 8084:80" in failure.hint


def test_site_with_reversed_ports_is_told_both_directions(engine: Any) -> None:
    bindings = {"8084/tcp": [{"HostIp": "", "HostPort": "80"}]}
    put(engine, running("lab-site", Config=WEB, HostConfig={"PortBindings": bindings}))
    failure = refusal(checks.site_is_published, engine)
    assert failure.found == "you published 80->8084, the exercise asks for 8084->80"
    assert "The host's port comes first" in failure.hint


def test_site_at_another_port_is_told_which(engine: Any) -> None:
    put(engine, running("lab-site", port=8080, Config=WEB))
    failure = refusal(checks.site_is_published, engine)
    assert failure.found == "you published 8080->80, the exercise asks for 8084->80"
    assert "fixed when a container is made" in failure.hint


def test_site_options_after_the_image_are_found_in_the_command(engine: Any) -> None:
    words = {"Image": "lab/web", "Cmd": ["--name", "lab-site"]}
    put(engine, recorded("bold_bell", State={"Status": "created"}, Config=words))
    failure = refusal(checks.site_is_published, engine)
    assert "`--name lab-site`" in failure.found
    assert "before the image" in failure.hint


def test_site_that_was_never_made_is_told_the_name(engine: Any) -> None:
    assert "--name lab-site" in refusal(checks.site_is_published, engine).hint


def test_site_from_another_image_is_told_which(engine: Any) -> None:
    put(engine, running("lab-site", port=8084))
    assert "`lab/shell`" in refusal(checks.site_is_published, engine).found


def test_site_that_was_interrupted_is_told_about_detach(engine: Any) -> None:
    put(engine, recorded("lab-site", State={"ExitCode": 0}, Config=WEB))
    assert "--detach" in refusal(checks.site_runs, engine).hint


def test_site_with_a_misspelt_command_is_told_what_was_not_found(engine: Any) -> None:
    state = {"Status": "created", "ExitCode": 127, "Error": NOT_FOUND}
    put(engine, recorded("lab-site", State=state, Config=WEB))
    failure = refusal(checks.site_runs, engine)
    assert failure.found == "`lab-site` exited with 127: `nginxx` was not found"


def test_site_whose_port_was_taken_is_told_in_the_engines_words(engine: Any) -> None:
    state = {"Status": "created", "ExitCode": 128, "Error": "port is already allocated"}
    put(engine, recorded("lab-site", State=state, Config=WEB))
    assert "port is already allocated" in refusal(checks.site_runs, engine).found


def test_site_that_is_paused_is_told_to_go_on(engine: Any) -> None:
    put(engine, recorded("lab-site", State={"Status": "paused", "ExitCode": 0}, Config=WEB))
    assert "docker unpause lab-site" in refusal(checks.site_runs, engine).hint


def test_site_that_does_not_answer_is_waited_for_in_vain(engine: Any) -> None:
    put(engine, running("lab-site", port=8084, Config=WEB))
    with pytest.raises(WaitTimeout, match="a page at port 8084"):
        checks.site_answers(engine)


# containers.page


@pytest.fixture
def shops(engine: Any) -> Any:
    """Both shops as the set-up cell leaves them."""
    put(
        engine,
        running("lab-north", port=8085),
        running("lab-south", port=8086, Config=STARTED_BY_US),
    )
    engine.http.update({8085: "It works", 8086: "It works"})
    engine.containers.files["lab-north", INDEX] = b"It works"
    return engine


def close(shops: Any) -> None:
    shops.http[8086] = "<h1>Closed for repairs</h1>"
    shops.containers.diffs["lab-south"] = {INDEX: "C"}


def test_page_passes_when_south_is_closed_and_keeps_the_old_page(shops: Any) -> None:
    close(shops)
    shops.containers.files["lab-south", BEFORE] = b"It works"
    checks.south_is_closed(shops)
    checks.north_is_unchanged(shops)
    checks.south_keeps_the_old_page(shops)


def test_page_that_nobody_touched_is_refused(shops: Any) -> None:
    assert "still the image's" in refusal(checks.south_is_closed, shops).found


def test_page_without_its_container_is_refused(engine: Any) -> None:
    with pytest.raises(NoSuchContainer, match="lab-south"):
        checks.south_is_closed(engine)


def test_page_changed_in_the_neighbour_is_found_there(shops: Any) -> None:
    shops.containers.diffs["lab-north"] = {INDEX: "C"}
    assert "neighbour" in refusal(checks.south_is_closed, shops).hint


def test_page_of_a_container_that_was_made_anew_is_refused(shops: Any) -> None:
    put(shops, running("lab-south", port=8086))
    assert "is not the one" in refusal(checks.south_is_closed, shops).found


def test_page_put_elsewhere_is_found_there(shops: Any) -> None:
    shops.containers.diffs["lab-south"] = {"/run/nginx.pid": "A", "/index.html": "A"}
    failure = refusal(checks.south_is_closed, shops)
    assert "`/index.html`" in failure.found
    assert "/usr/share/nginx/html" in failure.hint


def test_page_that_says_something_else_is_to_be_read(shops: Any) -> None:
    shops.containers.diffs["lab-south"] = {INDEX: "C"}
    assert "does not say" in refusal(checks.south_is_closed, shops).found


def test_page_from_a_mount_is_refused(shops: Any) -> None:
    mount = {"Type": "bind", "Source": "/x", "Destination": "/usr/share/nginx/html", "RW": True}
    put(shops, running("lab-south", port=8086, Mounts=[mount]))
    close(shops)
    assert "from outside" in refusal(checks.south_is_closed, shops).found


def test_page_of_a_stopped_shop_is_told_so(shops: Any) -> None:
    put(shops, recorded("lab-south", State={"ExitCode": 0}))
    assert refusal(checks.south_is_closed, shops).found == "`lab-south` has ended with 0"


def test_page_of_the_north_must_not_change(shops: Any) -> None:
    close(shops)
    shops.containers.diffs["lab-north"] = {INDEX: "C"}
    assert "changed, too" in refusal(checks.north_is_unchanged, shops).found


def test_page_without_a_copy_of_the_old_one_is_refused(shops: Any) -> None:
    close(shops)
    failure = refusal(checks.south_keeps_the_old_page, shops)
    assert f"no file `{BEFORE}`" in failure.found


def test_page_that_was_copied_too_late_is_found_out(shops: Any) -> None:
    close(shops)
    shops.containers.files["lab-south", BEFORE] = b"<h1>Closed for repairs</h1>"
    assert "too late" in refusal(checks.south_keeps_the_old_page, shops).hint


def test_page_kept_with_other_content_is_refused(shops: Any) -> None:
    close(shops)
    shops.containers.files["lab-south", BEFORE] = b""
    assert "not the page" in refusal(checks.south_keeps_the_old_page, shops).found


# containers.limits

LIMITED = {
    "Memory": 64 * MIB,
    "NanoCpus": 500_000_000,
    "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 5},
}


def worker(**changes: Any) -> Container:
    return running("lab-worker", **{"Config": STARTED_BY_US, **changes})


def test_worker_passes_when_limited_in_place(engine: Any) -> None:
    put(engine, worker(HostConfig=LIMITED))
    checks.worker_memory_is_limited(engine)
    checks.worker_has_half_a_cpu(engine)
    checks.worker_is_restarted(engine)
    checks.worker_goes_on(engine)


def test_worker_as_it_was_started_fails_every_setting(engine: Any) -> None:
    put(engine, worker())
    assert "no memory limit" in refusal(checks.worker_memory_is_limited, engine).found
    assert "no CPU limit" in refusal(checks.worker_has_half_a_cpu, engine).found
    assert "policy is `no`" in refusal(checks.worker_is_restarted, engine).found


@pytest.mark.parametrize(
    ("limit", "found"),
    [(64 * 2**30, "64 GiB"), (64_000_000, "61.04 MiB"), (2048, "2 KiB"), (64, "64 bytes")],
)
def test_worker_with_another_unit_is_told_the_size(engine: Any, limit: int, found: str) -> None:
    put(engine, worker(HostConfig={"Memory": limit}))
    failure = refusal(checks.worker_memory_is_limited, engine)
    assert failure.found == f"`lab-worker` may use {found}"
    assert "unit" in failure.hint


def test_worker_beside_a_limited_second_one_is_told_its_name(engine: Any) -> None:
    put(engine, worker(), running("lab-worker2", HostConfig=LIMITED))
    failure = refusal(checks.worker_memory_is_limited, engine)
    assert "`lab-worker2`" in failure.found
    assert "second container" in failure.hint


def test_worker_with_a_weight_is_told_that_it_is_no_limit(engine: Any) -> None:
    put(engine, worker(HostConfig={"CpuShares": 512}))
    assert "weight 512" in refusal(checks.worker_has_half_a_cpu, engine).found


def test_worker_with_percent_is_told_that_cpus_are_counted(engine: Any) -> None:
    put(engine, worker(HostConfig={"NanoCpus": 50_000_000_000}))
    failure = refusal(checks.worker_has_half_a_cpu, engine)
    assert "50 CPUs" in failure.found
    assert "not percent" in failure.hint


@pytest.mark.parametrize(
    ("policy", "most", "found", "hint"),
    [
        ("always", 0, "also after success", "exit code"),
        ("unless-stopped", 0, "also after success", "exit code"),
        ("on-failure", 0, "as often as it fails", "on-failure:N"),
        ("on-failure", 9, "9 restarts at most", "on-failure:N"),
    ],
)
def test_worker_with_another_policy_is_told_what_it_does(
    engine: Any, policy: str, most: int, found: str, hint: str
) -> None:
    settings = {"RestartPolicy": {"Name": policy, "MaximumRetryCount": most}}
    put(engine, worker(HostConfig=settings))
    failure = refusal(checks.worker_is_restarted, engine)
    assert found in failure.found
    assert hint in failure.hint


def test_worker_that_was_replaced_is_found_out(engine: Any) -> None:
    put(engine, worker(HostConfig=LIMITED, Config={"Labels": {"labkit.image": "shell"}}))
    assert "not the one" in refusal(checks.worker_goes_on, engine).found


def test_worker_that_was_started_again_is_found_out(engine: Any) -> None:
    ended = {"FinishedAt": "2026-03-02T09:05:00.500000000Z"}
    put(engine, worker(HostConfig=LIMITED, State=ended))
    assert "started again" in refusal(checks.worker_goes_on, engine).found


def test_worker_that_was_stopped_is_told_so(engine: Any) -> None:
    put(engine, recorded("lab-worker", State={"ExitCode": 137}))
    assert refusal(checks.worker_goes_on, engine).found == "`lab-worker` has ended with 137"


# containers.repair

SHOP = {"Env": ["SHOP=Corner Shop 4711", "PATH=/bin"]}
SIGN = recorded("lab-shop-sign", Config={"Labels": {"shop": "Corner Shop 4711"}})
KEPT = {"Memory": 64 * MIB, "RestartPolicy": {"Name": "unless-stopped", "MaximumRetryCount": 0}}
RESTARTING = {"Status": "restarting", "ExitCode": 137, "OOMKilled": True}


def test_shop_passes_when_it_answers_with_its_settings(engine: Any) -> None:
    put(engine, SIGN, running("lab-shop", port=8087, Config=SHOP, HostConfig=KEPT))
    engine.http[8087] = "<h1>Corner Shop 4711</h1>"
    checks.shop_stays_up(engine)
    checks.shop_shows_its_name(engine)
    checks.shop_keeps_its_settings(engine)


def test_shop_as_it_was_broken_is_told_of_its_memory(engine: Any) -> None:
    put(engine, recorded("lab-shop", State=RESTARTING, HostConfig={"Memory": 16 * MIB}))
    engine.containers.log_texts["lab-shop"] = "loading the catalogue\n" * 3
    failure = refusal(checks.shop_stays_up, engine)
    assert failure.found == "`lab-shop` has ended with 137, and may use 16 MiB"
    assert "OOMKilled" in failure.hint


def test_shop_with_more_memory_only_is_told_what_was_not_found(engine: Any) -> None:
    state = {"Status": "restarting", "ExitCode": 127}
    put(engine, recorded("lab-shop", State=state, HostConfig={"Memory": 64 * MIB}))
    engine.containers.log_texts["lab-shop"] = "loading the catalogue\n" + SHOP_LOG
    failure = refusal(checks.shop_stays_up, engine)
    assert failure.found == "`lab-shop` has ended with 127: `httpdd` was not found"


def test_shop_that_ends_for_another_reason_is_told_its_exit_code(engine: Any) -> None:
    put(engine, recorded("lab-shop", State={"Status": "restarting", "ExitCode": 2}))
    failure = refusal(checks.shop_stays_up, engine)
    assert failure.found == "`lab-shop` ends with 2 and is started again, over and over"


def test_shop_without_its_port_is_told_so(engine: Any) -> None:
    put(engine, SIGN, running("lab-shop", Config=SHOP))
    assert "publishes no port" in refusal(checks.shop_shows_its_name, engine).found


def test_shop_whose_page_was_copied_is_told_so(engine: Any) -> None:
    put(engine, SIGN, running("lab-shop", port=8087))
    engine.http[8087] = "<h1>Corner Shop 4711</h1>\n"
    failure = refusal(checks.shop_shows_its_name, engine)
    assert "no `SHOP` in its environment" in failure.found
    assert "fixed in the command" in failure.hint


@pytest.mark.parametrize(
    ("name", "page"), [("Corner Shop", "Corner Shop"), ("Corner Shop 4711", "Corner Shop")]
)
def test_shop_of_another_name_is_told_both(engine: Any, name: str, page: str) -> None:
    put(engine, SIGN, running("lab-shop", port=8087, Config={"Env": [f"SHOP={name}"]}))
    engine.http[8087] = page
    failure = refusal(checks.shop_shows_its_name, engine)
    assert failure.found == "the page says `Corner Shop`, and the shop is `Corner Shop 4711`"


def test_shop_without_its_sign_is_to_be_set_up_again(engine: Any) -> None:
    put(engine, running("lab-shop", port=8087, Config=SHOP))
    failure = refusal(checks.shop_shows_its_name, engine)
    assert "`lab-shop-sign` of the set-up cell is gone" in failure.found
    put(engine, recorded("lab-shop-sign"))
    assert "is gone" in refusal(checks.shop_shows_its_name, engine).found


def test_shop_without_its_name_is_told_what_the_page_says(engine: Any) -> None:
    put(engine, SIGN, running("lab-shop", port=8087))
    engine.http[8087] = "<h1></h1>\n"
    failure = refusal(checks.shop_shows_its_name, engine)
    assert "`<h1></h1>`" in failure.found
    assert "--env SHOP" in failure.hint


def test_shop_without_its_policy_is_told_so(engine: Any) -> None:
    put(engine, running("lab-shop", HostConfig={"Memory": 64 * MIB}))
    assert "policy is `no`" in refusal(checks.shop_keeps_its_settings, engine).found


@pytest.mark.parametrize(("limit", "found"), [(0, "without limit"), (2**30, "1 GiB")])
def test_shop_with_too_much_memory_is_told_to_keep_a_limit(
    engine: Any, limit: int, found: str
) -> None:
    put(engine, running("lab-shop", HostConfig={**KEPT, "Memory": limit}))
    failure = refusal(checks.shop_keeps_its_settings, engine)
    assert found in failure.found
    assert "keep one" in failure.hint


@pytest.mark.parametrize(
    ("text", "program"),
    [
        (NOT_FOUND, "nginxx"),
        ("sh: exec: line 0: httpdd: not found", "httpdd"),
        ("sh: 1: httpdd: not found", "httpdd"),
        ('exec: "/srv/run": stat /srv/run: no such file or directory', "/srv/run"),
        ("GET /favicon.ico 404", ""),
    ],
)
def test_programs_that_were_not_found_are_named(text: str, program: str) -> None:
    assert diagnosis.program_not_found(text) == program


@pytest.mark.parametrize(
    ("error", "port"),
    [
        (
            "Error starting userland proxy: listen tcp4 0.0.0.0:8084: bind: address already in use",
            "8084",
        ),
        ("Bind for 0.0.0.0:8084 failed: port is already allocated", "8084"),
        (
            "failed to bind host port for 0.0.0.0:8084:172.17.0.2:80/tcp: address already in use",
            "8084",
        ),
        ("failed to bind host port [::]:8084/tcp: address already in use", "8084"),
        ("error mounting /a:8084: not a directory", ""),
        ("", ""),
    ],
)
def test_a_port_that_is_taken_is_read_from_the_engines_words(error: str, port: str) -> None:
    assert diagnosis.port_taken(error) == port
