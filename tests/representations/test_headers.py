"""HeaderPolicy: the configured header fields."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from wsgistatic.representations.headers import HeaderPolicy


def test_constant_fields() -> None:
    policy = HeaderPolicy("max-age=5", True, "https://a.example")
    assert policy.for_file("/p", "/u", "a/b").others == [
        ("Cache-Control", "max-age=5"),
        *policy.common,
    ]
    names = [name for name, _ in policy.common]
    assert names == [
        "X-Content-Type-Options",
        "Access-Control-Allow-Origin",
        "Access-Control-Expose-Headers",
    ]


def test_no_fields() -> None:
    assert HeaderPolicy(None, False, None).for_file("/p", "/u", "a/b").others == []


def test_cache_control_function_gets_path_and_url() -> None:
    policy = HeaderPolicy(lambda path, url: f"max-age={len(path)}{len(url)}", False, None)
    assert policy.for_file("/p", "/url", "a/b").others == [("Cache-Control", "max-age=24")]
    policy = HeaderPolicy(lambda path, url: 24, False, None)
    assert policy.for_file("/p", "/url", "a/b").others == [("Cache-Control", "max-age=24")]
    assert (
        HeaderPolicy(lambda path, url: None, False, None).for_file("/p", "/u", "a/b").others == []
    )


@pytest.mark.parametrize(
    "value", ["no-cache\r\nX: 1", 5.5, True, -1, "\u20ac", "3600", "max_age=1"]
)
def test_failing_cache_control_function_only_disables_caching(
    value: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, "wsgistatic"):
        headers = (
            HeaderPolicy(lambda path, url: value, False, None).for_file("/p", "/u", "a/b").others
        )
    assert headers == [("Cache-Control", "no-cache")]
    assert "/p" in caplog.text


@pytest.mark.parametrize("value", ["", "a\r\nb", "a\nb", "a\0b", " a", "a ", "\u20ac", "\x7f"])
def test_invalid_header_values(value: str) -> None:
    with pytest.raises(ValueError, match=r"cache_control must be .* not "):
        HeaderPolicy(value, True, None)
    with pytest.raises(ValueError, match=r"allow_origin must be .* not "):
        HeaderPolicy(None, True, value)


def test_values_of_wrong_type() -> None:
    with pytest.raises(TypeError, match="cache_control must be a str, a number of seconds, a call"):
        HeaderPolicy(5.0, True, None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="nosniff must be True or False, not 1"):
        HeaderPolicy(None, 1, None)  # type: ignore[arg-type]
