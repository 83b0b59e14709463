"""Arguments of ``FileApp`` and ``serve_file``: sources, download names and options."""

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
        (io.StringIO("x"), TypeError, "source must be .* not the text file .*StringIO"),
        (zipfile.ZipFile, TypeError, "source must be .*ZipFile"),
        ("", ValueError, "source must be a path"),
    ],
)
def test_a_source_of_another_kind_is_an_error(
    source: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        FileApp(source)
    with pytest.raises(error, match=message):
        serve_file(make_environ("/"), source)


class Letters(Blob):
    """A file object with a ``read`` that returns text."""

    def read(self, size: int = -1) -> Any:
        return super().read(size).decode()


def test_a_file_object_that_returns_text_is_an_error() -> None:
    with pytest.raises(TypeError, match=r"source must be .* not the text file .*Letters"):
        FileApp(Letters(b"x"))


def test_bytes_are_copied_at_construction() -> None:
    content = bytearray(b"before")
    app = FileApp(content)
    content[:] = b"later!"
    assert call(app, "/").body == b"before"


def test_a_file_object_that_cannot_be_served_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("x")
    reading, writing = os.pipe()
    with (
        path.open() as text,
        path.open("ab") as written,
        open(reading, "rb") as pipe,
        open("/dev/null", "rb") as device,
    ):
        for file, error, message in (
            (text, TypeError, "source must be .* not the text file"),
            (written, ValueError, "source must be readable; .* is not"),
            (pipe, ValueError, "source must be seekable; .* is not"),
            (device, ValueError, "source must be a regular file, not"),
        ):
            with pytest.raises(error, match=message):
                FileApp(file)  # type: ignore[arg-type]
    os.close(writing)
    with path.open("rb") as closed:
        pass
    with pytest.raises(ValueError, match=r"source must be an open file; .* is closed"):
        FileApp(closed)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"download_name": 5}, TypeError, "download_name must be a file name or None, not 5"),
        ({"download_name": ""}, ValueError, "download_name must be .* not ''"),
        ({"disposition": "save"}, ValueError, "disposition must be one of .* not 'save'"),
        ({"validators": '"v1"'}, TypeError, "validators must be Validators or None, not"),
        (
            {"validators": Validators("v1")},
            ValueError,
            r"validators\.etag must be an entity tag .* 'v1'",
        ),
        (
            {"validators": Validators(None, -1)},
            ValueError,
            r"validators\.last_modified must be whole seconds .* -1",
        ),
        ({"download_name": "x", "headers": 5}, TypeError, "headers must be a mapping"),
    ],
)
def test_a_wrong_option_is_an_error(
    options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        FileApp(b"x", **options)


class Wrapper:
    """Holds a file object, as temporary files, uploads and Django's file fields do."""

    def __init__(self, file: Any) -> None:
        self.file = file


def test_the_file_object_inside_a_wrapper_is_served(site: Path) -> None:
    tag = call(FileApp(site / "hello.txt"), "/").headers["ETag"]
    with (site / "hello.txt").open("rb") as file:
        for source in (Wrapper(file), Wrapper(Wrapper(file))):
            answer = call(FileApp(source), "/")  # type: ignore[arg-type]
            assert (answer.body, answer.headers["ETag"]) == (b"hello world\n", tag)
        with pytest.raises(TypeError, match=r"source must be .*Wrapper"):
            FileApp(Wrapper("hello.txt"))  # type: ignore[arg-type]


def test_a_download_name_sets_the_media_type_and_content_disposition() -> None:
    app = FileApp(io.BytesIO(CONTENT), download_name='r\u00e9port "x".pdf')
    for request in ({}, {"HTTP_RANGE": "bytes=0-3"}):
        answer = call(app, "/", **request)
        assert answer.headers["Content-Type"] == "application/pdf"
        assert answer.headers["Content-Disposition"] == (
            "attachment; filename=\"r_port _x_.pdf\"; filename*=UTF-8''r%C3%A9port%20%22x%22.pdf"
        )
    refused = call(app, "/", HTTP_IF_MATCH='"x"')
    assert "Content-Disposition" not in refused.headers


def test_a_download_name_for_a_file_that_is_shown(site: Path) -> None:
    app = FileApp(site / "hello.txt", download_name="page.html", disposition="inline")
    answer = call(app, "/")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'inline; filename="page.html"'


def test_the_option_headers_takes_precedence_over_a_download_name() -> None:
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


def test_options_apply_to_every_source() -> None:
    app = FileApp(b"x", cache_control="private", allow_origin="*", headers={"X-Own": "1"})
    for request in ({}, {"HTTP_RANGE": "bytes=9-"}):
        answer = call(app, "/", **request)
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["X-Own"] == "1"
    assert call(app, "/").headers["Cache-Control"] == "private"
    assert call_raw(app, make_environ("/", "DELETE")).status == 405
    assert serve_file(make_environ("/", "HEAD"), "/nowhere/at/all").body == [b""]
