"""Directory pages: the option ``listing``, for directories without an index.

Strategy: a short listing is made whole and has a Content-Length; a long one is streamed, its
head before the directory is read to its end. There is no validator: a directory's time does not
tell that a file in it changed, and to look at every file costs as much as the page. So caches
may keep a page, for the back button, and ask each time (``no-cache``).
"""

from __future__ import annotations

import logging
import os
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from hashlib import sha256
from itertools import islice
from typing import TYPE_CHECKING

from wsgistatic.accept import preference_for, vary_by
from wsgistatic.answers import Answer, header, redirect, refusal
from wsgistatic.directory import Directory
from wsgistatic.listing_page import STYLE, html_page, json_array
from wsgistatic.paths import SplitPath, directory_location, is_served_name, path_name
from wsgistatic.policy import HeaderPolicy
from wsgistatic.representation import Headers
from wsgistatic.scan import Scan

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

logger = logging.getLogger("wsgistatic")

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
        self._fields = vary_by([*ours, *policy.common], "Accept")
        self._is_served_name = partial(is_served_name, dotfiles=dotfiles, windows=os.name == "nt")

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
