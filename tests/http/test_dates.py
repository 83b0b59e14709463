"""HTTP dates (RFC 9110 5.6.7), against a separate writer of the three formats."""

from __future__ import annotations

import time
from calendar import monthrange
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.properties import examples
from wsgistatic.http.dates import format_http_date, parse_http_date

ANY_TEXT = st.text(st.characters() | st.characters(categories=("Cs", "Cc")))
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
FIRST = -62_135_596_800  # 0001-01-01
LAST = 253_402_300_799  # 9999-12-31 23:59:59


def seconds(year: int, month: int, day: int, hour: int = 0, minute: int = 0, sec: int = 0) -> int:
    moment = datetime(year, month, day, hour, minute, tzinfo=timezone.utc)
    return round((moment - EPOCH) / timedelta(seconds=1)) + sec


NOW = seconds(2024, 6, 1)


def three_formats(second: int) -> tuple[str, str, str]:
    """Write a time as IMF-fixdate, rfc850-date and asctime-date, whatever the locale."""
    t = EPOCH + timedelta(seconds=second)
    day, month = DAYS[t.weekday()], MONTHS[t.month - 1]
    clock = f"{t.hour:02}:{t.minute:02}:{t.second:02}"
    return (
        f"{day[:3]}, {t.day:02} {month} {t.year:04} {clock} GMT",
        f"{day}, {t.day:02}-{month}-{t.year % 100:02} {clock} GMT",
        f"{day[:3]} {month} {t.day:2} {clock} {t.year:04}",
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        # 5.6.7's examples
        ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 784_111_777),
        ("Sun Nov  6 08:49:37 1994", 784_111_777),
        # 8.8.2, 10.1.5, 13.1.3, 13.1.4
        ("Tue, 15 Nov 1994 12:45:26 GMT", seconds(1994, 11, 15, 12, 45, 26)),
        ("Sat, 29 Oct 1994 19:43:31 GMT", seconds(1994, 10, 29, 19, 43, 31)),
        # whitespace around a field's value is not part of it (5.5)
        (" \tSun, 06 Nov 1994 08:49:37 GMT\t ", 784_111_777),
        # asctime: date3 = month SP ( 2DIGIT / ( SP 1DIGIT ))
        ("Wed Nov 16 08:49:37 1994", 784_111_777 + 10 * 86400),
        ("Sun Nov 06 08:49:37 1994", 784_111_777),
        # the day name is not checked
        ("Mon, 06 Nov 1994 08:49:37 GMT", 784_111_777),
        ("Wednesday, 06-Nov-94 08:49:37 GMT", 784_111_777),  # the longest
        # a leap second
        ("Sat, 31 Dec 2016 23:59:60 GMT", seconds(2016, 12, 31, 23, 59, 60)),
        ("Saturday, 31-Dec-16 23:59:60 GMT", seconds(2016, 12, 31, 23, 59, 60)),
        ("Sat Dec 31 23:59:60 2016", seconds(2016, 12, 31, 23, 59, 60)),
        # the ends of the calendar
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("Wed, 31 Dec 1969 23:59:59 GMT", -1),
        ("Mon, 01 Jan 0001 00:00:00 GMT", FIRST),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LAST),
        ("Tue, 29 Feb 2000 00:00:00 GMT", seconds(2000, 2, 29)),
    ],
)
def test_valid_dates(value: str, expected: int) -> None:
    assert parse_http_date(value, NOW) == expected


