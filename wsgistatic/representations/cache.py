"""A cache of recently served files and their representations, with the bodies of small ones.

An entry is valid as long as ``os.stat`` of its path shows the version it was made from. Callers
must check that before they use it. Only versions whose successors will have other time stamps are
kept. Reading takes no lock. Adding takes one, and evicts files until the rest fits the budget: the
oldest first, but not those used since they were last considered for eviction.

Readers rely on these guarantees of CPython, with and without a global interpreter lock. Each holds
because the keys are strings, None or tuples of integers, whose hash and comparison run no Python
code.

- A look-up in a dict, or in an OrderedDict by ``get``, finds a whole entry or none, whatever other
  threads add or remove at that moment. Adding, ``pop`` and ``clear`` are as indivisible.
- ``tuple(dict.values())``, ``dict.copy()`` and ``list.copy()`` return one state of the original.
  Iterating over the original itself could raise RuntimeError, so methods iterate over a copy.
- Reading and setting an attribute are indivisible.
- What a thread wrote before it added an entry is visible to each thread that finds the entry. So an
  entry is filled before it is added. Later changes are single assignments, and a reader may see
  some of them and not yet the others; each such state is a valid one.
"""

from __future__ import annotations

import math
import os
import time
from collections import OrderedDict
from time import monotonic
from types import MappingProxyType
from typing import Any

from wsgistatic.files.directory import File
from wsgistatic.files.forks import Locked
from wsgistatic.files.sources import Source
from wsgistatic.files.versions import Signature, signature
from wsgistatic.http.codings import PREFERENCE
from wsgistatic.http.dictionaries import DCZ
from wsgistatic.http.negotiation import IDENTITY, acceptable_codings
from wsgistatic.representations.checks import Check, FolderCheck
from wsgistatic.representations.representation import Representation, is_outdated
from wsgistatic.representations.sidecars import Sidecars, SidecarStats

# Bytes of memory besides bodies, paths and URLs. By tracemalloc, over 1,400 files in Python 3.11, a
# file that never varies takes 1,160, and one with a sidecar 2,300 to 4,100, with few values of
# Accept-Encoding. A field of the header policy takes 95, and 200 if its strings are its own. The
# weight is 1 to 60 % above the memory, and up to 5 % below it with 16 long values.
_FILE_SIZE = 350
_VARIANT_SIZE = 850
_ORIGINAL_SIZE = 900
_FIELD_SIZE = 150
_VALUES_SIZE = 2500
_RANKS_SIZE = 200
SMALL_BODY = 128 * 1024  # bytes; a larger body is kept from the second request on
# Bjoern copies the first block of a response behind the header fields, which costs more than to
# send it: 660 us of processor time for 1 MiB in one block, 210 in two.
_FIRST_BLOCK = 4096
_MAX_VALUES = 16  # of Accept-Encoding, remembered for a file
_MAX_VALUE_LENGTH = 100
_MAX_RANKS = 64  # different meanings of Accept-Encoding; browsers and proxies have about six
_RANKED = (*PREFERENCE, IDENTITY)
_MAX_FOLDERS = 1024  # whose checks files may join
_INTERVAL = 1.0  # seconds between checks for changes that a stat of the path does not show

# Never part of PATH_INFO: PEP 3333 allows Latin-1, and servers that decode with surrogateescape
# produce U+DC80 to U+DCFF only.
_NO_PATH_INFO = "\ud800"


def page_key(url: str, segments: tuple[str, ...]) -> str:
    """Return the key of a file that is sent for URLs other than its own, such as a 404 page."""
    return _NO_PATH_INFO.join(("", url, *segments))


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
            self.path_checked_until = (monotonic() if seen is None else seen) + _INTERVAL

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
        self.path_checked_until = monotonic() + _INTERVAL
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
_EXPIRED = Check(0.0)


