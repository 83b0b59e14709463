"""HTTP dates (RFC 9110 5.6.7), as whole seconds since the epoch in UTC.

Parsing is strict. A recipient must accept three formats; anything else is not a date. That
includes two dates joined by a comma, and days that do not exist.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from functools import lru_cache

from wsgistatic.http.fields import OWS

# Added to, because ``fromtimestamp`` of Windows refuses times before 1970 and after 3000.
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH = f"(?P<month>{'|'.join(_MONTHS)})"
_TIME = r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
_DAY_NAME = f"(?:{'|'.join(_DAYS)})"
_DAY_NAME_L = "(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day"

_IMF_FIXDATE, _RFC850_DATE, _ASCTIME_DATE = (
    # Sun, 06 Nov 1994 08:49:37 GMT
    re.compile(rf"{_DAY_NAME}, (?P<day>[0-9]{{2}}) {_MONTH} (?P<year>[0-9]{{4}}) {_TIME} GMT"),
    # Sunday, 06-Nov-94 08:49:37 GMT
    re.compile(rf"{_DAY_NAME_L}, (?P<day>[0-9]{{2}})-{_MONTH}-(?P<year>[0-9]{{2}}) {_TIME} GMT"),
    # Sun Nov  6 08:49:37 1994
    re.compile(rf"{_DAY_NAME} {_MONTH} (?P<day>[0-9]{{2}}| [0-9]) {_TIME} (?P<year>[0-9]{{4}})"),
)


def parse_http_date(value: str, now: float) -> int | None:
    """Return the seconds since the epoch of an HTTP-date, or None; ``now`` completes its year."""
    value = value.strip(OWS)
    match = _IMF_FIXDATE.fullmatch(value) or _RFC850_DATE.fullmatch(value)
    match = match or _ASCTIME_DATE.fullmatch(value)
    if match is None:
        return None
    fields = match.group("year", "day", "hour", "minute", "second")
    year, day, hour, minute, second = map(int, fields)
    date = (year, _MONTHS.index(match["month"]) + 1, day, hour, minute, second)
    if len(match["year"]) == 2:
        date = (_full_year(date, now), *date[1:])
    try:
        moment = datetime(*date[:5], tzinfo=timezone.utc)
    except ValueError:
        return None
    return int(moment.timestamp()) + second if second <= 60 else None  # 60 is a leap second


def _full_year(date: tuple[int, ...], now: float) -> int:
    # 5.6.7: a date with a two-digit year "that appears to be more than 50 years in the future" is
    # "the most recent year in the past that had the same last two digits".
    this_year, *since = (_EPOCH + timedelta(seconds=now)).timetuple()[:6]
    year = this_year - this_year % 100 + date[0]
    return year - 100 if (year, *date[1:]) > (this_year + 50, *since) else year


def format_http_date(seconds: int) -> str:
    """Return the IMF-fixdate of a time in whole seconds since the epoch."""
    days, second = divmod(seconds, 86400)
    minute, second = divmod(second, 60)
    # email.utils.formatdate returns the same, but takes three times as long, and imports the
    # modules for sockets and mail.
    return f"{_format_day(days)} {minute // 60:02}:{minute % 60:02}:{second:02} GMT"


@lru_cache(maxsize=256)
def _format_day(days: int) -> str:
    date = _EPOCH + timedelta(days)
    return f"{_DAYS[date.weekday()]}, {date.day:02} {_MONTHS[date.month - 1]} {date.year:04}"
