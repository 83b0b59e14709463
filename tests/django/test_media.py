"""Uploaded files cannot run scripts with the origin of the site."""

from __future__ import annotations

from pathlib import Path
from wsgiref.headers import Headers

import pytest

from tests.client import call
from tests.django.conftest import Configure, write
from tests.django.test_wrap import inner_app
from wsgistatic.django.wsgi import wrap
from wsgistatic.representations.headers import _SANDBOX as SANDBOX


@pytest.mark.parametrize(
    "name", ["page.html", "drawing.svg", "x.xhtml", "x.XML", "feed.rss", "x.htm"]
)
def test_active_content_is_sandboxed(roots: Path, configure: Configure, name: str) -> None:
    write(roots / "media" / name, "0123456789")
    configure(WSGISTATIC={"media": True})
    app, path = wrap(inner_app), f"/media/{name}"
    whole = call(app, path)
    responses = [
        whole,
        call(app, path, "HEAD"),
        call(app, path, HTTP_RANGE="bytes=0-3"),
        call(app, path, HTTP_RANGE="bytes=0-0,5-5"),
        call(app, path, HTTP_RANGE="bytes=99999-"),
        call(app, path, HTTP_IF_NONE_MATCH=whole.headers["ETag"]),
        call(app, path, HTTP_IF_MATCH='"x"'),
    ]
    assert [response.status for response in responses] == [200, 200, 206, 206, 416, 304, 412]
    for response in responses:
        assert response.headers["Content-Security-Policy"] == SANDBOX
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert "Content-Disposition" not in response.headers


@pytest.mark.parametrize(
    "name", ["photo.jpg", "notes.txt", "unknown", "data.bin", "app.js", "a.pdf"]
)
def test_other_content_is_not_sniffed(roots: Path, configure: Configure, name: str) -> None:
    write(roots / "media" / name, "<script>alert(1)</script>")
    configure(WSGISTATIC={"media": True})
    headers = call(wrap(inner_app), f"/media/{name}").headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "html" not in headers["Content-Type"]
    assert "script" not in headers["Content-Type"]
    assert "Content-Security-Policy" not in headers


def test_no_upload_decides_about_the_caching_of_others(roots: Path, configure: Configure) -> None:
    write(roots / "media/.vite/manifest.json", '{"x": {"file": "photo-CHdo91hT.jpg"}}')
    write(roots / "media/photo-CHdo91hT.jpg", "photo")
    configure(WSGISTATIC={"media": True})
    headers = call(wrap(inner_app), "/media/photo-CHdo91hT.jpg").headers
    assert headers["Cache-Control"] == "max-age=60"
    configure(WSGISTATIC={"media": {"immutable": "hashed"}})
    headers = call(wrap(inner_app), "/media/photo-CHdo91hT.jpg").headers
    assert "immutable" in headers["Cache-Control"]


def test_attachments(roots: Path, configure: Configure) -> None:
    configure(WSGISTATIC={"media": {"attachment": True}})
    app = wrap(inner_app)
    for extra, status in (({}, 200), ({"HTTP_RANGE": "bytes=0-1"}, 206)):
        result = call(app, "/media/photo.jpg", **extra)
        assert result.status == status
        assert result.headers["Content-Disposition"].startswith("attachment")
    assert call(app, "/media/drawing.svg").headers["Content-Security-Policy"] == SANDBOX


def test_static_files_are_not_sandboxed(roots: Path, configure: Configure) -> None:
    configure(WSGISTATIC={"media": {"attachment": True}})
    headers = call(wrap(inner_app), "/static/docs/").headers
    assert "Content-Security-Policy" not in headers
    assert "Content-Disposition" not in headers


def own_headers(headers: Headers, path: str, url: str) -> None:
    if url.endswith(".svg"):
        headers["Content-Security-Policy"] = "default-src 'none'"
    if url.endswith(".jpg"):
        headers["Content-Type"] = "text/html"
    if url.endswith(".js"):
        headers["Content-Type"] = "application/javascript"


def test_headers_in_the_settings_have_priority(roots: Path, configure: Configure) -> None:
    configure(WSGISTATIC={"media": {"headers": own_headers}})
    app = wrap(inner_app)
    drawing, page = call(app, "/media/drawing.svg"), call(app, "/media/page.html")
    assert drawing.headers["Content-Security-Policy"] == "default-src 'none'"
    assert page.headers["Content-Security-Policy"] == SANDBOX
    # The policy depends on the Content-Type that those headers set.
    assert call(app, "/media/photo.jpg").headers["Content-Security-Policy"] == SANDBOX
    write(roots / "media/widget.js", "run()")
    assert call(app, "/media/widget.js").headers["Content-Type"] == "application/javascript"


def test_mapping_of_headers(roots: Path, configure: Configure) -> None:
    configure(WSGISTATIC={"media": {"headers": {"X-A": "b", "Content-Disposition": "inline"},
                                    "attachment": True}})  # fmt: skip
    headers = call(wrap(inner_app), "/media/page.html").headers
    assert (headers["X-A"], headers["Content-Disposition"]) == ("b", "inline")
    assert headers["Content-Security-Policy"] == SANDBOX


def test_uploads_are_not_used_as_index_or_sidecar(roots: Path, configure: Configure) -> None:
    write(roots / "media/index.html", "I am the folder")
    write(roots / "media/photo.jpg.gz", "I am the photo")
    configure(WSGISTATIC={"media": True})
    app = wrap(inner_app)
    assert call(app, "/media/").body == b"the app"
    result = call(app, "/media/photo.jpg", HTTP_ACCEPT_ENCODING="gzip")
    assert (result.body, result.headers.get("Content-Encoding")) == (b"photo", None)
    configure(WSGISTATIC={"media": {"index": "index.html", "encodings": ["gzip"]}})
    assert call(wrap(inner_app), "/media/").body == b"I am the folder"


def test_media_root_may_be_created_by_the_first_upload(roots: Path, configure: Configure) -> None:
    configure(MEDIA_ROOT=roots / "uploads", WSGISTATIC={"media": True})
    app = wrap(inner_app)
    assert call(app, "/media/first.txt").body == b"the app"
    write(roots / "uploads/first.txt", "first")
    assert call(app, "/media/first.txt").body == b"first"
