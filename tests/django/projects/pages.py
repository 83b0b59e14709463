"""Request a page and everything that it and its style sheets refer to, as a browser does."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from html.parser import HTMLParser
from importlib import import_module
from urllib.parse import urldefrag, urljoin

from tests.connection import Connection, Response

MEDIA_TYPES = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "gif": "image/gif",
    "ico": "image/x-icon",
    "png": "image/png",
    "svg": "image/svg+xml",
    "woff2": "font/woff2",
}
# The codings that the storage writes, since Brotli is optional.
DECODERS: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.decompress}
with suppress(ImportError):
    DECODERS["br"] = import_module("brotli").decompress
_REFERENCE = re.compile(rb"""url\(\s*["']?([^"')]+)["']?\s*\)""")


class _References(HTMLParser):
    """Collects what a page loads."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        name = {"link": "href", "script": "src", "img": "src"}.get(tag, "")
        value = dict(attrs).get(name)
        if value is not None:
            self.found.append(value)


class Browser:
    """Requests files from a server on the loopback interface.

    Args:
        port: the server's port.
        fields: header fields of every request; underscores in names become hyphens.
    """

    def __init__(self, port: int, **fields: str) -> None:
        self._port, self._fields = port, fields

    def request(self, path: str, method: str = "GET", **fields: str) -> Response:
        """Send a request, and read the response until the server closes the connection."""
        fields = {**self._fields, **fields, "Connection": "close"}
        with Connection(self._port) as connection:
            connection.send(path, method, **fields)
            response = connection.read_head()
            response.body = connection.file.read()
            if "Content-Length" in response.headers and method != "HEAD":
                assert response.length == len(response.body)
            return response

    def files_of_page(self, path: str) -> dict[str, Response]:
        """Return the responses for all files that a page loads, by their paths."""
        page = self.request(path)
        assert page.status == 200
        references = _References()
        references.feed(page.body.decode())
        responses: dict[str, Response] = {}
        waiting = [urljoin(path, reference) for reference in references.found]
        while waiting:
            url = waiting.pop()
            if url not in responses:
                responses[url] = response = self.request(url)
                if url.endswith(".css"):
                    waiting += _references_in_css(url, response.body)
        return responses

    def check_file(self, path: str, response: Response) -> None:
        """Check that a file is complete, and that requests about it follow RFC 9110."""
        assert response.status == 200, path
        body, tag = response.body, response.headers["ETag"]
        assert body, path
        assert response.headers["Content-Type"] == MEDIA_TYPES[path.rpartition(".")[2]], path
        head = self.request(path, "HEAD")
        assert (head.status, head.body, head.headers["ETag"]) == (200, b"", tag)
        # Django 4.2's runserver drops the Content-Length of a HEAD response.
        assert head.headers.get("Content-Length", str(len(body))) == str(len(body))
        part = self.request(path, Range="bytes=10-19", If_Range=tag)
        assert (part.status, part.body) == (206, body[10:20])
        assert part.headers["Content-Range"] == f"bytes 10-19/{len(body)}"
        assert self.request(path, Range=f"bytes={len(body)}-").status == 416
        assert self.request(path, If_None_Match=tag).status == 304
        assert self.request(path, If_Match='"other"').status == 412

    def codings_of(self, path: str, body: bytes) -> set[str]:
        """Return the content codings in which a file is sent, after checking the responses."""
        found = set()
        for coding, decode in DECODERS.items():
            response = self.request(path, Accept_Encoding=coding)
            assert response.status == 200
            if response.headers.get("Content-Encoding") is not None:
                assert response.headers["Content-Encoding"] == coding
                assert "Accept-Encoding" in response.headers["Vary"]
                assert decode(response.body) == body
                same = {"Accept_Encoding": coding, "If_None_Match": response.headers["ETag"]}
                assert self.request(path, **same).status == 304
                found.add(coding)
        return found


def _references_in_css(url: str, css: bytes) -> Iterator[str]:
    for reference in _REFERENCE.findall(css):
        if not reference.startswith((b"data:", b"#")):
            yield urldefrag(urljoin(url, reference.decode())).url
