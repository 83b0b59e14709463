"""What tells caches to store a response: Cache-Control (RFC 9111 5.2) and other fields."""

from __future__ import annotations

from typing import Any

import pytest

from wsgistatic.http.caching import cache_control_value, is_caching_field, without_storing


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, "max-age=0"),
        (3600, "max-age=3600"),
        *(
            (value, value)
            for value in (
                "max-age=60",
                "Private,MAX-AGE=0 , must-revalidate",
                "public, max-age=1, s-maxage=2, stale-while-revalidate=3, stale-if-error=4",
                "no-cache",
                'private="x-a, b\\"", no-cache=set-cookie',
                "no-store, no-transform, must-understand, proxy-revalidate, immutable",
                'max-age=1, community="UCI, x"',  # an extension (5.2.3)
                "post-check=0, pre-check=0, channel-maxage=5",
            )
        ),
    ],
)
def test_cache_control(value: object, expected: str) -> None:
    assert cache_control_value("cache_control", value) == expected


@pytest.mark.parametrize(
    ("value", "mistake"),
    [
        ("3600", "3600 is not a directive"),
        ("60s", "60s is not a directive"),
        ("max_age=60", r"did you mean max-age\?"),
        ("no-store, maxage=60", r"did you mean max-age\?"),
        ("s-max-age=60", r"did you mean s-maxage\?"),
        ("NoCache", r"did you mean no-cache\?"),
        ("max-age=60, imutable", r"did you mean immutable\?"),
        ("max-age", "max-age needs a whole number of seconds"),
        *(
            (f"public, s-maxage={argument}", "s-maxage needs a whole number of seconds")
            for argument in ("x", "1.5", "-1", '"60"', "1h")
        ),
        ("no-store=1", "no-store has no value"),
        *(
            (value, "is not a list of directives")
            for value in (
                "max-age=60,",
                ",max-age=60",
                "max-age=60,,public",
                "max-age=60 public",
                "max-age=60; public",
                "max-age = 60",
                "max-age:60",
                "max-age=",
                'private="x',
                "no cache",
            )
        ),
    ],
)
def test_invalid_cache_control(value: str, mistake: str) -> None:
    match = (
        f"^cache_control must be Cache-Control directives such as 'max-age=60', not .*{mistake}$"
    )
    with pytest.raises(ValueError, match=match):
        cache_control_value("cache_control", value)


@pytest.mark.parametrize("value", [True, False, 1.5, b"no-cache", ["no-cache"]])
def test_cache_control_of_wrong_type(value: Any) -> None:
    with pytest.raises(TypeError, match=r"^x must be a str, a number of seconds or None, not "):
        cache_control_value("x", value, " or None")


@pytest.mark.parametrize(
    ("name", "value", "instead"),
    [
        ("Cache-Control", "max-age=60", "no-cache"),
        ("cache-control", "no-store, max-age=0", "no-store, max-age=0"),
        ("CDN-Cache-Control", "max-age=60", "no-store"),  # RFC 9213
        ("Cloudflare-CDN-Cache-Control", "max-age=60", "no-store"),
        ("Surrogate-Control", "max-age=60", "no-store"),
        ("Edge-Control", "max-age=60", "no-store"),
        ("Expires", "Thu, 01 Jan 2099 00:00:00 GMT", "0"),
        ("X-Accel-Expires", "60", "0"),
        ("Surrogate-Key", "a b", None),  # only names what to purge
        ("Cache-Tag", "a,b", None),
        ("Vary", "Origin", None),
    ],
)
def test_caching_fields(name: str, value: str, instead: str | None) -> None:
    assert is_caching_field(name) is (instead is not None)
    if instead is not None:
        assert without_storing(name, value) == instead
