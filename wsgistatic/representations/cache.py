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
- ``dict.copy()`` and ``list.copy()`` return one state of the original. Iterating over a dict that
  changes could raise RuntimeError. So the dict of variants is replaced when one is added, and the
  remembered values of Accept-Encoding are copied before iterating over them.
- Reading and setting an attribute are indivisible.
- What a thread wrote before it added an entry is visible to each thread that finds the entry. So an
  entry is filled before it is added. Later changes are single assignments, and a reader may see
  some of them and not yet the others; each such state is a valid one.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from time import monotonic

from wsgistatic.files.directory import File
from wsgistatic.files.forks import Locked
from wsgistatic.files.sources import Source
from wsgistatic.representations.cached_file import (
    CHECK_INTERVAL,
    EXPIRED,
    NO_FILE,
    SMALL_BODY,
    CachedFile,
    Variant,
)
from wsgistatic.representations.checks import Check, FolderCheck
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
_MAX_FOLDERS = 1024  # whose checks files may join

# Never part of PATH_INFO: PEP 3333 allows Latin-1, and servers that decode with surrogateescape
# produce U+DC80 to U+DCFF only.
_NO_PATH_INFO = "\ud800"


def page_key(url: str, segments: tuple[str, ...]) -> str:
    """Return the key of a file that is sent for URLs other than its own, such as a 404 page."""
    return _NO_PATH_INFO.join(("", url, *segments))


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
        largest = min(max_body_size, budget - _FILE_SIZE - _VARIANT_SIZE)
        self._largest_bodies = min(largest, SMALL_BODY), largest  # at first, and from then on
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
        return 0 < size <= self._largest_bodies[again]

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
        now, interval = monotonic(), max(CHECK_INTERVAL, self._stat_ttl)
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
            interval = max(CHECK_INTERVAL, self._stat_ttl)
            if not (is_direct and self._join(cached, seen, interval, is_direct)):
                cached.check = Check(cached.next_check(seen, CHECK_INTERVAL))
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
        cached.check = EXPIRED


def _body_size(variant: Variant) -> int:
    if variant.blocks is not None:
        return sum(map(len, variant.blocks))
    return len(variant.content or b"")
