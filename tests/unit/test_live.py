"""A value that follows the engine: what events change, and what an engine that goes away does."""

from __future__ import annotations

import threading
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from labkit.engine.streams import LONGEST_LINE, _frames, _json_lines, _lines, lines_of
from labkit.errors import EngineRequestFailed, EngineUnreachable
from labkit.live import following as module
from labkit.live.following import EVENTS, Following, Reopen
from labkit.live.holdings import OBJECTS, Everything, Holdings, _Noticed, affected, inspected
from labkit.live.inspections import Inspections
from labkit.live.latest import latest
from labkit.waiting import wait_until
from tests.unit.recordings import recorded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from labkit.engine import Container

WEB = "d10eb30c7fd06725baafa5ed9b179215b71e6c5f1187540d6fbdaa09230f337f"
ONCE = "9b4fd6bbe246e06157b10854f69b9facd89ebd65ac8d86b1be4e9ef56a1f5efb"
NETWORK = "9188ec756ab43c815d23711065a4dfada97f7fb6194fda2aa52de1e325bef038"


def an_event(kind: str, action: str, key: str, **attributes: str) -> dict[str, Any]:
    return {"Type": kind, "Action": action, "Actor": {"ID": key, "Attributes": attributes}}


def test_events_name_the_objects_that_they_changed() -> None:
    assert affected(recorded("events")) == {
        ("network", NETWORK),
        ("volume", "lab-v"),
        ("container", WEB),
        ("container", ONCE),
    }


def test_a_place_on_a_network_is_the_container_s() -> None:
    connect = an_event("network", "connect", "n1", container="c1")
    assert affected([connect]) == {("container", "c1")}


@pytest.mark.parametrize("action", ["exec_start: true", "kill", "top", "attach"])
def test_what_changes_nothing_costs_nothing(action: str) -> None:
    assert affected([an_event("container", action, "c1")]) == set()


@pytest.mark.parametrize("kind", ["container", "network", "volume"])
def test_that_objects_were_pruned_names_none(kind: str) -> None:
    assert affected([an_event(kind, "prune", "", reclaimed="0")]) == set()


def test_a_health_check_s_verdict_is_a_change() -> None:
    assert affected([an_event("container", "health_status: healthy", "c1")])


def test_an_object_that_changes_while_it_is_asked_about_is_asked_about_once_more() -> None:
    asked, may_answer = threading.Semaphore(0), threading.Semaphore(0)
    answered = iter(range(9))

    def ask(_key: Any) -> int:
        asked.release()
        assert may_answer.acquire(timeout=10)
        return next(answered)

    inspections = Inspections(ask)
    answers = iter(inspections)
    key = ("container", "c1")
    inspections.want(key)
    assert asked.acquire(timeout=10)
    inspections.want(key)
    inspections.want(key)
    may_answer.release(2)
    assert [next(answers), next(answers)] == [(key, 0), (key, 1)]
    inspections.close()
    assert list(answers) == []


def test_an_object_that_is_not_answered_about_holds_up_no_other() -> None:
    may_answer = threading.Event()
    inspections = Inspections(lambda key: key == ("container", "b") or may_answer.wait(10))
    answers = iter(inspections)
    inspections.want(("container", "a"))
    inspections.want(("container", "b"))
    assert next(answers) == (("container", "b"), True)
    may_answer.set()
    assert next(answers) == (("container", "a"), True)
    inspections.close()


def test_what_the_engine_does_not_know_any_more_is_left_out(
    fake_engine: Any, make_container: Callable[..., Container]
) -> None:
    fake_engine.volumes.things["lab-v"] = "made again"
    before = Holdings({"c1": make_container("lab-a")}, {}, {"lab-v": object(), "lab-w": object()})  # type: ignore[dict-item]
    keys = [("container", "c1"), ("volume", "lab-v"), ("volume", "lab-w"), ("network", "n")]
    said = [(OBJECTS, (key, inspected(fake_engine, *key))) for key in keys]
    found = Everything().apply(fake_engine, before, said)
    assert (found.containers, found.volumes) == ({}, {"lab-v": "made again"})
    assert before.containers, "the value before is as it was"


def test_an_end_is_believed_until_the_engine_answers(
    make_container: Callable[..., Container],
) -> None:
    up = make_container("lab-a")
    ended = an_event("container", "die", up.id, exitCode="137", name="lab-a")
    unknown = an_event("container", "die", "c2", exitCode="0", name="lab-b")
    told = [(EVENTS, unknown), (EVENTS, ended)]
    before = Holdings({up.id: up}, {}, {})
    found = Everything().apply(None, before, told)  # type: ignore[arg-type]
    assert found.containers == {up.id: replace(up, status="exited", exit_code=137)}
    again = [*told, (OBJECTS, (("container", up.id), up))]
    assert Everything().apply(None, before, again) == before  # type: ignore[arg-type]


