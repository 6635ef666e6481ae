"""Ask an engine what objects are like now, each on its own, whenever an event names them.

An engine keeps the answer about a container back while it starts or ends it, which takes a second
where many do. In a row, all other answers would wait for that one.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Key = tuple[str, str]

#: Objects that are asked about at the same time: as many as a busy second starts and ends.
AT_ONCE = 20


class Inspections:
    """Answers to what is wanted: pairs of a key and an object, or an exception.

    Args:
        ask: Asks the engine about the object of a key.
    """

    def __init__(self, ask: Callable[[Key], object]) -> None:
        self._ask = ask
        self._answers: SimpleQueue[tuple[Key, object] | None] = SimpleQueue()
        self._pool = ThreadPoolExecutor(AT_ONCE, "labkit-inspections")
        self._changing = threading.Lock()
        self._closed = False
        self._asking: dict[Key, bool] = {}

    def want(self, key: Key) -> None:
        """Ask about an object, or once more if it is being asked about; not after the end."""
        with self._changing:
            if self._closed:
                return
            asking = key in self._asking
            self._asking[key] = asking
            if not asking:
                self._pool.submit(self._answer, key)

    def __iter__(self) -> Iterator[tuple[Key, object]]:
        return iter(self._answers.get, None)

    def close(self) -> None:
        """End, once the engine has answered what is being asked."""
        with self._changing:
            self._closed = True
        self._pool.shutdown(cancel_futures=True)
        self._answers.put(None)

    def _answer(self, key: Key) -> None:
        again = True
        while again:
            try:
                answer = self._ask(key)
            except Exception as error:  # noqa: BLE001 - whoever reads the answers raises it
                answer = error
            self._answers.put((key, answer))
            with self._changing:
                again = self._asking.pop(key)
                if again:
                    self._asking[key] = False
