"""Directory pages: the option ``listing``, for directories without an index.

Strategy: a short listing is made whole and has a Content-Length; a long one is streamed, its
head before the directory is read to its end. There is no validator: a directory's time does not
tell that a file in it changed, and to look at every file costs as much as the page. So caches
may keep a page, for the back button, and ask each time (``no-cache``).
"""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from hashlib import sha256
from heapq import merge
from itertools import islice
from os import DirEntry, stat_result
from typing import TYPE_CHECKING, TypeVar

from wsgistatic.files.directory import Directory
from wsgistatic.files.errors import Outcome, classify, logger
from wsgistatic.files.symlinks import LinkMetError
from wsgistatic.http.fields import Headers, add_vary
from wsgistatic.http.negotiation import preference_for
from wsgistatic.http.paths import SplitPath, directory_location, is_served_name, path_name
from wsgistatic.representations.headers import HeaderPolicy
from wsgistatic.wsgi.listing_page import (
    STYLE,
    Entry,
    from_sort_key,
    html_page,
    json_array,
    sort_key,
)
from wsgistatic.wsgi.responses import Answer, header, redirect, refusal

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


_HTML, _JSON = "text/html; charset=utf-8", "application/json"
_MOST_AT_ONCE = 1000  # entries of a page that is made whole, 300 bytes each
_BLOCK_SIZE = 32 * 1024  # characters or more, of a page that is streamed
_STYLE_HASH = b64encode(sha256(STYLE.encode()).digest()).decode()
_CACHING = ("Cache-Control", "no-cache")
_FIELDS = [
    _CACHING,
    (
        "Content-Security-Policy",
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; "
        "form-action 'none'",
    ),
]


class Listing:
    """Answers requests for directories that have no index.

    Arguments:
        directory: the directory that is served.
        policy: of header fields.
        prefix: as ``parse_prefix`` gave it.
        index: name of the file that stands for a directory, or None.
        dotfiles: show names that begin with a dot.
    """

    def __init__(
        self,
        directory: Directory,
        policy: HeaderPolicy,
        prefix: str,
        index: str | None,
        *,
        dotfiles: bool,
    ) -> None:
        self._directory = directory
        self._policy = policy
        self._prefix = prefix
        self._index = index
        set_by_user = {name.lower() for name, _ in policy.common}
        ours = [field for field in _FIELDS if field[0].lower() not in set_by_user]
        self._fields = add_vary([*ours, *policy.common], "Accept")
        self._is_served_name = partial(is_served_name, dotfiles=dotfiles)

    def answer(self, environ: WSGIEnvironment, path: SplitPath) -> Answer | None:
        """Answer a GET or HEAD request; None where there is no such directory."""
        try:
            if path.is_directory:
                return self._page(environ, path.segments)
            self._directory.stat_listable(path.segments)
        except OSError as error:
            return refusal(error, self._label(path.segments), self._policy)
        return self._redirect(environ)

    def _redirect(self, environ: WSGIEnvironment) -> Answer:
        location = directory_location(
            header(environ, "SCRIPT_NAME") or "",
            header(environ, "PATH_INFO") or "",
            header(environ, "QUERY_STRING") or "",
        )
        return redirect(location, [_CACHING, *self._policy.common])

    def _page(self, environ: WSGIEnvironment, segments: tuple[str, ...]) -> Answer:
        scan = Scan(self._directory, segments, self._index, self._is_served_name)
        with ExitStack() as unfinished:
            unfinished.callback(scan.close)
            is_long = scan.read(_MOST_AT_ONCE)
            if _wants_json(header(environ, "HTTP_ACCEPT")):
                media_type, pieces = _JSON, json_array(scan.entries())
            else:
                root = path_name((header(environ, "SCRIPT_NAME") or "") + self._prefix)
                media_type, pieces = _HTML, html_page(root, segments, scan.entries())
            blocks = _blocks(pieces)
            fields = [("Content-Type", media_type), *self._fields]
            label = self._label(segments)
            if environ.get("REQUEST_METHOD") == "HEAD":
                # Some servers answer a HEAD without a length with one of their own, or a body.
                return _whole(sum(map(len, blocks)), fields, b"", label)
            if is_long:
                unfinished.pop_all()
                return Answer("200 OK", fields, _Stream(blocks, scan, label), label)
            page = b"".join(blocks)
            return _whole(len(page), fields, page, label)

    def _label(self, segments: tuple[str, ...]) -> str:
        return os.path.join(self._directory.path, *segments)


class _Stream:
    """The body of a long listing: closes the directory at its end, at an error and by close()."""

    def __init__(self, blocks: Iterator[bytes], scan: Scan, label: str) -> None:
        self._blocks = blocks
        self._scan = scan
        self._label = label

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            return next(self._blocks)
        except BaseException as error:
            self.close()
            if isinstance(error, OSError):
                logger.error("%a: %s", self._label, error.strerror or error)
            raise

    def close(self) -> None:
        """Close the directory and forget its names; as often as you like."""
        self._blocks = iter(())
        self._scan.close()


def _whole(size: int, fields: Headers, body: bytes, label: str) -> Answer:
    return Answer("200 OK", [("Content-Length", str(size)), *fields], [body], label)


def _wants_json(accept: str | None) -> bool:
    """Tell whether JSON is wanted more, or as much and by name; a browser gets HTML."""
    json = preference_for(accept, "application/json")
    return json.quality > 0 and json > preference_for(accept, "text/html")


def _blocks(pieces: Iterator[str]) -> Iterator[bytes]:
    """Encode and join pieces; the first goes out at once."""
    yield from (piece.encode() for piece in islice(pieces, 1))
    gathered: list[str] = []
    size = 0
    for piece in pieces:
        gathered.append(piece)
        size += len(piece)
        if size >= _BLOCK_SIZE:
            yield "".join(gathered).encode()
            gathered, size = [], 0
    yield "".join(gathered).encode()


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
        OSError: it is not there, or not for us (see ``errors.classify``).
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
                if classify(error) is not Outcome.MISS:
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
        if classify(error) is Outcome.TEMPORARY:
            raise
        return None
