"""The allow-list of wrappers, by the classes that servers really have."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from typing import Any

import pytest

from tests.client import make_environ, start
from wsgistatic import StaticFiles
from wsgistatic.wsgi.file_wrapper import RangeFile, wrap_file

Wrapped = tuple[Any, int]


def wrapper(module: str | None, name: str = "FileWrapper") -> Any:
    def stand_in(file: Any, block_size: int) -> Wrapped:
        return file, block_size

    stand_in.__module__ = module  # type: ignore[assignment]
    stand_in.__name__ = name
    return stand_in


def of_module(module: str) -> Any:
    return type("Socket", (), {"__module__": module})()


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
def file(site: Path) -> Iterator[FileIO]:
    with FileIO(site / "digits.bin") as file:
        yield file


def wrap(environ: dict[str, Any], option: bool | None, file: FileIO, start: int) -> Any:
    return wrap_file(environ, option, file, (start, 1000), os.stat(file.name), 512)


@pytest.mark.parametrize("start", [0, 900])
def test_waitress_gets_a_bounded_file(file: FileIO, start: int) -> None:
    wrapped, block_size = wrap(WAITRESS, None, file, start)
    assert isinstance(wrapped, RangeFile)
    assert block_size == 512
    assert wrapped.read() == (b"0123456789" * 100)[start:]
    assert isinstance(wrap(WAITRESS, True, file, start)[0], RangeFile)
    assert wrap(WAITRESS, False, file, start) is None


@pytest.mark.parametrize("environ", [GTHREAD, MOD_WSGI, UWSGI])
def test_sendfile_is_for_whole_files_and_on_request(file: FileIO, environ: dict[str, Any]) -> None:
    assert wrap(environ, True, file, 0) == (file, 512)
    assert wrap(environ, True, file, 1) is None
    assert wrap(environ, None, file, 0) is None
    assert wrap(environ, False, file, 0) is None


@pytest.mark.parametrize("environ", [GEVENT, BJOERN, WSGIREF, SOCKETIFY, {}])
def test_the_others_get_our_iterator(file: FileIO, environ: dict[str, Any]) -> None:
    for option in (None, True, False):
        assert wrap(environ, option, file, 0) is None


def test_the_standard_librarys_own_is_not_used(file: FileIO) -> None:
    from wsgiref.util import FileWrapper

    assert wrap({"wsgi.file_wrapper": FileWrapper}, True, file, 0) is None


def test_the_real_one_of_waitress(file: FileIO) -> None:
    buffers = pytest.importorskip("waitress.buffers")
    environ = {"wsgi.file_wrapper": buffers.ReadOnlyFileBasedBuffer}
    opened = os.fstat(file.fileno())
    wrapped: Any = wrap_file(environ, None, file, (5, 15), opened, 4)
    assert wrapped.prepare(10) == 10
    assert wrapped.get(100, skip=True) == b"5678901234"
    again: Any = wrap_file(environ, None, file, (5, 15), opened, 4)
    assert b"".join(again) == b"5678901234"  # a middleware that reads the body
    again.close()
    assert file.closed


def test_a_file_that_was_hashed_is_wrapped_at_its_start(site: Path) -> None:
    """Wrappers send from where the file stands, and a tag by content reads it to its end."""
    time.sleep(0.03)  # a file that is younger gets our own iterator
    environ = make_environ("/digits.bin", **GTHREAD)
    app = StaticFiles(None, site, etag="content", file_wrapper=True, cache_size=0)
    wrapped: Any = start(app, environ).iterable
    assert isinstance(wrapped[0], FileIO)
    with wrapped[0] as file:
        assert file.tell() == 0
