"""Presets of the option ``headers``."""

from __future__ import annotations

from pathlib import Path

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


def test_pdf_files_are_not_sandboxed(site: Path) -> None:
    (site / "report.pdf").write_bytes(b"%PDF-")
    app = StaticFiles(None, site, headers=untrusted_uploads())
    assert "Content-Security-Policy" not in call(app, "/report.pdf").headers


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
