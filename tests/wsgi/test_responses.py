"""Responses without a file: CORS preflights (Fetch 3.2.2), and misses of the wrapped app."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.client import call, make_environ
from wsgistatic import FileApp, StaticFiles

PREFLIGHT = {
    "HTTP_ORIGIN": "https://other.example",
    "HTTP_ACCESS_CONTROL_REQUEST_METHOD": "GET",
    "HTTP_ACCESS_CONTROL_REQUEST_HEADERS": "Range, if-none-match,baggage,sentry-trace,traceparent",
}


def test_a_preflight_is_answered(site: Path) -> None:
    for app in (
        StaticFiles(None, site, allow_origin="*"),
        FileApp(site / "hello.txt", allow_origin="*"),
    ):
        result = call(app, "/hello.txt", "OPTIONS", **PREFLIGHT)
        assert (result.status, result.body) == (200, b"")
        assert result.headers["Access-Control-Allow-Origin"] == "*"
        assert result.headers["Access-Control-Allow-Methods"] == "GET, HEAD"
        allowed = "range, if-none-match, baggage, sentry-trace, traceparent"
        assert result.headers["Access-Control-Allow-Headers"] == allowed
        assert result.headers["Access-Control-Max-Age"] == "86400"
        assert result.headers["Content-Length"] == "0"


@pytest.mark.parametrize("value", ["Authorization", "a b", "a\u00ff", "", ",", "*"])
def test_a_preflight_does_not_allow_credentials_and_what_is_no_field_name(
    site: Path, value: str
) -> None:
    fields = {**PREFLIGHT, "HTTP_ACCESS_CONTROL_REQUEST_HEADERS": value}
    result = call(StaticFiles(None, site, allow_origin="*"), "/hello.txt", "OPTIONS", **fields)
    assert result.status == 200
    assert "Access-Control-Allow-Headers" not in result.headers


@pytest.mark.parametrize(
    ("path", "option", "method", "fields", "status"),
    [
        ("/nope", "*", "OPTIONS", PREFLIGHT, 404),
        ("/hello.txt", None, "OPTIONS", PREFLIGHT, 405),
        ("/hello.txt", "*", "OPTIONS", {}, 405),
        ("/hello.txt", "*", "POST", PREFLIGHT, 405),
        (
            "/hello.txt",
            "*",
            "OPTIONS",
            {**PREFLIGHT, "HTTP_ACCESS_CONTROL_REQUEST_METHOD": "PUT"},
            405,
        ),
    ],
)
def test_other_requests_are_not_preflights(
    site: Path, path: str, option: str | None, method: str, fields: dict[str, str], status: int
) -> None:
    assert (
        call(StaticFiles(None, site, allow_origin=option), path, method, **fields).status == status
    )


def test_a_preflight_goes_to_the_wrapped_app(site: Path) -> None:
    app = StaticFiles(StaticFiles(None, site / "bare"), site, allow_origin="*")
    assert call(app, "/hello.txt", "OPTIONS", **PREFLIGHT).status == 404


def test_the_exception_info_of_the_wrapped_app_is_passed_on(site: Path) -> None:
    error = (ValueError, ValueError("late"), None)

    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("404 Not Found", [], error)
        return []

    passed = []

    def start_response(status: str, headers: Any, *exc_info: Any) -> Any:
        passed.append(exc_info)

    StaticFiles(app, site, no_store_misses=True)(make_environ("/nope"), start_response)
    assert passed == [(error,)]
