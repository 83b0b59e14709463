"""The kinds of answer that read the disk, each with what it is when nothing fails."""

from __future__ import annotations

import gzip
import logging
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.calling import Result, call_bare, environ_of
from tests.conftest import age, settle
from wsgistatic import StaticFiles
from wsgistatic.representations import cache as catalog

TEXT = b"body { color: black }\n" * 40
BYTES = bytes(range(250)) * 14
BLOCK = 1000  # bytes; what is larger is streamed
OPTIONS: dict[str, Any] = {"block_size": BLOCK, "cache_file_size": 2 * BLOCK, "listing": True}
GZIP = {"HTTP_ACCEPT_ENCODING": "gzip"}


@dataclass(frozen=True)
class Kind:
    """A request, and options that it is about."""

    path: str
    status: int = 200
    method: str = "GET"
    fields: dict[str, str] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def is_streamed(self) -> bool:
        """Whether it is sent before all of it was read."""
        return self.method == "GET" and self.path in ("/deep/er/large.bin", "/link.bin")

    def app(self, site: Path) -> StaticFiles:
        return StaticFiles(None, site, **{**OPTIONS, **self.options})

    def ask(self, app: StaticFiles) -> Result:
        return call_bare(app, environ_of(self.path, self.method, **self.fields))


KINDS = {
    "whole": Kind("/deep/er/small.txt"),
    "streamed": Kind("/deep/er/large.bin"),
    "head": Kind("/deep/er/large.bin", method="HEAD"),
    "range": Kind("/deep/er/large.bin", 206, fields={"HTTP_RANGE": "bytes=10-19"}),
    "long range": Kind("/deep/er/large.bin", 206, fields={"HTTP_RANGE": "bytes=500-2999"}),
    "multipart": Kind("/deep/er/large.bin", 206, fields={"HTTP_RANGE": "bytes=0-9,2000-3400"}),
    "not modified": Kind("/deep/er/small.txt", 304, fields={"HTTP_IF_NONE_MATCH": "*"}),
    "sidecar": Kind("/deep/er/coded.txt", fields=GZIP),
    "head of a sidecar": Kind("/deep/er/coded.txt", method="HEAD", fields=GZIP),
    "compressed": Kind("/deep/er/small.txt", fields=GZIP, options={"compress": True}),
    "head compressed": Kind("/deep/er/small.txt", 200, "HEAD", GZIP, {"compress": True}),
    "tag of the content": Kind("/deep/er/large.bin", options={"etag": "content"}),
    "behind a link": Kind("/link.bin"),
    "index": Kind("/indexed/"),
    "redirect": Kind("/indexed", 301),
    "listing": Kind("/deep/er/"),
    "head of a listing": Kind("/deep/er/", method="HEAD"),
    "listing as JSON": Kind("/deep/er/", fields={"HTTP_ACCEPT": "application/json"}),
    "redirect to a listing": Kind("/deep/er", 301),
}


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


def look_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have looked at, with each request, what is looked at once a second."""
    monkeypatch.setattr(catalog, "_INTERVAL", 0.0)


def same(one: Result, other: Result) -> bool:
    """Tell whether two answers are equal in all that a client sees."""
    return _seen(one) == _seen(other)


def _seen(result: Result) -> tuple[int, dict[str, str], bytes]:
    """Give an answer without what differs each time."""
    found = re.search("boundary=(.+)", result.headers.get("Content-Type", ""))
    if found is None:
        return result.status, result.headers, result.body
    headers = {**result.headers, "Content-Type": "multipart/byteranges"}
    return result.status, headers, result.body.replace(found[1].encode(), b"boundary")


def assert_refused(
    result: Result, status: int, records: list[logging.LogRecord], site: Path
) -> None:
    """See that a failure is told in full to the log, once, and to the client by its status."""
    assert result.status == status
    assert (result.headers.get("Retry-After") is not None) == (status == 503)
    assert result.headers["Cache-Control"] == "no-store"
    assert str(site).encode() not in result.body + repr(result.headers).encode()
    assert len(records) == 1, records
    assert str(site) in records[0].getMessage()
    assert records[0].name == "wsgistatic"