@pytest.mark.parametrize(
    "value",
    [
        *("", " ", "0", "-1", "784111777", "now", "*", '"etag"', "GMT"),
        # two dates joined (13.1.3: "more than one member")
        "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT,",
        ", Sun, 06 Nov 1994 08:49:37 GMT",
        # 5.6.7: "HTTP-date is case sensitive"
        "sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 gmt",
        "SUNDAY, 06-Nov-94 08:49:37 GMT",
        # time zones other than GMT, or none
        *(f"Sun, 06 Nov 1994 08:49:37{z}" for z in ("", " ", " UTC", " +0000", " EST", "Z")),
        *(f"Sunday, 06-Nov-94 08:49:37{zone}" for zone in ("", " UTC", " -0000")),
        "Sun Nov  6 08:49:37 1994 GMT",
        # "MUST NOT generate additional whitespace"; fields of another length
        "Sun,06 Nov 1994 08:49:37 GMT",
        "Sun,  06 Nov 1994 08:49:37 GMT",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun,  6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun, 06 Nov 19940 08:49:37 GMT",
        "Sun, 06 November 1994 08:49:37 GMT",
        "Sun, 06-Nov-1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 8:49:37 GMT",
        "Sun, 06 Nov 1994 08:49 GMT",
        "Sun, 06 Nov 1994 08:49:37.5 GMT",
        "06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT; length=5",
        "Sunday, 06-Nov-1994 08:49:37 GMT",
        "Sun, 06-Nov-94 08:49:37 GMT",
        "Tue, 06-Nov-94 08:49:37 GMT",
        "Sun Nov 6 08:49:37 1994",
        "Sun Nov  6 08:49:37 94",
        "Sunday Nov  6 08:49:37 1994",
        "1994-11-06T08:49:37Z",
        # times that do not exist
        "Thu, 30 Feb 2012 00:00:00 GMT",
        "Thu, 29 Feb 2023 00:00:00 GMT",
        "Thu, 29 Feb 1900 00:00:00 GMT",
        "Fri, 31 Apr 2023 00:00:00 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 32 Nov 1994 08:49:37 GMT",
        "Sun Nov  0 08:49:37 1994",
        "Sun, 06 Nov 0000 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:00 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 06 Nov 1994 23:59:99 GMT",
        # DIGIT is ASCII; nothing may precede or follow
        "Sun, 0\u0666 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov \uff11994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT\n",
        "Sun, 06 Nov 1994 08:49:37 GMT\x00",
        "Sun, 06 Nov 1994 08:49:37 GMT\u00a0",
        "Sun,\u00a006 Nov 1994 08:49:37 GMT",
        "\udc80Sun, 06 Nov 1994 08:49:37 GMT",
    ],
)
def test_invalid_dates(value: str) -> None:
    """A field with such a value is ignored; it is never an error."""
    assert parse_http_date(value, NOW) is None


@pytest.mark.parametrize(
    ("now", "day", "year"),
    [
        (NOW, "06-Nov-94", 1994),
        (NOW, "01-Jan-00", 2000),
        (NOW, "31-Dec-23", 2023),
        (NOW, "31-May-24", 2024),
        (NOW, "31-Dec-24", 2024),
        (NOW, "01-Jan-25", 2025),
        (NOW, "31-Dec-73", 2073),
        (NOW, "01-Jan-74", 2074),  # less than 50 years ahead
        (NOW, "01-Jun-74", 2074),  # exactly 50
        (NOW, "01-Jan-75", 1975),
        (NOW, "31-Dec-99", 1999),
        (seconds(2024, 12, 31), "01-Dec-74", 2074),
        (seconds(2049, 1, 1), "01-Jan-99", 2099),
        (seconds(2049, 1, 1), "01-Jan-00", 2000),
        (seconds(1994, 11, 6), "06-Nov-94", 1994),
        (NOW + 0.75, "01-Jan-25", 2025),
    ],
)
def test_two_digit_years(now: float, day: str, year: int) -> None:
    """5.6.7: a date that "appears to be more than 50 years in the future" is in the past."""
    month = MONTHS.index(day[3:6]) + 1
    value = f"Monday, {day} 00:00:00 GMT"
    assert parse_http_date(value, now) == seconds(year, month, int(day[:2]))


def test_fifty_years_are_counted_to_the_second() -> None:
    """5.6.7 compares the timestamp, not only its year: one second more is too much."""
    for value, second in (
        ("Friday, 01-Jun-74 00:00:00 GMT", seconds(2074, 6, 1)),
        ("Friday, 01-Jun-74 00:00:01 GMT", seconds(1974, 6, 1, 0, 0, 1)),
        ("Saturday, 01-Dec-74 00:00:00 GMT", seconds(1974, 12, 1)),
    ):
        assert parse_http_date(value, NOW) == second
    leap_day = seconds(2024, 2, 29)  # 2074 has none
    assert parse_http_date("Wednesday, 28-Feb-74 00:00:00 GMT", leap_day) == seconds(2074, 2, 28)
    assert parse_http_date("Friday, 01-Mar-74 00:00:00 GMT", leap_day) == seconds(1974, 3, 1)


