"""HTTP dates (RFC 9110 5.6.7): whole seconds since the epoch, UTC.

Strategy: strict. A recipient must take three forms; anything else, two joined dates and days
that do not exist included, is no date.
"""

from __future__ import annotations

import re
from calendar import timegm
from datetime import datetime, timezone
from email.utils import formatdate

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH = f"(?P<month>{'|'.join(_MONTHS)})"
_TIME = r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
_DAY_NAME = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_DAY_NAME_L = "(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day"

_FORMS = tuple(
    re.compile(form)
    for form in (
        # IMF-fixdate: Sun, 06 Nov 1994 08:49:37 GMT
        rf"{_DAY_NAME}, (?P<day>[0-9]{{2}}) {_MONTH} (?P<year>[0-9]{{4}}) {_TIME} GMT",
        # rfc850-date: Sunday, 06-Nov-94 08:49:37 GMT
        rf"{_DAY_NAME_L}, (?P<day>[0-9]{{2}})-{_MONTH}-(?P<year>[0-9]{{2}}) {_TIME} GMT",
        # asctime-date: Sun Nov  6 08:49:37 1994
        rf"{_DAY_NAME} {_MONTH} (?P<day>[0-9]{{2}}| [0-9]) {_TIME} (?P<year>[0-9]{{4}})",
    )
)
_LONGEST = len("Wednesday, 06-Nov-94 08:49:37 GMT")
_LEAP_SECOND = 60


def parse_http_date(value: str, now: float) -> int | None:
    """Give the seconds since the epoch of an HTTP-date in any of its three forms, or None.

    Arguments:
        value: the field's value.
        now: the present time in seconds since the epoch, to read years of two digits by.
    """
    value = value.strip(" \t")
    if len(value) > _LONGEST:
        return None
    for form in _FORMS:
        match = form.fullmatch(value)
        if match is not None:
            break
    else:
        return None
    year, day, hour, minute, second = (
        int(match[field]) for field in ("year", "day", "hour", "minute", "second")
    )
    date = (year, _MONTHS.index(match["month"]) + 1, day, hour, minute, second)
    if len(match["year"]) == 2:
        date = (_full_year(date, now), *date[1:])
    try:
        datetime(*date[:5], second=min(second, 59))
    except ValueError:
        return None
    return timegm(date) if second <= _LEAP_SECOND else None


def _full_year(date: tuple[int, ...], now: float) -> int:
    # 5.6.7: "a timestamp that appears to be more than 50 years in the future" is in the past.
    this_year, *since = datetime.fromtimestamp(now, timezone.utc).timetuple()[:6]
    year = this_year - this_year % 100 + date[0]
    return year - 100 if (year, *date[1:]) > (this_year + 50, *since) else year


def format_http_date(seconds: int) -> str:
    """Give the IMF-fixdate of whole seconds since the epoch."""
    return formatdate(seconds, usegmt=True)
