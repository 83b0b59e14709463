"""What of a directory is served: its entries in order, each looked at when its turn comes.

Strategy: nothing is shown that a request would not serve, and the request's own look-ups tell.
In memory is one string an entry until all are sorted, in runs, since one sort of a very long list
would keep every other thread from running; the rest of an entry is there only while it is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from heapq import merge
from itertools import islice
from os import DirEntry, stat_result
from typing import TypeVar

from wsgistatic.beneath import LinkMetError
from wsgistatic.directory import Directory
from wsgistatic.entry import Entry, from_sort_key, sort_key
from wsgistatic.faults import Outcome, outcome_of

N = TypeVar("N", str, "DirEntry[str]")
T = TypeVar("T")

_RUN = 4096  # names that are sorted at once


class Scan:
    """A directory that is being listed; close it.

    Arguments:
        directory: what it is beneath.
        segments: its place there.
        index: name of the file that stands for a directory, or None.
        is_served_name: tells which names a request can have.

    Raises:
        NotADirectoryError: it is something else.
        OSError: it is not there, or not for us (see ``faults.outcome_of``).
    """

    def __init__(
        self,
        directory: Directory,
        segments: tuple[str, ...],
        index: str | None,
        is_served_name: Callable[[str], bool],
    ) -> None:
        self._directory = directory
        self._segments = segments
        self._index = index
        self._is_served_name = is_served_name
        self._runs: list[list[str]] = []
        self._opened = directory.open_directory(segments)

    def read(self, count: int) -> bool:
        """Read the names of so many entries more; tell whether there may be others."""
        found = list(islice(self._opened, count))
        keys = (_if_served(self._sort_key, item) for item in found)
        self._runs.append(sorted(key for key in keys if key is not None))
        return len(found) == count

    def entries(self) -> Iterator[Entry]:
        """Read what is left, and give all entries in order.

        One that has gone by then, or that may not be read, is left out.
        """
        while self.read(_RUN):
            pass
        for key in merge(*self._runs):
            name, is_directory = from_sort_key(key)
            entry = _if_served(self._directory_entry if is_directory else self._file_entry, name)
            if entry is not None:
                yield entry

    def close(self) -> None:
        """Close the directory; as often as you like."""
        self._opened.close()

    def _sort_key(self, item: DirEntry[str]) -> str | None:
        if not self._is_served_name(item.name):
            return None
        if item.is_symlink():
            return sort_key(item.name, self._is_directory(item.name))
        is_directory = item.is_dir(follow_symlinks=False)
        is_file = item.is_file(follow_symlinks=False)
        return sort_key(item.name, is_directory) if is_directory or is_file else None

    def _is_directory(self, name: str) -> bool:
        try:
            self._directory.stat((*self._segments, name))
        except IsADirectoryError:
            return True
        return False

    def _file_entry(self, name: str) -> Entry:
        try:
            status = self._opened.stat(name)
        except LinkMetError:
            status = self._directory.stat((*self._segments, name))
        return Entry(name, False, status.st_size, int(status.st_mtime))

    def _directory_entry(self, name: str) -> Entry:
        status = self._stat_served((*self._segments, name))
        return Entry(name, True, 0, int(status.st_mtime))

    def _stat_served(self, segments: tuple[str, ...]) -> stat_result:
        """Give the status of a directory that has an index, or can be listed."""
        if self._index is not None:
            try:
                self._directory.stat((*segments, self._index))
            except OSError as error:
                if outcome_of(error) is not Outcome.MISS:
                    raise
            else:
                return self._directory.stat_directory(segments)
        return self._directory.stat_listable(segments)


def _if_served(look: Callable[[N], T], name: N) -> T | None:
    """Look at a name; None where a request for it would be refused or a miss.

    A shortage of our own is raised: it must not make entries vanish.
    """
    try:
        return look(name)
    except OSError as error:
        if outcome_of(error) is Outcome.BUSY:
            raise
        return None
