"""A version of a file in the cache, with the representations that were requested.

A version is valid as long as ``os.stat`` of its path shows it. Other threads may change an entry
while it is read; the module ``cache`` says why that is safe.
"""

from __future__ import annotations

import math
import os
import time
from time import monotonic
from types import MappingProxyType
from typing import Any

from wsgistatic.files.directory import File
from wsgistatic.files.sources import Source
from wsgistatic.files.versions import Signature, signature
from wsgistatic.http.codings import PREFERENCE
from wsgistatic.http.dictionaries import DCZ
from wsgistatic.http.negotiation import IDENTITY, acceptable_codings
from wsgistatic.representations.checks import Check, FolderCheck
from wsgistatic.representations.representation import Representation, is_outdated
from wsgistatic.representations.sidecars import SidecarStats

SMALL_BODY = 128 * 1024  # bytes; a larger body is kept from the second request on
# Bjoern copies the first block of a response behind the header fields, which costs more than to
# send it: 660 us of processor time for 1 MiB in one block, 210 in two.
_FIRST_BLOCK = 4096
_MAX_VALUES = 16  # of Accept-Encoding, remembered for a file
_MAX_VALUE_LENGTH = 100
_MAX_RANKS = 64  # different meanings of Accept-Encoding; browsers and proxies have about six
_RANKED = (*PREFERENCE, IDENTITY)
CHECK_INTERVAL = 1.0  # seconds between checks for changes that a stat of the path does not show


class Location:
    """A path, and the version that it led to.

    If a plain stat of the path does not prove that the path still leads to the version inside the
    root, ``file`` is its source; otherwise ``path_checked_until`` is infinite. All times are on the
    monotonic clock. The status was ``seen`` some time ago, since the file may have been hashed or
    compressed in the meantime.
    """

    __slots__ = ("file", "path", "path_checked_until", "signature")

    def __init__(
        self,
        path: str,
        status: os.stat_result,
        source: Source,
        seen: float | None = None,
        is_direct: bool = False,
    ) -> None:
        self.path = path
        self.signature = _small_signature(status)
        self.file: File | None = None
        self.path_checked_until = math.inf
        if isinstance(source, File) and _may_leave_root(source, is_direct):
            self.file = source
            self.path_checked_until = (monotonic() if seen is None else seen) + CHECK_INTERVAL

    def stat_matches(self) -> bool:
        """Return whether the path leads to the version now."""
        try:
            status = os.stat(self.path)
        except OSError:
            return False
        return signature(status) == self.signature and self.still_leads_here()

    def still_leads_here(self) -> bool:
        """Return whether the path still leads to the version inside the root.

        A plain stat does not show that a directory was moved out of the root and replaced by a link
        to it. Therefore the path is walked beneath the root once a second.
        """
        source = None if monotonic() < self.path_checked_until else self.source()
        if source is None:
            return True
        try:
            leads_here: bool = signature(source.stat_beneath_root()) == self.signature
        except OSError:
            return False
        self.path_checked_until = monotonic() + CHECK_INTERVAL
        return leads_here

    def source(self) -> File | None:
        """Return the source, if it may have to be looked up again."""
        return self.file


_devices: dict[int, int] = {}


def _small_signature(status: os.stat_result) -> Signature:
    """Return the signature of a version, in which equal numbers are one object: 65 bytes less."""
    mtime, size, inode, ctime, device = signature(status)
    device = _devices.setdefault(device, device)
    return mtime, size, inode, mtime if mtime == ctime else ctime, device


def _may_leave_root(file: File, is_direct: bool = False) -> bool:
    """Return whether the path could leave the root while its stat stays the same."""
    # A link in the root itself may lead through a directory that is moved out.
    return not file.stat_suffices or (
        not is_direct and file.directory.symlinks == "inside" and os.path.islink(file.path)
    )


class Variant(Location):
    """One representation of a cached file, ready to be sent.

    Attributes:
        folder: its check, if the file may share it, in place of ``file``.
        original: for a sidecar, the location of its file.
        content: all bytes, or None.
        blocks: for a large file all bytes, as a body that is copied before use; otherwise None.
        is_readable: the file at the path contains the bytes as they are sent, unlike an archive.
        stat_suffices: a stat of the path alone proves that the variant is valid.
        trusted_until: when a stat is needed again; at first, when the version was current.
    """

    __slots__ = (
        *("blocks", "content", "etag", "folder", "is_readable", "last_modified", "original"),
        *("representation", "stat_suffices", "trusted_until"),
    )

    def __init__(
        self,
        representation: Representation,
        status: os.stat_result,
        source: Source,
        content: bytes | None = None,
        *,
        original: Location | None = None,
        seen: float | None = None,
        is_direct: bool = False,
        folder: FolderCheck | None = None,
    ) -> None:
        self.trusted_until = monotonic() if seen is None else seen
        super().__init__(representation.path, status, source, self.trusted_until, is_direct)
        self.representation = representation
        self.original = original
        self.etag, self.last_modified = representation.etag, representation.date
        self.content, self.blocks = content, None
        self.is_readable = isinstance(source, File) and representation.has_ranges
        if content is not None and len(content) > SMALL_BODY and self.is_readable:
            self.content, self.blocks = None, [content[:_FIRST_BLOCK], content[_FIRST_BLOCK:]]
        self.stat_suffices = self.file is None and original is None
        self.folder = folder
        if folder is not None:
            self.file = None  # 400 bytes less

    def source(self) -> File | None:
        """Return the source, if it may have to be looked up again."""
        return self.file if self.folder is None else self.folder.source(self.path)

    def join_folder(self) -> None:
        """Rely on the check of the folder to find out whether the path still leads here."""
        self.path_checked_until, self.stat_suffices = math.inf, True

    def leave_folder(self) -> None:
        """Find that out for this path alone again."""
        source = self.source()
        if source is not None and _may_leave_root(source):
            self.path_checked_until, self.stat_suffices = 0.0, False

    def still_leads_here(self) -> bool:
        """Return whether the path, and that of the original, still lead to their versions."""
        if self.original is not None and not self.original.stat_matches():
            return False
        return super().still_leads_here()


