"""What is ready: representations of files asked for before, small ones with their bytes.

Strategy: an entry is good for as long as ``os.stat`` of its path shows the very version that it
was made from; who uses it asks first. A file is known by its PATH_INFO, a coding of it by that
and the coding, which is good only while the file is too. Only versions that the clock can tell
from the next one are kept. Reading takes no lock (one dictionary look-up); adding takes one, and
throws out what was not used since it was last looked at, oldest first, until all fits the budget.
"""

from __future__ import annotations

import os
import time
from collections import OrderedDict
from collections.abc import Callable
from math import inf
from threading import Lock
from time import monotonic

from wsgistatic.files.versions import signature
from wsgistatic.http.fields import Headers
from wsgistatic.representations.representation import Representation, is_dated_ahead
from wsgistatic.representations.sidecars import Seen

# What an entry weighs besides its content: headers, names, numbers (measured: 2.9 KB).
_ENTRY_SIZE = 3000
_INTERVAL = 1.0  # seconds between looks at what a stat of the path does not show
# Values of Accept-Encoding remembered for a file, their length, and bytes for all of them.
_CHOICES = 16
_CHOICE_LENGTH = 100
_CHOICES_SIZE = 4000

# A file's PATH_INFO, or that and a content coding.
Key = str | tuple[str, str]
UNKNOWN: Key = ("", "")  # nothing has it


class Entry:
    """One version of one file, ready to be sent.

    Attributes:
        path: of the file.
        status: of the file.
        signature: of the version.
        representation: its description.
        etag, last_modified: the values of these header fields, or None.
        full_headers, not_modified_headers: of a 200 and a 304; to be copied, not handed out.
        body: all bytes as a body of one block, to be copied; or None.
        trusted_until: on the monotonic clock, in seconds.
        used: since it was last looked at for throwing out.
        recheck, walked_until: see ``Catalog.is_in_place``.
        original: where this is a coding of a file, the entry of the file.
        choices: where there are codings, the key to the one for an Accept-Encoding; else None.
        look, seen, seen_until: see ``Catalog.is_as_seen``.
    """

    __slots__ = (
        "body",
        "choices",
        "etag",
        "full_headers",
        "last_modified",
        "look",
        "not_modified_headers",
        "original",
        "path",
        "recheck",
        "representation",
        "seen",
        "seen_until",
        "shown_by_stat",
        "signature",
        "status",
        "trusted_until",
        "used",
        "walked_until",
    )

    def __init__(
        self,
        representation: Representation,
        status: os.stat_result,
        recheck: Callable[[], os.stat_result] | None = None,
        content: bytes | None = None,
        *,
        original: Entry | None = None,
    ) -> None:
        self.path = representation.path
        self.status = status
        self.signature = signature(status)
        self.representation = representation
        self.full_headers: Headers = representation.full_headers
        self.not_modified_headers: Headers = representation.not_modified_headers
        self.etag = representation.validators.etag
        self.last_modified = dict(self.full_headers).get("Last-Modified")
        self.body = None if content is None else [content]
        self.trusted_until = 0.0
        self.used = False
        self.recheck = recheck
        self.walked_until = monotonic() + _INTERVAL
        self.original = original
        self.shown_by_stat = recheck is None and original is None
        self.choices: dict[str | None, Key] | None = None
        self.look: Callable[[], Seen] = tuple
        self.seen: Seen = ()
        self.seen_until = inf

    def watch_sidecars(self, look: Callable[[], Seen], seen: Seen) -> None:
        """Say what was seen under the names of sidecars, and how to look again."""
        self.look, self.seen, self.seen_until = look, seen, monotonic() + _INTERVAL


