"""Directory pages: the option ``listing``, for directories without an index.

A short listing is built at once and has a Content-Length. A long one is streamed, and its head is
sent before the directory has been read to its end. A page has no validator, since the modification
time of a directory does not show that a file in it changed. Caches may store a page, for the back
button, but must revalidate it each time (``no-cache``).
"""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from heapq import merge
from itertools import islice
from typing import TypeVar

from wsgistatic.files.directory import Directory
from wsgistatic.files.errors import Outcome, classify, is_found, logger
from wsgistatic.files.symlinks import LinkMetError
from wsgistatic.http.fields import add_vary
from wsgistatic.http.negotiation import preference_for
from wsgistatic.http.paths import SplitPath, is_served_name, path_name
from wsgistatic.representations.headers import HeaderPolicy
from wsgistatic.wsgi import listing_page
from wsgistatic.wsgi.listing_page import Entry
from wsgistatic.wsgi.options import DirectoryOptions
from wsgistatic.wsgi.request import Request
from wsgistatic.wsgi.responses import ClosingBody, Response, redirect, response_to_error

_HTML, _JSON = "text/html; charset=utf-8", "application/json"
_MOST_AT_ONCE = 1000  # entries of a page that is built at once, 300 bytes each
_BLOCK_SIZE = 32 * 1024  # characters; blocks of a streamed page have at least as many
_STYLE_HASH = b64encode(sha256(listing_page.STYLE.encode()).digest()).decode()
_CACHING = ("Cache-Control", "no-cache")
_SECURITY = (
    "Content-Security-Policy",
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'",
)


class Listing:
    """Responds to requests for directories that have no index."""

    def __init__(
        self, directory: Directory, policy: HeaderPolicy, prefix: str, options: DirectoryOptions
    ) -> None:
        self._directory, self._policy = directory, policy
        self._prefix, self._index = prefix, options.index
        set_by_user = {name.lower() for name, _ in policy.common}
        ours = [field for field in (_CACHING, _SECURITY) if field[0].lower() not in set_by_user]
        self._fields = add_vary([*ours, *policy.common], "Accept")
        self._is_served_name = partial(is_served_name, dotfiles=options.dotfiles)

    def respond(self, request: Request, path: SplitPath) -> Response | None:
        """Respond to a GET or HEAD request; None if there is no such directory."""
        try:
            if path.is_directory:
                return self._page(request, path.segments)
            self._directory.stat_listable(path.segments)
        except OSError as error:
            return response_to_error(error, self._label(path.segments), self._policy)
        return redirect(request.location_as_directory(), [_CACHING, *self._policy.common])

    def exists(self, path: SplitPath) -> bool:
        """Return whether ``respond`` would return a response."""
        return is_found(lambda: self._directory.stat_listable(path.segments))

    def _page(self, request: Request, segments: tuple[str, ...]) -> Response:
        scan = Scan(self._directory, segments, self._index, self._is_served_name)
        with ExitStack() as unfinished:
            unfinished.callback(scan.close)
            is_long = scan.read(_MOST_AT_ONCE)
            if _wants_json(request.field("HTTP_ACCEPT")):
                media_type, pieces = _JSON, listing_page.json_array(scan.entries())
            else:
                root = path_name(request.script_name + self._prefix)
                media_type = _HTML
                pieces = listing_page.html_page(root, segments, scan.entries())
            blocks = _blocks(pieces)
            fields = [("Content-Type", media_type), *self._fields]
            label = self._label(segments)
            if is_long and not request.is_head:
                close = unfinished.pop_all().close
                return Response("200 OK", fields, ClosingBody(_logged(blocks, label), close), label)
            # Without a length, some servers add a wrong one to a response to HEAD, or a body.
            page = b"" if request.is_head else b"".join(blocks)
            size = len(page) or sum(map(len, blocks))
            return Response("200 OK", [("Content-Length", str(size)), *fields], [page], label)

    def _label(self, segments: tuple[str, ...]) -> str:
        return os.path.join(self._directory.path, *segments)


def _logged(blocks: Iterator[bytes], label: str) -> Generator[bytes, None, None]:
    try:
        yield from blocks
    except OSError as error:
        logger.error("%a: %s", label, error.strerror or error)
        raise


def _wants_json(accept: str | None) -> bool:
    """Return whether Accept prefers JSON to HTML, by its weight or by naming it explicitly."""
    json = preference_for(accept, "application/json")
    return json.quality > 0 and json > preference_for(accept, "text/html")


def _blocks(pieces: Iterator[str]) -> Iterator[bytes]:
    yield from (piece.encode() for piece in islice(pieces, 1))  # before an entry is read
    gathered: list[str] = []
    size = 0
    for piece in pieces:
        gathered.append(piece)
        size += len(piece)
        if size >= _BLOCK_SIZE:
            yield "".join(gathered).encode()
            gathered, size = [], 0
    yield "".join(gathered).encode()


N = TypeVar("N", str, "os.DirEntry[str]")
T = TypeVar("T")

_RUN = 4096  # names that are sorted at once


@dataclass
class Scan:
    """A directory that is being listed, opened by ``Directory.open_directory``; close it."""

    directory: Directory
    segments: tuple[str, ...]
    index: str | None
    is_served_name: Callable[[str], bool]

    def __post_init__(self) -> None:
        self._runs: list[list[str]] = []
        self._opened = self.directory.open_directory(self.segments)

    def read(self, count: int) -> bool:
        """Read the names of up to ``count`` more entries; return whether there may be others."""
        found = list(islice(self._opened, count))
        keys = (_if_served(self._sort_key, item) for item in found)
        self._runs.append(sorted(key for key in keys if key is not None))
        return len(found) == count

    def entries(self) -> Iterator[Entry]:
        """Yield all entries in order, without those that vanish meanwhile or cannot be read."""
        while self.read(_RUN):
            pass
        for key in merge(*self._runs):
            name, is_directory = listing_page.from_sort_key(key)
            entry = _if_served(self._directory_entry if is_directory else self._file_entry, name)
            if entry is not None:
                yield entry

    def close(self) -> None:
        """Close the directory; may be called repeatedly."""
        self._opened.close()

    def _sort_key(self, item: os.DirEntry[str]) -> str | None:
        if not self.is_served_name(item.name):
            return None
        if item.is_symlink():
            is_directory = self._is_directory(item.name)
        else:
            is_directory = item.is_dir(follow_symlinks=False)
            if not is_directory and not item.is_file(follow_symlinks=False):
                return None
        return listing_page.sort_key(item.name, is_directory)

    def _is_directory(self, name: str) -> bool:
        try:
            self.directory.stat((*self.segments, name))
        except IsADirectoryError:
            return True
        return False

    def _file_entry(self, name: str) -> Entry:
        try:
            status = self._opened.stat(name)
        except LinkMetError:
            status = self.directory.stat((*self.segments, name))
        return Entry(name, False, status.st_size, int(status.st_mtime))

    def _directory_entry(self, name: str) -> Entry:
        segments = (*self.segments, name)
        stat = self.directory.stat_listable
        if self.index is not None:
            try:
                self.directory.stat((*segments, self.index))
                stat = self.directory.stat_directory  # its index is served, not a listing
            except OSError as error:
                if classify(error) is not Outcome.MISS:
                    raise
        return Entry(name, True, 0, int(stat(segments).st_mtime))


def _if_served(look: Callable[[N], T], name: N) -> T | None:
    """Return what ``look`` returns for a name; None if a request for it would find no file."""
    try:
        return look(name)
    except OSError as error:
        if classify(error) is Outcome.TEMPORARY:
            raise  # a temporary shortage must not make entries vanish
        return None
