"""Request a page and everything that it and its style sheets refer to, as a browser does."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from urllib.parse import urldefrag, urljoin

import brotli

from tests.connection import Connection, Response

MEDIA_TYPES = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "png": "image/png",
    "svg": "image/svg+xml",
}
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


def request(port: int, path: str, method: str = "GET", **headers: str) -> Response:
    """Send a request over a connection of its own, since some servers close it after a 304."""
    with Connection(port) as connection:
        return connection.request(path, method, **headers)


def files_of_page(port: int, path: str) -> dict[str, Response]:
    """Return the responses for all files that a page loads, by their paths."""
    with Connection(port) as connection:
        connection.send(path, Connection="close")
        page = connection.read_head()
        assert page.status == 200
        references = _References()
        references.feed(connection.file.read().decode())
    responses: dict[str, Response] = {}
    waiting = [urljoin(path, reference) for reference in references.found]
    while waiting:
        url = waiting.pop()
        if url not in responses:
            responses[url] = response = request(port, url)
            if url.endswith(".css"):
                waiting += _references_in_css(url, response.body)
    return responses


def _references_in_css(url: str, css: bytes) -> Iterator[str]:
    for reference in _REFERENCE.findall(css):
        if not reference.startswith((b"data:", b"#")):
            yield urldefrag(urljoin(url, reference.decode())).url


def check_file(port: int, path: str, response: Response) -> None:
    """Check that a file is complete, and that requests about it follow RFC 9110."""
    assert response.status == 200, path
    body, tag = response.body, response.headers["ETag"]
    assert body, path
    assert response.headers["Content-Type"] == MEDIA_TYPES[path.rpartition(".")[2]], path
    head = request(port, path, "HEAD")
    assert (head.status, head.length, head.headers["ETag"]) == (200, len(body), tag)
    part = request(port, path, Range="bytes=10-19", If_Range=tag)
    assert (part.status, part.body) == (206, body[10:20])
    assert part.headers["Content-Range"] == f"bytes 10-19/{len(body)}"
    assert request(port, path, Range=f"bytes={len(body)}-").status == 416
    assert request(port, path, If_None_Match=tag).status == 304
    assert request(port, path, If_Match='"other"').status == 412


def codings_of(port: int, path: str, body: bytes) -> set[str]:
    """Return the content codings in which a file is sent, after checking that body and tag fit."""
    found = set()
    for coding, decode in (("gzip", gzip.decompress), ("br", brotli.decompress)):
        response = request(port, path, Accept_Encoding=coding)
        assert response.status == 200
        if response.headers.get("Content-Encoding") is not None:
            assert response.headers["Content-Encoding"] == coding
            assert response.headers["Vary"] == "Accept-Encoding"
            assert decode(response.body) == body
            same = {"Accept_Encoding": coding, "If_None_Match": response.headers["ETag"]}
            assert request(port, path, **same).status == 304
            found.add(coding)
    return found
