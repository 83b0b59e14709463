"""The option ``compress``: files are compressed in memory when they are first requested.

The result is another variant of the file in the cache, with a weak tag and without ranges. A Range
request gets the file's own bytes. Requests that arrive while a version is being compressed wait for
the result. A version that does not shrink is remembered, and not tried again.

A file that keeps changing, or files that together do not fit the cache, would be compressed again
and again. That work is bounded. A request that would exceed the bound gets the file's own bytes.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence

from wsgistatic.files.digests import Allowance, SingleFlight
from wsgistatic.files.versions import Signature
from wsgistatic.http.codings import CODINGS, available_codings
from wsgistatic.http.media_types import MediaTypes, is_compressible
from wsgistatic.http.negotiation import IDENTITY, acceptable_codings, select_coding

# A client is waiting: these levels take 1.5 to 3 ms per 100 KB of text, for output that is 10 %
# larger than at the highest level.
_LEVELS = {"gzip": 6, "br": 5, "zstd": 6}
_MIN_SIZE = 200  # bytes; a smaller response fits one packet anyway
_MAX_RATIO = 0.9
_MAX_SHARE = 8  # a file may take up to an eighth of the budget
_MAX_RESULTS = 10_000  # versions
# Bytes per second for each file that keeps changing, and for all versions together that were
# compressed before: about 3 % of a processor.
_RATE = 1024 * 1024


class RefusedError(Exception):
    """Too much was compressed recently."""


class Compression:
    """Compresses files in memory, for a cache that has a budget in bytes."""

    def __init__(self, encodings: Sequence[str], media_types: MediaTypes, budget: int) -> None:
        installed = available_codings()
        self._codings = [coding for coding in encodings if coding in installed]
        self._media_types = media_types
        self._max_size = budget // _MAX_SHARE
        self._once: SingleFlight[tuple[Signature, str], bytes | None] = SingleFlight()
        # Whether a version shrinks.
        self._results: OrderedDict[tuple[Signature, str], bool] = OrderedDict()
        self._allowance: Allowance[str] = Allowance(_RATE)

    def applies_to(self, path: str, size: int) -> bool:
        """Return whether a file has a type and a size that are worth compressing."""
        return (
            _MIN_SIZE <= size <= self._max_size
            and bool(self._codings)
            and is_compressible(self._media_types.content_type(path))
        )

    def coding_for(self, version: Signature, size: int, accept_encoding: str | None) -> str | None:
        """Return the coding to compress a version to; None if its own bytes are to be sent."""
        available = [*((coding, 0) for coding in self._codings), (IDENTITY, size)]
        coding = select_coding(acceptable_codings(accept_encoding), available)
        if coding == IDENTITY or coding is None or self._results.get((version, coding)) is False:
            return None
        return coding

    def compress(
        self, path: str, version: Signature, coding: str, size: int, read: Callable[[], bytes]
    ) -> bytes | None:
        """Compress the bytes that ``read`` returns; return None if they do not shrink by a tenth.

        Raise RefusedError if too much was compressed recently.
        """
        key = (version, coding)

        def work() -> bytes | None:
            # A version that was compressed before was evicted, because the cache is too small. All
            # of these versions share one allowance.
            if not self._allowance.take("" if key in self._results else path, size):
                raise RefusedError
            content = read()
            encoded = b"".join(CODINGS[coding].encode([content], len(content), _LEVELS[coding]))
            shrinks = len(encoded) <= _MAX_RATIO * len(content)
            self._results[key] = shrinks
            while len(self._results) > _MAX_RESULTS:
                self._results.popitem(last=False)
            return encoded if shrinks else None

        return self._once.run(key, work)
