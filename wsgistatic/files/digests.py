"""Digests of file versions, and other work that is done once for each version.

Requests that need the result of work in progress wait for it. The result cannot be kept if the
version is too recent to have a signature of its own, and is of no further use if the file is a
growing log. Therefore the work on each file is also bounded, in bytes per second.
"""

from __future__ import annotations

import errno
import hashlib
import os
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError  # before Python 3.11
from contextlib import AbstractContextManager
from time import monotonic
from typing import Generic, Literal, TypeVar

from wsgistatic.files.changes import Reader
from wsgistatic.files.forks import Locked
from wsgistatic.files.versions import RegularFile, Signature, signature

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")
Opener = Callable[[], AbstractContextManager[RegularFile]]
Algorithm = Literal["sha256", "sha384"]

_HASH_BLOCK = 1024 * 1024  # bytes
_PATIENCE = 30.0  # seconds
_MAX_RESULTS = 20_000  # about 5 MB of digests
_MAX_FILES = 10_000
# Bytes per second that are read of a file that keeps changing: 1 to 5 % of a processor.
_RATE = 16 * 1024 * 1024


class SingleFlight(Locked, Generic[K, T]):
    """Lets one thread do the work for a key while the others wait for its result."""

    def __init__(self) -> None:
        super().__init__()
        # A future gets None if the attempt fails; the threads that wait for it then try again.
        self._in_progress: dict[K, Future[tuple[T] | None]] = {}

    def after_fork(self) -> None:
        """Forget work that was begun by threads which a forked child does not have."""
        super().after_fork()
        self._in_progress = {}

    def run(self, key: K, function: Callable[[], T]) -> T:
        """Return the result of the function, or that of a thread that is already running it.

        If that thread fails, another one does the work, since the error may have been the thread's
        own, such as an interrupt or a timeout. If it takes too long, for example because a file
        system hangs, raise OSError (EAGAIN), so that not all threads of a server wait for one file.
        """
        ours: Future[tuple[T] | None] = Future()
        outcome = None
        while True:
            with self._lock:
                leading = self._in_progress.setdefault(key, ours)
            if leading is ours:
                break
            try:
                outcome = leading.result(_PATIENCE)
            except FutureTimeoutError:
                raise OSError(errno.EAGAIN, "another request is still reading the file") from None
            if outcome is not None:
                return outcome[0]
        try:
            outcome = (function(),)
            return outcome[0]
        finally:
            with self._lock:
                self._in_progress.pop(key, None)  # it is gone if the function forked
            ours.set_result(outcome)


class Allowance(Locked, Generic[K]):
    """Limits the work for each key to a number of bytes per second.

    The first time is free, and so are repetitions up to a second's work. After that a key has to
    wait for as long as its work so far should have taken.
    """

    def __init__(self, rate: int) -> None:
        super().__init__()
        self._rate = rate
        self._due: OrderedDict[K, float] = OrderedDict()  # monotonic time in seconds

    def take(self, key: K, size: int) -> bool:
        """Return whether ``size`` bytes may be processed for a key now, and count them if so."""
        now = monotonic()
        with self._lock:
            due = max(now, self._due.pop(key, now))
            is_allowed = due - now < 1.0
            self._due[key] = due + is_allowed * size / self._rate
            if len(self._due) > _MAX_FILES:
                self._due.popitem(last=False)
        return is_allowed


class VersionResults(Locked, Generic[K, T]):
    """A bounded table of results of work on file versions."""

    def __init__(self) -> None:
        super().__init__()
        self._results: OrderedDict[K, T] = OrderedDict()
        self._once: SingleFlight[K, T | None] = SingleFlight()
        self._allowance: Allowance[tuple[int, int]] = Allowance(_RATE)

    def find(
        self, key: K, status: os.stat_result, settled: bool, size: int, work: Callable[[], T | None]
    ) -> T | None:
        """Return the result for a key, which identifies the version, from the table or by work.

        Return None if the work has no result, or if too much of the file was read recently.

        Arguments:
            status: status of the file that is read.
            settled: whether no later version can have the same key.
            size: number of bytes that the work reads.
        """

        def bounded() -> T | None:
            is_allowed = self._allowance.take((status.st_dev, status.st_ino), size)
            return work() if is_allowed else None

        if not settled:
            return bounded()
        found = self._stored(key)
        return self._once.run(key, lambda: self._store(key, bounded)) if found is None else found

    def _store(self, key: K, work: Callable[[], T | None]) -> T | None:
        result = self._stored(key)  # another thread may have stored it since
        if result is None and (result := work()) is not None:
            with self._lock:
                self._results[key] = result
                if len(self._results) > _MAX_RESULTS:
                    self._results.popitem(last=False)
        return result

    def _stored(self, key: K) -> T | None:
        with self._lock:
            if key in self._results:
                self._results.move_to_end(key)
            return self._results.get(key)


class ContentDigests:
    """A bounded table of digests, for any number of threads and apps."""

    def __init__(self) -> None:
        self._results: VersionResults[tuple[Algorithm, Signature], bytes] = VersionResults()

    def digest(
        self,
        status: os.stat_result,
        settled: bool,
        open_file: Opener,
        algorithm: Algorithm = "sha256",
    ) -> bytes | None:
        """Return the digest of a file version.

        Return None if the file changed before it was hashed, or changes too often to be hashed.
        ``settled`` is whether no later version can have the same signature.
        """
        version = signature(status)
        return self._results.find(
            (algorithm, version),
            status,
            settled,
            status.st_size,
            lambda: _hash_version(version, open_file, algorithm),
        )


# One table for the process, since an app that is made in a view lives for one request only.
DIGESTS = ContentDigests()


def _hash_version(expected: Signature, open_file: Opener, algorithm: Algorithm) -> bytes | None:
    """Hash the expected version; return None if the open file is, or becomes, another one."""
    with open_file() as file:
        if signature(file.status) != expected:
            return None
        digest = hash_content(file, file.status.st_size, algorithm)
        return digest if signature(os.fstat(file.fileno())) == expected else None


def hash_content(file: Reader, size: int, algorithm: Algorithm = "sha256") -> bytes:
    """Return the digest of the first ``size`` bytes of a file, or of those it has."""
    digest, offset = hashlib.new(algorithm), 0
    while offset < size and (block := file.read_at(offset, min(size - offset, _HASH_BLOCK))):
        digest.update(block)
        offset += len(block)
        time.sleep(0)  # lets gevent serve other requests
    return digest.digest()
