"""The option ``immutable``."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

import pytest
from webob import Request

from tests.conftest import age
from wsgistatic import FileApp, StaticFiles
from wsgistatic.representations.headers import HeaderPolicy
from wsgistatic.representations.immutable import IMMUTABLE_CACHE_CONTROL, immutable_rule

HASHED = "app.55e7cbb9ba48.css"


def cache_control(app: Any, path: str, **headers: str) -> str | None:
    value: str | None = (
        Request.blank(path, headers=headers).get_response(app).headers.get("Cache-Control")
    )
    return value


def test_none_matches_no_url() -> None:
    assert not immutable_rule(None)("/p", f"/static/{HASHED}")


def test_hashed_matches_hashed_names() -> None:
    rule = immutable_rule("hashed")
    assert rule("/p", f"/static/{HASHED}")
    assert not rule(f"/p/{HASHED}", "/static/hashed/app.css")


@pytest.mark.parametrize("value", [r"c/v\d+/", re.compile(r"C/V\d+/", re.I)])
def test_regular_expression_is_searched_on_the_url(value: str | re.Pattern[str]) -> None:
    rule = immutable_rule(value)
    assert rule("/p", "/static/v2/app.css")
    assert not rule("/static/v2/app.css", "/static/app.css")
    assert not rule("/p", "/static/v2")


def test_result_of_a_function_is_converted_to_bool() -> None:
    rule = immutable_rule(lambda path, url: re.match("/a", url) if path == "/p" else None)
    assert rule("/p", "/abc") is True
    assert rule("/p", "/b") is False
    assert rule("/q", "/abc") is False


def test_failing_function_is_logged_and_means_false(caplog: pytest.LogCaptureFixture) -> None:
    def fail(path: str, url: str) -> bool:
        raise RuntimeError("broken rule")

    with caplog.at_level(logging.ERROR, "wsgistatic"):
        assert immutable_rule(fail)("/p", "/a/\u20ac") is False
    assert "'/a/\\u20ac': the immutable function failed" in caplog.text
    assert "broken rule" in caplog.text


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (5, TypeError, "immutable must be 'hashed', a regular expression .* or None, not 5"),
        (True, TypeError, "immutable must be .* not True"),
        (["/a"], TypeError, r"immutable must be .* not \['/a'\]"),
        (b"hashed", TypeError, "immutable must be .* not b'hashed'"),
        (re.compile(b"/a"), TypeError, "immutable must be .* not re.compile"),
        ("", ValueError, "immutable must be .* not the mere word ''"),
        ("hash", ValueError, "immutable must be .* not the mere word 'hash'"),
        ("/(", ValueError, r"immutable must be .* not '/\(': missing \)"),
    ],
)
def test_invalid_values(value: Any, error: type[Exception], message: str, site: Path) -> None:
    with pytest.raises(error, match=message):
        immutable_rule(value)
    with pytest.raises(error, match=message):
        StaticFiles(None, site, immutable=value)
    with pytest.raises(error, match=message):
        FileApp(site / "hello.txt", immutable=value)


@pytest.mark.parametrize("other", ["no-cache", None, lambda path, url: "no-cache"])
def test_immutable_takes_precedence_over_cache_control(other: Any) -> None:
    policy = HeaderPolicy(other, False, None, "hashed")
    immutable = [("Cache-Control", "max-age=31536000, immutable")]
    assert policy.is_immutable("/p", f"/{HASHED}")
    assert policy.for_file("/p", f"/{HASHED}", "a/b", is_immutable=True).others == immutable
    assert not policy.is_immutable(f"/{HASHED}", "/app.css")
    assert policy.for_file(f"/{HASHED}", "/app.css", "a/b").others != immutable


def test_responses(site: Path) -> None:
    for folder in (site, site / "sub"):
        (folder / HASHED).write_text("body {}")
        age(folder / HASHED)
    app = StaticFiles(None, site, "/static", immutable="hashed", cache_control="no-cache")
    for path in (f"/static/{HASHED}", f"/static/sub/{HASHED}"):
        assert cache_control(app, path) == IMMUTABLE_CACHE_CONTROL
        assert cache_control(app, path, Range="bytes=0-1") == IMMUTABLE_CACHE_CONTROL
        assert cache_control(app, path, **{"If-None-Match": "*"}) == IMMUTABLE_CACHE_CONTROL
        # A cache must not keep an error under the URL.
        assert cache_control(app, path, Range="bytes=100-") is None
    for path in ("/static/hello.txt", "/static/sub/", "/static/sub"):
        assert cache_control(app, path) == "no-cache"
    assert cache_control(app, f"/static/no-{HASHED}") == "no-store"


def test_file_app_matches_the_requested_url(site: Path) -> None:
    app = FileApp(site / "hello.txt", immutable=r"/v\d+/hello$")
    assert cache_control(app, "/v1/hello") == IMMUTABLE_CACHE_CONTROL
    assert cache_control(app, "/hello") == "max-age=60"
