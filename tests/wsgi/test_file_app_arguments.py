"""FileApp and serve_file: what is no source, download names, options."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.client import call, call_raw, make_environ
from tests.source_kinds import Blob
from wsgistatic import FileApp, Validators, serve_file

CONTENT = bytes(range(256)) * 40
SIZE = len(CONTENT)
OPTIONS: dict[str, Any] = {"block_size": 1000}

pytestmark = pytest.mark.usefixtures("open_descriptors")


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        (5, TypeError, "source must be a path, bytes, .* not 5"),
        (None, TypeError, "source must be .* not None"),
        (io.StringIO("x"), TypeError, "source must be .* is one of text"),
        (zipfile.ZipFile, TypeError, "source must be .*ZipFile"),
        ("", ValueError, "source must be a path"),
    ],
)
def test_what_is_no_source(source: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        FileApp(source)
    with pytest.raises(error, match=message):
        serve_file(make_environ("/"), source)


class Letters(Blob):
    """Text of a kind of its own."""

    def read(self, size: int = -1) -> Any:
        return super().read(size).decode()


def test_a_file_object_that_reads_text_is_no_source() -> None:
    with pytest.raises(TypeError, match="is one of text"):
        FileApp(Letters(b"x"))


def test_bytes_that_change_later_are_served_as_they_were() -> None:
    content = bytearray(b"before")
    app = FileApp(content)
    content[:] = b"later!"
    assert call(app, "/").body == b"before"


def test_file_objects_that_are_no_source(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("x")
    with path.open() as text, pytest.raises(TypeError, match="is one of text"):
        FileApp(text)  # type: ignore[arg-type]
    with path.open("rb") as closed:
        pass
    with pytest.raises(ValueError, match="source must be open"):
        FileApp(closed)
    with path.open("ab") as written, pytest.raises(ValueError, match="source must be readable"):
        FileApp(written)
    reading, writing = os.pipe()
    with open(reading, "rb") as pipe, pytest.raises(ValueError, match="must be seekable"):
        FileApp(pipe)
    os.close(writing)
    with open("/dev/null", "rb") as device, pytest.raises(ValueError, match="a regular file"):
        FileApp(device)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"download_name": 5}, TypeError, "download_name must be a file name or None, not 5"),
        ({"download_name": ""}, ValueError, "download_name must be .* not ''"),
        ({"disposition": "save"}, ValueError, "disposition must be one of .* not 'save'"),
        ({"validators": '"v1"'}, TypeError, "validators must be Validators or None, not"),
        ({"validators": Validators("v1")}, ValueError, "validators must have an etag .* 'v1'"),
        ({"validators": Validators(None, -1)}, ValueError, "validators must have whole .* -1"),
        ({"download_name": "x", "headers": 5}, TypeError, "headers must be a mapping"),
    ],
)
def test_wrong_options(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        FileApp(b"x", **options)


class Wrapper:
    """As temporary files, uploads and Django's file fields are."""

    def __init__(self, file: Any) -> None:
        self.file = file


def test_file_objects_in_wrappers(site: Path) -> None:
    tag = call(FileApp(site / "hello.txt"), "/").headers["ETag"]
    with (site / "hello.txt").open("rb") as file:
        for source in (Wrapper(file), Wrapper(Wrapper(file))):
            answer = call(FileApp(source), "/")  # type: ignore[arg-type]
            assert (answer.body, answer.headers["ETag"]) == (b"hello world\n", tag)
        with pytest.raises(TypeError, match=r"source must be .*Wrapper"):
            FileApp(Wrapper("hello.txt"))  # type: ignore[arg-type]


def test_a_download_name() -> None:
    app = FileApp(io.BytesIO(CONTENT), download_name='r\u00e9port "x".pdf')
    for request in ({}, {"HTTP_RANGE": "bytes=0-3"}):
        answer = call(app, "/", **request)
        assert answer.headers["Content-Type"] == "application/pdf"
        assert answer.headers["Content-Disposition"] == (
            "attachment; filename=\"r_port _x_.pdf\"; filename*=UTF-8''r%C3%A9port%20%22x%22.pdf"
        )
    refused = call(app, "/", HTTP_IF_MATCH='"x"')
    assert "Content-Disposition" not in refused.headers


def test_a_download_name_for_a_path_and_shown(site: Path) -> None:
    app = FileApp(site / "hello.txt", download_name="page.html", disposition="inline")
    answer = call(app, "/")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'inline; filename="page.html"'


def test_headers_of_ones_own_win_over_a_download_name() -> None:
    fields = {"Content-Disposition": "inline", "X-Own": "1"}
    app = FileApp(b"x", download_name="a.txt", headers=fields)
    answer = call(app, "/")
    assert answer.headers["Content-Disposition"] == "inline"
    assert (answer.headers["X-Own"], answer.headers["Content-Type"][:10]) == ("1", "text/plain")

    def change(headers: Any, path: str, url: str) -> None:
        headers["X-Was"] = headers["Content-Disposition"]
        headers["Content-Type"] = "image/png"

    answer = call(FileApp(b"x", download_name="a.txt", headers=change), "/")
    assert answer.headers["X-Was"] == 'attachment; filename="a.txt"'
    assert answer.headers["Content-Type"] == "image/png"


def test_options_apply_to_sources() -> None:
    app = FileApp(b"x", cache_control="private", allow_origin="*", headers={"X-Own": "1"})
    for request in ({}, {"HTTP_RANGE": "bytes=9-"}):
        answer = call(app, "/", **request)
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["X-Own"] == "1"
    assert call(app, "/").headers["Cache-Control"] == "private"
    assert call_raw(app, make_environ("/", "DELETE")).status == 405
    assert serve_file(make_environ("/", "HEAD"), "/nowhere/at/all").body == [b""]
