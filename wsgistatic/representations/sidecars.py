"""Sidecars: content codings of a file that are stored beside it, as ``app.js.br`` for ``app.js``.

Most files have none. One failed ``os.stat`` per suffix shows that without a walk beneath the root;
the policy for links is applied only to what exists.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

from wsgistatic.files.directory import File
from wsgistatic.files.errors import is_missing, logger
from wsgistatic.files.versions import SECOND, Signature, modified_ns, signature
from wsgistatic.http.codings import CODINGS
from wsgistatic.http.negotiation import IDENTITY, acceptable_codings, select_coding

# What each name of a sidecar led to: a version, nothing, or an errno if the stat failed otherwise.
SidecarStats = tuple[Signature | int | None, ...]


class Sidecar(NamedTuple):
    """A stored coding that may be sent instead of its file."""

    coding: str
    file: File
    status: os.stat_result


class Sidecars:
    """Finds the sidecars of files. At equal weight the client gets the first of the codings."""

    def __init__(self, codings: Sequence[str]) -> None:
        self._suffixes = tuple((coding, CODINGS[coding].suffix) for coding in codings)

    def stats(self, path: str) -> SidecarStats:
        """Return what exists beside a file now, to be compared with a later result."""
        return tuple(_stat(path + suffix) for _, suffix in self._suffixes)

    def find(self, file: File, status: os.stat_result, stats: SidecarStats) -> list[Sidecar]:
        """Return the sidecars of a file that are at least as new as a version of it.

        Sidecars whose stat failed are skipped, since the file itself can still be sent. The failure
        is logged once, and tried again when the result of ``stats`` changes. OSError is raised if a
        sidecar exists, but cannot be checked now, for example without descriptors.
        """
        if not any(stats):
            return []
        found, faults = [], []
        for (coding, suffix), there in zip(self._suffixes, stats, strict=True):
            if there is None:
                continue
            if isinstance(there, int):
                faults.append((file.path + suffix, os.strerror(there)))
                continue
            sidecar = file.with_suffix(suffix)
            try:
                sidecar_status = sidecar.stat()
            except OSError as error:
                if not is_missing(error):
                    raise  # the choice is cached, so do not base it on a temporary shortage
                continue  # not a regular file, or not readable
            if is_fresh(sidecar_status, status):
                found.append(Sidecar(coding, sidecar, sidecar_status))
        if faults:
            logger.error("%a: %s", *faults[0])
        return found


def choose_sidecar(
    sidecars: Sequence[Sidecar], size: int, accept_encoding: str | None
) -> Sidecar | None:
    """Return the sidecar to send; None for the file itself of that size (RFC 9110 12.5.3)."""
    if not sidecars:
        return None
    available = [(sidecar.coding, sidecar.status.st_size) for sidecar in sidecars]
    coding = select_coding(acceptable_codings(accept_encoding), [*available, (IDENTITY, size)])
    return next((sidecar for sidecar in sidecars if sidecar.coding == coding), None)


def is_fresh(sidecar: os.stat_result, original: os.stat_result) -> bool:
    """Return whether a sidecar was made from this version of its original.

    A tool that copies the mtime to the sidecar may keep whole seconds only. If the original changed
    within that second, the sidecar's ctime tells whether it was made afterwards.
    """
    if sidecar.st_mtime_ns == original.st_mtime_ns > SECOND:
        return True  # of one build, even if that gives all its files the same time
    made, modified = modified_ns(sidecar), modified_ns(original)
    if made == modified // SECOND * SECOND:
        return max(made, sidecar.st_ctime_ns) >= modified
    return made >= modified


def _stat(path: str) -> Signature | int | None:
    try:
        return signature(os.stat(path))
    except OSError as error:
        return None if is_missing(error) else error.errno
