"""Digests of file versions, hashed once in bounded memory, and SingleFlight beneath them."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from tests.client import call_raw, make_environ
from tests.conftest import OLD, age, settle
from wsgistatic import StaticFiles
from wsgistatic.files import digests as digests_module
from wsgistatic.files.digests import Allowance, ContentDigests, SingleFlight
from wsgistatic.files.directory import Directory
from wsgistatic.files.versions import RegularFile
from wsgistatic.representations.representation import content_etag

pytestmark = pytest.mark.usefixtures("open_descriptors")


class Opener:
    """Opens a file, and counts how often."""

    def __init__(self, site: Path, name: str) -> None:
        self.source = Directory(str(site)).file((name,))
        self.calls = 0

    def __call__(self) -> RegularFile:
        self.calls += 1
        return self.source.open().file


def digest_of(digests: ContentDigests, opener: Opener, settled: bool = True) -> bytes | None:
    return digests.digest(opener.source.stat(), settled, opener)


def test_equal_bytes_have_equal_digests_whatever_their_mtime(site: Path) -> None:
    (site / "copy.txt").write_bytes((site / "hello.txt").read_bytes())
    digests = ContentDigests()
    first = digest_of(digests, Opener(site, "hello.txt"))
    assert first == digest_of(digests, Opener(site, "copy.txt"))
    assert first == hashlib.sha256(b"hello world\n").digest()
    assert content_etag(first) == f'"{first.hex()[:32]}"'
    assert digest_of(digests, Opener(site, "digits.bin")) != first


@pytest.mark.change_times
def test_each_version_is_hashed_once(site: Path) -> None:
    digests, opener = ContentDigests(), Opener(site, "hello.txt")
    first = digest_of(digests, opener)
    assert first == digest_of(digests, opener)
    assert opener.calls == 1
    (site / "hello.txt").write_bytes(b"HELLO WORLD\n")
    age(site / "hello.txt")  # same size, same mtime: only the ctime differs
    assert digest_of(digests, opener) == hashlib.sha256(b"HELLO WORLD\n").digest()
    assert opener.calls == 2


def test_digest_that_another_thread_has_just_stored_is_used(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digests, opener = ContentDigests(), Opener(site, "hello.txt")
    run = digests._results._once.run

    def run_after_another_thread(key: Any, compute: Any) -> Any:
        run(key, compute)
        return run(key, compute)

    monkeypatch.setattr(digests._results._once, "run", run_after_another_thread)
    assert digest_of(digests, opener) == hashlib.sha256(b"hello world\n").digest()
    assert opener.calls == 1


def test_digest_of_a_version_that_is_not_settled_is_not_kept(site: Path) -> None:
    digests, opener = ContentDigests(), Opener(site, "hello.txt")
    first = digest_of(digests, opener, settled=False)
    assert first == digest_of(digests, opener, settled=False)
    assert opener.calls == 2


def test_file_that_keeps_changing_is_hashed_at_a_bounded_rate(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(digests_module, "monotonic", lambda: now)
    digests, opener = ContentDigests(), Opener(site, "log.txt")
    size, hashed = 4 * 1024 * 1024, 0
    (site / "log.txt").write_bytes(bytes(size))
    for settled in (False, True):
        for step in range(500):
            now += 0.01
            if settled:  # each request finds a new version
                os.utime(site / "log.txt", (OLD, OLD + step))
            hashed += size * (digest_of(digests, opener, settled) is not None)
    # One second's work at the beginning is free.
    assert 10 <= hashed / 16 / 1024**2 <= 11.5
    assert opener.calls * size == hashed
    now += 1.0
    assert digest_of(digests, opener, settled=False) is not None


def test_allowance_is_for_each_key(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(digests_module, "monotonic", lambda: now)
    monkeypatch.setattr(digests_module, "_MAX_FILES", 2)
    allowance: Allowance[str] = Allowance(100)
    assert allowance.take("a", 1_000_000)  # the first is allowed, whatever its size
    assert not allowance.take("a", 1)
    assert allowance.take("b", 50)
    assert allowance.take("b", 49)
    assert allowance.take("b", 50)
    assert not allowance.take("b", 1)
    now += 0.5
    assert allowance.take("b", 50)
    assert not allowance.take("a", 1)
    assert allowance.take("c", 1)  # and the least recently used key is forgotten
    assert allowance.take("b", 1) is True
    now += 9_999.0
    assert allowance.take("a", 1)


def test_file_that_changed_before_it_was_opened_has_no_digest(site: Path) -> None:
    digests, opener = ContentDigests(), Opener(site, "hello.txt")
    status = opener.source.stat()
    (site / "hello.txt").write_bytes(b"longer than it was")
    assert digests.digest(status, True, opener) is None


def test_least_recently_used_digests_are_dropped(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digests_module, "_MAX_RESULTS", 2)
    digests = ContentDigests()
    openers = [Opener(site, name) for name in ("hello.txt", "digits.bin", "empty.bin")]
    for opener in (openers[0], openers[1], openers[0], openers[2]):
        digest_of(digests, opener)  # the second is now the least recently used
    digest_of(digests, openers[0])
    digest_of(digests, openers[1])
    assert [opener.calls for opener in openers] == [1, 2, 1]


def test_file_that_changes_while_it_is_hashed_has_no_digest(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digests, opener = ContentDigests(), Opener(site, "hello.txt")
    hash_content = digests_module.hash_content

    def hash_late(*arguments: Any) -> bytes:
        (site / "hello.txt").write_bytes(b"HELLO WORLD\n")
        return hash_content(*arguments)

    monkeypatch.setattr(digests_module, "hash_content", hash_late)
    assert digest_of(digests, opener) is None
    assert opener.calls == 1


def test_file_is_hashed_from_its_start_and_keeps_its_position(site: Path) -> None:
    digests, opener = ContentDigests(), Opener(site, "digits.bin")
    expected = hashlib.sha256(b"0123456789" * 100).digest()
    with opener() as file:
        for position in (0, 500):
            file.seek(position)
            assert digests.digest(file.status, False, lambda: nullcontext(file)) == expected
            assert file.tell() == position


CLIENTS = 8


class Meeting:
    """Replaces ``hash_content``: the first call waits until all clients have sent a request."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, errors: list[Exception | None]) -> None:
        self.calls = 0
        self._arrived = threading.Semaphore(0)
        self._hash = digests_module.hash_content
        self._errors = iter(errors)
        monkeypatch.setattr(digests_module, "hash_content", self)

    def arrive(self) -> None:
        self._arrived.release()

    def __call__(self, *arguments: Any) -> bytes:
        self.calls += 1
        if self.calls == 1:
            for _ in range(CLIENTS):
                assert self._arrived.acquire(timeout=60)
            settle()  # until all of them wait
        error = next(self._errors, None)
        if error is not None:
            raise error
        return self._hash(*arguments)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", ["/digits.bin", "/sub/index.html"])
