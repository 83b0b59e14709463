"""Want-Repr-Digest and Repr-Digest (RFC 9530)."""

from __future__ import annotations

import gzip
import hashlib
import time
from base64 import b64decode
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.client import Response, call
from tests.conftest import age
from wsgistatic import StaticFiles
from wsgistatic.http.fields import repr_digest, wants_sha256

WANT = "HTTP_WANT_REPR_DIGEST"


@pytest.mark.parametrize(
    ("field", "wanted"),
    [
        (None, False),
        ("", False),
        ("sha-256=1", True),
        ("sha-256=10", True),
        ("sha-512=3, sha-256=10, unixsum=0", True),
        ("sha-512=3,sha-256=1;x;y=2", True),
        ("sha-256=0", False),
        ("sha-256=11", False),
        ("sha-256=1, sha-256=0", False),  # the last one counts
        ("sha-512=10", False),
        ("sha-256", False),
        ("SHA-256=1", False),  # keys are lower case
        ("sha-256=1.5", False),
        ("sha-256=-1", False),
        ("sha-256=1,", False),
        ("sha-256=\u0661", False),
        ("sha-256=" + "9" * 5000, False),
    ],
)
def test_wants_sha256(field: str | None, wanted: bool) -> None:
    assert wants_sha256(field) is wanted


@given(st.text() | st.text("sha-256=01, ;x"))
def test_any_field_is_parsed(field: str) -> None:
    assert wants_sha256(field) in (True, False)


def test_long_fields_take_linear_time() -> None:
    for field in ("a" * 100_000, "sha-256=1" + ";a" * 50_000 + ",", "sha-256=1, " * 20_000):
        assert not wants_sha256(field)


def test_repr_digest() -> None:
    # RFC 9530, appendix D: the digest of {"hello": "world"} and a line feed.
    digest = hashlib.sha256(b'{"hello": "world"}\n').digest()
    assert repr_digest(digest) == "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:"


def ask(app: StaticFiles, method: str = "GET", **extra: str) -> Response:
    call(app, "/digits.bin", method, **extra)
    return call(app, "/digits.bin", method, **extra)


def test_digest_verifies_a_file_joined_from_ranges(site: Path) -> None:
    app = StaticFiles(None, site, etag="content")
    parts = [
        ask(app, HTTP_RANGE=value, **{WANT: "sha-256=1"}) for value in ("bytes=0-599", "bytes=600-")
    ]
    joined = parts[0].body + parts[1].body
    for part in parts:
        assert part.status == 206
        value = part.headers["Repr-Digest"].removeprefix("sha-256=:").removesuffix(":")
        assert b64decode(value) == hashlib.sha256(joined).digest()


def test_scripts_of_other_origins_can_read_all_fields_that_describe_the_file(site: Path) -> None:
    app = StaticFiles(None, site, etag="content", allow_origin="*")
    part = ask(app, HTTP_RANGE="bytes=0-9", **{WANT: "sha-256=1"})
    # Fetch 3.2.3 lets scripts read some fields anyway. The others are instructions for browsers.
    safelisted = {"Cache-Control", "Content-Length", "Content-Type", "Last-Modified"}
    instructions = {"X-Content-Type-Options", "Vary"}
    instructions |= {name for name in part.headers if name.startswith("Access-Control-")}
    exposed = {*part.headers["Access-Control-Expose-Headers"].split(", ")}
    assert {*part.headers} - safelisted - instructions <= exposed
    assert "Repr-Digest" in part.headers


def test_sent_only_if_requested_and_known(site: Path) -> None:
    (site / "digits.bin.gz").write_bytes(gzip.compress(b"0123456789" * 100))
    age(site / "digits.bin.gz")
    time.sleep(0.03)
    app = StaticFiles(None, site, etag="content")
    own = repr_digest(hashlib.sha256(b"0123456789" * 100).digest())
    assert ask(app, **{WANT: "sha-256=1"}).headers["Repr-Digest"] == own
    assert ask(app, "HEAD", **{WANT: "sha-256=1"}).headers["Repr-Digest"] == own
    coded = ask(app, HTTP_ACCEPT_ENCODING="gzip", **{WANT: "sha-256=1"})
    assert coded.headers["Repr-Digest"] == repr_digest(hashlib.sha256(coded.body).digest()) != own
    for extra in ({}, {WANT: "sha-256=0"}, {WANT: "sha-256=1", "HTTP_RANGE": "bytes=9999-"}):
        assert "Repr-Digest" not in ask(app, **extra).headers
    tag = ask(app).headers["ETag"]
    for extra in ({"HTTP_IF_NONE_MATCH": tag}, {"HTTP_IF_MATCH": '"x"'}):
        assert "Repr-Digest" not in ask(app, **{WANT: "sha-256=1"}, **extra).headers
    assert "Repr-Digest" not in ask(StaticFiles(None, site), **{WANT: "sha-256=1"}).headers
