"""SHA-256 digests of file versions, and work that is done once for all threads that need it.

Requests that need the digest of a version that is being hashed wait for it. A version too recent to
have a signature of its own is hashed each time.
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
from threading import Lock
from typing import Generic, TypeVar

from wsgistatic.files.changes import Reader
from wsgistatic.files.forks import call_after_fork
from wsgistatic.files.versions import RegularFile, Signature, signature

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")
Opener = Callable[[], AbstractContextManager[RegularFile]]

_HASH_BLOCK = 1024 * 1024  # bytes
_PATIENCE = 30.0  # seconds
_MAX_DIGESTS = 20_000  # about 5 MB


class SingleFlight(Generic[K, T]):
    """Lets one thread do the work for a key while the others wait for its result."""

    def __init__(self) -> None:
        self.after_fork()
        call_after_fork(self)

    def after_fork(self) -> None:
        """Forget work that was begun by threads which a forked child does not have."""
        self._lock = Lock()
        # The future of a failed attempt has no result: its threads have to try for themselves.
        self._in_progress: dict[K, Future[tuple[T] | None]] = {}

    def run(self, key: K, function: Callable[[], T]) -> T:
        """Return the result of the function, or that of a thread that is already running it.

        If that thread fails, another one does the work: the error may have been the thread's own,
        such as an interrupt or a time limit. If it takes too long, for example because a file
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


class ContentDigests:
    """A bounded table of digests, which any number of threads and apps may share."""

    def __init__(self) -> None:
        self._digests: OrderedDict[Signature, bytes] = OrderedDict()
        self._once: SingleFlight[Signature, bytes | None] = SingleFlight()
        self.after_fork()
        call_after_fork(self)

    def after_fork(self) -> None:
        """Drop the lock, which another thread may have held when the process forked."""
        self._lock = Lock()

    def digest(self, status: os.stat_result, settled: bool, open_file: Opener) -> bytes | None:
        """Return the digest of a file version, or None if the file changed before it was hashed.

        ``settled``: no later version can share the signature of this one.
        """
        key = signature(status)
        if not settled:
            return _hash_version(key, open_file)
        return self._stored(key) or self._once.run(key, lambda: self._hash_once(key, open_file))

    def _hash_once(self, key: Signature, open_file: Opener) -> bytes | None:
        digest = self._stored(key)  # another thread may have stored it since
        if digest is None and (digest := _hash_version(key, open_file)) is not None:
            with self._lock:
                self._digests[key] = digest
                if len(self._digests) > _MAX_DIGESTS:
                    self._digests.popitem(last=False)
        return digest

    def _stored(self, key: Signature) -> bytes | None:
        with self._lock:
            if key in self._digests:
                self._digests.move_to_end(key)
            return self._digests.get(key)


# One table for the process: an app that is made in a view lives for one request, its files longer.
DIGESTS = ContentDigests()


def _hash_version(expected: Signature, open_file: Opener) -> bytes | None:
    """Hash the expected version; return None if the open file is, or becomes, another one."""
    with open_file() as file:
        if signature(file.status) != expected:
            return None
        digest = hash_content(file, file.status.st_size)
        return digest if signature(os.fstat(file.fileno())) == expected else None


def hash_content(file: Reader, size: int) -> bytes:
    """Return the SHA-256 digest of the first ``size`` bytes of a file, or of those it has."""
    digest, offset = hashlib.sha256(), 0
    while offset < size and (block := file.read_at(offset, min(size - offset, _HASH_BLOCK))):
        digest.update(block)
        offset += len(block)
        time.sleep(0)  # gevent serves others meanwhile
    return digest.digest()