def test_simultaneous_first_requests_hash_a_version_once(
    site: Path, path: str, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle()
    meeting = Meeting(monkeypatch, [])
    app = StaticFiles(None, site, etag="content")

    def request(_: int) -> tuple[int, str]:
        meeting.arrive()
        result = call_raw(app, make_environ(path, method))
        return result.status, result.headers["ETag"]

    with ThreadPoolExecutor(CLIENTS) as clients:
        responses = list(clients.map(request, range(CLIENTS)))
    digest = hashlib.sha256((site / path[1:]).read_bytes()).digest()
    assert responses == [(200, content_etag(digest))] * CLIENTS
    assert meeting.calls == 1


def test_after_a_failed_read_the_next_request_hashes_the_version(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle()
    meeting = Meeting(monkeypatch, [OSError(5, "Input/output error"), None])
    app = StaticFiles(None, site, etag="content")

    def request(_: int) -> int:
        meeting.arrive()
        return call_raw(app, make_environ("/digits.bin")).status

    with ThreadPoolExecutor(CLIENTS) as clients:
        assert sorted(clients.map(request, range(CLIENTS))) == [*[200] * (CLIENTS - 1), 500]
    assert meeting.calls == 2


def test_nothing_is_kept_of_a_request_that_waited(site: Path) -> None:
    digests, opener = ContentDigests(), Opener(site, "digits.bin")
    digest_of(digests, opener)
    assert len(digests._results._once._in_progress) == 0


# ---- SingleFlight: one thread does the work for a key, and the others get its result -----------

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


def test_threads_do_not_wait_without_end(
    site: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settle()
    hashing, is_done = threading.Event(), threading.Event()
    hash_content = digests_module.hash_content

    def hang(*arguments: Any) -> bytes:
        hashing.set()
        assert is_done.wait(TIMEOUT)
        return hash_content(*arguments)

    monkeypatch.setattr(digests_module, "hash_content", hang)
    monkeypatch.setattr(digests_module, "_PATIENCE", 0.01)
    app = StaticFiles(None, site, etag="content")
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(call_raw, app, make_environ("/digits.bin"))
        assert hashing.wait(TIMEOUT)
        second = call_raw(app, make_environ("/digits.bin"))
        is_done.set()
        assert first.result().status == 200
    assert (second.status, second.headers["Retry-After"]) == (503, "2")
    assert "another request is still reading the file" in caplog.text
    assert call_raw(app, make_environ("/digits.bin")).status == 200


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
