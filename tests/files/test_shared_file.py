"""Open files of the system's: read beside whoever else reads them."""

from __future__ import annotations

import gzip
import io
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
from wsgistatic.files import sources as shared_file
from wsgistatic.files import versions as version

CONTENT = bytes(range(256)) * 40
SIZE = len(CONTENT)
OPTIONS: dict[str, Any] = {"block_size": 1000}

pytestmark = pytest.mark.usefixtures("open_descriptors")


def test_a_sidecar_of_an_open_file_where_it_is_asked_for(tmp_path: Path) -> None:
    with source_of("open", tmp_path, CONTENT) as file:
        packed = tmp_path / "page.txt.gz"
        packed.write_bytes(gzip.compress(CONTENT))
        age(packed)
        app = FileApp(file, encodings=("gzip",))
        answer = call(app, "/", HTTP_ACCEPT_ENCODING="gzip")
        assert gzip.decompress(answer.body) == CONTENT
        assert (
            "Content-Encoding" not in call(FileApp(file), "/", HTTP_ACCEPT_ENCODING="gzip").headers
        )


def test_a_file_opened_by_its_descriptor_has_no_name(tmp_path: Path) -> None:
    with (
        source_of("path", tmp_path, CONTENT) as path,
        open(os.open(path, os.O_RDONLY), "rb") as file,
    ):
        answer = call(FileApp(file), "/")
        assert (answer.body, answer.headers["Content-Type"]) == (
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
def test_the_servers_file_wrapper_gets_no_shared_descriptor(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FileWrapper, "__module__", module)
    with source_of("open", tmp_path, CONTENT) as file:
        file.seek(100)
        time.sleep(0.03)  # until the clock has ticked since the file's last change
        app = FileApp(file, file_wrapper=True)
        answer = call_raw(app, make_environ("/", "GET", **{"wsgi.file_wrapper": FileWrapper}))
        assert answer.body == CONTENT
        assert isinstance(answer.iterable, FileWrapper) == (module == "waitress.buffers")
        assert file.tell() == 100


def test_without_pread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_file, "read_at", version._seek_and_read)
    with source_of("open", tmp_path, CONTENT) as source:
        app = FileApp(source, **OPTIONS)
        bodies: list[Any] = [start(app, make_environ("/")).iterable for _ in range(2)]
        blocks = list(zip(*bodies, strict=True))
        assert [b"".join(of_one) for of_one in zip(*blocks, strict=True)] == [CONTENT, CONTENT]


def test_a_shared_file_by_itself(tmp_path: Path) -> None:
    with source_of("path", tmp_path, CONTENT) as path:
        descriptor = os.open(path, os.O_RDONLY)
        with shared_file.SharedFile(descriptor, 10) as file:
            assert file.seek(5) == file.tell() == 5
            assert file.read(3) == CONTENT[15:18]
            buffer = bytearray(4)
            assert (file.readinto(buffer), bytes(buffer)) == (4, CONTENT[18:22])
            for wrong in (lambda: file.seek(0, os.SEEK_END), file.read):
                with pytest.raises(io.UnsupportedOperation):
                    wrong()


def test_what_was_written_through_the_object_is_served(tmp_path: Path) -> None:
    with tempfile.NamedTemporaryFile(dir=tmp_path) as file:
        file.write(b"one")
        app = FileApp(file)
        assert call(app, "/", "HEAD").headers["Content-Length"] == "3"
        file.write(b" two")
        assert call(app, "/").body == b"one two"
