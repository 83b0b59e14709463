"""The option ``compress``: text is compressed in memory when it is first asked for.

Strategy: the outcome is one more coding of the file in the catalog, with a weak tag and without
ranges; who wants a range gets the file's own bytes. Requests that come while a version is being
compressed wait for that one; what does not shrink is remembered, and not tried again.
"""

from __future__ import annotations

import os
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from threading import Lock

from wsgistatic.files.changes import FileChangedError, read_content
from wsgistatic.files.directory import OpenFile
from wsgistatic.files.versions import Signature, signature
from wsgistatic.http.codings import CODINGS, available_codings
from wsgistatic.http.media_types import MediaTypes, is_text
from wsgistatic.http.negotiation import IDENTITY, acceptable_codings, select_coding
from wsgistatic.representations.cache import Catalog, Entry, Key
from wsgistatic.representations.loader import Keeper
from wsgistatic.representations.representation import Representation, compressed, is_dated_ahead
from wsgistatic.representations.sidecars import Selected

# Done while somebody waits: 1.5 to 3 ms for 100 KB of text, a tenth larger than at the highest.
_LEVELS = {"gzip": 6, "br": 5, "zstd": 6}
_LEAST = 200  # bytes; less than a packet saves nothing
_WORTH = 0.9  # of the size, at most
_LARGEST_SHARE = 8  # of the catalog's budget
_REMEMBERED = 10_000  # versions that did not shrink

_Version = tuple[Signature, str]


class Compression:
    """Compresses files of text within a catalog's budget.

    Arguments:
        encodings: content codings, those preferred at equal weight first.
        media_types: finds the Content-Type.
        catalog, keeper: where the outcome goes.
    """

    def __init__(
        self,
        encodings: Sequence[str],
        media_types: MediaTypes,
        catalog: Catalog,
        keeper: Keeper,
    ) -> None:
        installed = available_codings()
        self._codings = [coding for coding in encodings if coding in installed]
        self._media_types = media_types
        self._catalog = catalog
        self._keeper = keeper
        self._once = _Once()
        self._stubborn: OrderedDict[_Version, None] = OrderedDict()

    def applies(self, path: str, size: int) -> bool:
        """Tell whether a file is text, of a size to be compressed."""
        return (
            _LEAST <= size <= self._catalog.budget // _LARGEST_SHARE
            and bool(self._codings)
            and is_text(self._media_types.content_type(os.path.basename(path)))
        )

    def entry(
        self,
        path_info: str,
        accept_encoding: str | None,
        selected: Selected,
        own: Representation,
        open_file: Callable[[], OpenFile],
    ) -> Entry | None:
        """Give the compressed representation of a file; None where its own is to be sent.

        Arguments:
            path_info: the file's key.
            accept_encoding: value of Accept-Encoding, or None.
            selected: the file's own representation was.
            own: its description.
            open_file: gives the open file, at its start.

        Raises:
            OSError: it cannot be read.
            FileChangedError: it changed meanwhile.
        """
        if selected.coding or not own.settled or not self.applies(own.path, own.size):
            return None
        available = [*((coding, 0) for coding in self._codings), (IDENTITY, own.size)]
        coding = select_coding(acceptable_codings(accept_encoding), available)
        if coding is None or coding == IDENTITY:
            return None
        version = (signature(selected.status), coding)
        if version in self._stubborn:
            return None
        key: Key = (path_info, coding)
        ready = self._catalog.entries.get(key)
        if (
            ready is None
            or ready.signature != version[0]
            or is_dated_ahead(ready.representation, time.time())
        ):
            content = self._once.run(version, lambda: self._compress(version, open_file()))
            if content is None:
                return None
            ready = self._keeper.keep_compressed(
                key, selected, compressed(own, coding, content), content
            )
        self._keeper.keep_choice(key, accept_encoding, selected, own)
        return ready

    def _compress(self, version: _Version, opened: OpenFile) -> bytes | None:
        expected, coding = version
        if signature(opened.status) != expected:  # a HEAD opens what it looked at before
            raise FileChangedError("the file was replaced before it was read")
        content = read_content(opened)
        opened.file.seek(0)
        encoded = b"".join(CODINGS[coding].encode([content], len(content), _LEVELS[coding]))
        if len(encoded) <= _WORTH * len(content):
            return encoded
        self._stubborn[version] = None
        while len(self._stubborn) > _REMEMBERED:
            self._stubborn.popitem(last=False)
        return None


class _Once:
    """Lets one thread do a thing, and gives its outcome to those who want it meanwhile."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._under_way: dict[_Version, Future[bytes | None]] = {}

    def run(self, key: _Version, function: Callable[[], bytes | None]) -> bytes | None:
        with self._lock:
            other = self._under_way.get(key)
            if other is None:
                ours = self._under_way[key] = Future()
        if other is not None:
            return other.result()
        try:
            outcome = function()
        except Exception as error:
            ours.set_exception(error)
            raise
        except BaseException:  # a time limit, say, that is not that of those who wait
            ours.set_exception(FileChangedError("who read the file was stopped: look again"))
            raise
        else:
            ours.set_result(outcome)
            return outcome
        finally:
            del self._under_way[key]
