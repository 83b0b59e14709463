"""Clients that go away, and files that change under way, on every server."""

from __future__ import annotations

import os
import time
from contextlib import suppress

import pytest

from tests.servers.matrix.rows import Limit
from tests.servers.matrix.running import Running, eventually
from tests.servers.matrix.site import MIB, SPARSE
from tests.servers.matrix.wire import NoResponseError, Wire

pytestmark = pytest.mark.servers

CUT = {Limit.CUT_LATE, Limit.CUT_WAITS, Limit.CUT_ADDS_TEXT}
AT_ONCE, PAUSE, NEVER = 1.5, 3.0, 6.0  # seconds; keep-alive timeouts are 2 s and 4 s


def test_a_client_that_goes_away_leaves_no_file_open(server: Running) -> None:
    limits, size, before = server.row.limits, SPARSE["left.bin"], server.bytes_read()
    with server.connect() as wire:
        wire.send("/files/left.bin")
        wire.head()
        assert len(wire.read(100_000)) == 100_000
        buffered = bytes_read_at_rest(server, before, size) >= size
        assert buffered == (Limit.BUFFERS in limits)
        assert buffered or server.open_files("left.bin") >= 1  # mod_wsgi has it twice
    assert eventually(lambda: server.open_files("left.bin") == 0)
    read_on = server.bytes_read() - before >= size and not buffered
    assert read_on == (Limit.READS_ON in limits)


def bytes_read_at_rest(server: Running, before: int, enough: int) -> int:
    """Wait until a server reads no more for a client that reads nothing, or has read enough."""
    count, since = server.bytes_read() - before, time.monotonic()
    while count < enough and time.monotonic() - since < 0.3:
        time.sleep(0.02)
        now = server.bytes_read() - before
        if now != count:
            count, since = now, time.monotonic()
    return count


def test_a_file_cut_under_way_is_seen_to_be_broken(server: Running) -> None:
    with server.connect() as wire:
        ask_until_under_way(server, wire, "cut.bin")
        os.truncate(server.site / "cut.bin", 1000)
        seen = set()
        wire.set_timeout(NEVER)
        body, last = b"", time.monotonic()
        try:
            length = wire.head().length
            while block := wire.read_some():
                body, last = body + block, time.monotonic()
        except TimeoutError:
            seen.add(Limit.CUT_WAITS)
        else:
            assert len(body) < length
            if time.monotonic() - last > AT_ONCE:
                seen.add(Limit.CUT_LATE)
        if body.count(0) < len(body):
            assert b"500" in body.lstrip(b"\0")
            seen.add(Limit.CUT_ADDS_TEXT)
    assert seen == server.row.limits & CUT
    assert eventually(lambda: server.open_files("cut.bin") == 0)
    with server.connect() as wire:
        assert wire.ask("/files/cut.bin").body == bytes(1000)


def test_a_file_rewritten_under_way_is_never_sent_as_a_mixture(server: Running) -> None:
    size = SPARSE["rewritten.bin"]
    with server.connect() as wire:
        ask_until_under_way(server, wire, "rewritten.bin")
        with (server.site / "rewritten.bin").open("r+b") as file:
            file.seek(size - MIB)
            file.write(b"n" * MIB)
        body = b""
        wire.set_timeout(PAUSE)
        with suppress(TimeoutError):
            assert wire.head().length == size
            body = wire.read(size)
    complete = len(body) == size
    assert complete == (Limit.UNWATCHED in server.row.limits)
    assert eventually(lambda: server.open_files("rewritten.bin") == 0)


def test_a_file_that_grows_under_way_is_sent_at_its_first_length(server: Running) -> None:
    size = SPARSE["grown.bin"]
    with server.connect() as wire:
        ask_until_under_way(server, wire, "grown.bin")
        with (server.site / "grown.bin").open("ab") as file:
            file.write(b"x" * 1000)
        assert wire.head().length == size
        body = wire.read(size)
        assert (len(body), body.count(0)) == (size, size)
        wire.expect_next("whole" in server.row.closes)


def test_a_file_that_grows_before_it_is_sent(server: Running) -> None:
    size = SPARSE["log.bin"]
    with server.connect() as wire:
        assert wire.ask("/files/log.bin?grow").body == bytes(size)
        overruns = False
        try:
            wire.expect_next("whole" in server.row.closes)
        except NoResponseError:
            overruns = True
    assert overruns == (Limit.OVERRUNS in server.row.limits)


def ask_until_under_way(server: Running, wire: Wire, name: str) -> None:
    """Ask for a file and wait until the server has begun to send it.

    One that sends nothing before it has read all is met while it reads.
    """
    wire.send(f"/files/{name}")
    assert eventually(lambda: wire.has_bytes() or max(server.positions(name), default=0) > MIB)
