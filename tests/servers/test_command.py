"""The two servers of the command line: framing, disconnects, changing files, clean exits."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.conftest import age
from tests.connection import Connection
from tests.server_process import ServerProcess, run_server
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures("process_coverage")

SERVERS = ("cheroot", "wsgiref")


def is_open(server: ServerProcess, name: str) -> bool:
    return any(name in target for target in server.open_files())


def test_every_kind_of_response_on_one_connection(site: Path) -> None:
    with run_server(site, "--server", "cheroot") as server, Connection(server.port) as connection:
        whole = connection.request("/digits.bin")
        assert (whole.status, whole.body) == (200, b"0123456789" * 100)
        head = connection.request("/digits.bin", "HEAD")
        assert (head.status, head.headers["Content-Length"]) == (200, "1000")
        ranged = connection.request("/digits.bin", Range="bytes=-5")
        assert (ranged.status, ranged.body) == (206, b"56789")
        parts = connection.request("/digits.bin", Range="bytes=0-1,500-501")
        assert parts.status == 206
        assert parts.body.startswith(b"\r\n--")
        assert parts.body.endswith(b"--\r\n")
        tag = whole.headers["ETag"]
        assert connection.request("/digits.bin", If_None_Match=tag).status == 304
        assert connection.request("/digits.bin", If_Match='"x"').status == 412
        refused = connection.request("/digits.bin", Range="bytes=5000-")
        assert (refused.status, refused.headers["Content-Range"]) == (416, "bytes */1000")
        redirect = connection.request("/sub?x=1")
        assert (redirect.status, redirect.headers["Location"]) == (301, "sub/?x=1")
        assert connection.request("/nope").status == 404
        assert connection.request("/nope", "HEAD").status == 404
        assert connection.request("/empty.bin").body == b""
        assert connection.request("/hello.txt").body == b"hello world\n"


def test_requests_of_a_pdf_reader(tmp_path: Path) -> None:
    # The ranges that a PDF reader requested from CherryPy, with the lengths of its responses.
    size = 6786140
    content = os.urandom(size)
    (tmp_path / "manual.pdf").write_bytes(content)
    age(tmp_path / "manual.pdf")
    exchange = [
        ("bytes=6626812-6627960,6785258-6786139",
         [(6626812, 6627961), (6785258, 6786140)], 2305),
        ("bytes=6636108-6636167,194633-198372,198373-202575",
         [(6636108, 6636168), (194633, 202576)], 8392),
        ("bytes=6633280-6634323,6633278-6633279,6634324-6636107,6669998-6672067,5710727-5712197",
         [(6633278, 6636108), (6669998, 6672068), (5710727, 5712198)], 7200),
    ]  # fmt: skip
    with (
        run_server(tmp_path, "--server", "cheroot") as server,
        Connection(server.port) as connection,
    ):
        for value, ranges, most in exchange:
            response = connection.request("/manual.pdf", Range=value)
            assert response.status == 206
            assert len(response.body) <= most
            boundary = response.headers["Content-Type"].partition("boundary=")[2]
            parts = response.body.split(f"\r\n--{boundary}".encode())[1:-1]
            assert [part.partition(b"\r\n\r\n")[2] for part in parts] == [
                content[start:stop] for start, stop in ranges
            ]
            assert [f"bytes {start}-{stop - 1}/{size}".encode() in part
                    for part, (start, stop) in zip(parts, ranges, strict=True)] == [True] * len(
                ranges
            )  # fmt: skip


@pytest.mark.parametrize("server_name", SERVERS)
def test_end_of_a_sparse_4_gib_file(tmp_path: Path, server_name: str) -> None:
    size = 4 * 1024**3 + 1
    with (tmp_path / "big.bin").open("wb") as file:
        file.truncate(size)
        file.seek(size - 3)
        file.write(b"end")
    with (
        run_server(tmp_path, "--server", server_name) as server,
        Connection(server.port) as connection,
    ):
        response = connection.request("/big.bin", Range="bytes=-100")
        assert response.status == 206
        assert response.headers["Content-Range"] == f"bytes {size - 100}-{size - 1}/{size}"
        assert response.body == bytes(97) + b"end"


@pytest.mark.parametrize("server_name", SERVERS)
def test_files_are_closed_when_clients_disconnect(tmp_path: Path, server_name: str) -> None:
    with (tmp_path / "big.bin").open("wb") as file:
        file.truncate(200 * 1024**2)
    with run_server(tmp_path, "--server", server_name) as server:
        connections = [Connection(server.port) for _ in range(5)]
        for connection in connections:
            connection.send("/big.bin")
            connection.read_head()
            assert len(connection.file.read(100_000)) == 100_000
        assert is_open(server, "big.bin")
        for connection in connections:
            connection.close()
        assert eventually(lambda: not is_open(server, "big.bin"))
        with Connection(server.port) as connection:
            assert connection.request("/big.bin", Range="bytes=0-9").body == bytes(10)


@pytest.mark.parametrize("server_name", SERVERS)
def test_file_is_truncated_during_the_response(tmp_path: Path, server_name: str) -> None:
    path = tmp_path / "big.bin"
    with path.open("wb") as file:
        file.truncate(100 * 1024**2)
    age(path)
    with run_server(tmp_path, "--server", server_name) as server:
        with Connection(server.port) as connection:
            connection.send("/big.bin")
            length = int(connection.read_head().headers["Content-Length"])
            os.truncate(path, 1000)
            assert len(connection.file.read()) < length  # the server closed the connection
        with Connection(server.port) as connection:
            assert len(connection.request("/big.bin").body) == 1000


@pytest.mark.parametrize("server_name", SERVERS)
def test_file_grows_during_the_response(tmp_path: Path, server_name: str) -> None:
    path = tmp_path / "log.txt"
    path.write_bytes(b"x" * 30_000_000)
    age(path)
    with (
        run_server(tmp_path, "--server", server_name) as server,
        Connection(server.port) as connection,
    ):
        connection.send("/log.txt", Connection="close")
        length = int(connection.read_head().headers["Content-Length"])
        with path.open("ab") as file:
            file.write(b"more")
        assert connection.file.read() == b"x" * length


@pytest.mark.parametrize("server_name", SERVERS)
def test_access_log_and_clean_exit(tmp_path: Path, server_name: str) -> None:
    with (tmp_path / "big.bin").open("wb") as file:
        file.truncate(200 * 1024**2)
    with run_server(tmp_path, "--server", server_name) as server:
        with Connection(server.port) as connection:
            assert connection.request("/big.bin", Range="bytes=0-9").status == 206
        server.read_until("GET /big.bin 206 10 bytes=0-9\n")
        status, output = server.stop()
    assert status == 0
    assert output == "Stopped.\n"


def test_ipv6(site: Path) -> None:
    import urllib.request

    for name in SERVERS:
        with run_server(site, "--server", name, "--host", "::1") as server:
            assert server.url.startswith("http://[::1]:")
            with urllib.request.urlopen(server.url + "hello.txt", timeout=20) as response:
                assert response.read() == b"hello world\n"
