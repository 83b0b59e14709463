"""Entity tags made from a file's bytes: the same on every machine that holds the same bytes.

Strategy: a version is hashed once and the tag kept under the version's signature, in a bounded
table; what is too fresh to have a signature of its own is hashed each time.
"""

from __future__ import annotations

import hashlib
import os
from collections import OrderedDict
from collections.abc import Callable
from io import FileIO
from threading import Lock

from wsgistatic.directory import OpenFile
from wsgistatic.version import Signature, signature

_DIGEST_SIZE = 16  # bytes
_HASH_BLOCK = 1024 * 1024
_KEPT = 20_000  # tags; about 5 MB


class ContentTags:
    """A bounded table of content hashes."""

    def __init__(self) -> None:
        self._tags: OrderedDict[Signature, str] = OrderedDict()
        self._lock = Lock()

    def tag(
        self, status: os.stat_result, settled: bool, open_file: Callable[[], OpenFile]
    ) -> str | None:
        """Give the opaque tag of a file version, hashing it where it is new.

        Arguments:
            status: of the version.
            settled: no later version can share its signature.
            open_file: gives the open file, whose position is moved.

        Returns:
            The tag, or None where the file changed before it could be hashed.

        Raises:
            OSError: the file cannot be opened or read.
        """
        key = signature(status)
        with self._lock:
            known = self._tags.get(key)
            if known is not None:
                self._tags.move_to_end(key)
                return known
        file, opened_status = open_file()
        tag = _digest(file, status.st_size)
        if not key == signature(opened_status) == signature(os.fstat(file.fileno())):
            return None
        if settled:
            self._keep(key, tag)
        return tag

    def _keep(self, key: Signature, tag: str) -> None:
        with self._lock:
            self._tags[key] = tag
            if len(self._tags) > _KEPT:
                self._tags.popitem(last=False)


def _digest(file: FileIO, size: int) -> str:
    digest = hashlib.blake2b(digest_size=_DIGEST_SIZE)
    file.seek(0)
    while size > 0 and (block := file.read(min(size, _HASH_BLOCK))):
        digest.update(block)
        size -= len(block)
    return f'"{digest.hexdigest()}"'
