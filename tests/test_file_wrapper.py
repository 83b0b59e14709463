"""The allow-list of wrappers, by the classes that servers really have."""

from __future__ import annotations

from typing import Any

import pytest

from wsgistatic.file_wrapper import usable_file_wrapper


def wrapper(module: str | None, name: str = "FileWrapper") -> Any:
    def stand_in(file: Any, block_size: int) -> list[bytes]:
        return []

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


@pytest.mark.parametrize(
    ("environ", "by_default", "whole_if_asked", "range_if_asked"),
    [
        (WAITRESS, True, True, True),
        (GTHREAD, False, True, True),
        (GEVENT, False, False, False),
        (MOD_WSGI, False, True, True),
        (UWSGI, False, True, False),
        (BJOERN, False, False, False),
        (WSGIREF, False, False, False),
        (SOCKETIFY, False, False, False),
        ({}, False, False, False),
    ],
)
def test_allow_list(
    environ: dict[str, Any], by_default: bool, whole_if_asked: bool, range_if_asked: bool
) -> None:
    offered = environ.get("wsgi.file_wrapper")
    for whole in (True, False):
        assert usable_file_wrapper(environ, False, whole) is None
        default = usable_file_wrapper(environ, None, whole)
        assert default is (offered if by_default else None)
    assert usable_file_wrapper(environ, True, True) is (offered if whole_if_asked else None)
    assert usable_file_wrapper(environ, True, False) is (offered if range_if_asked else None)


def test_the_standard_librarys_own_is_not_used() -> None:
    from wsgiref.util import FileWrapper

    assert usable_file_wrapper({"wsgi.file_wrapper": FileWrapper}, True, True) is None
