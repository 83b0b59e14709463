"""Sources that are closed, cut, rewritten or broken; and when they are closed by us."""

from __future__ import annotations

import io
import os
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
    ("status", "request_"),
    [
        ("200 OK", {"REQUEST_METHOD": "HEAD"}),
        ("304 Not Modified", {"HTTP_IF_NONE_MATCH": "*"}),
        ("412 Precondition Failed", {"HTTP_IF_MATCH": '"x"'}),
        ("416 Range Not Satisfiable", {"HTTP_RANGE": "bytes=99999-"}),
        ("405 Method Not Allowed", {"REQUEST_METHOD": "PUT"}),
    ],
)
def test_a_file_object_of_which_nothing_is_sent_is_closed_at_once(
    kind: str, status: str, request_: dict[str, str], tmp_path: Path
) -> None:
    with source_of(kind, tmp_path, CONTENT) as source:
        answer = serve_file({**make_environ("/"), **request_}, source)
        assert answer.status == status
        assert source.closed


def test_a_body_that_is_dropped_closes_the_file_object() -> None:
    blob = Blob(CONTENT)
    body: Any = serve_file(make_environ("/"), blob, **OPTIONS).body
    assert next(body) == CONTENT[:1000]
    assert not blob.closed
    body.close()
    assert blob.closed


def test_a_body_that_is_dropped_closes_its_own_descriptor_at_once(tmp_path: Path) -> None:
    with source_of("open", tmp_path, CONTENT) as file:
        body: Any = serve_file(make_environ("/"), file, **OPTIONS).body
        next(body)
        body.close()
        numbers = os.listdir("/proc/self/fd")
        assert file.name not in {os.path.realpath(f"/proc/self/fd/{n}") for n in numbers}


def test_a_view_may_close_its_file_before_the_body_is_read(tmp_path: Path) -> None:
    with source_of("open", tmp_path, CONTENT) as file:
        answer = FileApp(file, **OPTIONS).answer(make_environ("/"))
    assert b"".join(answer.body) == CONTENT


def test_a_failing_server_interface_closes_the_file_object() -> None:
    blob = Blob(CONTENT)
    with pytest.raises(AttributeError):
        serve_file(None, blob)  # type: ignore[arg-type]
    assert blob.closed


def test_a_source_closed_later_is_a_fault(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for kind in ("open", "spooled", "open member", "stored", "deflated"):
        with source_of(kind, tmp_path, CONTENT) as source:
            app = FileApp(source)
        assert call(app, "/").status == 500
    assert "the source was closed" in caplog.text


def test_the_path_is_not_told(tmp_path: Path) -> None:
    with source_of("stored", tmp_path, CONTENT) as source:
        app = FileApp(source)
    answer = call(app, "/")
    assert b"zip" not in answer.body
    assert "zip" not in str(answer.headers)


def test_a_file_cut_while_it_is_sent_breaks_the_response(tmp_path: Path) -> None:
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


def test_reads_may_give_less_at_a_time() -> None:
    assert call(FileApp(Shrinking(CONTENT), **OPTIONS), "/").body == CONTENT


def test_an_object_that_comes_up_short_breaks_the_response() -> None:
    blob = Blob(CONTENT)
    body: Any = start(FileApp(blob, **OPTIONS), make_environ("/")).iterable
    blob._file.truncate(1500)
    with pytest.raises(OSError, match="ended before its length"):
        list(body)


def test_an_object_that_fails_is_a_fault(caplog: pytest.LogCaptureFixture) -> None:
    assert call(FileApp(Failing(CONTENT)), "/").status == 500
    assert "the database is gone" in caplog.text


class Odd(Blob):
    """An object that does not keep to what a file object does."""

    def __init__(self, read: Callable[[bytes], Any] = bytes, size: Any = SIZE) -> None:
        super().__init__(CONTENT)
        self._make, self._size = read, size

    def tell(self) -> Any:
        return self._size

    def read(self, size: int = -1) -> Any:
        return self._make(super().read(size)) if size else b""


@pytest.mark.parametrize("like", [bytearray, memoryview])
def test_what_is_like_bytes_becomes_bytes(like: Callable[[bytes], Any]) -> None:
    assert call(FileApp(Odd(like)), "/").body == CONTENT


@pytest.mark.parametrize(
    "source",
    [
        Odd(lambda block: block + b"more"),  # past the Content-Length: the next response's place
        Odd(lambda block: None),
        Odd(lambda block: block.decode("latin-1")),
        Odd(len),  # bytes() would make so many zeros of it
        Odd(list),
        Odd(size=-5),
        Odd(size=5.0),
        Odd(size=None),
    ],
)
def test_an_object_that_breaks_its_word_is_a_fault(source: Odd) -> None:
    assert call(FileApp(source), "/").status == 500


def test_a_member_that_is_broken_breaks_the_response(tmp_path: Path) -> None:
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


def test_a_member_whose_local_header_is_gone(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "a.zip", {"x.bin": CONTENT}, zipfile.ZIP_STORED)
    path.write_bytes(b"XX" + path.read_bytes()[2:])
    with zipfile.ZipFile(path) as archive:
        assert call(FileApp(zipfile.Path(archive, "x.bin")), "/").status == 500


def test_a_member_that_ends_early(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "a.zip", {"x.bin": CONTENT}, zipfile.ZIP_DEFLATED)
    with zipfile.ZipFile(path) as archive:
        archive.getinfo("x.bin").file_size += 10
        app = FileApp(zipfile.Path(archive, "x.bin"))
        assert call(app, "/", HTTP_RANGE=f"bytes={SIZE - 2}-").status == 500
        assert call(app, "/", HTTP_RANGE=f"bytes={SIZE + 5}-").status == 500
        assert call(app, "/", HTTP_RANGE="bytes=-12").status == 500


def test_an_archive_that_is_rewritten_in_place_is_served_no_more(tmp_path: Path) -> None:
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


def test_no_file_of_a_package(tmp_path: Path) -> None:
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


def test_a_member_that_is_compressed_in_an_unknown_way(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "a.zip", {"x.bin": CONTENT}, zipfile.ZIP_DEFLATED)
    with zipfile.ZipFile(path) as archive:
        archive.getinfo("x.bin").compress_type = 9  # Deflate64, which Windows makes of large files
        for method in ("GET", "HEAD"):
            assert call(FileApp(zipfile.Path(archive, "x.bin")), "/", method).status == 500


def test_a_loader_that_gives_no_size() -> None:
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


def test_what_a_loader_opened_is_closed_after_the_response() -> None:
    blobs = []

    class Loader(Node):
        def open(self, mode: str = "r") -> Any:
            blobs.append(Blob(CONTENT))
            return blobs[-1]

    for extra in ({}, {"HTTP_RANGE": "bytes=0-0,5-5"}, {"REQUEST_METHOD": "HEAD"}):
        call(FileApp(Loader("x", b"")), "/", **extra)
    assert [blob.closed for blob in blobs] == [True] * 6


def test_a_rewrite_that_the_clock_does_not_show_breaks_the_response(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with source_of("path", tmp_path, CONTENT) as path:
        app = FileApp(path, validators=Validators('"1"'), block_size=1000)
        body: Any = app.answer(make_environ("/")).body
        opened = path.stat()
        next(body)
        path.write_bytes(bytes(SIZE))
        monkeypatch.setattr(os, "fstat", lambda descriptor: opened)
        with pytest.raises(OSError, match="changed"):
            list(body)
