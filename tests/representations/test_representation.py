"""Validators and header sets of one file version."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import cast

import pytest

from wsgistatic.files.versions import is_settled, is_version_settled, modified_ns
from wsgistatic.http.conditional import Validators
from wsgistatic.representations.representation import (
    describe,
    make_validators,
    never_reused,
    stat_etag,
)

SECOND = 1_000_000_000
NOW = 1_800_000_000 * SECOND + 123_456_789


def status(mtime_ns: int, size: int = 5, ctime_ns: int = NOW) -> os.stat_result:
    fields = SimpleNamespace(st_mtime_ns=mtime_ns, st_ctime_ns=ctime_ns, st_size=size)
    return cast(os.stat_result, fields)


@pytest.mark.parametrize(
    ("age_ns", "fraction", "settled"),
    [
        (0, True, False),
        (19_000_000, True, False),
        (20_000_000, True, True),
        (-5 * SECOND, True, False),  # from the future: a clock that is not ours
        (SECOND, False, False),  # whole seconds: the file system may keep no finer ones
        (2 * SECOND, False, True),
    ],
)
def test_settled(age_ns: int, fraction: bool, settled: bool) -> None:
    now = NOW if fraction else NOW // SECOND * SECOND
    assert is_settled(now - age_ns, now) is settled


def test_stat_etag_tells_times_and_sizes_apart() -> None:
    versions = [status(10 * SECOND, 5), status(10 * SECOND + 1, 5), status(10 * SECOND, 6)]
    tags = {stat_etag(version) for version in versions}
    assert len(tags) == 3
    assert all(tag.startswith('"') and tag.endswith('"') for tag in tags)


def test_etag_is_weak_until_the_clock_has_ticked() -> None:
    assert make_validators(status(NOW - 1), '"x"', NOW).etag == 'W/"x"'
    assert make_validators(status(NOW - SECOND), '"x"', NOW).etag == '"x"'
    assert make_validators(status(NOW - SECOND), None, NOW).etag is None


def test_a_time_in_the_future_was_set_by_hand_so_that_the_last_change_decides() -> None:
    future = NOW + 3600 * SECOND
    assert make_validators(status(future, ctime_ns=NOW - SECOND), '"x"', NOW).etag == '"x"'
    assert make_validators(status(future, ctime_ns=NOW - 1), '"x"', NOW).etag == 'W/"x"'


@pytest.mark.parametrize(
    ("mtime", "ctime", "settled"),
    [
        (NOW - SECOND, NOW - SECOND, True),
        (NOW - SECOND, NOW - 1, False),  # put back
        (NOW - 1, NOW - SECOND, False),
        (NOW + SECOND, NOW - SECOND, True),  # set by hand
        (NOW + SECOND, NOW - 1, False),
    ],
)
def test_a_version_is_settled_when_both_its_times_are(
    mtime: int, ctime: int, settled: bool
) -> None:
    assert is_version_settled(status(mtime, ctime_ns=ctime), NOW) is settled


def test_last_modified_is_never_later_than_now() -> None:
    # RFC 9110 8.8.2.1
    future = make_validators(status(NOW + 3600 * SECOND), '"x"', NOW)
    assert future.last_modified == NOW // SECOND
    assert not future.date_is_strong


def test_a_date_is_strong_when_its_second_is_past() -> None:
    # RFC 9110 8.8.2.2
    assert not make_validators(status(NOW - SECOND), None, NOW).date_is_strong
    assert make_validators(status(NOW - 2 * SECOND), None, NOW).date_is_strong


@pytest.mark.parametrize("mtime", [0, 1, SECOND, -7 * SECOND])
def test_no_time_of_modification(mtime: int) -> None:
    first, second = status(mtime, ctime_ns=NOW - SECOND), status(mtime, ctime_ns=NOW)
    assert modified_ns(first) == NOW - SECOND
    assert stat_etag(first) != stat_etag(second)


def test_header_sets() -> None:
    policy = [("Cache-Control", "no-cache")]
    common = [("X-Common", "1")]
    made = describe(
        path="/p",
        size=7,
        content_type="text/plain",
        validators=Validators('"tag"', 10, True),
        policy=[*policy, *common],
        settled=True,
    )
    date = ("Last-Modified", "Thu, 01 Jan 1970 00:00:10 GMT")
    shared = [("Accept-Ranges", "bytes"), ("ETag", '"tag"'), date, *policy, *common]
    assert made.full_headers == [
        ("Content-Type", "text/plain"),
        ("Content-Length", "7"),
        *shared,
    ]
    assert made.partial_headers == shared
    assert made.not_modified_headers == [("ETag", '"tag"'), *policy, *common]
    assert made.refusal_headers == [("Accept-Ranges", "bytes"), ("ETag", '"tag"'), *common]


def test_not_modified_has_the_date_where_there_is_no_tag() -> None:
    # RFC 9110 15.4.5
    made = describe("/p", 5, "a/b", Validators(None, 10), [], True)
    assert made.not_modified_headers == [("Last-Modified", "Thu, 01 Jan 1970 00:00:10 GMT")]
    nothing = describe("/p", 5, "a/b", Validators(), [], True)
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
def test_no_cache_answers_by_itself(value: str, instead: str) -> None:
    fields = [("X-Other", "max-age=1"), ("cache-control", value)]
    assert never_reused(fields) == [("X-Other", "max-age=1"), ("cache-control", instead)]
    assert never_reused([("X-Other", "a")]) == [("X-Other", "a")]
