"""``allow_origin`` with a list of origins: each response is for the origin that requests it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.client import Response, call
from wsgistatic import FileApp, StaticFiles, serve_file
from wsgistatic.paste import make_app

ORIGINS = ["https://a.example", "http://b.example:8000", "null"]
ALLOW = "Access-Control-Allow-Origin"


def inner_app(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Length", "7"), ("Content-Type", "text/plain")])
    return [b"the app"] if environ["REQUEST_METHOD"] != "HEAD" else [b""]


@pytest.fixture
def app(site: Path) -> StaticFiles:
    return StaticFiles(None, site, allow_origin=ORIGINS, listing=True)


KINDS: list[tuple[str, str, dict[str, str], int]] = [
    ("/hello.txt", "GET", {}, 200),
    ("/hello.txt", "HEAD", {}, 200),
    ("/hello.txt", "GET", {"HTTP_RANGE": "bytes=0-1"}, 206),
    ("/hello.txt", "GET", {"HTTP_RANGE": "bytes=0-0,2-2"}, 206),
    ("/hello.txt", "GET", {"HTTP_RANGE": "bytes=999-"}, 416),
    ("/hello.txt", "GET", {"HTTP_IF_NONE_MATCH": "*"}, 304),
    ("/hello.txt", "GET", {"HTTP_IF_MATCH": '"x"'}, 412),
    ("/hello.txt", "POST", {}, 405),
    ("/hello.txt", "OPTIONS", {"HTTP_ACCESS_CONTROL_REQUEST_METHOD": "GET"}, 200),
    ("/sub", "GET", {}, 301),
    ("/none", "GET", {}, 404),
]


@pytest.mark.parametrize(("path", "method", "fields", "status"), KINDS)
def test_each_kind_of_response(
    app: StaticFiles, path: str, method: str, fields: dict[str, str], status: int
) -> None:
    def ask(origin: str | None) -> Response:
        more = {} if origin is None else {"HTTP_ORIGIN": origin}
        response = call(app, path, method, **fields, **more)
        assert response.status == status
        assert "Origin" in response.headers["Vary"].split(", ")
        return response

    for _ in range(2):  # uncached, then cached
        for origin in ORIGINS:
            assert ask(origin).headers[ALLOW] == origin
        for other in (None, "https://evil.example", "https://a.example.evil", "https://a.example/"):
            assert ALLOW not in ask(other).headers


def test_vary_is_combined(site: Path) -> None:
    (site / "hello.txt.gz").write_bytes(b"x")
    app = StaticFiles(None, site, allow_origin=ORIGINS)
    vary = call(app, "/hello.txt", HTTP_ORIGIN="null").headers["Vary"]
    assert sorted(vary.split(", ")) == ["Accept-Encoding", "Origin"]


def test_wrapped_app_decides_on_its_own_responses(site: Path) -> None:
    app = StaticFiles(inner_app, site, allow_origin=ORIGINS)
    headers = call(app, "/none", HTTP_ORIGIN="null").headers
    assert not {ALLOW, "Vary"} & headers.keys()


def test_fallback(site: Path) -> None:
    def missing(environ: Any, start_response: Any) -> list[bytes]:
        start_response("404 Not Found", [("Content-Length", "0"), ("Content-Type", "text/plain")])
        return [b""]

    app = StaticFiles(missing, site, allow_origin=ORIGINS, fallback="hello.txt")
    response = call(app, "/page", HTTP_ORIGIN="null", HTTP_SEC_FETCH_MODE="navigate")
    assert (response.status, response.headers[ALLOW]) == (200, "null")


def test_headers_take_precedence(site: Path) -> None:
    app = StaticFiles(None, site, allow_origin=ORIGINS, headers={ALLOW: "*"})
    assert call(app, "/hello.txt", HTTP_ORIGIN="null").headers[ALLOW] == "*"


def test_one_origin_needs_no_vary(site: Path) -> None:
    headers = call(StaticFiles(None, site, allow_origin=ORIGINS[0]), "/hello.txt").headers
    assert (headers[ALLOW], "Vary" in headers) == (ORIGINS[0], False)


def test_file_app(site: Path) -> None:
    path = site / "hello.txt"
    app = FileApp(path, allow_origin=ORIGINS)
    assert call(app, "/", HTTP_ORIGIN=ORIGINS[0]).headers[ALLOW] == ORIGINS[0]
    served = serve_file(
        {"REQUEST_METHOD": "GET", "HTTP_ORIGIN": "null"}, path, allow_origin=ORIGINS
    )
    assert dict(served.headers)[ALLOW] == "null"


def test_text(site: Path) -> None:
    for text, origin in ((", ".join(ORIGINS), "null"), ("*", "*")):
        app = make_app({}, directory=str(site), allow_origin=text)
        assert call(app, "/hello.txt", HTTP_ORIGIN="null").headers[ALLOW] == origin