def test_an_end_is_told_before_the_engine_is_asked_and_nothing_else_is_told() -> None:
    stopped = an_event("container", "die", "c1", exitCode="0")
    events = [an_event("container", "start", "c1"), an_event("container", "kill", "c1"), stopped]
    wanted: list[tuple[str, str]] = []
    asked: Any = SimpleNamespace(want=wanted.append)
    told = [(event, tuple(wanted)) for event in _Noticed(events, asked)]  # type: ignore[arg-type]
    assert told == [(stopped, (("container", "c1"),))]
    assert wanted == [("container", "c1")] * 2


def test_an_engine_that_does_not_answer_about_an_object_has_gone() -> None:
    gone = EngineUnreachable("unix:///x", "no answer")
    with pytest.raises(EngineUnreachable):
        Everything().apply(None, Holdings(), [(OBJECTS, (("container", "c1"), gone))])  # type: ignore[arg-type]


def test_an_engine_that_refuses_about_one_object_is_believed_about_the_others(
    fake_engine: Any, make_container: Callable[..., Container], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = make_container("lab-a"), make_container("lab-b")
    refused = EngineRequestFailed("driver failed")
    said = [(OBJECTS, (("container", "c1"), refused)), (OBJECTS, (("container", "c2"), other))]
    found = Everything().apply(fake_engine, Holdings({"c1": one}, {}, {}), said)
    assert found.containers == {"c1": one, "c2": other}

    def inspect(key: str) -> Container:
        if key == "c1":
            raise refused
        return other

    fake_engine.containers.lines = ({"Id": "c1"}, {"Id": "c2"})
    monkeypatch.setattr(fake_engine.containers, "get", inspect)
    assert list(Holdings.read(fake_engine).containers.values()) == [other]


def test_messages_are_put_together_from_the_pieces_that_come() -> None:
    assert list(_json_lines([b'{"a": ', b'1}\n{"a"', b": 2}\n"])) == [{"a": 1}, {"a": 2}]
    frame = b"\x01\0\0\0\0\0\0\x06one\ntw" + b"\x02\0\0\0\0\0\0\x02o\n"
    pieces = [frame[:3], frame[3:10], frame[10:]]
    assert list(_lines(_frames(pieces))) == ["one", "two"]
    assert list(_lines([b"a\r\nb"])) == ["a", "b"]


def test_a_line_ends_at_a_line_feed_only_and_is_kept_up_to_some_length() -> None:
    odd = "a\rb\x0bc\x0cd\x85e\u2028f"
    assert lines_of(f"{odd}\ng\r\n") == [odd, "g"]
    endless = [b"a" * LONGEST_LINE] * 3
    assert list(_lines([*endless, b"\nb\n"])) == ["a" * LONGEST_LINE, "b"]


def test_the_latest_are_in_the_order_of_time_and_each_is_there_once() -> None:
    def joined(known: str, came: str) -> str:
        found = latest(tuple(known.split()), came.split(), when=lambda one: one[0], most=4)
        return " ".join(found)

    assert joined("", "2 3") == "2 3"
    assert joined("2 3a", "2 3a 3b 4") == "2 3a 3b 4", "what came begins with what is known"
    assert joined("2 4", "3 5") == "2 3 4 5", "one that was late is not lost"
    assert joined("2 3 4", "5 6") == "3 4 5 6"


class FakeStream:
    """A stream that gives what it is told to, and ends when it is closed."""

    def __init__(self) -> None:
        self.messages: list[Any] = []
        self.changed = threading.Condition()
        self.closed = False

    def say(self, *messages: Any) -> None:
        with self.changed:
            self.messages += messages
            self.changed.notify_all()

    def close(self) -> None:
        with self.changed:
            self.closed = True
            self.changed.notify_all()

    def __iter__(self) -> Iterator[Any]:
        while True:
            with self.changed:
                self.changed.wait_for(lambda: self.messages or self.closed)
                if not self.messages:
                    return
                message = self.messages.pop(0)
            if isinstance(message, Exception):
                raise message
            yield message


class Numbers:
    """A subject that collects what it is told."""

    def __init__(self) -> None:
        self.streams: list[FakeStream] = []
        self.batches: list[int] = []

    def begin(self, _engine: Any) -> Iterator[tuple[str, Any]]:
        self.streams.append(FakeStream())
        yield EVENTS, self.streams[-1]

    def read(self, _engine: Any, before: tuple[Any, ...] | None) -> tuple[Any, ...]:
        assert before is not None
        return ()

    def apply(
        self, _engine: Any, value: tuple[Any, ...], said: Sequence[tuple[str, Any]]
    ) -> tuple[Any, ...]:
        self.batches.append(len(said))
        if "fault" in (message for _key, message in said):
            return (1 / 0,)
        if ("again" in (message for _key, message in said)) and len(self.streams) == 1:
            raise Reopen
        return (*value, *(message for _key, message in said if message != "nothing"))


class Watched:
    """A following of `Numbers`, and what it told."""

    def __init__(self, engine: Any) -> None:
        self.subject = Numbers()
        self.told: list[tuple[Any, str]] = []
        self.following = Following(
            self.subject, engine, lambda *told: self.told.append(told), value=("known",)
        )
        self.following.start()
        self.wait_for((), "")

    def wait_for(self, value: Any, problem: str) -> None:
        wait_until(
            lambda: self.told and self.told[-1] == (value, problem),
            what=f"{value} and {problem!r}",
            timeout=10,
            interval=0.005,
            state=lambda: str(self.told),
        )


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, fake_engine: Any) -> Any:
    monkeypatch.setattr(module, "connect_again", lambda engine: engine)
    monkeypatch.setattr(module, "RETRY", 0.01)
    fake_engine.endpoint = "unix:///x"
    return fake_engine


