"""Validators and header fields of one file version."""

from __future__ import annotations

import os
from hashlib import sha256
from types import SimpleNamespace
from typing import cast

import pytest

from wsgistatic.files.versions import CHANGED_FIELD, SECOND, recency
from wsgistatic.http.caching import with_no_cache
from wsgistatic.http.conditional import Validators, matches_weakly
from wsgistatic.representations.representation import (
    Representation,
    content_etag,
    describe_compressed,
    etag_for_coding,
    is_outdated,
    make_validators,
)

NOW = 1_800_000_000 * SECOND + 123_456_789


def status(mtime_ns: int, size: int = 5, ctime_ns: int = NOW) -> os.stat_result:
    times = {"st_mtime_ns": mtime_ns, CHANGED_FIELD: ctime_ns}
    fields = SimpleNamespace(**times, st_size=size, st_dev=-1)
    return cast(os.stat_result, fields)


def is_in_doubt(etag: str | None) -> bool:
    """Return whether an entity tag is weak and not made of ``x``."""
    return etag is not None and etag.startswith('W/"') and not matches_weakly(etag, '"x"')


def test_etag_matches_none_until_the_clock_has_ticked() -> None:
    tags = [make_validators(recency(status(NOW - 1), NOW), '"x"').etag for _ in range(100)]
    assert all(map(is_in_doubt, tags))
    assert len(set(tags)) == 100
    assert make_validators(recency(status(NOW - SECOND), NOW), '"x"').etag == '"x"'
    assert make_validators(recency(status(NOW - 1), NOW), None).etag is None


def test_ctime_decides_if_the_mtime_lies_in_the_future() -> None:
    future = NOW + 3600 * SECOND
    assert make_validators(recency(status(future, ctime_ns=NOW - SECOND), NOW), '"x"').etag == '"x"'
    assert is_in_doubt(make_validators(recency(status(future, ctime_ns=NOW - 1), NOW), '"x"').etag)


@pytest.mark.parametrize(("age", "seconds"), [(0, None), (1, None), (2, -2), (-3600, None)])
def test_date_is_missing_until_no_later_version_can_have_it(age: int, seconds: int | None) -> None:
    # RFC 9110 8.8.2.1, 8.8.2.2
    made = make_validators(recency(status(NOW - age * SECOND), NOW), None)
    expected = None if seconds is None else NOW // SECOND + seconds
    assert made == Validators(None, expected, seconds is not None)


def test_headers_of_each_status() -> None:
    policy = [("Cache-Control", "no-cache")]
    common = [("X-Common", "1")]
    made = Representation(
        path="/p",
        size=7,
        content_type="text/plain",
        validated_by=Validators('"tag"', 10, True),
        policy=[*policy, *common],
        settled=True,
    )
    date = ("Last-Modified", "Thu, 01 Jan 1970 00:00:10 GMT")
    shared = (("Accept-Ranges", "bytes"), date, ("ETag", '"tag"'), *policy, *common)
    assert made.full_headers == (
        ("Content-Type", "text/plain"),
        ("Content-Length", "7"),
        *shared,
    )
    assert made.partial_headers == shared
    assert made.not_modified_headers == [("ETag", '"tag"'), *policy, *common]
    assert made.refusal_headers == [("Accept-Ranges", "bytes"), ("ETag", '"tag"'), *common]


def test_not_modified_has_the_date_if_there_is_no_entity_tag() -> None:
    # RFC 9110 15.4.5
    made = Representation("/p", 5, "a/b", Validators(None, 10), [], True)
    assert made.not_modified_headers == [("Last-Modified", "Thu, 01 Jan 1970 00:00:10 GMT")]
    nothing = Representation("/p", 5, "a/b", Validators(), [], True)
    assert nothing.not_modified_headers == []


@pytest.mark.parametrize(
    ("value", "instead"),
    [
        ("public, max-age=60", "no-cache"),
        ("public, max-age=31536000, immutable", "no-cache"),
        ("Private, max-age=60", "private, no-cache"),
        ("private, no-store", "private, no-store"),
    ],
)
def test_with_no_cache(value: str, instead: str) -> None:
    fields = [("X-Other", "max-age=1"), ("cache-control", value)]
    assert with_no_cache(fields) == [("X-Other", "max-age=1"), ("cache-control", instead)]
    assert with_no_cache([("X-Other", "a")]) == [("X-Other", "a")]


def test_parts_of_a_recent_version_are_not_cached() -> None:
    recent = Representation(
        "/p", 5, "a/b", Validators('W/"x"', 10), [("Cache-Control", "max-age=9")], False
    )
    assert ("Cache-Control", "no-cache") in recent.partial_headers
    for headers in (recent.full_headers, recent.not_modified_headers):
        assert ("Cache-Control", "max-age=9") in headers


def test_etag_for_coding() -> None:
    assert etag_for_coding('"x"', "gzip") == '"x-gzip"'


def test_content_etag() -> None:
    assert content_etag(bytes(range(32))) == '"000102030405060708090a0b0c0d0e0f"'


@pytest.mark.parametrize(
    ("last_modified", "dated_from", "expected"),
    [
        (None, None, False),
        (99, None, False),
        (101, None, True),  # the clock was set back
        (None, 99.5, True),
        (None, 100.5, False),
    ],
)
def test_is_outdated(last_modified: int | None, dated_from: float | None, expected: bool) -> None:
    validators = Validators(None, last_modified)
    made = Representation("/p", 5, "a/b", validators, [], True, dated_from=dated_from)
    assert is_outdated(made, 100.0) is expected


@pytest.mark.parametrize(
    ("etag", "compressed_etag"), [('"x"', 'W/"x-br"'), ('W/"x"', 'W/"x-br"'), (None, None)]
)
@pytest.mark.parametrize("digest", [None, b"d" * 32])
def test_describe_compressed(
    etag: str | None, compressed_etag: str | None, digest: bytes | None
) -> None:
    validators = Validators(etag, 10, True)
    own = Representation(
        "/p", 700, "text/plain", validators, [("Vary", "Origin")], True, varies=True, digest=digest
    )
    made = describe_compressed(own, "br", b"compressed")
    assert made.validators == Validators(compressed_etag, 10, True)
    assert (made.path, made.size, made.content_type) == ("/p", 10, "text/plain")
    assert (made.settled, made.coding, made.varies, made.has_ranges) == (True, "br", True, False)
    assert made.digest == (digest and sha256(b"compressed").digest())
    headers = dict(made.full_headers)
    assert headers["Content-Encoding"] == "br"
    assert headers["Content-Length"] == "10"
    assert headers["Vary"] == "Origin, Accept-Encoding"
    assert "Accept-Ranges" not in headers
