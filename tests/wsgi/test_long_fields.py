"""Fields that a server may disregard are disregarded if they are too long to parse cheaply."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from tests.client import call
from tests.conftest import age
from wsgistatic import StaticFiles

LIMIT = 64 * 1024


def padded(text: str, length: int) -> str:
    """Return a list with one more member, which is of no use but of the length that is missing."""
    return f"{text}, {'x' * (length - len(text) - 2)}"


@pytest.fixture
def app(site: Path) -> StaticFiles:
    return StaticFiles(None, site, listing=True, etag="content", allow_origin="*")


@pytest.mark.parametrize(
    ("path", "name", "value", "header"),
    [
        ("/digits.bin", "RANGE", "bytes=" + "0-0," * 3 + "0-0", "Content-Range"),
        ("/digits.bin", "WANT_REPR_DIGEST", "sha-256=1", "Repr-Digest"),
        ("/digits.txt", "ACCEPT_ENCODING", "gzip", "Content-Encoding"),
    ],
)
def test_effect_of_a_field_by_its_length(
    app: StaticFiles, site: Path, path: str, name: str, value: str, header: str
) -> None:
    (site / "digits.txt").write_bytes(b"0123456789" * 1000)
    (site / "digits.txt.gz").write_bytes(gzip.compress(b"0123456789" * 1000))
    age(site / "digits.txt")
    age(site / "digits.txt.gz")
    shortest = value + ("," if name == "RANGE" else "")
    long = shortest + " " * (LIMIT - len(shortest))
    for field, has_effect in ((value, True), (long, True), (long + " ", False)):
        extra: dict[str, Any] = {f"HTTP_{name}": field}
        result = call(app, path, **extra)
        assert result.status in (200, 206)
        assert (header in result.headers) == has_effect


def test_long_accept_of_a_listing(app: StaticFiles) -> None:
    for length, media_type in ((LIMIT, "application/json"), (LIMIT + 1, "text/html")):
        result = call(app, "/bare/", HTTP_ACCEPT=padded("application/json", length))
        assert result.headers["Content-Type"].startswith(media_type)


def test_a_preflight_response_does_not_grow_with_the_request(app: StaticFiles) -> None:
    for names, allowed in (("Range, " * 5000, "range"), ("Range, " * 20_000, None)):
        result = call(
            app, "/hello.txt", "OPTIONS", HTTP_ORIGIN="https://a.example",
            HTTP_ACCESS_CONTROL_REQUEST_METHOD="GET", HTTP_ACCESS_CONTROL_REQUEST_HEADERS=names,
        )  # fmt: skip
        assert result.headers.get("Access-Control-Allow-Headers") == allowed


def test_preconditions_count_at_any_length(app: StaticFiles) -> None:
    tag = call(app, "/hello.txt").headers["ETag"]
    tags = ", ".join([*(['"x"'] * 30_000), tag])
    assert call(app, "/hello.txt", HTTP_IF_NONE_MATCH=tags).status == 304
    assert call(app, "/hello.txt", HTTP_IF_MATCH='"x", ' * 30_000).status == 412
