"""Deltas: the sidecars of a file for clients that have an older version of it (RFC 9842).

The server needs neither zstd nor the older version. The name of the delta has the SHA-256 of the
dictionary that a client offers, so one ``os.stat`` shows whether there is one. Its last bytes have
the SHA-256 of the file. So neither a rollback nor a copied tree, whatever its time stamps, makes a
client decode a delta to other bytes than those of the file.
"""

from __future__ import annotations

import os

from wsgistatic.files.changes import read_fully
from wsgistatic.files.directory import File, OpenFile
from wsgistatic.files.errors import is_missing, logger
from wsgistatic.files.sources import Version
from wsgistatic.http.dictionaries import (
    DCZ_HEAD,
    DCZ_MAGIC,
    DELTA_HEADER,
    delta_fault,
    delta_suffix,
)
from wsgistatic.representations.sidecars import is_fresh


def has_delta(path: str, dictionary: str) -> bool:
    """Return whether something has the name of a delta beside a file; costs one ``os.stat``."""
    try:
        os.stat(path + delta_suffix(dictionary))
    except OSError as error:
        return not is_missing(error)
    return True


def open_delta(original: File, version: Version, dictionary: str) -> OpenFile | None:
    """Open the delta of a version of a file for a dictionary; None if none may be sent.

    A delta that cannot be read is skipped and logged, since the file itself can still be sent.
    """
    if not has_delta(original.path, dictionary):
        return None
    delta = original.with_suffix(delta_suffix(dictionary))
    try:
        opened = delta.open()
    except OSError as error:
        if not is_missing(error):
            logger.error("%a: %s", delta.path, error.strerror or error)
        return None
    try:
        if why_not_sent(opened, original, version, dictionary) is None:
            return opened
    except OSError as error:
        logger.error("%a: %s", delta.path, error.strerror or error)
    opened.close()
    return None


def why_not_sent(delta: OpenFile, original: File, version: Version, dictionary: str) -> str | None:
    """Return why an open delta must not be sent for a version of its file, or None."""
    if version.status is None or not is_fresh(delta.status, version.status):
        return "older than its file"
    fault = delta_fault(read_fully(delta.file, 0, DELTA_HEADER), dictionary, version.size)
    if fault is None:
        tail = read_fully(delta.file, max(delta.size - DCZ_HEAD, 0), DCZ_HEAD)
        digest = original.digest(version)  # None if the file changes too often
        if digest is None or tail != DCZ_MAGIC + digest:
            fault = "it is not known to hold the bytes of the file"
    return fault and f"not sent, since {fault}"
