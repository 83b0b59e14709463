"""CORS preflights: Fetch 3.2.2."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.client import call
from wsgistatic import FileApp, StaticFiles

ASKED = {
    "HTTP_ORIGIN": "https://other.example",
    "HTTP_ACCESS_CONTROL_REQUEST_METHOD": "GET",
    "HTTP_ACCESS_CONTROL_REQUEST_HEADERS": "Range, if-none-match,x-other",
}


def test_a_preflight_for_a_range(site: Path) -> None:
    for app in (
        StaticFiles(None, site, allow_origin="*"),
        FileApp(site / "hello.txt", allow_origin="*"),
    ):
        result = call(app, "/hello.txt", "OPTIONS", **ASKED)
        assert (result.status, result.body) == (200, b"")
        assert result.headers["Access-Control-Allow-Origin"] == "*"
        assert result.headers["Access-Control-Allow-Methods"] == "GET, HEAD"
        assert result.headers["Access-Control-Allow-Headers"] == "range, if-none-match"
        assert result.headers["Access-Control-Max-Age"] == "86400"
        assert result.headers["Content-Length"] == "0"


def test_no_field_asked_for(site: Path) -> None:
    asked = {**ASKED, "HTTP_ACCESS_CONTROL_REQUEST_HEADERS": "x-other"}
    result = call(StaticFiles(None, site, allow_origin="*"), "/hello.txt", "OPTIONS", **asked)
    assert result.status == 200
    assert "Access-Control-Allow-Headers" not in result.headers


@pytest.mark.parametrize(
    ("path", "option", "method", "asked", "status"),
    [
        ("/nope", "*", "OPTIONS", ASKED, 404),
        ("/hello.txt", None, "OPTIONS", ASKED, 405),
        ("/hello.txt", "*", "OPTIONS", {}, 405),
        ("/hello.txt", "*", "POST", ASKED, 405),
        (
            "/hello.txt",
            "*",
            "OPTIONS",
            {**ASKED, "HTTP_ACCESS_CONTROL_REQUEST_METHOD": "PUT"},
            405,
        ),
    ],
)
def test_what_is_no_preflight_for_a_file(
    site: Path, path: str, option: str | None, method: str, asked: dict[str, str], status: int
) -> None:
    assert (
        call(StaticFiles(None, site, allow_origin=option), path, method, **asked).status == status
    )


def test_a_wrapped_app_answers_its_own(site: Path) -> None:
    app = StaticFiles(StaticFiles(None, site / "bare"), site, allow_origin="*")
    assert call(app, "/hello.txt", "OPTIONS", **ASKED).status == 404
