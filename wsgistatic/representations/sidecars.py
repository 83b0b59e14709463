"""Sidecars: content codings of a file that are stored beside it, as ``app.js.br`` for ``app.js``.

Most files have none. If the whole folder has none, one ``os.stat`` shows that, or else a failed one
per suffix. The policy for links is applied only to what exists.

Time stamps do not prove that a sidecar belongs to its file: a rollback restores an older file
beside a newer sidecar. So the sidecar that is to be sent is compared with its file, once for each
version.
"""

from __future__ import annotations

import errno
import math
import os
from collections.abc import Sequence
from contextlib import ExitStack
from typing import NamedTuple

from wsgistatic.files.changes import FileChangedError, read_fully
from wsgistatic.files.digests import VersionResults
from wsgistatic.files.directory import File, OpenFile
from wsgistatic.files.errors import is_missing, logger
from wsgistatic.files.folders import Folders
from wsgistatic.files.sources import Version
from wsgistatic.files.versions import (
    SECOND,
    RegularFile,
    Signature,
    are_settled,
    changed_ns,
    modified_ns,
    signature,
)
from wsgistatic.http.codings import CODINGS, MAX_HEADER, MAX_TRAILER, IncompleteError
from wsgistatic.http.negotiation import IDENTITY, acceptable_codings, select_coding

# What each name of a sidecar led to: a version, None, or an errno if it could not be checked. Later
# stats differ from an errno, so that a failure is remembered for a second at most.
SidecarStats = tuple[Signature | int | None, ...]

# A sidecar is compared with the beginning of its file. Nearly all text files are shorter than this,
# which takes 0.3 ms with zstd, 0.8 with br, and 7 with gzip.
_MAX_COMPARED = 1024 * 1024  # bytes
_MAX_READ = 2 * _MAX_COMPARED  # bytes of the sidecar, since empty blocks decode to nothing
_BLOCK = 64 * 1024  # bytes of a sidecar that are read at a time
# No compressor adds more than a hundredth, but a gzip header may hold 64 KiB of other data.
_MAX_OVERHEAD = 128 * 1024  # bytes


class Sidecar(NamedTuple):
    """A stored coding that may be sent instead of its file."""

    coding: str
    file: File
    status: os.stat_result


# One table for the process, since a view may create an app for each request.
_FOLDERS = Folders([coding.suffix for coding in CODINGS.values()])


class Sidecars:
    """Finds sidecars. Of those of equal weight and size, the client gets the first coding."""

    def __init__(self, codings: Sequence[str]) -> None:
        self._codings = tuple(codings)
        self._none = (None,) * len(self._codings)

    def stats(self, path: str) -> SidecarStats:
        """Return what exists beside a file now, to be compared with a later result."""
        if self._codings and _FOLDERS.is_bare(path.rpartition(os.sep)[0]):
            return self._none
        stats = tuple([_stat(path + CODINGS[coding].suffix) for coding in self._codings])
        return stats if any(stats) else self._none

    def are_absent(self, folder: str) -> bool:
        """Return whether it is certain that no file in a folder has a sidecar now."""
        return not self._codings or _FOLDERS.is_known_bare(folder)

    def find(self, file: File, status: os.stat_result, stats: SidecarStats) -> Candidates:
        """Return the sidecars of a file that are at least as new as a version of it."""
        return Candidates(file, status, self._codings, stats)


class Candidates:
    """The sidecars of one version of a file that may be sent instead of it.

    A sidecar that cannot be checked, for example for lack of descriptors, is skipped: the file
    itself can still be sent. The failure is logged, and the sidecar is tried again when the result
    of ``Sidecars.stats`` differs from ``stats``.
    """

    def __init__(
        self, file: File, status: os.stat_result, codings: tuple[str, ...], stats: SidecarStats
    ) -> None:
        self._file, self._status, self._codings = file, status, codings
        self._has_failed = False
        self.stats = stats
        self.sidecars: list[Sidecar] = []
        for coding, there in zip(codings, stats, strict=True):
            if there is not None:
                self._add(coding, there)

    def _add(self, coding: str, there: Signature | int) -> None:
        """Add the sidecar that a stat has found, if it may be sent."""
        sidecar = self._file.with_suffix(CODINGS[coding].suffix)
        try:
            if isinstance(there, int):
                raise OSError(there, os.strerror(there))
            status = sidecar.stat()
        except OSError as error:
            if not is_missing(error):  # otherwise not a regular file, or not readable
                self._skip(coding, sidecar, error)
            return
        if is_fresh(status, self._status):
            self.sidecars.append(Sidecar(coding, sidecar, status))

    def take(self, chosen: Sidecar, version: Version) -> Version | None:
        """Return the version of a sidecar, and close that of its file, which it replaces.

        It is open if that of the file is. If the sidecar cannot be sent, drop it and return None.
        Raise FileChangedError if it has vanished or changed; try again.
        """
        with ExitStack() as unsent:
            sent = Version(chosen.status.st_size, chosen.status, chosen.file.path)
            try:
                if isinstance(version, OpenFile):
                    sent = unsent.enter_context(_open_sidecar(chosen.file, self._status))
                fault = self._find_fault(chosen, sent, version)
            except FileChangedError:
                raise
            except OSError as error:
                if is_missing(error):
                    raise FileChangedError("the sidecar can no longer be opened") from None
                self._skip(chosen.coding, chosen.file, error)
                return None
            if fault:
                self.sidecars.remove(chosen)
                return None
            unsent.pop_all()
        version.close()
        return sent

    def _find_fault(self, chosen: Sidecar, sent: Version, version: Version) -> str:
        """Return the fault of a sidecar, or ""; raise BlockingIOError if it changes too often."""
        sidecar_status = sent.status or chosen.status
        versions = signature(sidecar_status), signature(self._status)

        def compare() -> str:
            with chosen.file.opened(sent) as sidecar, self._file.opened(version) as original:
                fault = sidecar_fault(chosen.coding, sidecar.file, original.file) or ""
            if fault:
                logger.warning("%a: not sent, since %s", chosen.file.path, fault)
            return fault

        settled = are_settled(sidecar_status, self._status)
        key = (chosen.coding, *versions)
        size = min(sidecar_status.st_size, _MAX_READ) + min(self._status.st_size, _MAX_COMPARED)
        fault = _FAULTS.find(key, sidecar_status, settled, size, compare)
        if fault is None:
            raise BlockingIOError(errno.EAGAIN, "the sidecar changes too often")
        return fault

    def _skip(self, coding: str, file: File, error: OSError) -> None:
        self.sidecars = [one for one in self.sidecars if one.coding != coding]
        at = self._codings.index(coding)
        self.stats = (*self.stats[:at], error.errno or errno.EIO, *self.stats[at + 1 :])
        if not self._has_failed and error.errno != errno.EAGAIN:
            logger.error("%a: %s", file.path, error.strerror or error)
            self._has_failed = True


