"""Requests that make the app read the disk in different ways."""

from __future__ import annotations

import gzip
import logging
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.client import Response, call_raw, make_environ
from tests.conftest import age, settle
from wsgistatic import StaticFiles
from wsgistatic.representations import cache, cached_file

TEXT = b"body { color: black }\n" * 40
BYTES = bytes(range(250)) * 14
BLOCK = 1000  # bytes; larger files are streamed
OPTIONS: dict[str, Any] = {"block_size": BLOCK, "cache_file_size": 2 * BLOCK, "listing": True}
GZIP = {"HTTP_ACCEPT_ENCODING": "gzip"}


@dataclass(frozen=True)
class Case:
    """A request, the status without a fault, and the options of the app."""

    path: str
    status: int = 200
    method: str = "GET"
    fields: dict[str, str] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def is_streamed(self) -> bool:
        """Whether the response starts before the whole file is read."""
        return self.method == "GET" and self.path in ("/deep/er/large.bin", "/link.bin")

    def app(self, site: Path) -> StaticFiles:
        return StaticFiles(None, site, **{**OPTIONS, **self.options})

    def send(self, app: StaticFiles) -> Response:
        return call_raw(app, make_environ(self.path, self.method, **self.fields))


CASES = {
    "whole": Case("/deep/er/small.txt"),
    "streamed": Case("/deep/er/large.bin"),
    "head": Case("/deep/er/large.bin", method="HEAD"),
    "range": Case("/deep/er/large.bin", 206, fields={"HTTP_RANGE": "bytes=10-19"}),
    "long range": Case("/deep/er/large.bin", 206, fields={"HTTP_RANGE": "bytes=500-2999"}),
    "multipart": Case("/deep/er/large.bin", 206, fields={"HTTP_RANGE": "bytes=0-9,2000-3400"}),
    "not modified": Case("/deep/er/small.txt", 304, fields={"HTTP_IF_NONE_MATCH": "*"}),
    "sidecar": Case("/deep/er/coded.txt", fields=GZIP),
    "sidecar, HEAD": Case("/deep/er/coded.txt", method="HEAD", fields=GZIP),
    "compressed": Case("/deep/er/small.txt", fields=GZIP, options={"compress": True}),
    "compressed, HEAD": Case("/deep/er/small.txt", 200, "HEAD", GZIP, {"compress": True}),
    "content ETag": Case("/deep/er/large.bin", options={"etag": "content"}),
    "symbolic link": Case("/link.bin"),
    "index": Case("/indexed/"),
    "redirect": Case("/indexed", 301),
    "listing": Case("/deep/er/"),
    "listing, HEAD": Case("/deep/er/", method="HEAD"),
    "listing as JSON": Case("/deep/er/", fields={"HTTP_ACCEPT": "application/json"}),
    "redirect to a listing": Case("/deep/er", 301),
}

# As parameters of tests.
NAMES = [
    pytest.param(name, marks=pytest.mark.symlinks) if name == "symbolic link" else name
    for name in CASES
]


def make_site(root: Path) -> None:
    (root / "deep" / "er").mkdir(parents=True)
    (root / "indexed").mkdir()
    for name, content in (
        ("deep/er/small.txt", TEXT),
        ("deep/er/large.bin", BYTES),
        ("deep/er/coded.txt", TEXT),
        ("deep/er/coded.txt.gz", gzip.compress(TEXT, mtime=0)),
        ("indexed/index.html", b"<p>index</p>"),
    ):
        (root / name).write_bytes(content)
        age(root / name)
    (root / "link.bin").symlink_to("deep/er/large.bin")
    settle()


def disable_check_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every request do the checks that are normally done once a second."""
    for module in (cache, cached_file):
        monkeypatch.setattr(module, "CHECK_INTERVAL", 0.0)


def is_equivalent(one: Response, other: Response) -> bool:
    """Return whether two responses differ in nothing but a multipart boundary."""
    return _comparable(one) == _comparable(other)


def _comparable(result: Response) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers and body with a fixed boundary."""
    found = re.search("boundary=(.+)", result.headers.get("Content-Type", ""))
    if found is None:
        return result.status, result.headers, result.body
    headers = {**result.headers, "Content-Type": "multipart/byteranges"}
    return result.status, headers, result.body.replace(found[1].encode(), b"boundary")


def assert_error_response(
    result: Response, status: int, records: list[logging.LogRecord], site: Path
) -> None:
    """Check that the log has the details of an error, once, and the response only the status."""
    assert result.status == status
    assert (result.headers.get("Retry-After") is not None) == (status == 503)
    assert result.headers["Cache-Control"] == "no-store"
    assert str(site).encode() not in result.body + repr(result.headers).encode()
    assert len(records) == 1, records
    assert str(site) in records[0].getMessage()
    assert records[0].name == "wsgistatic"
