"""``FileApp``: one file, mounted or called from a view."""

from __future__ import annotations

import gc
import gzip
import secrets
import time
from pathlib import Path
from typing import Any

import pytest
from webob import Request
from webob.dec import wsgify

from tests.client import call, call_raw, make_environ
from tests.source_kinds import Blob, Node
from wsgistatic import FileApp, serve_file
from wsgistatic.files import digests
from wsgistatic.files.changes import Reader
from wsgistatic.files.digests import Algorithm


def test_the_url_does_not_matter(site: Path) -> None:
    app = FileApp(site / "hello.txt")
    for path in ("/", "/x/y", "/..", "/nope.png"):
        result = call(app, path)
        assert (result.status, result.body) == (200, b"hello world\n")
        assert result.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert call(app, "/", HTTP_RANGE="bytes=0-4").body == b"hello"
    assert call(app, "/", "HEAD").headers["Content-Length"] == "12"


def test_other_methods_get_405(site: Path) -> None:
    result = call_raw(FileApp(site / "hello.txt"), make_environ("/", "POST"))
    assert (result.status, result.headers["Allow"]) == (405, "GET, HEAD")


def test_apps_that_are_made_in_a_view_hash_each_version_once(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = site / "hello.txt"
    path.write_bytes(secrets.token_bytes(100))
    time.sleep(0.03)  # until the clock has ticked, each request hashes the file
    hashed: list[int] = []
    hash_content = digests.hash_content

    def count(file: Reader, size: int, algorithm: Algorithm) -> bytes:
        hashed.append(size)
        return hash_content(file, size, algorithm)

    monkeypatch.setattr(digests, "hash_content", count)
    tags = [call(FileApp(path, etag="content"), "/").headers["ETag"] for _ in range(3)]
    assert (len(set(tags)), hashed) == (1, [100])


@pytest.mark.parametrize("name", ["nope", "sub", "hello.txt/x"])
def test_a_missing_file_is_404(site: Path, name: str) -> None:
    assert call(FileApp(site / name), "/").status == 404


def test_a_relative_path_is_resolved_at_construction(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(site)
    app = FileApp("hello.txt")
    monkeypatch.chdir("/")
    assert call(app, "/").status == 200


def test_functions_in_options_get_the_quoted_url(site: Path) -> None:
    asked = []

    def cache_control(path: str, url: str) -> str:
        asked.append((path, url))
        return "no-cache"

    call_raw(
        FileApp(site / "hello.txt", cache_control=cache_control),
        make_environ("/d\xc3\xbcr", SCRIPT_NAME="/app"),
    )
    assert asked == [(str(site / "hello.txt"), "/app/d%C3%BCr")]


def test_an_app_can_be_returned_from_a_view(site: Path) -> None:
    @wsgify
    def view(request: Request) -> Any:
        return FileApp(site / "hello.txt", cache_control="private, no-store")

    result = call(view, "/", HTTP_RANGE="bytes=-6")
    assert (result.status, result.body) == (206, b"world\n")
    assert result.headers["Cache-Control"] == "private, no-store"


def test_a_malformed_script_name_is_tolerated(site: Path) -> None:
    for value in (None, 5, "\udc80", "\u20ac"):
        environ = make_environ("/", SCRIPT_NAME=value)
        assert call_raw(FileApp(site / "hello.txt"), environ).status == 200


@pytest.mark.parametrize("options", [{}, {"etag": "content"}, {"download_name": "a.txt"}])
def test_an_app_that_is_made_in_a_view_leaves_no_reference_cycle(
    site: Path, options: dict[str, Any]
) -> None:
    serve_file(make_environ("/"), site / "hello.txt", **options)
    gc.collect()
    gc.disable()
    try:
        for field in ({}, {"HTTP_RANGE": "bytes=0-1"}, {"HTTP_RANGE": "bytes=0-1,4-5"}):
            _, _, body = serve_file({**make_environ("/"), **field}, site / "hello.txt", **options)
            assert b"".join(body)
        del body
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_ranges_that_go_back_in_a_compressed_file_are_ignored(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "x.gz", "wb") as file:
        file.write(b"0123456789" * 100)
    with gzip.open(tmp_path / "x.gz") as file:
        app = FileApp(file)
        assert call(app, "/", HTTP_RANGE="bytes=0-1,5-6").status == 206
        backwards = call(app, "/", HTTP_RANGE="bytes=5-6,0-1")
    assert (backwards.status, backwards.body) == (200, b"0123456789" * 100)


def test_a_file_of_a_package() -> None:
    result = call(FileApp(Node("hello.txt", b"hello")), "/")
    assert (result.status, result.body) == (200, b"hello")
    assert result.headers["Content-Type"] == "text/plain; charset=utf-8"


def test_serve_file_closes_the_file_object_if_it_fails() -> None:
    blob = Blob(b"x")
    with pytest.raises(AttributeError):
        serve_file(None, blob)  # type: ignore[arg-type]
    assert blob.closed