def choose_sidecar(
    sidecars: Sequence[Sidecar], size: int, accept_encoding: str | None
) -> Sidecar | None:
    """Return the sidecar to send, or None for the file itself, of ``size`` bytes."""
    if not sidecars:
        return None
    available = [(sidecar.coding, sidecar.status.st_size) for sidecar in sidecars]
    coding = select_coding(acceptable_codings(accept_encoding), [*available, (IDENTITY, size)])
    return next((sidecar for sidecar in sidecars if sidecar.coding == coding), None)


def is_fresh(sidecar: os.stat_result, original: os.stat_result) -> bool:
    """Return whether a sidecar was made from this version of its original.

    A tool that copies the mtime to the sidecar may keep whole seconds only, or round it to a float,
    as WhiteNoise does. If the original changed within what is lost, the sidecar's ctime tells
    whether it was made afterwards.
    """
    if sidecar.st_mtime_ns == original.st_mtime_ns > SECOND:
        return True  # both are from one build, even if it gives all files the same time
    made, modified = modified_ns(sidecar), modified_ns(original)
    if made in (modified // SECOND * SECOND, _from_float(original.st_mtime)):
        return max(made, changed_ns(sidecar)) >= modified
    return made >= modified


def _from_float(seconds: float) -> int:
    """Return the nanoseconds that ``os.utime`` sets for a float (which rounds the mtime)."""
    fraction, whole = math.modf(seconds)
    return int(whole) * SECOND + math.floor(fraction * SECOND)


def _open_sidecar(chosen: File, original: os.stat_result) -> OpenFile:
    """Open the chosen sidecar, which may have been replaced since."""
    opened = chosen.open()
    if not is_fresh(opened.status, original):
        opened.close()
        raise FileChangedError("the sidecar is older than its file now")
    return opened


# One table for the process, as for digests; the result is "" if there is no fault.
_FAULTS: VersionResults[tuple[str, Signature, Signature], str] = VersionResults()


def sidecar_fault(coding: str, sidecar: RegularFile, original: RegularFile) -> str | None:
    """Return why a sidecar is not a coding of its file that every client decodes; None if it is.

    The header and the trailer are checked, and the first MiB of the decoded bytes is compared with
    the file. Without the library of the coding there is no comparison.

    Arguments:
        coding: name of the content coding.
        sidecar, original: the two files, open. Their positions neither matter nor change.
    """
    length, size = sidecar.status.st_size, original.status.st_size
    if length > size + size // 100 + _MAX_OVERHEAD:
        return "it is much larger than its file"
    head = read_fully(sidecar, 0, MAX_HEADER)
    tail = read_fully(sidecar, max(length - MAX_TRAILER, 0), MAX_TRAILER)
    fault = CODINGS[coding].fault(head, tail, size)
    return _compare(coding, sidecar, original) if fault is None else fault


def _compare(coding: str, sidecar: RegularFile, original: RegularFile) -> str | None:
    length = sidecar.status.st_size
    read = (sidecar.read_at(at, _BLOCK) for at in range(0, min(length, _MAX_READ), _BLOCK))
    compared = 0
    try:
        for block in CODINGS[coding].decode(read):
            if block != read_fully(original, compared, len(block)):
                return "it holds other bytes"
            compared += len(block)
            if compared > _MAX_COMPARED:
                return None
    except ImportError:
        return None
    except IncompleteError as error:
        return None if length > _MAX_READ else f"it is {error}"
    except ValueError as error:
        return f"it is {error}"
    return None if compared == original.status.st_size else "it holds other bytes"


def _stat(path: str) -> Signature | int | None:
    try:
        return signature(os.stat(path))
    except FileNotFoundError:  # nearly always: without classifying it, 0.5 us less
        return None
    except OSError as error:
        return None if is_missing(error) else error.errno
