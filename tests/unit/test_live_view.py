"""A live view follows the engine while a page shows it, and no longer."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from labkit.errors import NoSuchContainer
from labkit.show import Box, Picture
from labkit.widgets import live_view as module
from labkit.widgets.live_view import PATIENCE, SEEN_EVERY, LiveView

if TYPE_CHECKING:
    from collections.abc import Callable


class FakeFollowing:
    """What was begun and closed."""

    made: list[FakeFollowing]
    #: Where those that are made at once meet.
    met: Callable[[], object] = staticmethod(lambda: None)

    def __init__(self, _subject: Any, _engine: Any, changed: Any, *, value: str) -> None:
        with suppress(threading.BrokenBarrierError):
            FakeFollowing.met()
        self.value = value
        self.changed = changed
        self.open = False
        FakeFollowing.made.append(self)

    @property
    def alive(self) -> bool:
        return self.open

    def start(self) -> None:
        self.open = True

    def close(self) -> None:
        self.open = False


class FakeEngine:
    """Counts how often its connections were closed."""

    closed = 0

    def close(self) -> None:
        self.closed += 1


class Names:
    """A subject whose value is a name."""

    def read(self, _engine: Any, _before: str | None) -> str:
        return "<lab-a>"


def drawn(name: str) -> Picture:
    if name == "odd":
        raise KeyError(name)
    return Picture("Names", (Box(name, key=name),))


def opened(key: str) -> Picture:
    if key == "gone":
        raise NoSuchContainer(key)
    return Picture(f"<{key}>", ())


class Clock:
    """What the view takes for the time."""

    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.fixture
def view(monkeypatch: pytest.MonkeyPatch) -> LiveView[str]:
    FakeFollowing.made = []
    monkeypatch.setattr(module, "Following", FakeFollowing)
    return LiveView(Names(), FakeEngine(), drawn, opened=opened)  # type: ignore[arg-type]


def say(view: LiveView[str], what: str, page: str = "p1", **more: object) -> None:
    view._handle_custom_msg({"page": page, "what": what, **more}, [])


def test_without_a_page_nothing_is_followed_and_both_forms_are_there(view: LiveView[str]) -> None:
    bundle, _metadata = view._repr_mimebundle_()
    assert bundle["text/plain"] == repr(view) == repr(drawn("<lab-a>"))
    assert bundle["text/html"] == drawn("<lab-a>").html()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert not view.following


def test_a_kernel_follows_from_its_display_on_and_waits_for_a_page_for_so_long(
    view: LiveView[str], clock: Clock
) -> None:
    view.comm.kernel = object()
    view._repr_mimebundle_()
    (following,) = FakeFollowing.made
    for _frame in range(1000):
        following.changed("lab-b", "")
    assert following.open, "a busy engine makes no hurry"
    clock.now += PATIENCE + 1
    following.changed("lab-b", "")
    assert not following.open

    view._repr_mimebundle_()
    say(view, "shown", "p1")
    say(view, "gone", "p1")
    assert [one.open for one in FakeFollowing.made] == [False, False]


def test_it_follows_from_the_first_page_to_the_last(view: LiveView[str]) -> None:
    say(view, "shown", "p1")
    say(view, "shown", "p2")
    (following,) = FakeFollowing.made
    assert following.open
    say(view, "gone", "p1")
    assert following.open
    say(view, "gone", "p2")
    assert not following.open
    assert not view.following
    following.changed("lab-late", "")
    say(view, "shown", "p3")
    assert FakeFollowing.made[1].open


def test_a_change_is_drawn_and_an_engine_that_is_away_is_said(view: LiveView[str]) -> None:
    say(view, "shown")
    FakeFollowing.made[0].changed("lab-b", "")
    assert view.picture == drawn("lab-b").html(buttons=True)
    assert (view.frame, view.note) == (1, "")
    FakeFollowing.made[0].changed("lab-b", "No engine")
    say(view, "gone")
    say(view, "shown")
    assert FakeFollowing.made[1].value == "lab-b", "it goes on from what is known"
    assert "lab-b" in view.picture
    assert (view.frame, view.note) == (2, "No engine")


def test_a_page_that_does_not_answer_for_long_is_forgotten(
    view: LiveView[str], clock: Clock
) -> None:
    say(view, "shown", "p1")
    say(view, "shown", "p2")
    (following,) = FakeFollowing.made
    for page in ("p2", ""):
        for _frame in range(SEEN_EVERY):
            following.changed("lab-b", "")
        clock.now += PATIENCE + 1
        if page:
            say(view, "seen", page)
        assert following.open
        following.changed("lab-c", "")
    assert not following.open
    assert (view.stopped, view.note) == (
        True,
        "No page has answered for long, so this has stopped. Run the cell again to go on.",
    )


def test_a_page_that_was_asked_nothing_may_be_silent(view: LiveView[str], clock: Clock) -> None:
    say(view, "shown")
    for _hour in range(SEEN_EVERY - 1):
        clock.now += 3600
        FakeFollowing.made[0].changed("lab-b", "")
    assert view.following


def test_a_page_that_answers_the_last_frame_is_followed_for_again(
    view: LiveView[str], clock: Clock
) -> None:
    say(view, "shown")
    for _frame in range(SEEN_EVERY):
        FakeFollowing.made[0].changed("lab-b", "")
    clock.now += PATIENCE + 1
    FakeFollowing.made[0].changed("lab-b", "")
    assert not view.following
    say(view, "seen")
    FakeFollowing.made[1].changed("lab-b", "")
    assert (view.following, view.stopped, view.note) == (True, False, "")


def test_pages_that_come_at_once_are_followed_for_once(
    view: LiveView[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    barrier = threading.Barrier(2)
    monkeypatch.setattr(FakeFollowing, "met", lambda: barrier.wait(0.2))
    pages = [threading.Thread(target=say, args=(view, "shown", page)) for page in ("p1", "p2")]
    for page in pages:
        page.start()
    for page in pages:
        page.join()
    assert len(FakeFollowing.made) == 1, "and no other is left that nobody closes"


def test_a_value_that_cannot_be_drawn_leaves_no_picture_that_looks_true(
    view: LiveView[str],
) -> None:
    say(view, "shown")
    (following,) = FakeFollowing.made
    with pytest.raises(KeyError):
        following.changed("odd", "This does not follow the engine any more.")
    assert (view.frame, view.note) == (1, "This does not follow the engine any more.")
    assert "lab-a" in view.picture
    following.close()
    say(view, "seen")
    assert FakeFollowing.made[1].open, "it is begun anew"


def test_what_is_pressed_opens_for_the_page_that_asked(
    view: LiveView[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[dict[str, str]] = []
    monkeypatch.setattr(view, "send", sent.append)
    say(view, "open", "p7", key="lab-a", again=False)
    say(view, "open", "p7", key="gone", again=False)
    say(view, "open", "p7", key="gone", again=True)
    assert [(one["page"], one["key"]) for one in sent] == [
        ("p7", "lab-a"), ("p7", "gone"), ("p7", "gone"),
    ]  # fmt: skip
    assert "&lt;lab-a&gt;" in sent[0]["details"]
    assert "There is no container named" in sent[1]["details"]
    assert sent[2]["details"] == "", "what was known of it stays"
    assert view._engine.closed == 4, "at first, and after each time"  # type: ignore[attr-defined]


def test_a_picture_of_this_moment_stays_as_it_is(view: LiveView[str]) -> None:
    say(view, "shown")
    FakeFollowing.made[0].changed("lab-b", "")
    still = view.still()
    assert repr(still) == repr(drawn("lab-b"))
    assert not FakeFollowing.made[0].open


def test_closing_it_ends_following(view: LiveView[str]) -> None:
    say(view, "shown")
    view.close()
    assert not FakeFollowing.made[0].open
