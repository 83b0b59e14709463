"""Dates that the C library of Windows cannot convert."""

from __future__ import annotations

from datetime import datetime

import pytest

from wsgistatic.http import dates
from wsgistatic.http.dates import format_http_date, parse_http_date


class Datetime(datetime):
    """``datetime`` as on Windows."""

    @classmethod
    def fromtimestamp(cls, *arguments: object) -> Datetime:
        raise OSError(22, "Invalid argument")


def test_dates_do_not_depend_on_the_c_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dates, "datetime", Datetime)
    dates._format_day.cache_clear()
    assert format_http_date(-1) == "Wed, 31 Dec 1969 23:59:59 GMT"
    assert format_http_date(253_402_300_799) == "Fri, 31 Dec 9999 23:59:59 GMT"
    assert parse_http_date("Sunday, 06-Nov-94 08:49:37 GMT", 2e11) == 199_592_930_977