class Catalog:
    """Entries by PATH_INFO, within a budget.

    Arguments:
        budget: bytes for all entries; 0 keeps none.
        largest_content: bytes of the largest file whose content is kept.
        stat_ttl: seconds for which a stat is trusted; 0 asks each time.

    Attributes:
        entries: for reading only.
        budget: bytes for all entries.
    """

    def __init__(self, budget: int, largest_content: int, stat_ttl: float) -> None:
        self.entries: OrderedDict[Key, Entry] = OrderedDict()
        self.budget = budget
        self._largest_content = largest_content
        self._stat_ttl = stat_ttl
        self._size = 0
        self._lock = Lock()

    def find(self, key: str, accept_encoding: str | None) -> Entry | None:
        """Give what is ready of a file for an Accept-Encoding, to be asked whether it is good."""
        entry = self.entries.get(key)
        if entry is None or entry.choices is None:
            return entry
        entry.used = True
        return self.entries.get(entry.choices.get(accept_encoding, UNKNOWN))

    def wants_content(self, size: int) -> bool:
        """Tell whether a file of so many bytes is kept with its content."""
        return 0 < size <= self._largest_content and size + _ENTRY_SIZE <= self.budget

    def is_current(self, entry: Entry) -> bool:
        """Tell whether an entry is good, by one ``os.stat`` or a trusted earlier one."""
        now = monotonic()
        if now < entry.trusted_until:
            return True
        current = self._is_shown(entry)
        entry.trusted_until = now + self._stat_ttl if current else 0.0
        return current

    def _is_shown(self, entry: Entry) -> bool:
        try:
            status = os.stat(entry.path)
        except OSError:
            return False
        return signature(status) == entry.signature and (
            entry.shown_by_stat or self.is_in_place(entry)
        )

    def is_in_place(self, entry: Entry) -> bool:
        """Tell what a stat of an entry's path does not show.

        A coding is good only while its original is. And a directory may have been moved out,
        with a link to it left in its place: so the path is walked beneath the root once a second.
        """
        if entry.original is not None and not self._is_shown(entry.original):
            return False
        if entry.recheck is None:
            return True
        now = monotonic()
        if now < entry.walked_until:
            return True
        try:
            in_place = signature(entry.recheck()) == entry.signature
        except OSError:
            return False
        entry.walked_until = now + _INTERVAL
        return in_place

    def is_as_seen(self, entry: Entry) -> bool:
        """Tell whether no sidecar came, went or changed; to be asked after ``seen_until``.

        What is sent is right in between as well: a coding that is sent is stat'ed each time. And
        whether the clock was set back behind the entry's date, which is too seldom to pay for a
        look at the clock with each request.
        """
        if entry.look() != entry.seen or is_dated_ahead(entry.representation, time.time()):
            return False
        entry.seen_until = monotonic() + max(_INTERVAL, self._stat_ttl)
        return True

    def keep_choice(self, key: Key, original: Entry, accept_encoding: str | None) -> Entry:
        """Keep a file's entry, and which of its codings an Accept-Encoding leads to.

        Returns:
            The entry that is kept: an equal one may be there already, with its body and choices.
        """
        path_info = key if isinstance(key, str) else key[0]
        known = self.entries.get(path_info)
        choices: dict[str | None, Key] = {}
        if (
            known is not None
            and (known.signature, known.seen) == (original.signature, original.seen)
            and not is_dated_ahead(known.representation, time.time())
        ):
            choices = known.choices or choices
        if known is None or known.choices is not choices or (original.body and not known.body):
            original.choices, known = choices, original
            self.keep(path_info, original)
        if len(accept_encoding or "") <= _CHOICE_LENGTH:
            if len(choices) >= _CHOICES:
                choices.clear()
            choices[accept_encoding] = key
        return known

    def keep(self, key: Key, entry: Entry) -> None:
        """Add an entry, and throw out others for it, if the clock can tell its version."""
        if not entry.representation.settled or _weight(key, entry) > self.budget:
            return
        if self._stat_ttl:
            entry.trusted_until = monotonic() + self._stat_ttl
        with self._lock:
            self._remove(key)
            self.entries[key] = entry
            self._size += _weight(key, entry)
            while self._size > self.budget:
                oldest, entry = self.entries.popitem(last=False)
                if entry.used:
                    entry.used = False
                    self.entries[oldest] = entry
                else:
                    self._size -= _weight(oldest, entry)

    def review(self, path_info: str, entry: Entry) -> None:
        """Look again, trusted or not, and forget the file if its entry is no longer good."""
        if not self._is_shown(entry):
            with self._lock:
                self._remove(path_info)

    def _remove(self, key: Key) -> None:
        entry = self.entries.pop(key, None)
        if entry is not None:
            self._size -= _weight(key, entry)


def _weight(key: Key, entry: Entry) -> int:
    content = len(entry.body[0]) if entry.body else 0
    choices = _CHOICES_SIZE if entry.choices is not None else 0
    return _ENTRY_SIZE + choices + 4 * len(key) + content
