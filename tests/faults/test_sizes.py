"""The smallest and largest files, names and paths."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import pytest

from tests.client import call_raw, make_environ, start
from tests.conftest import age, settle
from tests.connection import Connection
from tests.server_process import run_server
from wsgistatic import StaticFiles

# Errors must be retried at the next request, and compression needs the memory cache.
pytestmark = [pytest.mark.live, pytest.mark.memory_cache]

TIB = 1 << 40
SIZES = {"one": 1, "over-4-gib": (4 << 30) + 1, "tib": TIB}


@pytest.fixture
def sizes(tmp_path: Path) -> Path:
    """Create sparse files whose last byte is an x."""
    for name, size in SIZES.items():
        with (tmp_path / name).open("wb") as file:
            file.seek(size - 1)
            file.write(b"x")
        age(tmp_path / name)
    (tmp_path / "none").touch()
    age(tmp_path / "none")
    settle()
    return tmp_path


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("name", SIZES)
def test_ends_of_a_file(sizes: Path, name: str, compress: bool, open_descriptors: None) -> None:
    size, app = SIZES[name], StaticFiles(None, sizes, compress=compress)
    for _ in range(2):
        assert call_raw(app, make_environ(f"/{name}", "HEAD")).headers["Content-Length"] == str(
            size
        )
        for value in ("bytes=-1", f"bytes={size - 1}-", f"bytes={size - 1}-{1 << 70}"):
            last = call_raw(app, make_environ(f"/{name}", HTTP_RANGE=value))
            assert (last.status, last.body) == (206, b"x")
            assert last.headers["Content-Range"] == f"bytes {size - 1}-{size - 1}/{size}"
        beyond = call_raw(app, make_environ(f"/{name}", HTTP_RANGE=f"bytes={size}-"))
        assert (beyond.status, beyond.headers["Content-Range"]) == (416, f"bytes */{size}")
        body: Any = start(app, make_environ(f"/{name}")).iterable
        first = next(iter(body))
        assert first == (b"x" if size == 1 else bytes(256 * 1024))
        getattr(body, "close", list)()


def test_ranges_at_both_ends_of_a_tib(sizes: Path, open_descriptors: None) -> None:
    app = StaticFiles(None, sizes)
    for _ in range(2):
        result = call_raw(
            app, make_environ("/tib", HTTP_RANGE=f"bytes=0-0,{TIB // 2}-{TIB // 2},-1")
        )
        assert result.status == 206
        assert len(result.body) == int(result.headers["Content-Length"]) < 1000
        assert f"bytes {TIB - 1}-{TIB - 1}/{TIB}\r\n\r\nx\r\n--".encode() in result.body


def test_empty_file(sizes: Path, open_descriptors: None) -> None:
    app = StaticFiles(None, sizes, compress=True)
    for _ in range(2):
        for method in ("GET", "HEAD"):
            result = call_raw(app, make_environ("/none", method))
            assert (result.status, result.body, result.headers["Content-Length"]) == (200, b"", "0")
        ranged = call_raw(app, make_environ("/none", HTTP_RANGE="bytes=0-"))
        assert (ranged.status, ranged.headers["Content-Length"]) == (200, "0")


def test_end_of_a_tib_over_a_socket(sizes: Path) -> None:
    with run_server(sizes, "--server", "cheroot") as server, Connection(server.port) as connection:
        assert connection.request("/tib", "HEAD").headers["Content-Length"] == str(TIB)
        assert connection.request("/tib", Range="bytes=-1").body == b"x"
        assert connection.request("/one").body == b"x"


@pytest.mark.parametrize("symlinks", ["inside", "follow", "deny"])
@pytest.mark.parametrize("listing", [False, True])
def test_impossible_file_names(
    tmp_path: Path, symlinks: Any, listing: bool, caplog: pytest.LogCaptureFixture,
    open_descriptors: None,
) -> None:  # fmt: skip
    caplog.set_level(logging.DEBUG, "wsgistatic")
    (tmp_path / "loop").symlink_to("loop")
    app = StaticFiles(None, tmp_path, symlinks=symlinks, listing=listing)
    for path in ("n" * 256, "d/" * 2100 + "x", "x" * 5000, "d/" * 5000, "loop", "loop/", "loop/x"):
        for method in ("GET", "HEAD"):
            result = call_raw(app, make_environ(f"/{path}", method))
            assert result.status == 404
    assert caplog.records == []


@pytest.mark.parametrize("compress", [False, True])
def test_name_of_255_bytes(tmp_path: Path, compress: bool, open_descriptors: None) -> None:
    """The names of its sidecars would exceed the limit of the file system."""
    name = "ä" * 125 + "n.txt"
    assert len(os.fsencode(name)) == 255
    (tmp_path / name).write_text("long" * 100)
    settle()
    app = StaticFiles(None, tmp_path, listing=True, compress=compress)
    path = "/" + name.encode().decode("latin-1")
    for _ in range(2):
        result = call_raw(app, make_environ(path, HTTP_ACCEPT_ENCODING="gzip"))
        assert result.status == 200
        assert ("Content-Encoding" in result.headers) == compress
        assert name in call_raw(app, make_environ("/")).body.decode()


@pytest.fixture
def deep(tmp_path: Path) -> Path:
    """Create nested directories with a path of more than 4096 bytes."""
    top = os.open(tmp_path, os.O_RDONLY)
    for _ in range(204):
        os.mkdir("d" * 19, dir_fd=top)
        parent, top = top, os.open("d" * 19, os.O_RDONLY, dir_fd=top)
        os.close(parent)
    with open("file.txt", "w", opener=lambda name, flags: os.open(name, flags, dir_fd=top)) as file:
        file.write("deep" * 100)
    os.close(top)
    settle()
    return tmp_path


@pytest.mark.long_paths
@pytest.mark.parametrize("symlinks", ["inside", "deny"])
def test_path_longer_than_path_max(
    deep: Path, symlinks: Any, caplog: pytest.LogCaptureFixture, open_descriptors: None
) -> None:
    app = StaticFiles(None, deep, symlinks=symlinks, listing=True, compress=True)
    # The URL path has 4080 bytes, which is allowed, but exceeds PATH_MAX after the root's path.
    folder = "/" + f"{'d' * 19}/" * 204
    for _ in range(2):
        for fields in ({}, {"HTTP_ACCEPT_ENCODING": "gzip"}):
            whole = call_raw(app, make_environ(folder + "file.txt", **fields))
            assert (whole.status, "Content-Encoding" in whole.headers) == (200, bool(fields))
        ranged = call_raw(app, make_environ(folder + "file.txt", HTTP_RANGE="bytes=2-5"))
        assert (ranged.status, ranged.body) == (206, b"epde")
        assert b"file.txt" in call_raw(app, make_environ(folder)).body
        assert call_raw(app, make_environ(folder[:-1])).status == 301
        assert call_raw(app, make_environ(folder + "none.txt")).status == 404
    assert caplog.records == []
