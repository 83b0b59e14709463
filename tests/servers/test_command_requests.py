"""Requests to the two servers of the command line: targets, hosts, and bodies that nobody reads."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.connection import Connection, Response
from tests.server_process import run_server
from wsgistatic import StaticFiles, servers
from wsgistatic.commands.hosts import HostCheck

SERVERS = ("cheroot", "wsgiref")
HELLO = b"hello world\n"


@contextmanager
def running(site: Path, name: str, lines: list[str] | None = None) -> Iterator[int]:
    """Run a server in this process until the block ends; return its port.

    Args:
        site: the directory to serve.
        name: the name of the server.
        lines: gets the lines of the log.
    """
    app = HostCheck(StaticFiles(None, site, listing=True), "127.0.0.1", ["files.example"])
    log = servers.AccessLog(app, ([] if lines is None else lines).append)
    server = servers.SERVERS[name](log, "127.0.0.1", 0)
    thread = Thread(target=server.serve)
    thread.start()
    try:
        yield server.port
    finally:
        if name == "wsgiref":
            serve: Any = server.serve
            serve.__self__.shutdown()
        server.stop()
        thread.join()


def exchange(port: int, *lines: str) -> Response:
    """Send the lines of a request; return the response."""
    with Connection(port) as connection:
        connection.socket.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
        response = connection.read_head()
        response.body = connection.file.read(int(response.headers.get("Content-Length", "0")))
        return response


@pytest.mark.parametrize("server_name", SERVERS)
def test_targets(site: Path, server_name: str) -> None:
    lines: list[str] = []
    with running(site, server_name, lines) as port:

        def status(target: str, method: str = "GET", host: str = "localhost") -> int:
            return exchange(port, f"{method} {target} HTTP/1.1", f"Host: {host}").status

        url = f"http://localhost:{port}"
        assert exchange(port, f"GET {url}/hello.txt HTTP/1.1", "Host: x").body == HELLO
        assert status("HTTP://[::1]/hello.txt?a") == 200
        assert status(url) == 200
        assert status(url + "/nope") == 404
        assert status(url + "/hello.txt", "OPTIONS") == 405
        assert status(url + "/nope", "OPTIONS") == 404
        assert status("/./hello.txt") == 404
        # The target's host takes precedence over Host (RFC 9112 3.2.2).
        assert status("http://evil.example/hello.txt") == 421
        assert status("http://localhost/hello.txt", host="evil.example") == 200
        for target in ("http:///hello.txt", "http://a b/", "https://localhost/hello.txt", "x:y",
                       "hello.txt", "*"):  # fmt: skip
            assert status(target) == 400, target
        asterisk = exchange(port, "OPTIONS * HTTP/1.1", "Host: localhost")
        assert (asterisk.status, asterisk.headers["Content-Length"]) == (200, "0")
    assert "GET /hello.txt?a 200 12" in lines


def test_an_empty_line_before_a_request(site: Path) -> None:
    with running(site, "cheroot") as port:
        for target in ("/hello.txt", "http://localhost/hello.txt"):
            fields = "Host: localhost", "Connection: close"
            assert exchange(port, "", f"GET {target} HTTP/1.1", *fields).body == HELLO
        assert exchange(port, "", "", "GET /hello.txt HTTP/1.1").status == 400


@pytest.mark.parametrize("server_name", SERVERS)
def test_hosts(site: Path, server_name: str) -> None:
    with running(site, server_name) as port:

        def status(*fields: str, version: str = "1.1") -> int:
            return exchange(port, f"GET /hello.txt HTTP/{version}", *fields).status

        assert status("Host: localhost") == 200
        assert status(f"Host: 127.0.0.1:{port}") == 200
        assert status("Host: FILES.example.") == 200
        assert status("Host: evil.example") == 421
        # RFC 9112 3.2: a server MUST respond to these with 400.
        for fields in ([], ["Host: localhost", "Host: localhost"], ["Host: a b"], ["Host:"]):
            assert status(*fields) == 400, fields
        assert status(version="1.0") == 200
        assert status("Host: evil.example", version="1.0") == 421


SIZE = 200_000_000  # bytes of a body


@pytest.mark.parametrize("framing", [f"Content-Length: {SIZE}", "Transfer-Encoding: chunked"])
@pytest.mark.parametrize("server_name", SERVERS)
def test_a_body_that_nobody_reads(site: Path, server_name: str, framing: str) -> None:
    """The client gets the response even if it sends the whole body first."""
    with run_server(site, "--server", server_name) as server, Connection(server.port) as client:
        head = f"POST /hello.txt HTTP/1.1\r\nHost: localhost\r\n{framing}\r\n\r\n"
        client.socket.sendall(head.encode())
        if "chunked" in framing:
            client.socket.sendall(b"%x\r\n" % SIZE)
        block = bytes(1_000_000)
        for _ in range(SIZE // len(block)):
            client.socket.sendall(block)
        if "chunked" in framing:
            client.socket.sendall(b"\r\n0\r\n\r\n")
        is_refused = server_name == "cheroot" and "chunked" not in framing
        assert client.read_head().status == (413 if is_refused else 405)
        client.file.read()  # to the end, without a reset
        assert server.peak_memory() < 100_000_000


@pytest.mark.parametrize("framing", ["Content-Length: 9", "Transfer-Encoding: chunked"])
def test_a_body_is_never_taken_for_a_request(site: Path, framing: str) -> None:
    with running(site, "cheroot") as port, Connection(port) as client:
        inner = b"GET /hello.txt HTTP/1.1\r\nHost: localhost\r\n\r\n"
        chunks = b"%x\r\n%s\r\n0\r\n\r\n" % (300_000, bytes(300_000))
        body = chunks if "chunked" in framing else b"123456789"
        head = f"GET /hello.txt HTTP/1.1\r\nHost: localhost\r\n{framing}\r\n\r\n"
        client.socket.sendall(head.encode() + body + inner)
        first = client.read_head()
        assert (first.status, client.file.read(12)) == (200, HELLO)
        rest = client.file.read() if first.headers.get("Connection") == "close" else None
        if "chunked" in framing:
            assert rest == b""  # closed, since nobody has read the chunks
        else:
            assert client.read_head().status == 200


def test_expect_continue(site: Path) -> None:
    with running(site, "cheroot") as port, Connection(port) as client:
        client.send("/hello.txt", "POST", Expect="100-continue", Content_Length="3")
        assert client.read_head().status == 100
        client.socket.sendall(b"abc")
        response = client.read_head()
        assert response.status == 405
        client.file.read(response.length)
        assert client.request("/hello.txt").body == HELLO


@pytest.mark.parametrize("server_name", SERVERS)
def test_a_client_that_stays_does_not_hold_the_server(site: Path, server_name: str) -> None:
    with (
        running(site, server_name) as port,
        socket.create_connection(("127.0.0.1", port)) as idle,
    ):
        idle.sendall(b"nonsense\r\n\r\n")
        assert exchange(port, "GET /hello.txt HTTP/1.0").body == HELLO
