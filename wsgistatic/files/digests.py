"""Digests of files' bytes: the same on every machine that holds the same bytes.

Strategy: a version is hashed once and the digest kept under the version's signature, in a bounded
table; requests that come meanwhile wait for that one. What is too fresh to have a signature of its
own is hashed each time.
"""

from __future__ import annotations

import hashlib
import os
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import BinaryIO
from weakref import WeakValueDictionary

from wsgistatic.files.directory import OpenFile
from wsgistatic.files.versions import Signature, signature

_HASH_BLOCK = 1024 * 1024
_KEPT = 20_000  # digests; about 5 MB


class ContentDigests:
    """A bounded table of content hashes; any number of threads and apps may share it."""

    def __init__(self) -> None:
        self._digests: OrderedDict[Signature, bytes] = OrderedDict()
        self._lock = Lock()
        # A lock for each version being hashed, as long as somebody holds it or waits for it.
        self._under_way: WeakValueDictionary[Signature, Lock] = WeakValueDictionary()

    def digest(
        self, status: os.stat_result, settled: bool, open_file: Callable[[], OpenFile]
    ) -> bytes | None:
        """Give the SHA-256 digest of a file version, hashing it where it is new.

        Arguments:
            status: of the version.
            settled: no later version can share its signature.
            open_file: gives the open file, which is left at its start.

        Returns:
            The digest, or None where the file changed before it could be hashed.

        Raises:
            OSError: the file cannot be opened or read.
        """
        key = signature(status)
        if not settled:
            return _digest_version(key, open_file)
        known = self._known(key)
        if known is not None:
            return known
        with self._lock:
            one_at_a_time = self._under_way.setdefault(key, Lock())
        with one_at_a_time:
            digest = self._known(key)  # unless the one before failed
            if digest is None:
                digest = _digest_version(key, open_file)
                if digest is not None:
                    self._keep(key, digest)
            return digest

    def _known(self, key: Signature) -> bytes | None:
        with self._lock:
            known = self._digests.get(key)
            if known is not None:
                self._digests.move_to_end(key)
            return known

    def _keep(self, key: Signature, digest: bytes) -> None:
        with self._lock:
            self._digests[key] = digest
            if len(self._digests) > _KEPT:
                self._digests.popitem(last=False)


def _digest_version(key: Signature, open_file: Callable[[], OpenFile]) -> bytes | None:
    """Hash this very version; None where the open file is, or becomes, another."""
    file, status = open_file()
    if signature(status) != key:
        return None
    digest = hash_content(file, status.st_size)
    return digest if signature(os.fstat(file.fileno())) == key else None


def content_etag(digest: bytes) -> str:
    """Make the opaque part of an entity tag from a digest."""
    return f'"{digest[:16].hex()}"'


def hash_content(file: BinaryIO, size: int) -> bytes:
    """Give the SHA-256 digest of the first ``size`` bytes of a file, or of those it has."""
    digest = hashlib.sha256()
    file.seek(0)
    while size > 0 and (block := file.read(min(size, _HASH_BLOCK))):
        digest.update(block)
        size -= len(block)
    file.seek(0)  # wrappers, and who reads it whole, begin where it stands
    return digest.digest()
