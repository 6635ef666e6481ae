"""Keep a value up to date by streams of the engine, on threads that end when it is closed.

What the value is, and what a message changes in it, is a `Subject`'s business. Here is what all
have in common: a reader for each stream, changes that come fast taken together, an engine that
goes away and comes back.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from labkit.engine.connect import connect_again
from labkit.errors import EngineUnreachable, LabError
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from labkit.engine import Engine

T = TypeVar("T")

#: The stream whose end means that the engine has gone.
EVENTS = "events"
#: Seconds between two changes that are told: an eye can hardly follow as many.
INTERVAL = 0.05
#: Seconds until an engine that went away is looked for again.
RETRY = 0.5
#: Messages that wait; a reader with more waits itself, and lets the engine wait.
MOST = 2000
#: Seconds that closing waits for a thread that waits for the engine.
PATIENCE = 5.0


class Reopen(Exception):
    """Raised by `Subject.apply`: the streams must be opened anew."""


class Source(Protocol):
    """Where messages come from, such as a `Stream`: any thread may close it, which ends it."""

    def __iter__(self) -> Iterator[Any]:
        """Yield each message as it comes."""

    def close(self) -> None:
        """End it, also while another thread waits for its next message."""


class Subject(Protocol[T]):
    """What is followed."""

    def begin(self, engine: Engine) -> Iterable[tuple[str, Source]]:
        """Open the streams; the first is `EVENTS`."""

    def read(self, engine: Engine, before: T | None) -> T:
        """Read the value as it is now; the streams are open already.

        Args:
            engine: The engine.
            before: What was known before the streams broke off.
        """

    def apply(self, engine: Engine, value: T, said: Sequence[tuple[str, Any]]) -> T:
        """Return the value after messages; None is the end of a stream.

        Raises:
            Reopen: `begin` and `read` shall be called again.
        """


class Following(Generic[T]):
    """A value that follows the engine from `start` until `close`.

    Args:
        subject: What to follow.
        engine: Where; each session has a connection of its own.
        changed: Called on a thread of this object with the value, and with an error's text while
            the engine is away.
        value: What is known already.
    """

    def __init__(
        self,
        subject: Subject[T],
        engine: Engine,
        changed: Callable[[T, str], None],
        *,
        value: T,
    ) -> None:
        self._subject = subject
        self._engine = engine
        self._changed = changed
        self._value = value
        self._closing = threading.Event()
        self._inbox = _Inbox()
        self._thread = threading.Thread(target=self._run, name="labkit-following", daemon=True)

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether it follows: not before its start, after its end, or after a fault of our own."""
        return self._thread.is_alive()

    def close(self) -> None:
        """End all threads and connections; nothing is told any more. A second call does nothing."""
        self._closing.set()
        self._inbox.close()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(PATIENCE)

    def _run(self) -> None:
        while not self._closing.is_set():
            begun = time.monotonic()
            try:
                self._session()
            except Reopen:
                # Who asks for it again at once, as a cluster that refuses does, has to wait.
                self._closing.wait(INTERVAL if time.monotonic() - begun > RETRY else RETRY)
            except LabError as error:
                self._tell(self._value, str(error))
                self._closing.wait(RETRY)
            except Exception as error:
                # Our fault; without a word, what is shown would look as if it were still true.
                told = _("This does not follow the engine any more ({error}).")
                self._tell(self._value, told.format(error=repr(error)))
                raise

    def _session(self) -> None:
        """Follow until this is closed.

        Raises:
            LabError: The engine went away.
            Reopen: The subject wants other streams.
            Exception: What a reader met, which is our fault.
        """
        inbox = self._inbox = _Inbox()
        with ExitStack() as opened:
            engine = connect_again(self._engine)
            opened.callback(engine.close)
            try:
                for key, stream in self._subject.begin(engine):
                    reader = threading.Thread(
                        target=_read, args=(key, stream, inbox), name=f"labkit-{key}", daemon=True
                    )
                    opened.callback(reader.join)
                    opened.callback(stream.close)
                    reader.start()
                value = self._subject.read(engine, self._value)
                self._tell(value, "")
                while not self._closing.is_set() and (said := inbox.take()):
                    taken = time.monotonic()
                    for _key, message in said:
                        if isinstance(message, Exception):
                            raise message
                    if (EVENTS, None) in said:
                        raise EngineUnreachable(engine.endpoint, _("the connection broke off"))
                    value = self._subject.apply(engine, value, said)
                    if value != self._value:
                        self._tell(value, "")
                    self._closing.wait(max(0.0, taken + INTERVAL - time.monotonic()))
            finally:
                inbox.close()

    def _tell(self, value: T, problem: str) -> None:
        self._value = value
        if not self._closing.is_set():
            self._changed(value, problem)


def _read(key: str, stream: Source, inbox: _Inbox) -> None:
    """Bring a stream's messages to the inbox, and at its end None, or what was our fault."""
    end: Exception | None = None
    try:
        with suppress(LabError):
            for message in stream:
                inbox.put(key, message)
    except Exception as error:  # noqa: BLE001 - whoever takes it from the inbox raises it
        end = error
    inbox.put(key, end)


class _Inbox:
    """Messages between the readers of streams and who takes them; closed, it holds up nobody."""

    def __init__(self) -> None:
        self._messages: deque[tuple[str, Any]] = deque()
        self._changed = threading.Condition()
        self._closed = False

    def put(self, key: str, message: Any) -> None:
        with self._changed:
            self._changed.wait_for(lambda: len(self._messages) < MOST or self._closed)
            self._messages.append((key, message))
            self._changed.notify_all()

    def take(self) -> tuple[tuple[str, Any], ...]:
        """Wait for messages and return all; none when it is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._messages or self._closed)
            taken = () if self._closed else tuple(self._messages)
            self._messages.clear()
            self._changed.notify_all()
            return taken

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
