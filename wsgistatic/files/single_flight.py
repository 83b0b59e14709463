"""Run a piece of work once for all threads that need its result at the same time."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from concurrent.futures import Future
from threading import Lock
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class SingleFlight(Generic[K, T]):
    """Lets one thread do the work for a key while the others wait for its result."""

    def __init__(self) -> None:
        self._lock = Lock()
        # The future of a failed attempt has no result: its threads have to try for themselves.
        self._in_progress: dict[K, Future[tuple[T] | None]] = {}

    def run(self, key: K, function: Callable[[], T]) -> T:
        """Return the result of the function, or that of a thread that is already running it.

        If that thread fails, another one does the work: the error may have been the thread's own,
        such as an interrupt or a time limit.
        """
        while True:
            ours: Future[tuple[T] | None] = Future()
            with self._lock:
                leading = self._in_progress.setdefault(key, ours)
            if leading is ours:
                return self._lead(key, ours, function)
            if (outcome := leading.result()) is not None:
                return outcome[0]

    def _lead(self, key: K, ours: Future[tuple[T] | None], function: Callable[[], T]) -> T:
        outcome = None
        try:
            outcome = (function(),)
            return outcome[0]
        finally:
            with self._lock:
                del self._in_progress[key]
            ours.set_result(outcome)
