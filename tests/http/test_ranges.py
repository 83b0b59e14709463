"""Range and Content-Range (RFC 9110 14), against sets of byte positions."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.properties import examples
from wsgistatic.http.ranges import (
    DEFAULT_MAX_RANGES,
    ByteRange,
    content_range,
    get_ranges,
    merge_ranges,
    unsatisfied_range,
)

ANY_TEXT = st.text(st.characters() | st.characters(categories=("Cs", "Cc")))
HUGE = "9" * 5000  # int() refuses more than 4300 digits


def many(spec: str, count: int) -> str:
    return "bytes=" + ",".join([spec] * count)


# ---- get_ranges: tables ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        # the examples of 14.1.2, for a representation of 10000 bytes
        ("bytes=0-499", [(0, 500)]),
        ("bytes=500-999", [(500, 1000)]),
        ("bytes=-500", [(9500, 10000)]),
        ("bytes=9500-", [(9500, 10000)]),
        ("bytes=0-0,-1", [(0, 1), (9999, 10000)]),
        # (the RFC has this space; erratum 7306 fixes the grammar: "=" OWS range-set)
        ("bytes= 0-999, 4500-5499, -1000", [(0, 1000), (4500, 5500), (9000, 10000)]),
        ("bytes=500-600,601-999", [(500, 601), (601, 1000)]),
        ("bytes=500-700,601-999", [(500, 701), (601, 1000)]),
        # last-pos at or after the end means the remainder
        ("bytes=0-9998", [(0, 9999)]),
        ("bytes=0-9999", [(0, 10000)]),
        ("bytes=0-10000", [(0, 10000)]),
        ("bytes=9999-9999", [(9999, 10000)]),
        ("bytes=9999-", [(9999, 10000)]),
        # a suffix longer than the representation means all of it
        ("bytes=-10000", [(0, 10000)]),
        ("bytes=-10001", [(0, 10000)]),
        # unsatisfiable ranges are dropped; with none left it is a 416 (14.2, 15.5.17)
        ("bytes=10000-", []),
        ("bytes=10000-10001", []),
        ("bytes=-0", []),
        ("bytes=-0,10000-", []),
        ("bytes=10000-,3-4,-0", [(3, 5)]),
        # 14.1: "All range unit names are case-insensitive"
        ("BYTES=1-2", [(1, 3)]),
        ("bYtEs=1-2", [(1, 3)]),
        # whitespace and empty elements where a list may have them (5.6.1.2)
        (" \tbytes=1-2\t ", [(1, 3)]),
        ("bytes=1-2 ,\t3-4", [(1, 3), (3, 5)]),
        ("bytes=,1-2", [(1, 3)]),
        ("bytes= ,1-2", [(1, 3)]),
        ("bytes= \t1-2", [(1, 3)]),
        ("bytes=1-2, ,,\t,3-4,", [(1, 3), (3, 5)]),
        # numbers of any length (14.1.2: "anticipate potentially large decimal numerals")
        ("bytes=0-18446744073709551615", [(0, 10000)]),  # CVE-2015-1635
        ("bytes=-17,-9223372036854775808", [(9983, 10000), (0, 10000)]),  # CVE-2017-7529
        (f"bytes=0-{HUGE}", [(0, 10000)]),
        (f"bytes=-{HUGE}", [(0, 10000)]),
        (f"bytes={HUGE}-", []),
        (f"bytes={HUGE}-{HUGE}", []),
        (f"bytes={HUGE}-{HUGE}9", []),
        (f"bytes={'0' * 5000}5-{'0' * 6000}9", [(5, 10)]),
        (f"bytes=-{'0' * 5000}", []),
        (f"bytes=-{'0' * 5000}1", [(9999, 10000)]),
        ("bytes=010-0011", [(10, 12)]),
    ],
)
def test_valid_headers(header: str, expected: list[ByteRange]) -> None:
    assert get_ranges(header, 10000) == expected


@pytest.mark.parametrize(
    "header",
    [
        None,
        # another unit, or none (14.2: "MUST ignore")
        *("", " ", "=", "=0-1", "bytes", "bytes:0-1", "bytes 0-1", "0-1", "items=0-1", "none"),
        *(
            "byte=0-1",
            "bytess=0-1",
            "bytes =0-1",
            "x-bytes=0-1",
            "byte\u017f=0-1",
            "\u00a0bytes=0-1",
        ),
        # no range-spec at all, though the grammar requires one: 1#range-spec
        *("bytes=", "bytes= ", "bytes=,", "bytes=, \t,", "bytes=,,,,,,,,,,,,,,,,"),
        # malformed; one invalid range-spec invalidates the header (14.1.1)
        *("bytes=-", "bytes=x", "bytes=5", "bytes=0-9x", "bytes=x0-9", "bytes=0-9-", "bytes=--1"),
        *("bytes=0--1", "bytes=-1-", "bytes=1-2,x", "bytes=x,1-2", "bytes=1-2,-", "bytes=1-2;3-4"),
        *("bytes=+1-2", "bytes=1_0-20", "bytes=0x1-2", "bytes=1.0-2", "bytes=*", "bytes=0-*"),
        *("bytes=1 -2", "bytes=1- 2", "bytes=1-2 3-4", "bytes=- 5", "bytes=1\t-"),
        *("bytes=1-2,bytes=3-4", "bytes==1-2", "bytes=1-2\n", "bytes=1-2\r\n", "bytes=1-2\x00"),
        *(
            "bytes=1-2\x0b",
            "bytes=1-2,\u00a03-4",
            "bytes=\u20031-2",
            "bytes=1\u20132",
            "bytes=1-2\x85",
        ),
        # a last-pos less than first-pos is invalid (14.1.1)
        *(
            "bytes=2-1",
            "bytes=10000-9999",
            "bytes=0-1,5-4",
            "bytes=5-4,0-1",
            "bytes=10-9",
            "bytes=1-0",
        ),
        *(f"bytes={HUGE}9-{HUGE}", f"bytes={HUGE}-1", f"bytes=1{HUGE}-2{HUGE[1:]}"),
        # DIGIT is ASCII
        *(
            "bytes=\u0661-\u0662",
            "bytes=0-\uff19",
            "bytes=-\u00b2",
            "bytes=\u0966-",
            "bytes=1-\u2460",
        ),
        *("bytes=\ud800-", "bytes=0-\udcb2", "\udc80", "bytes\udc80=0-1"),
    ],
)
def test_ignored_headers(header: str | None) -> None:
    """The response is a 200, as if Range were absent."""
    assert get_ranges(header, 10000) is None


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-", []),
        ("bytes=0-0", []),
        (f"bytes=0-{HUGE}", []),
        (f"bytes={HUGE}-", []),
        ("bytes=-0", []),
        # satisfiable by 14.1.2, but Content-Range cannot express it: 200
        ("bytes=-1", None),
        (f"bytes=-{HUGE}", None),
        ("bytes=0-0,-1", None),
    ],
)
def test_empty_representation(header: str, expected: list[ByteRange] | None) -> None:
    assert get_ranges(header, 0) == expected


def test_documented_examples() -> None:
    assert get_ranges("bytes=30000-40000", 50000) == [(30000, 40001)]
    assert get_ranges("bytes=0-", 2**70) == [(0, 2**70)]
    assert get_ranges(f"bytes={2**64}-{2**64 + 1}", 2**70) == [(2**64, 2**64 + 2)]


# A PDF reader's requests for a file of 6786140 bytes. Adjacent ranges are sent as one.
HISTORICAL = [
    (
        "bytes=6626812-6627960,6785258-6786139",
        [(6626812, 6627961), (6785258, 6786140)],
    ),
    (
        "bytes=6636108-6636167,194633-198372,198373-202575",
        [(6636108, 6636168), (194633, 202576)],
    ),
    (
        "bytes=6633280-6634323,6633278-6633279,6634324-6636107,6669998-6672067,5710727-5712197",
        [(6633278, 6636108), (6669998, 6672068), (5710727, 5712198)],
    ),
]


@pytest.mark.parametrize(("header", "merged"), HISTORICAL)
def test_historical_exchange(header: str, merged: list[ByteRange]) -> None:
    ranges = get_ranges(header, 6786140)
    assert ranges is not None
    assert len(ranges) == header.count(",") + 1
    assert merge_ranges(ranges) == merged


# ---- get_ranges: the limit, hostile input ------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "limit", "count"),
    [
        (many("0-0", 200), DEFAULT_MAX_RANGES, 200),
        (many("0-0", 201), DEFAULT_MAX_RANGES, None),  # CVE-2026-34826
        (many("0-", 15000), DEFAULT_MAX_RANGES, None),  # CVE-2024-26141
        (many("99-", 201), DEFAULT_MAX_RANGES, None),  # unsatisfiable ones count
        ("bytes=" + "," * 60000 + "0-0", DEFAULT_MAX_RANGES, 1),  # empty elements do not
        ("bytes=0-0", 1, 1),
        ("bytes=0-0,1-1", 1, None),
        ("bytes=0-0", 0, None),
    ],
)
def test_max_ranges(header: str, limit: int, count: int | None) -> None:
    ranges = get_ranges(header, 10, max_ranges=limit)
    assert (ranges if ranges is None else len(ranges)) == count


def test_apache_killer_is_bounded() -> None:
    """CVE-2011-3192: after merging, never more is sent than exists."""
    header = "bytes=0-," + ",".join(f"5-{n}" for n in range(5, 204))
    ranges = get_ranges(header, 10000)
    assert ranges is not None
    assert len(ranges) == 200
    assert merge_ranges(ranges) == [(0, 10000)]


@pytest.mark.parametrize(
    ("header", "count"),
    [
        ("bytes=" + "9" * 1_000_000 + "-", 0),
        ("bytes=" + "0" * 1_000_000 + "-", 1),
        ("bytes=-" + "9" * 1_000_000, 1),
        ("bytes=" + "1" * 1_000_000 + "-" + "2" * 1_000_000, 0),
        ("bytes=" + "9" * 1_000_000, None),
        ("bytes=" + "-" * 1_000_000, None),
        ("bytes=" + " " * 1_000_000 + "x", None),
        ("bytes=1-" + " " * 1_000_000 + "x", None),
        ("bytes=" + ", " * 500_000 + "1-2", 1),
        ("bytes=" + " ," * 500_000, None),
        ("b" * 1_000_000, None),
        ("=" * 1_000_000, None),
        (" " * 1_000_000, None),
        (many("7-3", 250_000), None),
        (many("5-5", 250_000), 250_000),
    ],
)
def test_huge_headers_take_linear_time(header: str, count: int | None) -> None:
    """CVE-2022-44570, CVE-2025-62727: at these sizes a quadratic parser would not return."""
    ranges = get_ranges(header, 10, max_ranges=1_000_000)
    assert (ranges if ranges is None else len(ranges)) == count


@given(ANY_TEXT, st.integers(0, 100))
@settings(deadline=None)
def test_any_text_is_parsed(text: str, size: int) -> None:
    for header in (text, f"bytes={text}", f"bytes=0-1,{text}", f"bytes={text}-"):
        for start, stop in get_ranges(header, size) or []:
            assert 0 <= start < stop <= size


# ---- get_ranges: against sets of positions -----------------------------------------------------


def requested_positions(header: str, size: int) -> list[set[int]] | None:
    """Check for each byte whether a range-spec includes it (slow, but obvious)."""
    unit, equals, rest = header.strip(" \t").partition("=")
    specs = [spec for spec in (element.strip(" \t") for element in rest.split(",")) if spec]
    if not equals or unit.encode("utf-8").lower() != b"bytes" or not specs:
        return None
    wanted = []
    for spec in specs:
        first, dash, last = spec.partition("-")
        if not dash or not set(first + last) <= set("0123456789") or spec == "-":
            return None
        if first and last and int(first) > int(last):
            return None
        if not first and int(last) > 0 and size == 0:
            return None
        if first:
            end = int(last) if last else size
            wanted.append({at for at in range(size) if int(first) <= at <= end})
        else:
            wanted.append({at for at in range(size) if size - at <= int(last)})
    return [positions for positions in wanted if positions]


NUMBER = st.integers(0, 40).map(str) | st.sampled_from(["00", "007", "99999999999999999999"])
SPEC = st.one_of(
    st.builds("{}-{}".format, NUMBER, NUMBER),
    st.builds("{}-".format, NUMBER),
    st.builds("-{}".format, NUMBER),
    st.sampled_from(["", " ", "1-2 ", "\t3-", "-", "x"]),
)
HEADER = st.one_of(
    st.builds(lambda unit, specs: unit + ",".join(specs), st.just("bytes="), st.lists(SPEC)),
    st.text("0123456789-, \t", max_size=30).map("Bytes={}".format),
    st.text("bytesBYTES=09-, \tx", max_size=20),
)


@given(HEADER, st.integers(0, 35))
@settings(deadline=None, max_examples=examples(600))
def test_get_ranges_against_positions(header: str, size: int) -> None:
    ranges = get_ranges(header, size)
    got = None if ranges is None else [set(range(*pair)) for pair in ranges]
    assert got == requested_positions(header, size)


POSITIONS = st.text("0123456789", max_size=20)


@given(POSITIONS, POSITIONS, st.integers(0, 10**20), st.integers(0, 2))
def test_shortcut_for_one_range_equals_the_general_parser(
    first: str, last: str, size: int, limit: int
) -> None:
    """Spaces around a header do not change its meaning, but they bypass the shortcut."""
    header = f"bytes={first}-{last}"
    assert get_ranges(header, size, limit) == get_ranges(f" {header} ", size, limit)


# ---- merge_ranges ------------------------------------------------------------------------------

PAIRS = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 12)).map(lambda p: (p[0], sum(p))))


def merge_slowly(ranges: list[ByteRange]) -> list[ByteRange]:
    """Extend each range to the left and right over all requested positions."""
    positions = {at for pair in ranges for at in range(*pair)}
    merged: list[ByteRange] = []
    for start, _ in ranges:
        begin = end = start
        while begin - 1 in positions:
            begin -= 1
        while end in positions:
            end += 1
        if (begin, end) not in merged:
            merged.append((begin, end))
    return merged


@given(PAIRS)
@settings(deadline=None, max_examples=examples(400))
def test_merge_ranges(ranges: list[ByteRange]) -> None:
    merged = merge_ranges(ranges)
    assert merged == merge_slowly(ranges)  # each takes the place of its first member
    sent = [at for pair in merged for at in range(*pair)]
    assert len(set(sent)) == len(sent)  # nothing is sent twice
    assert set(sent) == {at for pair in ranges for at in range(*pair)}  # exactly what was requested
    assert not {stop for _, stop in merged} & {start for start, _ in merged}  # no two touch
    assert merge_ranges(merged) == merged
    assert merge_ranges(iter(ranges)) == merged


def test_merge_ranges_takes_less_than_quadratic_time() -> None:
    """At these sizes a quadratic algorithm would not return."""
    apart = [(3 * n, 3 * n + 1) for n in range(200_000)]
    assert merge_ranges(apart) == apart
    assert merge_ranges(reversed(apart)) == apart[::-1]
    touching = [(n, n + 1) for n in range(200_000)]
    assert merge_ranges(reversed(touching)) == [(0, 200_000)]
    assert merge_ranges([(n, 400_000 - n) for n in range(199_999)]) == [(0, 400_000)]
    assert merge_ranges([(0, 1)] * 200_000) == [(0, 1)]


# ---- Content-Range -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "stop", "size", "value"),
    [
        # the examples of 14.4
        (42, 1234, 1234, "bytes 42-1233/1234"),
        (0, 500, 1234, "bytes 0-499/1234"),
        (500, 1000, 1234, "bytes 500-999/1234"),
        (500, 1234, 1234, "bytes 500-1233/1234"),
        (734, 1234, 1234, "bytes 734-1233/1234"),
        (21010, 47022, 47022, "bytes 21010-47021/47022"),  # 15.3.7.1
        (0, 1, 1, "bytes 0-0/1"),
        (2**64, 2**64 + 1, 2**65, f"bytes {2**64}-{2**64}/{2**65}"),
    ],
)
def test_content_range(start: int, stop: int, size: int, value: str) -> None:
    assert content_range(start, stop, size) == value


@pytest.mark.parametrize(("size", "value"), [(1234, "bytes */1234"), (0, "bytes */0")])
def test_unsatisfied_range(size: int, value: str) -> None:
    """14.4, 15.5.17."""
    assert unsatisfied_range(size) == value
