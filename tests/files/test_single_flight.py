"""SingleFlight: one thread does the work for a key, and the others get its result."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from wsgistatic.files.single_flight import SingleFlight

TIMEOUT = 20  # seconds


class TimeLimit(BaseException):
    """An interrupt of one thread, like gevent.Timeout."""


class Waiters:
    """Counts the threads that wait for the result of another one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._semaphore = threading.Semaphore(0)
        real = self.result = Future.result

        def result(future: Future[Any], timeout: float | None = None) -> Any:
            self._semaphore.release()
            return real(future, timeout)

        monkeypatch.setattr(Future, "result", result)

    def expect(self, count: int) -> None:
        """Block until so many threads have started to wait."""
        for _ in range(count):
            assert self._semaphore.acquire(timeout=TIMEOUT)


@pytest.fixture
def waiters(monkeypatch: pytest.MonkeyPatch) -> Waiters:
    return Waiters(monkeypatch)


def run_in_threads(count: int, function: Callable[[], Any], waiters: Waiters) -> list[Any]:
    """Return the results of the function, or the types of what it raised, in no order."""

    def run() -> Any:
        try:
            return function()
        except BaseException as error:
            return type(error)

    with ThreadPoolExecutor(count) as pool:
        futures = [pool.submit(run) for _ in range(count)]
        return [waiters.result(future, TIMEOUT) for future in futures]


@pytest.mark.parametrize("result", [b"result", None])
def test_threads_that_arrive_during_the_work_get_its_result(
    result: bytes | None, waiters: Waiters
) -> None:
    flight: SingleFlight[str, bytes | None] = SingleFlight()
    calls = []

    def work() -> bytes | None:
        calls.append("work")
        waiters.expect(7)
        return result

    results = run_in_threads(8, lambda: flight.run("key", work), waiters)
    assert results == [result] * 8
    assert calls == ["work"]


def test_next_call_does_the_work_again() -> None:
    flight: SingleFlight[str, int] = SingleFlight()
    results = iter(range(10))
    assert flight.run("key", lambda: next(results)) == 0
    assert flight.run("key", lambda: next(results)) == 1


def test_different_keys_do_not_wait_for_each_other() -> None:
    flight: SingleFlight[str, str] = SingleFlight()
    assert flight.run("outer", lambda: flight.run("inner", lambda: "result")) == "result"


@pytest.mark.parametrize("error", [OSError, TimeLimit])
def test_failure_reaches_only_the_thread_that_did_the_work(
    error: type[BaseException], waiters: Waiters
) -> None:
    flight: SingleFlight[str, str] = SingleFlight()
    calls = []

    def work() -> str:
        calls.append("work")
        if len(calls) == 1:
            waiters.expect(7)
            raise error
        return "result"

    results = run_in_threads(8, lambda: flight.run("key", work), waiters)
    assert results.count(error) == 1
    assert results.count("result") == 7
    # The seven race for the second attempt. Some may come when it is over.
    assert 2 <= len(calls) <= 8


def test_every_thread_fails_by_itself(waiters: Waiters) -> None:
    flight: SingleFlight[str, str] = SingleFlight()
    calls = []

    def work() -> str:
        calls.append("work")
        if len(calls) == 1:
            waiters.expect(7)
        raise OSError(5, "Input/output error")

    results = run_in_threads(8, lambda: flight.run("key", work), waiters)
    assert results == [OSError] * 8
    assert len(calls) == 8


@pytest.mark.parametrize("error", [None, OSError, TimeLimit])
def test_nothing_is_kept_after_the_work(error: type[BaseException] | None) -> None:
    flight: SingleFlight[str, str] = SingleFlight()

    def work() -> str:
        assert list(flight._in_progress) == ["key"]
        if error is not None:
            raise error
        return "result"

    if error is None:
        assert flight.run("key", work) == "result"
    else:
        with pytest.raises(error):
            flight.run("key", work)
    assert not flight._in_progress
