"""Plans for Range and If-Range: 200, 206 or 416 (RFC 9110 13.2.2, 14.2, 15.3.7, 15.5.17)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.properties import examples
from wsgistatic.http.conditional import Validators
from wsgistatic.http.ranges import ByteRange, Multipart, RangePlan, plan_ranges

ANY_TEXT = st.text(st.characters() | st.characters(categories=("Cs", "Cc")))
ALLOWANCE = 4096  # bytes by which a multipart body may exceed the whole representation
NOW = 1_700_000_000
IMF = "Sat, 29 Oct 1994 19:43:31 GMT"
LATER = "Sat, 29 Oct 1994 19:43:32 GMT"
STRONG = Validators('"xyzzy"', 783_459_811, True)
WEAK = Validators('W/"xyzzy"', 783_459_811, False)


def plan(
    header: str | None,
    size: int,
    if_range: str | None = None,
    validators: Validators = STRONG,
    content_type: str = "application/pdf",
    max_ranges: int = 200,
) -> RangePlan:
    return plan_ranges(
        header,
        if_range,
        validators,
        size,
        now=NOW,
        content_type=content_type,
        max_ranges=max_ranges,
    )


def whole(size: int) -> RangePlan:
    return RangePlan(200, ((0, size),), size, None, None)


@pytest.mark.parametrize(
    ("header", "size"),
    [
        *((header, 10000) for header in (None, "", "bytes=x", "items=0-1", "bytes=2-1", "bytes=")),
        *((header, 10000) for header in ("bytes=0-0," * 200 + "1-1", "bytes=0-1,x", "0-1")),
        *((header, 0) for header in (None, "bytes=-1", "bytes=0-,-5")),
    ],
)
def test_whole_representation(header: str | None, size: int) -> None:
    """14.2: Range is absent or ignored."""
    assert plan(header, size) == whole(size)
    assert plan(header, size, '"xyzzy"') == whole(size)
    assert plan(header, size, '"other"') == whole(size)


@pytest.mark.parametrize(
    ("header", "size", "pair", "content_range"),
    [
        ("bytes=0-499", 10000, (0, 500), "bytes 0-499/10000"),
        ("bytes=-500", 10000, (9500, 10000), "bytes 9500-9999/10000"),
        ("bytes=30000-40000", 50000, (30000, 40001), "bytes 30000-40000/50000"),
        ("bytes=21010-", 47022, (21010, 47022), "bytes 21010-47021/47022"),  # 15.3.7.1
        # the whole representation is a range too
        ("bytes=0-", 10000, (0, 10000), "bytes 0-9999/10000"),
        ("bytes=0-0", 1, (0, 1), "bytes 0-0/1"),
        # 15.3.7.2: a single part is not sent as multipart
        ("bytes=500-600,601-999", 10000, (500, 1000), "bytes 500-999/10000"),
        ("bytes=500-700,601-999", 10000, (500, 1000), "bytes 500-999/10000"),
        ("bytes=7-9,0-3,4-6", 10000, (0, 10), "bytes 0-9/10000"),
        ("bytes=5-5,10000-,-0", 10000, (5, 6), "bytes 5-5/10000"),
        ("bytes=" + "0-," * 200, 10000, (0, 10000), "bytes 0-9999/10000"),
        (f"bytes=1-{'9' * 5000}", 10, (1, 10), "bytes 1-9/10"),
        (
            f"bytes={2**64}-",
            2**64 + 5,
            (2**64, 2**64 + 5),
            f"bytes {2**64}-{2**64 + 4}/{2**64 + 5}",
        ),
    ],
)
def test_single_range(header: str, size: int, pair: ByteRange, content_range: str) -> None:
    expected = RangePlan(206, (pair,), pair[1] - pair[0], content_range, None)
    assert plan(header, size) == expected


@pytest.mark.parametrize(
    ("header", "size"),
    [
        *((header, 47022) for header in ("bytes=47022-", "bytes=-0", "bytes=99999-,47022-50000")),
        (f"bytes={'9' * 5000}-", 47022),
        *((header, 0) for header in ("bytes=0-", "bytes=0-0", "bytes=-0", "bytes=0-,1-")),
    ],
)
def test_unsatisfiable(header: str, size: int) -> None:
    """15.5.17: a 416 states the current length."""
    expected = RangePlan(416, (), 0, f"bytes */{size}", None)
    assert plan(header, size) == expected
    assert plan(header, size, '"xyzzy"') == expected
    assert plan(header, size, IMF) == expected
    assert plan(header, size, '"other"') == whole(size)  # 13.1.5: "ignore the Range"


@pytest.mark.parametrize(
    ("header", "ranges", "limit"),
    [
        (
            "bytes=6626812-6627960,6785258-6786139",
            ((6626812, 6627961), (6785258, 6786140)),
            2305,
        ),
        (
            "bytes=6636108-6636167,194633-198372,198373-202575",
            ((6636108, 6636168), (194633, 202576)),
            8392,
        ),
        (
            "bytes=6633280-6634323,6633278-6633279,6634324-6636107,6669998-6672067,5710727-5712197",
            ((6633278, 6636108), (6669998, 6672068), (5710727, 5712198)),
            7000,
        ),
    ],
)
def test_historical_exchange(header: str, ranges: tuple[ByteRange, ...], limit: int) -> None:
    """The requests of ``HISTORICAL`` in test_ranges.py."""
    planned = plan(header, 6786140)
    assert planned.status == 206
    assert planned.ranges == ranges
    assert planned.content_range is None  # 15.3.7.2: "MUST NOT generate a Content-Range" outside
    assert planned.multipart is not None
    assert planned.multipart.ranges == ranges
    assert planned.multipart.content_length == planned.content_length <= limit
    assert planned.multipart.content_type.startswith("multipart/byteranges; boundary=")
    assert all(b"\r\nContent-Type: application/pdf\r\n" in head for head in planned.multipart.heads)


@pytest.mark.parametrize(
    ("if_range", "validators", "honoured"),
    [
        (None, STRONG, True),
        (None, Validators(), True),
        ('"xyzzy"', STRONG, True),
        (IMF, STRONG, True),
        *((value, STRONG, False) for value in ('W/"xyzzy"', '"other"', LATER, "", "*", "garbage")),
        *((value, WEAK, False) for value in ('W/"xyzzy"', '"xyzzy"', IMF)),
        *((value, Validators(), False) for value in ('"xyzzy"', IMF, "\udc80")),
    ],
)
def test_if_range(if_range: str | None, validators: Validators, honoured: bool) -> None:
    """13.2.2 step 5."""
    for header in ("bytes=0-1", "bytes=0-1,5-6"):
        planned = plan(header, 10000, if_range, validators)
        assert planned.status == (206 if honoured else 200)
        if not honoured:
            assert planned == whole(10000)
    assert plan(None, 10000, if_range, validators) == whole(10000)


def test_if_range_with_two_digit_year() -> None:
    """A two-digit year is resolved by ``now`` (5.6.7)."""
    value = "Saturday, 29-Oct-94 19:43:31 GMT"
    for now, status in ((NOW, 206), (783_459_811 - 60 * 365 * 86400, 200)):
        assert plan_ranges("bytes=0-1", value, STRONG, 10, now=now).status == status


def test_allowance() -> None:
    """A multipart body may exceed the whole by 4 KiB, but not by one byte more."""
    kind = "a" * 2100
    # The length is the same for any size of three digits.
    length = Multipart([(0, 1), (2, 3)], 100, kind).content_length
    size = length - ALLOWANCE
    assert 100 < size < 1000
    planned = plan("bytes=0-0,2-2", size, content_type=kind)
    assert (planned.status, planned.content_length) == (206, size + ALLOWANCE)
    assert plan("bytes=0-0,2-2", size - 1, content_type=kind) == whole(size - 1)


def test_max_ranges_and_defaults() -> None:
    apart = "bytes=" + ",".join(f"{3 * n}-{3 * n}" for n in range(200))
    assert len(plan(apart, 100_000).ranges) == 200
    assert plan(apart + ",900-900", 100_000) == whole(100_000)
    assert plan("bytes=0-0,5-5", 10000, max_ranges=1) == whole(10000)
    planned = plan_ranges("bytes=0-0,5-5", None, Validators(), 10000, now=NOW)
    assert planned.multipart is not None
    assert b"\r\nContent-Type: application/octet-stream\r\n" in planned.multipart.heads[0]
    assert plan_ranges(apart + ",900-900", None, Validators(), 100_000, now=NOW).status == 200


def test_plans_are_immutable() -> None:
    with pytest.raises(AttributeError):
        plan("bytes=0-0", 10).status = 200  # type: ignore[misc]


# ---- against the requested bytes ----------------------------------------------------------------

SPEC = st.one_of(
    st.tuples(st.integers(0, 12000), st.integers(0, 3000)).map(lambda p: (p[0], sum(p))),
    st.integers(0, 12000).map(lambda first: (first, None)),
    st.integers(0, 12000).map(lambda length: (None, length)),
)


@given(st.lists(SPEC, min_size=1, max_size=40), st.integers(1, 10000))
@settings(deadline=None, max_examples=examples(150))
def test_exactly_the_requested_bytes_are_sent(
    specs: list[tuple[int | None, int | None]], size: int
) -> None:
    def text(number: int | None) -> str:
        return "" if number is None else str(number)

    requested: set[int] = set()
    for first, last in specs:
        if first is None:
            requested.update(range(max(size - (last or 0), 0), size))
        else:
            requested.update(range(first, size if last is None else min(last + 1, size)))
    header = "bytes=" + ",".join(f"{text(first)}-{text(last)}" for first, last in specs)
    planned = plan(header, size)
    sent = [at for pair in planned.ranges for at in range(*pair)]
    assert len(sent) == len(set(sent)) <= size  # CVE-2024-26141: never more than exists
    assert planned.content_length <= size + ALLOWANCE
    if not requested:
        assert planned == RangePlan(416, (), 0, f"bytes */{size}")
        return
    frame = 0
    if planned.status == 200:
        frame = Multipart(runs(requested), size, "application/pdf").content_length - len(requested)
        assert frame + len(requested) > size + ALLOWANCE  # the only reason for a 200
        return
    assert set(sent) == requested
    assert len(planned.ranges) == len(runs(requested))
    assert (planned.content_range is None) is (planned.multipart is not None)
    if planned.multipart is None:
        assert len(planned.ranges) == 1
    else:
        assert len(planned.ranges) > 1
        frame = sum(map(len, planned.multipart.heads)) + len(planned.multipart.tail)
    assert planned.content_length == frame + len(requested)


def runs(positions: set[int]) -> list[ByteRange]:
    starts = sorted(at for at in positions if at - 1 not in positions)
    stops = sorted(at + 1 for at in positions if at + 1 not in positions)
    return list(zip(starts, stops, strict=True))


@given(ANY_TEXT, ANY_TEXT, st.integers(0, 100))
@settings(deadline=None)
def test_any_text_is_planned(text: str, if_range: str, size: int) -> None:
    for header in (text, f"bytes={text}", f"bytes=0-0,2-2,{text}"):
        for value in (None, if_range):
            planned = plan(header, size, value)
            assert planned.status in {200, 206, 416}
            assert planned.content_length <= size + ALLOWANCE