@pytest.fixture(params=["XXX-14", "XXX+12"])
def zone(request: pytest.FixtureRequest) -> Iterator[None]:
    """Set a local time zone far from UTC."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("TZ", request.param)
        time.tzset()
        yield
    time.tzset()


@pytest.mark.time_zones
@pytest.mark.usefixtures("zone")
def test_local_time_zone_does_not_move_the_fifty_years() -> None:
    test_fifty_years_are_counted_to_the_second()


@given(st.integers(FIRST, LAST))
@settings(deadline=None, max_examples=examples(300))
def test_round_trip(second: int) -> None:
    imf_fixdate, _, asctime_date = three_formats(second)
    assert format_http_date(second) == imf_fixdate
    assert parse_http_date(imf_fixdate, NOW) == second
    assert parse_http_date(asctime_date, NOW) == second


@given(st.integers(seconds(2000, 1, 1), seconds(2049, 12, 31)), st.data())
@settings(deadline=None, max_examples=examples(300))
def test_round_trip_with_two_digits(now: int, data: st.DataObject) -> None:
    """From 49 years ago to 49 years ahead, a two-digit year has one meaning."""
    years_49 = 49 * 365 * 86400
    second = data.draw(st.integers(now - years_49, min(now + years_49, seconds(2099, 12, 31))))
    assert parse_http_date(three_formats(second)[1], now) == second


@given(
    st.integers(0, 9999),
    st.integers(1, 12),
    st.integers(0, 33),
    st.integers(0, 25),
    st.integers(0, 62),
    st.integers(0, 59),
)
@settings(deadline=None, max_examples=examples(300))
def test_calendar(year: int, month: int, day: int, hour: int, minute: int, second: int) -> None:
    """A date is valid exactly if it is on the calendar."""
    clock = f"{hour:02}:{minute:02}:{second:02}"
    exists = year > 0 and 0 < day <= monthrange(max(year, 1), month)[1]
    exists = exists and hour < 24 and minute < 60
    expected = seconds(year, month, day, hour, minute, second) if exists else None
    name = MONTHS[month - 1]
    assert parse_http_date(f"Mon, {day:02} {name} {year:04} {clock} GMT", NOW) == expected
    assert parse_http_date(f"Mon {name} {day:2} {clock} {year:04}", NOW) == expected


@given(st.integers(FIRST, LAST), st.integers(1, 22), st.characters())
@settings(deadline=None)
def test_one_character_more_or_less(second: int, at: int, character: str) -> None:
    """Each format is exact: with a character more or less it is not a date."""
    for value in three_formats(second):
        assert parse_http_date(value[:at] + character + value[at:], NOW) is None
        assert parse_http_date(value[:at] + value[at + 1 :], NOW) is None


@given(ANY_TEXT, st.integers(0, LAST))
@settings(deadline=None)
def test_any_text_is_parsed(text: str, now: int) -> None:
    date = "Sun, 06 Nov 1994 08:49:37 GMT"
    for value in (text, date[:8] + text, text + date, date + text):
        result = parse_http_date(value, now)
        assert result is None or isinstance(result, int)


@pytest.mark.parametrize(
    "value",
    [
        *(text * 500_000 for text in ("9", "Sun, ", "Sun Nov ", " 6", "08:", "\t\0", "\udc80")),
        "Sun, " + "0" * 1_000_000 + "6 Nov 1994 08:49:37 GMT",
        "Sun Nov " + " " * 1_000_000 + "6 08:49:37 1994",
    ],
)
def test_huge_values_take_linear_time(value: str) -> None:
    """CVE-2021-41817: at these sizes a slow parser would not return."""
    assert parse_http_date(value, NOW) is None
    assert parse_http_date(" " * 1_000_000 + "Sun Nov  6 08:49:37 1994", NOW) == 784_111_777


@pytest.mark.parametrize(
    ("second", "value"),
    [
        (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
        (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
        (-1, "Wed, 31 Dec 1969 23:59:59 GMT"),
        (2**31, "Tue, 19 Jan 2038 03:14:08 GMT"),
        (LAST, "Fri, 31 Dec 9999 23:59:59 GMT"),
        (FIRST, "Mon, 01 Jan 0001 00:00:00 GMT"),
    ],
)
def test_format_http_date(second: int, value: str) -> None:
    """5.6.7: a sender "MUST generate those timestamps in the IMF-fixdate format"."""
    assert format_http_date(second) == value