class CachedFile:
    """A version of a file with the variants that were requested.

    Attributes:
        sidecar_stats: what is beside the file; None if it never has sidecars.
        only: the one variant, if Accept-Encoding does not matter.
        by_coding: the variants by content coding or "identity", if it ever mattered.
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
        self.check = _EXPIRED
        self.used = False

    @property
    def variants(self) -> dict[str | None, Variant]:
        """A copy of the variants by content coding, since other threads may add some."""
        if self.only is None or self.by_coding:
            return self.by_coding.copy()
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


class Cache(Locked):
    """Cached files within a budget.

    Arguments:
        budget: bytes for all entries; 0 keeps none.
        max_body_size: bytes of the largest body that is kept.
        stat_ttl: seconds for which a stat is trusted; 0 requires one for each request.
        shares_fields: whether files share the fields of the header policy.
    """

    def __init__(
        self,
        budget: int,
        max_body_size: int,
        stat_ttl: float,
        sidecars: Sidecars,
        *,
        shares_fields: bool = False,
    ) -> None:
        super().__init__()
        self.files: OrderedDict[str, CachedFile] = OrderedDict()  # by key; for reading only
        self.budget = budget
        self._max_body_size = max_body_size
        self._stat_ttl = stat_ttl
        self._sidecars = sidecars
        self._shares_fields = shares_fields
        self._size = 0
        self._folders: dict[str, FolderCheck] = {}  # by path

    def after_fork(self) -> None:
        """Drop the lock and, if another thread was changing the cache, its entries."""
        if self._lock.locked():
            self.files.clear()
            self._size = 0
        # A thread may have been about to take the lock, so replace it in any case.
        super().after_fork()

    def keeps_body(self, size: int, *, again: bool) -> bool:
        """Return whether a file of ``size`` bytes is kept with its body.

        A large body may replace hundreds of small ones, so the file must be requested ``again``.
        """
        limit = self._max_body_size if again else min(self._max_body_size, SMALL_BODY)
        return 0 < size <= min(limit, self.budget - _FILE_SIZE - _VARIANT_SIZE)

    def is_fresh(self, variant: Variant) -> bool:
        """Return whether a variant is valid, by one ``os.stat`` or a trusted earlier one."""
        now = monotonic()
        if now < variant.trusted_until:
            return True
        is_fresh = variant.stat_matches()
        variant.trusted_until = now + self._stat_ttl if is_fresh else 0.0
        return is_fresh

    def recheck(self, cached: CachedFile) -> bool:
        """Return whether nothing changed that a stat does not show; call when its check is over.

        Responses in between are correct too, since a sidecar itself is checked at each request.
        This check also finds that a recent version gets its date, or that the clock was set back,
        which is too rare to justify reading the clock at each request.
        """
        now, interval = monotonic(), max(_INTERVAL, self._stat_ttl)
        if isinstance(cached.check, FolderCheck):
            if cached.check.holds(now, interval):
                return True
            _leave(cached)
        stats = cached.sidecar_stats
        if stats is not None and stats != self._sidecars.stats(cached.path):
            return False
        if cached.is_outdated():
            return False
        if not self._join(cached, now, interval):
            cached.check = Check(cached.next_check(now, interval))
        return True

    def add(
        self,
        key: str,
        variant: Variant,
        accept_encoding: str | None,
        stats: SidecarStats | None,
        *,
        is_direct: bool = False,
    ) -> None:
        """Add a variant, and evict other files for it, unless its successor could look the same.

        The key is PATH_INFO or a ``page_key``. If the variant has no body, it takes over that of a
        cached one for the same version.
        """
        if not variant.representation.settled or self.budget < _FILE_SIZE + _VARIANT_SIZE:
            return
        seen = variant.trusted_until
        variant.trusted_until = seen + self._stat_ttl if self._stat_ttl else 0.0
        original = variant.original or variant
        with self._lock:
            cached = self.files.get(key, NO_FILE)
            known = (cached.path, cached.signature, cached.sidecar_stats)
            version = (original.path, original.signature, stats)
            if cached is not NO_FILE:
                self._remove(key)
            if known != version or cached.is_outdated():
                cached = CachedFile(original.path, original.signature, stats)
            else:
                _leave(cached)
            cached.put(variant, accept_encoding)
            interval = max(_INTERVAL, self._stat_ttl)
            if not (is_direct and self._join(cached, seen, interval, is_direct)):
                cached.check = Check(cached.next_check(seen, _INTERVAL))
            weight = self._weigh(key, cached)
            if weight > self.budget:
                return
            self.files[key] = cached
            self._size += weight
            while self._size > self.budget:
                oldest, cached = self.files.popitem(last=False)
                if cached.used:
                    cached.used = False
                    self.files[oldest] = cached
                else:
                    self._size -= self._weigh(oldest, cached)

    def _join(
        self, cached: CachedFile, now: float, interval: float, is_direct: bool = False
    ) -> bool:
        """Let a file share the check of its folder if that suffices for it; return whether it does.

        ``is_direct`` is whether no link leads to the file.
        """
        variant = cached.only
        check = None if variant is None else variant.folder
        if variant is None or check is None or cached.by_coding:
            return False
        representation = variant.representation
        if representation.dated_from is not None or any(cached.sidecar_stats or ()):
            return False
        if not check.holds(now, interval):
            return False
        if not (is_direct or variant.stat_suffices) and os.path.islink(variant.path):
            return False
        check.latest = max(check.latest, representation.last_modified or 0)
        cached.check = check
        variant.join_folder()
        return True

    def drop_if_stale(self, key: str, variant: Variant) -> None:
        """Check a variant again, trusted or not, and drop its file if it is no longer valid."""
        if not variant.stat_matches():
            with self._lock:
                # Another thread may have replaced it already.
                if variant in self.files.get(key, NO_FILE).variants.values():
                    self._remove(key)

    def folder_of(self, source: Source) -> FolderCheck | None:
        """Return the check that files of the folder may share; None if the source may not."""
        if type(source) is not File:  # a file of layered directories may be hidden by another one
            return None
        folder = source.path.rpartition(os.sep)[0]
        check = self._folders.get(folder)
        if check is None:
            if len(self._folders) >= _MAX_FOLDERS:
                self._folders.clear()
            check = FolderCheck(source.directory, source.segments[:-1], self._sidecars)
            self._folders[folder] = check
        return check

    def _weigh(self, key: str, cached: CachedFile) -> int:
        """Return the bytes that count against the budget; call it before the file changes too."""
        weight, only = _FILE_SIZE + len(key) + len(cached.path), cached.only
        if only is not None and not cached.by_coding and self._shares_fields:  # 1 us less
            return weight + _VARIANT_SIZE + _body_size(only)
        if cached.by_ranks:
            weight += _VALUES_SIZE + _RANKS_SIZE * len(cached.by_ranks)
        for variant in cached.variants.values():
            weight += _VARIANT_SIZE + _body_size(variant)
            if variant.original is not None:
                weight += _ORIGINAL_SIZE
            if not self._shares_fields:
                fields = variant.representation.policy
                weight += sum(_FIELD_SIZE + len(value) for _, value in fields)
        return weight

    def _remove(self, key: str) -> None:
        self._size -= self._weigh(key, self.files.pop(key))


def _leave(cached: CachedFile) -> None:
    """Let a file have a check of its own again, if it shares that of its folder."""
    if isinstance(cached.check, FolderCheck) and cached.only is not None:
        cached.only.leave_folder()
        cached.check = _EXPIRED


def _body_size(variant: Variant) -> int:
    if variant.blocks is not None:
        return sum(map(len, variant.blocks))
    return len(variant.content or b"")


def _coding_of(variant: Variant) -> str:
    return variant.representation.coding or IDENTITY


def _ranks(accept_encoding: str | None) -> tuple[int, ...]:
    return acceptable_codings(accept_encoding).ranks(_RANKED)