@pytest.fixture
def watched(engine: Any) -> Iterator[Watched]:
    before = threading.active_count()
    watched = Watched(engine)
    yield watched
    watched.following.close()
    assert threading.active_count() == before


def test_messages_change_the_value_and_what_comes_fast_is_told_together(watched: Watched) -> None:
    watched.subject.streams[0].say(*range(500))
    watched.wait_for(tuple(range(500)), "")
    assert len(watched.told) < 10
    assert sum(watched.subject.batches) == 500


def test_nothing_is_told_when_nothing_changed(watched: Watched) -> None:
    watched.subject.streams[0].say("nothing")
    watched.subject.streams[0].say(1)
    watched.wait_for((1,), "")
    assert [value for value, _problem in watched.told] == [(), (1,)]


def test_an_engine_that_goes_away_is_looked_for_until_it_is_back(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched.subject.streams[0].say(1)
    watched.wait_for((1,), "")
    away = EngineUnreachable("unix:///x", "Connection refused")
    with monkeypatch.context() as patched:

        def refuse(_engine: Any) -> None:
            raise away

        patched.setattr(module, "connect_again", refuse)
        watched.subject.streams[0].say(away)
        watched.wait_for((1,), str(away))
    watched.wait_for((), "")
    watched.subject.streams[1].say(2)
    watched.wait_for((2,), "")


def test_a_subject_may_ask_for_new_streams(watched: Watched) -> None:
    watched.subject.streams[0].say("again")
    wait_until(lambda: len(watched.subject.streams) == 2, what="new streams", timeout=10)
    assert watched.subject.streams[0].closed
    watched.subject.streams[1].say(3)
    watched.wait_for((3,), "")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_reader_s_fault_is_told_and_ends_it(watched: Watched) -> None:
    watched.subject.streams[0].say(KeyError("odd"))
    watched.wait_for((), "This does not follow the engine any more (KeyError('odd')).")
    wait_until(lambda: not watched.following.alive, what="its end", timeout=10)


def test_who_asks_for_new_streams_at_once_has_to_wait(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(module, "RETRY", 3600.0)
    monkeypatch.setattr(watched.following._closing, "wait", lambda n: waits.append(n) or False)
    watched.subject.streams[0].say("again")
    wait_until(lambda: len(watched.subject.streams) == 2, what="new streams", timeout=10)
    assert 3600.0 in waits


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_fault_of_our_own_is_told_and_ends_it(watched: Watched) -> None:
    watched.subject.streams[0].say("fault")
    told = "This does not follow the engine any more (ZeroDivisionError('division by zero'))."
    watched.wait_for((), told)
    assert watched.subject.streams[0].closed


def test_closing_holds_up_no_reader_that_has_more_than_fits(engine: Any) -> None:
    watched = Watched(engine)
    watched.subject.streams[0].say(*range(10 * module.MOST))
    watched.following.close()
    watched.following.close()
    told = len(watched.told)
    watched.subject.streams[0].say(1)
    assert len(watched.told) == told


def test_a_container_that_goes_while_all_are_read_is_left_out(
    fake_engine: Any, make_container: Callable[..., Container]
) -> None:
    fake_engine.containers.lines = ({"Id": "c1"}, {"Id": "gone"})
    fake_engine.containers.things["c1"] = replace(
        make_container("lab-a", Status="running"), id="c1"
    )
    found = Holdings.read(fake_engine)
    assert list(found.containers) == ["c1"]
    assert found.running == 1
