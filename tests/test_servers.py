"""The access log, and port numbers."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pytest

from tests.calling import call_bare, environ_of, start
from wsgistatic import StaticFiles
from wsgistatic.servers import AccessLog, port_number


def line_of(site: Path, environ: dict[str, Any]) -> str:
    lines: list[str] = []
    call_bare(AccessLog(StaticFiles(None, site), lines.append), environ)
    (line,) = lines
    return line


@pytest.mark.parametrize(
    ("environ", "line"),
    [
        (environ_of("/hello.txt"), "GET /hello.txt 200 12"),
        (environ_of("/hello.txt", "HEAD"), "HEAD /hello.txt 200 0"),
        (environ_of("/sub?a=b"), "GET /sub?a=b 301 0"),
        (environ_of("/hello.txt", HTTP_RANGE="bytes=0-1"), "GET /hello.txt 206 2 bytes=0-1"),
        (environ_of("/a b\n\x1b[0m"), "GET /a%20b%0A%1B%5B0m 404 48"),
        (environ_of("/hello.txt", HTTP_RANGE="a 200 9"), "GET /hello.txt 200 12 a%20200%209"),
        (environ_of("/hello.txt", HTTP_RANGE="x\r\n1"), "GET /hello.txt 200 12 x%0D%0A1"),
        (environ_of("/hello.txt", HTTP_RANGE="\udc80"), "GET /hello.txt 200 12 ?"),
        (environ_of(""), "GET / 404 48"),
    ],
)
def test_lines(site: Path, environ: dict[str, Any], line: str) -> None:
    assert line_of(site, environ) == line


def test_the_bytes_sent_before_an_abort_are_counted(site: Path, open_descriptors: None) -> None:
    lines: list[str] = []
    app = AccessLog(StaticFiles(None, site, block_size=10, cache_size=0), lines.append)
    body: Any = start(app, environ_of("/digits.bin")).iterable
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
