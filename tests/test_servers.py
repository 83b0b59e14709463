"""The access log, and port numbers."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pytest

from tests.client import call_raw, make_environ, start
from wsgistatic import StaticFiles
from wsgistatic.servers import AccessLog, port_number


def line_of(site: Path, environ: dict[str, Any]) -> str:
    lines: list[str] = []
    call_raw(AccessLog(StaticFiles(None, site), lines.append), environ)
    (line,) = lines
    return line


@pytest.mark.parametrize(
    ("environ", "line"),
    [
        (make_environ("/hello.txt"), "GET /hello.txt 200 12"),
        (make_environ("/hello.txt", "HEAD"), "HEAD /hello.txt 200 0"),
        (make_environ("/sub?a=b"), "GET /sub?a=b 301 0"),
        (make_environ("/hello.txt", HTTP_RANGE="bytes=0-1"), "GET /hello.txt 206 2 bytes=0-1"),
        (make_environ("/a b\n\x1b[0m"), "GET /a%20b%0A%1B%5B0m 404 48"),
        (make_environ("/hello.txt", HTTP_RANGE="a 200 9"), "GET /hello.txt 200 12 a%20200%209"),
        (make_environ("/hello.txt", HTTP_RANGE="x\r\n1"), "GET /hello.txt 200 12 x%0D%0A1"),
        (make_environ("/hello.txt", HTTP_RANGE="\udc80"), "GET /hello.txt 200 12 ?"),
        (make_environ("/a?##[error]b"), "GET /a?%23%23[error]b 404 48"),
        (make_environ("/hello.txt", "::error::"), "%3A%3Aerror%3A%3A /hello.txt 405 122"),
        (make_environ(""), "GET / 404 48"),
    ],
)
def test_lines(site: Path, environ: dict[str, Any], line: str) -> None:
    assert line_of(site, environ) == line


def test_the_bytes_sent_before_an_abort_are_counted(site: Path, open_descriptors: None) -> None:
    lines: list[str] = []
    app = AccessLog(StaticFiles(None, site, block_size=10, cache_size=0), lines.append)
    body: Any = start(app, make_environ("/digits.bin")).iterable
    next(iter(body))
    body.close()
    assert lines == ["GET /digits.bin 200 10"]


@pytest.mark.parametrize("text", ["0", "8000", "65535"])
def test_port_numbers(text: str) -> None:
    assert port_number(text) == int(text)


@pytest.mark.parametrize("text", ["", "-1", "65536", "http", "9" * 5000, "\u0663"])
def test_other_texts_are_not_port_numbers(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="a port must be from 0 to 65535, not "):
        port_number(text)
