"""``StaticFiles`` and ``FileApp`` served by cheroot in this process."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from wsgiref.validate import validator

import pytest
from cheroot.wsgi import PathInfoDispatcher

from tests.connection import Connection
from tests.servers.processes import serve_in_thread
from wsgistatic import FileApp, StaticFiles


def inner(environ: Any, start_response: Any) -> list[bytes]:
    body = environ["PATH_INFO"].encode("latin-1")
    headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))]
    start_response("200 OK", headers)
    return [body]


def apps(site: Path) -> dict[str, Any]:
    dispatcher: Any = PathInfoDispatcher
    theme = StaticFiles(inner, site / "sub", prefix="/static/")
    return {
        "wrapped": StaticFiles(inner, site, prefix="/static/"),
        "nested": StaticFiles(theme, site, prefix="/static/"),
        "mounted": dispatcher({"/static": StaticFiles(None, site), "/": inner}),
        "validated": validator(StaticFiles(inner, site, prefix="/static/")),
        "uncached": StaticFiles(inner, site, prefix="/static/", cache_size=0, block_size=100),
    }


@pytest.mark.parametrize("name", ["wrapped", "nested", "mounted", "validated", "uncached"])
def test_app(site: Path, name: str) -> None:
    with serve_in_thread(apps(site)[name]) as port, Connection(port) as connection:
        for _ in range(3):  # uncached, then cached
            whole = connection.request("/static/digits.bin")
            assert (whole.status, whole.body) == (200, b"0123456789" * 100)
            ranged = connection.request("/static/digits.bin", Range="bytes=995-")
            assert (ranged.status, ranged.body) == (206, b"56789")
            parts = connection.request("/static/digits.bin", Range="bytes=0-0,500-505")
            assert parts.status == 206
            assert parts.body.count(b"Content-Range: bytes ") == 2
            tag = whole.headers["ETag"]
            assert connection.request("/static/digits.bin", If_None_Match=tag).status == 304
            assert (
                connection.request("/static/digits.bin", "HEAD").headers["Content-Length"] == "1000"
            )
            assert connection.request("/static/hello.txt", Range="bytes=50-").status == 416
            redirect = connection.request("/static/sub?q")
            assert (redirect.status, redirect.headers["Location"]) == (301, "sub/?q")
            assert connection.request("/other").body in (b"/other", b"")
        if name == "nested":
            assert connection.request("/static/page.html").body == b"<p>page</p>"


def test_file_app(site: Path) -> None:
    with serve_in_thread(FileApp(site / "digits.bin")) as port, Connection(port) as connection:
        assert connection.request("/any").body == b"0123456789" * 100
        assert connection.request("/any", Range="bytes=5-6").body == b"56"
        assert connection.request("/any", "HEAD").headers["Content-Length"] == "1000"
        assert connection.request("/any", "POST", Content_Length="0").status == 405