_NONE: Any = MappingProxyType({})  # in place of a dict, which takes 64 bytes even if it is empty
EXPIRED = Check(0.0)


class CachedFile:
    """A version of a file with the variants that were requested.

    Attributes:
        sidecar_stats: what is beside the file; None if it never has sidecars.
        only: the one variant, if Accept-Encoding does not matter.
        by_coding: the variants by content coding or "identity", if it ever mattered. To add one
            replaces the dict, since other threads may iterate over it.
        by_accept_encoding, by_ranks: the coding to send, by the value of the field and its meaning.
        check: until when a stat suffices.
        used: since it was last considered for eviction.
    """

    __slots__ = (
        *("by_accept_encoding", "by_coding", "by_ranks", "check", "only", "path", "sidecar_stats"),
        *("signature", "used"),
    )

    def __init__(
        self, path: str, signature: Signature | tuple[()], sidecar_stats: SidecarStats | None
    ) -> None:
        self.path, self.signature, self.sidecar_stats = path, signature, sidecar_stats
        self.only: Variant | None = None
        self.by_coding: dict[str | None, Variant] = _NONE
        self.by_accept_encoding: dict[str | None, str] = _NONE
        self.by_ranks: dict[tuple[int, ...], str] = _NONE
        self.check = EXPIRED
        self.used = False

    @property
    def variants(self) -> dict[str | None, Variant]:
        """The variants by content coding."""
        if self.only is None or self.by_coding:
            return self.by_coding
        return {_coding_of(self.only): self.only}

    def variant_for(self, accept_encoding: str | None) -> Variant | None:
        """Return the variant for a value of Accept-Encoding, if it is known."""
        if self.only is not None:
            return self.only
        coding = self.by_accept_encoding.get(accept_encoding)
        if coding is None:
            # The value is new, or too many others were seen since.
            coding = self.by_ranks.get(_ranks(accept_encoding))
            if coding is not None:
                self._remember_value(accept_encoding, coding)
        return self.by_coding.get(coding)

    @property
    def has_deltas(self) -> bool:
        """Whether a client may get a delta of the file."""
        return any(one.representation.use_as_dictionary for one in self.variants.values())

    def put(self, variant: Variant, accept_encoding: str | None) -> None:
        """Add a variant; the caller holds the lock of the cache."""
        coding, varies = _coding_of(variant), variant.representation.varies
        if not varies and self.only is None and not self.by_coding:
            self.only = variant  # which it nearly always is
            return
        known = self.variants.get(coding)
        if known is not None and known.signature == variant.signature:
            variant.content = variant.content or known.content
            variant.blocks = variant.blocks or known.blocks
        if varies or self.by_coding or (self.only is not None and known is None):
            self.by_coding = {**self.variants, coding: variant}
        self.only = None if varies else variant
        if varies:
            if len(self.by_ranks) >= _MAX_RANKS or not self.by_ranks:
                self.by_ranks = {}
            self.by_ranks[_ranks(accept_encoding)] = coding
            self._remember_value(accept_encoding, coding)

    def _remember_value(self, accept_encoding: str | None, coding: str) -> None:
        # A client that also accepts deltas may offer a dictionary. It never takes the short path of
        # StaticFiles, which therefore need not look for the field.
        value = accept_encoding or ""
        if len(value) <= _MAX_VALUE_LENGTH and DCZ not in value.lower():
            if not self.by_accept_encoding:
                self.by_accept_encoding = {}
            values = self.by_accept_encoding
            # Other threads add and remove values: a copy keeps its order, it may be empty, and two
            # threads may remove the same value.
            while len(values) >= _MAX_VALUES:
                values.pop(next(iter(values.copy()), None), None)
            values[accept_encoding] = coding

    def next_check(self, now: float, interval: float) -> float:
        """Return when the interval ends, or earlier when a variant gets its date."""
        dates = [one.representation.dated_from for one in self.variants.values()]
        wait = min((date - time.time() for date in dates if date is not None), default=interval)
        return now + min(wait, interval)

    def is_outdated(self) -> bool:
        """Return whether a variant has to be described again."""
        now = time.time()
        return any(is_outdated(one.representation, now) for one in self.variants.values())


# What a look-up returns for a file that is not cached.
NO_FILE = CachedFile("", (), None)


def _coding_of(variant: Variant) -> str:
    return variant.representation.coding or IDENTITY


def _ranks(accept_encoding: str | None) -> tuple[int, ...]:
    return acceptable_codings(accept_encoding).ranks(_RANKED)
