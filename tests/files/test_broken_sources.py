"""Sources that are closed, truncated, rewritten or broken, and when we close them."""

from __future__ import annotations

import io
import os
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.client import call, make_environ, start
from tests.source_kinds import Blob, Node, source_of, zip_of
from wsgistatic import FileApp, Validators, serve_file

CONTENT = bytes(range(256)) * 40
SIZE = len(CONTENT)
OPTIONS: dict[str, Any] = {"block_size": 1000}

pytestmark = pytest.mark.usefixtures("open_descriptors")


@pytest.mark.parametrize("kind", ["open", "object", "gzip"])
@pytest.mark.parametrize(
    ("status", "fields"),
    [
        ("200 OK", {"REQUEST_METHOD": "HEAD"}),
        ("304 Not Modified", {"HTTP_IF_NONE_MATCH": "*"}),
        ("412 Precondition Failed", {"HTTP_IF_MATCH": '"x"'}),
        ("416 Range Not Satisfiable", {"HTTP_RANGE": "bytes=99999-"}),
        ("405 Method Not Allowed", {"REQUEST_METHOD": "PUT"}),
    ],
)
def test_file_object_is_closed_at_once_if_none_of_it_is_sent(
    kind: str, status: str, fields: dict[str, str], tmp_path: Path
) -> None:
    with source_of(kind, tmp_path, CONTENT) as source:
        response = serve_file({**make_environ("/"), **fields}, source)
        assert response.status == status
        assert source.closed


def test_body_that_is_closed_early_closes_the_file_object() -> None:
    blob = Blob(CONTENT)
    body: Any = serve_file(make_environ("/"), blob, **OPTIONS).body
    assert next(body) == CONTENT[:1000]
    assert not blob.closed
    body.close()
    assert blob.closed


@pytest.mark.descriptors
def test_body_that_is_closed_early_closes_its_own_descriptor(tmp_path: Path) -> None:
    with source_of("open", tmp_path, CONTENT) as file:
        body: Any = serve_file(make_environ("/"), file, **OPTIONS).body
        next(body)
        body.close()
        numbers = os.listdir("/proc/self/fd")
        assert file.name not in {os.path.realpath(f"/proc/self/fd/{n}") for n in numbers}


def test_view_may_close_its_file_before_the_body_is_read(tmp_path: Path) -> None:
    with source_of("open", tmp_path, CONTENT) as file:
        response = FileApp(file, **OPTIONS).respond(make_environ("/"))
    assert b"".join(response.body) == CONTENT


def test_invalid_environ_closes_the_file_object() -> None:
    blob = Blob(CONTENT)
    with pytest.raises(AttributeError):
        serve_file(None, blob)  # type: ignore[arg-type]
    assert blob.closed


def test_source_that_was_closed_is_an_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for kind in ("open", "spooled", "open member", "stored", "deflated"):
        with source_of(kind, tmp_path, CONTENT) as source:
            app = FileApp(source)
        assert call(app, "/").status == 500
    assert "the source was closed" in caplog.text


def test_error_does_not_reveal_the_path(tmp_path: Path) -> None:
    with source_of("stored", tmp_path, CONTENT) as source:
        app = FileApp(source)
    response = call(app, "/")
    assert b"zip" not in response.body
    assert "zip" not in str(response.headers)


def test_file_truncated_while_it_is_sent_breaks_the_response(tmp_path: Path) -> None:
    with source_of("path", tmp_path, CONTENT) as path:
        for validators in (None, Validators('"v1"')):
            path.write_bytes(CONTENT)
            with path.open("rb") as file:
                body: Any = start(
                    FileApp(file, **OPTIONS, validators=validators), make_environ("/")
                ).iterable
                next(iter(body))
                os.truncate(path, 10)
                with pytest.raises(OSError, match=r"changed|ended"):
                    list(body)


class Shrinking(Blob):
    def read(self, size: int = -1) -> bytes:
        return super().read(size)[:600]


class Failing(Blob):
    def read(self, size: int = -1) -> bytes:
        if size:
            raise RuntimeError("the database is gone")
        return b""


def test_short_reads_are_continued() -> None:
    assert call(FileApp(Shrinking(CONTENT), **OPTIONS), "/").body == CONTENT


def test_object_that_ends_early_breaks_the_response() -> None:
    blob = Blob(CONTENT)
    body: Any = start(FileApp(blob, **OPTIONS), make_environ("/")).iterable
    blob._file.truncate(1500)
    with pytest.raises(OSError, match="ended before its length"):
        list(body)


def test_object_that_raises_is_an_error(caplog: pytest.LogCaptureFixture) -> None:
    assert call(FileApp(Failing(CONTENT)), "/").status == 500
    assert "the database is gone" in caplog.text


class Odd(Blob):
    """An object that does not behave like a file object."""

    def __init__(self, read: Callable[[bytes], Any] = bytes, size: Any = SIZE) -> None:
        super().__init__(CONTENT)
        self._make, self._size = read, size

    def tell(self) -> Any:
        return self._size

    def read(self, size: int = -1) -> Any:
        return self._make(super().read(size)) if size else b""


@pytest.mark.parametrize("like", [bytearray, memoryview])
def test_other_buffers_are_converted_to_bytes(like: Callable[[bytes], Any]) -> None:
    assert call(FileApp(Odd(like)), "/").body == CONTENT


@pytest.mark.parametrize(
    "source",
    [
        Odd(lambda block: block + b"more"),  # would be taken for the next response
        Odd(lambda block: None),
        Odd(lambda block: block.decode("latin-1")),
        Odd(len),  # bytes() would turn the number into zeros
        Odd(list),
        Odd(size=-5),
        Odd(size=5.0),
        Odd(size=None),
    ],
)
def test_object_with_invalid_results_is_an_error(source: Odd) -> None:
    assert call(FileApp(source), "/").status == 500


