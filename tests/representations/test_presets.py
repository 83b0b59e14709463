"""Presets of the option ``headers``."""

from __future__ import annotations

from pathlib import Path
from wsgiref.headers import Headers

import pytest

from tests.client import call
from tests.conftest import age
from wsgistatic import CROSS_ORIGIN_ISOLATION, StaticFiles, untrusted_uploads


def test_cross_origin_isolation(site: Path) -> None:
    app = StaticFiles(None, site, headers=CROSS_ORIGIN_ISOLATION)
    for path, status in (("/hello.txt", 200), ("/nope", 404)):
        result = call(app, path)
        assert result.status == status
        assert result.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert result.headers["Cross-Origin-Embedder-Policy"] == "require-corp"
        assert result.headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_uploads_cannot_run_scripts_with_the_sites_origin(site: Path) -> None:
    (site / "evil.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>")
    age(site / "evil.svg")
    app = StaticFiles(None, site, headers=untrusted_uploads())
    for extra in ({}, {"HTTP_RANGE": "bytes=0-3"}):
        result = call(app, "/evil.svg", **extra)
        assert "sandbox" in result.headers["Content-Security-Policy"]
        assert "default-src 'none'" in result.headers["Content-Security-Policy"]
        assert result.headers["X-Content-Type-Options"] == "nosniff"
        assert "Content-Disposition" not in result.headers


def headers_for(content_type: str) -> Headers:
    headers = Headers([("Content-Type", content_type)])
    untrusted_uploads()(headers, "/srv/upload", "/upload")
    return headers


@pytest.mark.parametrize(
    "content_type",
    [
        "text/html", "Text/HTML; charset=utf-8", "image/svg+xml", "application/xhtml+xml",
        "text/xml", "application/atom+xml", "text/xsl", "application/xslt+xml",
        "multipart/related", "message/rfc822", "application/x-shockwave-flash",
        "text/x-component", "video/x+xml", "application/json", "application/x-future", "",
    ],
)  # fmt: skip
def test_documents_are_sandboxed(content_type: str) -> None:
    headers = headers_for(content_type)
    assert "sandbox" in (headers["Content-Security-Policy"] or "")
    assert headers["Content-Type"] == content_type
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "content_type",
    [
        "image/png", "image/x-icon", "Audio/MPEG", "video/mp4; codecs=avc1", "font/woff2",
        "application/pdf", "application/ogg", "application/octet-stream", "text/plain",
        "text/plain; charset=utf-8",
    ],
)  # fmt: skip
def test_passive_content_is_only_kept_from_being_sniffed(content_type: str) -> None:
    assert headers_for(content_type).items() == [
        ("Content-Type", content_type),
        ("X-Content-Type-Options", "nosniff"),
    ]


@pytest.mark.parametrize(
    ("content_type", "harmless"),
    [
        ("text/javascript; charset=utf-8", "text/plain; charset=utf-8"),
        ("application/javascript", "text/plain"),
        ("Application/X-JavaScript", "text/plain"),
        ("text/javascript1.5", "text/plain"),
        ("text/ecmascript", "text/plain"),
        ("text/jscript", "text/plain"),
        ("text/livescript", "text/plain"),
        ("text/css; charset=utf-8", "text/plain; charset=utf-8"),
        ("application/wasm", "application/octet-stream"),
    ],
)
def test_what_pages_could_load_gets_a_harmless_type(content_type: str, harmless: str) -> None:
    headers = headers_for(content_type)
    assert headers["Content-Type"] == harmless
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_uploaded_scripts_are_plain_text(site: Path) -> None:
    (site / "evil.mjs").write_text("alert(1)")
    age(site / "evil.mjs")
    app = StaticFiles(None, site, headers=untrusted_uploads(), nosniff=False)
    for extra in ({}, {"HTTP_RANGE": "bytes=0-3"}, {"HTTP_RANGE": "bytes=0-0,7-7"}):
        result = call(app, "/evil.mjs", **extra)
        assert b"javascript" not in result.body
        assert "javascript" not in result.headers["Content-Type"]
        assert result.headers["X-Content-Type-Options"] == "nosniff"


def test_uploads_as_downloads(site: Path) -> None:
    (site / "r\u00e9sum\u00e9.html").write_text("x")
    age(site / "r\u00e9sum\u00e9.html")
    app = StaticFiles(None, site, headers=untrusted_uploads(attachment=True))
    result = call(app, "/r\u00c3\u00a9sum\u00c3\u00a9.html")
    assert result.status == 200
    assert result.headers["Content-Disposition"] == (
        "attachment; filename=\"r_sum_.html\"; filename*=UTF-8''r%C3%A9sum%C3%A9.html"
    )
    result = call(app, "/hello.txt", HTTP_RANGE="bytes=99-")
    assert result.status == 416
    assert "Content-Disposition" not in result.headers


def test_argument_of_wrong_type() -> None:
    with pytest.raises(TypeError, match="attachment must be True or False, not 'yes'"):
        untrusted_uploads(attachment="yes")  # type: ignore[arg-type]
