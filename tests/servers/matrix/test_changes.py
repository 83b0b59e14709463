"""Clients that disconnect, and files that change during a response, on every server."""

from __future__ import annotations

import os
import time
from contextlib import suppress

import pytest

from tests.connection import NoResponseError
from tests.servers.matrix.connection import MatrixConnection
from tests.servers.matrix.running_server import RunningServer
from tests.servers.matrix.servers import Limit
from tests.servers.matrix.site import MIB, SPARSE
from tests.waiting import eventually

pytestmark = pytest.mark.servers

TRUNCATION_LIMITS = {Limit.CUT_LATE, Limit.CUT_WAITS, Limit.CUT_ADDS_TEXT}
IMMEDIATE, PAUSE, TIMEOUT = 1.5, 3.0, 6.0  # seconds; keep-alive timeouts are 2 s and 4 s


def test_file_is_closed_when_the_client_disconnects(server: RunningServer) -> None:
    limits, size, before = server.spec.limits, SPARSE["left.bin"], server.bytes_read()
    with server.connect() as connection:
        connection.send("/files/left.bin")
        connection.read_head()
        assert len(connection.read(100_000)) == 100_000
        buffered = settled_bytes_read(server, before, size) >= size
        assert buffered == (Limit.BUFFERS in limits)
        assert buffered or server.open_files("left.bin") >= 1  # mod_wsgi opens it twice
    assert eventually(lambda: server.open_files("left.bin") == 0)
    read_on = server.bytes_read() - before >= size and not buffered
    assert read_on == (Limit.READS_ON in limits)


def settled_bytes_read(server: RunningServer, before: int, enough: int) -> int:
    """Wait until the server stops reading for an idle client, or has read enough."""
    count, last_change = server.bytes_read() - before, time.monotonic()
    while count < enough and time.monotonic() - last_change < 0.3:
        time.sleep(0.02)
        current = server.bytes_read() - before
        if current != count:
            count, last_change = current, time.monotonic()
    return count


def test_file_is_truncated_during_the_response(server: RunningServer) -> None:
    with server.connect() as connection:
        send_and_wait_until_sending(server, connection, "cut.bin")
        os.truncate(server.site / "cut.bin", 1000)
        observed = set()
        connection.set_timeout(TIMEOUT)
        body, last = b"", time.monotonic()
        try:
            length = connection.read_head().length
            while block := connection.read_some():
                body, last = body + block, time.monotonic()
        except TimeoutError:
            observed.add(Limit.CUT_WAITS)
        else:
            assert len(body) < length
            if time.monotonic() - last > IMMEDIATE:
                observed.add(Limit.CUT_LATE)
        if body.count(0) < len(body):
            assert b"500" in body.lstrip(b"\0")
            observed.add(Limit.CUT_ADDS_TEXT)
    assert observed == server.spec.limits & TRUNCATION_LIMITS
    assert eventually(lambda: server.open_files("cut.bin") == 0)
    with server.connect() as connection:
        assert connection.request("/files/cut.bin").body == bytes(1000)


def test_file_is_rewritten_during_the_response(server: RunningServer) -> None:
    size = SPARSE["rewritten.bin"]
    with server.connect() as connection:
        send_and_wait_until_sending(server, connection, "rewritten.bin")
        with (server.site / "rewritten.bin").open("r+b") as file:
            file.seek(size - MIB)
            file.write(b"n" * MIB)
        body = b""
        connection.set_timeout(PAUSE)
        with suppress(TimeoutError):
            assert connection.read_head().length == size
            body = connection.read(size)
    complete = len(body) == size
    assert complete == (Limit.UNWATCHED in server.spec.limits)
    assert eventually(lambda: server.open_files("rewritten.bin") == 0)


def test_file_grows_during_the_response(server: RunningServer) -> None:
    size = SPARSE["grown.bin"]
    with server.connect() as connection:
        send_and_wait_until_sending(server, connection, "grown.bin")
        with (server.site / "grown.bin").open("ab") as file:
            file.write(b"x" * 1000)
        assert connection.read_head().length == size
        body = connection.read(size)
        assert (len(body), body.count(0)) == (size, size)
        connection.expect_next("whole" in server.spec.closes)


def test_file_grows_before_the_response(server: RunningServer) -> None:
    size = SPARSE["log.bin"]
    with server.connect() as connection:
        assert connection.request("/files/log.bin?grow").body == bytes(size)
        overruns = False
        try:
            connection.expect_next("whole" in server.spec.closes)
        except NoResponseError:
            overruns = True
    assert overruns == (Limit.OVERRUNS in server.spec.limits)


def send_and_wait_until_sending(
    server: RunningServer, connection: MatrixConnection, name: str
) -> None:
    """Request a file, and wait until the server starts to send it.

    For a server that first reads the whole file, wait until it reads.
    """
    before = server.bytes_read()
    connection.send(f"/files/{name}")
    assert eventually(lambda: connection.has_bytes() or server.bytes_read() - before > MIB)
