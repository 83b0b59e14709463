"""Open files of the caller, which several responses read at the same time."""

from __future__ import annotations

import errno
import gzip
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

from tests.client import call, call_raw, make_environ, start
from tests.conftest import age
from tests.source_kinds import source_of
from wsgistatic import FileApp
from wsgistatic.files import versions
from wsgistatic.files.directory import HandleFile
from wsgistatic.files.packages import StoredMember
from wsgistatic.files.sources import raw_file
from wsgistatic.files.versions import RegularFile

CONTENT = bytes(range(256)) * 40
SIZE = len(CONTENT)
OPTIONS: dict[str, Any] = {"block_size": 1000}

pytestmark = pytest.mark.usefixtures("open_descriptors")


def test_sidecar_of_an_open_file_is_sent_only_if_encodings_are_set(tmp_path: Path) -> None:
    with source_of("open", tmp_path, CONTENT) as file:
        packed = tmp_path / "page.txt.gz"
        packed.write_bytes(gzip.compress(CONTENT))
        age(packed)
        app = FileApp(file, encodings=("gzip",))
        response = call(app, "/", HTTP_ACCEPT_ENCODING="gzip")
        assert gzip.decompress(response.body) == CONTENT
        assert (
            "Content-Encoding" not in call(FileApp(file), "/", HTTP_ACCEPT_ENCODING="gzip").headers
        )


def test_file_opened_by_its_descriptor_has_no_name(tmp_path: Path) -> None:
    with (
        source_of("path", tmp_path, CONTENT) as path,
        open(os.open(path, os.O_RDONLY), "rb") as file,
    ):
        response = call(FileApp(file), "/")
        assert (response.body, response.headers["Content-Type"]) == (
            CONTENT,
            "application/octet-stream",
        )


class FileWrapper:
    def __init__(self, file: Any, block_size: int) -> None:
        self.file = file

    def __iter__(self) -> Any:
        return iter(lambda: self.file.read(4096), b"")

    def close(self) -> None:
        self.file.close()


@pytest.mark.parametrize("module", ["waitress.buffers", "mod_wsgi"])
def test_file_wrapper_of_the_server_gets_no_shared_descriptor(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FileWrapper, "__module__", module)
    with source_of("open", tmp_path, CONTENT) as file:
        file.seek(100)
        time.sleep(0.03)  # until the file is settled
        app = FileApp(file, file_wrapper=True)
        response = call_raw(app, make_environ("/", "GET", **{"wsgi.file_wrapper": FileWrapper}))
        assert response.body == CONTENT
        # That of waitress reads at offsets only, by a RangeFile.
        assert isinstance(response.iterable, FileWrapper) == (module == "waitress.buffers")
        assert file.tell() == 100


@pytest.mark.parametrize("has_pread", [True, False])
def test_responses_that_are_read_by_turns(
    has_pread: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not has_pread:
        monkeypatch.setattr(versions, "read_at", versions._seek_and_read)
    with source_of("open", tmp_path, CONTENT) as source:
        source.seek(100)
        app = FileApp(source, **OPTIONS)
        bodies: list[Any] = [start(app, make_environ("/")).iterable for _ in range(2)]
        blocks = list(zip(*bodies, strict=True))
        assert [b"".join(of_one) for of_one in zip(*blocks, strict=True)] == [CONTENT, CONTENT]
        assert source.tell() == 100


def test_file_at_an_offset_of_a_shared_descriptor(tmp_path: Path) -> None:
    with source_of("path", tmp_path, CONTENT) as path:
        descriptor = os.open(path, os.O_RDONLY)
        with (
            StoredMember(os.dup(descriptor), 10) as member,
            RegularFile(descriptor) as file,
        ):
            assert member.read_at(5, 3) == CONTENT[15:18]
            assert member.read_at(8, 4) == CONTENT[18:22]
            assert file.read_at(5, 3) == CONTENT[5:8]
            assert member.read_at(5, 3) == CONTENT[15:18]
            assert member.read_at(SIZE - 12, 100) == CONTENT[-2:]
            assert member.read_at(SIZE - 10, 1) == b""
            assert member.tell() == file.tell() == 0


def test_bytes_written_through_the_file_object_are_served(tmp_path: Path) -> None:
    with tempfile.NamedTemporaryFile(dir=tmp_path) as file:
        file.write(b"one")
        app = FileApp(file)
        assert call(app, "/", "HEAD").headers["Content-Length"] == "3"
        file.write(b" two")
        assert call(app, "/").body == b"one two"


@pytest.mark.unlocked_files
def test_handle_file_describes_the_open_file_whatever_its_path_leads_to(tmp_path: Path) -> None:
    with source_of("open", tmp_path, CONTENT) as file:
        source = HandleFile(file)
        path = Path(file.name)
        assert source.path == str(path)
        path.unlink()
        path.write_bytes(b"another file")
        assert source.stat() == os.fstat(file.fileno())
        assert source.inspect().size == SIZE
        with source.open() as opened:
            assert opened.file.fileno() != file.fileno()
            assert opened.size == SIZE
            assert opened.file.read_at(0, SIZE) == CONTENT


def test_closed_file_object_is_an_error(tmp_path: Path) -> None:
    with source_of("open", tmp_path, CONTENT) as file:
        source = HandleFile(file)
        opened = source.open()
    for method in (source.open, source.stat, source.inspect):
        with pytest.raises(OSError, match="the source was closed") as caught:
            method()
        assert caught.value.errno == errno.EBADF
    with opened:  # this one has a descriptor of its own
        assert opened.file.read_at(0, 4) == CONTENT[:4]


def test_descriptor_is_closed_if_its_status_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(descriptor: int) -> os.stat_result:
        raise OSError(errno.EIO, "Input/output error")

    with source_of("open", tmp_path, CONTENT) as file:
        source = HandleFile(file)
        with monkeypatch.context() as patched:
            patched.setattr(os, "fstat", fail)
            for method in (source.open, source.stat):
                with pytest.raises(OSError, match="Input/output error"):
                    method()
        assert source.stat().st_size == SIZE


def test_pipe_is_refused() -> None:
    reading, writing = os.pipe()
    with (
        open(reading, "rb") as file,
        open(writing, "wb"),
        pytest.raises(ValueError, match="source must be a regular file"),
    ):
        HandleFile(file)


@pytest.mark.parametrize(
    ("kind", "is_raw"),
    [("open", True), ("unbuffered", True), ("gzip", False), ("object", False), ("BytesIO", False)],
)
def test_raw_file(kind: str, is_raw: bool, tmp_path: Path) -> None:
    with source_of(kind, tmp_path, CONTENT) as source:
        assert (raw_file(source) is not None) is is_raw