def test_corrupt_member_breaks_the_response(tmp_path: Path) -> None:
    random = os.urandom(100_000)
    path = zip_of(tmp_path / "a.zip", {"x.bin": random}, zipfile.ZIP_DEFLATED)
    content = bytearray(path.read_bytes())
    content[60_000] ^= 0xFF
    path.write_bytes(content)
    with zipfile.ZipFile(path) as archive:
        body: Any = start(
            FileApp(zipfile.Path(archive, "x.bin")), make_environ("/", HTTP_RANGE="bytes=0-9")
        ).iterable
        assert b"".join(body) == random[:10]
        app = FileApp(zipfile.Path(archive, "x.bin"), **OPTIONS)
        with pytest.raises(OSError, match="cannot be read"):
            list(start(app, make_environ("/")).iterable)


def test_member_without_its_local_header(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "a.zip", {"x.bin": CONTENT}, zipfile.ZIP_STORED)
    path.write_bytes(b"XX" + path.read_bytes()[2:])
    with zipfile.ZipFile(path) as archive:
        assert call(FileApp(zipfile.Path(archive, "x.bin")), "/").status == 500


def test_member_that_ends_early(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "a.zip", {"x.bin": CONTENT}, zipfile.ZIP_DEFLATED)
    with zipfile.ZipFile(path) as archive:
        archive.getinfo("x.bin").file_size += 10
        app = FileApp(zipfile.Path(archive, "x.bin"))
        assert call(app, "/", HTTP_RANGE=f"bytes={SIZE - 2}-").status == 500
        assert call(app, "/", HTTP_RANGE=f"bytes={SIZE + 5}-").status == 500
        assert call(app, "/", HTTP_RANGE="bytes=-12").status == 500


def test_archive_that_is_rewritten_in_place_is_no_longer_served(tmp_path: Path) -> None:
    for compression in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        path = zip_of(tmp_path / "a.zip", {"x.bin": CONTENT}, compression)
        with zipfile.ZipFile(path) as archive:
            app = FileApp(zipfile.Path(archive, "x.bin"), **OPTIONS)
            body: Any = start(app, make_environ("/")).iterable
            assert next(iter(body)) == CONTENT[:1000]
            path.write_bytes(path.read_bytes()[:-1])
            with pytest.raises(OSError, match=r"changed|rewritten"):
                list(body)
            assert call(app, "/").status == 500


def test_names_that_are_not_files_of_a_package(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "a.zip", {"d/x": b"x", "e/": b""}, zipfile.ZIP_STORED)
    with zipfile.ZipFile(path) as archive:
        for name in ("", "d/", "d", "e/", "e", "x", "d/x/y"):
            assert call(FileApp(zipfile.Path(archive, name)), "/").status == 404, name
    assert call(FileApp(Node("x", None)), "/").status == 404
    assert call(FileApp(Node("x", {})), "/").status == 404


def test_links_and_encrypted_members_of_an_archive(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        link = zipfile.ZipInfo("link")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("plain", CONTENT)
    with zipfile.ZipFile(path) as archive:
        assert call(FileApp(zipfile.Path(archive, "link")), "/").status == 404
        archive.getinfo("plain").flag_bits |= 1
        for method in ("GET", "HEAD"):
            assert call(FileApp(zipfile.Path(archive, "plain")), "/", method).status == 500


def test_member_with_an_unsupported_compression_method(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "a.zip", {"x.bin": CONTENT}, zipfile.ZIP_DEFLATED)
    with zipfile.ZipFile(path) as archive:
        archive.getinfo("x.bin").compress_type = 9  # Deflate64, which Windows uses for large files
        for method in ("GET", "HEAD"):
            assert call(FileApp(zipfile.Path(archive, "x.bin")), "/", method).status == 500


def test_loader_whose_files_cannot_seek() -> None:
    pipes = []

    class Stream(Node):
        def open(self, mode: str = "r") -> Any:
            pipes.append(Pipe())
            return pipes[-1]

    class Pipe(io.RawIOBase):
        def seek(self, offset: int, whence: int = 0, /) -> int:
            raise io.UnsupportedOperation("seek")

    assert call(FileApp(Stream("x", b"")), "/").status == 500
    assert all(pipe.closed for pipe in pipes)


def test_file_opened_by_a_loader_is_closed_after_the_response() -> None:
    blobs = []

    class Loader(Node):
        def open(self, mode: str = "r") -> Any:
            blobs.append(Blob(CONTENT))
            return blobs[-1]

    for extra in ({}, {"HTTP_RANGE": "bytes=0-0,5-5"}, {"REQUEST_METHOD": "HEAD"}):
        call(FileApp(Loader("x", b"")), "/", **extra)
    assert [blob.closed for blob in blobs] == [True] * 6


@pytest.mark.parametrize("validators", [None, Validators('"1"')])
def test_rewrite_of_a_recent_file_that_no_time_stamp_shows_breaks_the_response(
    validators: Validators | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with source_of("path", tmp_path, CONTENT) as path:
        opened = path.stat()
        monkeypatch.setattr(time, "time_ns", lambda: opened.st_ctime_ns + 1)
        app = FileApp(path, validators=validators, block_size=1000)
        body: Any = app.respond(make_environ("/")).body
        next(body)
        path.write_bytes(bytes(SIZE))
        monkeypatch.setattr(os, "fstat", lambda descriptor: opened)
        with pytest.raises(OSError, match="changed"):
            list(body)
