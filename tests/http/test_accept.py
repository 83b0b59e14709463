"""Preferences for media types by Accept (RFC 9110 12.5.1)."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgistatic.http.negotiation import TypePreference, names_type, preference_for

JSON = "application/json"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, (1, 0)),
        ("", (1, 0)),
        (" \t", (1, 0)),
        ("*/*", (1, 0)),
        ("*/*;q=0.3", (0.3, 0)),
        ("application/*", (1, 1)),
        (JSON, (1, 2)),
        ("APPLICATION/Json ;Q=0.25", (0.25, 2)),
        ("text/html", (0, 0)),
        ("text/*", (0, 0)),
        ("application/json;q=0", (0, 2)),
        # 12.5.1: the most specific range counts, whatever its position.
        ("application/json;q=0.1, application/*;q=0.5, */*", (0.1, 2)),
        ("*/*, application/*;q=0.5", (0.5, 1)),
        # Named twice: the higher weight.
        ("application/json;q=0.1, application/json;q=0.4", (0.4, 2)),
        # Other parameters are ignored.
        ("application/json;charset=utf-8", (1, 2)),
        ("application/json;odata=verbose;q=0.5", (0.5, 2)),
        ("application/json;q=0.5;ext=1", (0.5, 2)),
        # Empty elements (5.6.1.2), and elements that are not media ranges.
        (",, application/json ,", (1, 2)),
        ("garbage, application/json", (1, 2)),
        ("garbage", (0, 0)),
        ("json", (0, 0)),
        # An invalid weight invalidates its element.
        *((f"application/json;q={q}", (0, 0)) for q in ("", "2", "1.1", "-1", "nan", "0.1234")),
        ("application/json;q", (0, 0)),
        ("application/json;q=1.000", (1, 2)),
        ("application/json;q=0.", (0, 2)),
    ],
)
def test_preference_for(accept: str | None, expected: tuple[float, int]) -> None:
    assert preference_for(accept, JSON) == expected


@pytest.mark.parametrize(
    ("accept", "named"),
    [
        (None, False),
        ("*/*", False),
        ("text/*", False),
        ("text/html", True),
        ("text/html;q=0", False),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", True),
        ("image/avif,image/webp,*/*", False),
    ],
)
def test_names_type(accept: str | None, named: bool) -> None:
    assert names_type(accept, "text/html") is named


@given(st.text(alphabet='applicationjs*/;,q=.01 "\\\t\xff', max_size=60))
def test_any_field_yields_a_preference(accept: str) -> None:
    quality, precision = preference_for(accept, JSON)
    assert 0 <= quality <= 1
    assert precision in (0, 1, 2)


def test_long_fields_take_linear_time() -> None:
    began = time.process_time()
    for piece in ("a/b,", ";", '"', "application/json;q=0.1,", "*/*;q=1;"):
        preference_for(piece * 50_000, JSON)
    assert time.process_time() - began < 5
    assert preference_for("a/b," * 50_000, JSON) == TypePreference(0, 0)
