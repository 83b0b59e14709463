"""The server's ``wsgi.file_wrapper``: where it is used, and the file that it gets."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from io import FileIO
from pathlib import Path
from typing import Any

import pytest

from tests.client import make_environ, start
from wsgistatic import StaticFiles
from wsgistatic.files.changes import FileChangedError
from wsgistatic.files.directory import OpenFile, single_file
from wsgistatic.wsgi.file_wrapper import RangeFile, wrap_file
from wsgistatic.wsgi.request import Request

Wrapped = tuple[Any, int]


def wrapper(module: str | None, name: str = "FileWrapper") -> Any:
    def stand_in(file: Any, block_size: int) -> Wrapped:
        return file, block_size

    stand_in.__module__ = module  # type: ignore[assignment]
    stand_in.__name__ = name
    return stand_in


def of_module(module: str) -> Any:
    return type("Socket", (), {"__module__": module})()


# The wrappers with the modules and names that the servers give them.
WAITRESS = {"wsgi.file_wrapper": wrapper("waitress.buffers", "ReadOnlyFileBasedBuffer")}
GTHREAD = {
    "wsgi.file_wrapper": wrapper("gunicorn.http.wsgi"),
    "gunicorn.socket": of_module("socket"),
}
GEVENT = {**GTHREAD, "gunicorn.socket": of_module("gevent._socket3")}
MOD_WSGI = {"wsgi.file_wrapper": wrapper("mod_wsgi")}
UWSGI = {"wsgi.file_wrapper": wrapper(None, "uwsgi_sendfile")}
BJOERN = {"wsgi.file_wrapper": wrapper("builtins")}
WSGIREF = {"wsgi.file_wrapper": wrapper("wsgiref.util")}
SOCKETIFY = {"wsgi.file_wrapper": None}


@pytest.fixture
def opened(site: Path) -> Iterator[OpenFile]:
    with single_file(str(site / "digits.bin")).open() as opened:
        yield opened


def wrap(environ: dict[str, Any], option: bool | None, opened: OpenFile, start: int) -> Any:
    return wrap_file(Request(environ), option, opened, (start, 1000), 512)


@pytest.mark.parametrize("start", [0, 900])
def test_waitress_gets_a_bounded_file(opened: OpenFile, start: int) -> None:
    wrapped, block_size = wrap(WAITRESS, None, opened, start)
    assert isinstance(wrapped, RangeFile)
    assert block_size == 512
    assert wrapped.read() == (b"0123456789" * 100)[start:]
    assert isinstance(wrap(WAITRESS, True, opened, start)[0], RangeFile)
    assert wrap(WAITRESS, False, opened, start) is None


@pytest.mark.parametrize("environ", [GTHREAD, MOD_WSGI, UWSGI])
def test_sendfile_gets_whole_files_and_only_if_the_option_is_true(
    opened: OpenFile, environ: dict[str, Any]
) -> None:
    assert wrap(environ, True, opened, 0) == (opened.file, 512)
    assert wrap(environ, True, opened, 1) is None
    assert wrap(environ, None, opened, 0) is None
    assert wrap(environ, False, opened, 0) is None


@pytest.mark.parametrize("environ", [GEVENT, BJOERN, WSGIREF, SOCKETIFY, {}])
def test_other_wrappers_are_never_used(opened: OpenFile, environ: dict[str, Any]) -> None:
    for option in (None, True, False):
        assert wrap(environ, option, opened, 0) is None


def test_the_wrapper_of_wsgiref_is_not_used(opened: OpenFile) -> None:
    from wsgiref.util import FileWrapper

    assert wrap({"wsgi.file_wrapper": FileWrapper}, True, opened, 0) is None


def test_the_real_wrapper_of_waitress_sends_the_range(opened: OpenFile) -> None:
    buffers = pytest.importorskip("waitress.buffers")
    request = Request({"wsgi.file_wrapper": buffers.ReadOnlyFileBasedBuffer})
    wrapped: Any = wrap_file(request, None, opened, (5, 15), 4)
    assert wrapped.prepare(10) == 10
    assert wrapped.get(100, skip=True) == b"5678901234"
    again: Any = wrap_file(request, None, opened, (5, 15), 4)
    assert b"".join(again) == b"5678901234"  # as a middleware reads the body
    again.close()
    assert opened.file.closed


def test_a_hashed_file_is_passed_at_its_start(site: Path) -> None:
    """Wrappers send from the position of the file, and content ETags read it to its end."""
    time.sleep(0.03)  # a more recent file is sent by our own iterator
    environ = make_environ("/digits.bin", **GTHREAD)
    app = StaticFiles(None, site, etag="content", file_wrapper=True, cache_size=0)
    wrapped: Any = start(app, environ).iterable
    assert isinstance(wrapped[0], FileIO)
    with wrapped[0] as file:
        assert file.tell() == 0


def test_a_range_file_reads_and_seeks_inside_its_range(opened: OpenFile) -> None:
    part = RangeFile(opened, 15, 25)
    assert (part.readable(), part.seekable()) == (True, True)
    assert part.read(3) == b"567"
    assert part.tell() == 3
    assert part.seek(0, os.SEEK_END) == 10
    assert part.read() == b""
    assert part.seek(-4, os.SEEK_CUR) == 6
    assert part.read(100) == b"1234"
    assert part.seek(2) == 2
    assert part.read() == b"78901234"
    assert part.seek(-5) == 0
    assert part.seek(50) == 50
    assert part.read() == b""
    with pytest.raises(OSError, match="fileno"):
        part.fileno()
    part.close()
    assert opened.file.closed
    assert part.closed


@pytest.fixture
def part(opened: OpenFile) -> Iterator[RangeFile]:
    with RangeFile(opened, 100, 1000) as part:
        assert part.read(5) == b"01234"
        yield part


def truncate(path: Path) -> None:
    os.truncate(path, 500)


def rewrite(path: Path) -> None:
    path.write_bytes(b"x" * 1000)


def shorten(path: Path) -> None:
    path.write_bytes(b"x" * 999)


def read_when_certain(part: RangeFile) -> bytes:
    """Read some bytes as waitress does: again, as long as an append may be in progress."""
    while not (content := part.read(5)):
        pass
    return content


@pytest.mark.parametrize("change", [truncate, rewrite, shorten])
def test_reading_a_changed_file_raises(
    site: Path, part: RangeFile, change: Callable[[Path], None]
) -> None:
    change(site / "digits.bin")
    with pytest.raises(FileChangedError):
        read_when_certain(part)
    assert part.tell() == 5


def test_growth_does_not_matter(site: Path, part: RangeFile) -> None:
    with (site / "digits.bin").open("ab") as file:
        file.write(b"more")
    assert part.read(5) == b"56789"
    assert part.readall() == (b"0123456789" * 100)[110:]


def test_a_premature_end_raises_even_if_the_file_has_grown(site: Path) -> None:
    path = site / "hello.txt"
    opened = single_file(str(path)).open()
    os.truncate(path, opened.size + 10)
    with RangeFile(opened, 0, 100) as part:
        assert part.read(50) == b"hello world\n" + bytes(10)
        with pytest.raises(FileChangedError):
            part.read(50)
