"""A file that changes while a server is held at its beginning, in its middle and near its end.

A client that reads slowly holds it: where the server is, its descriptor tells. "First" is one or
two blocks, what the system takes before the client has read any (tests/faults/test_changes.py
chooses the very block, by the reads of the file).
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import age, settle
from tests.servers.matrix.conftest import skip_where_missing
from tests.servers.matrix.rows import SERVERS
from tests.servers.matrix.running import Running, eventually, running
from tests.servers.matrix.site import MIB
from tests.servers.matrix.wire import Reply, Wire

pytestmark = pytest.mark.servers

NAMES = ("cheroot", "gunicorn gthread", "waitress")
ROWS = [row for row in SERVERS if row.name in NAMES]
# More than the system takes at a time when it has room again: no block is passed over.
BLOCK = 4 * MIB
SIZE = 5 * BLOCK - 5
OLD, NEW = (random.Random(seed).randbytes(SIZE) for seed in (1, 2))
UNREAD = 128 * 1024  # bytes
POINTS = {"first": BLOCK, "middle": 3 * BLOCK, "last": 4 * BLOCK}  # read by then
Change = Callable[[Path], object]


def truncate(path: Path) -> None:
    os.truncate(path, 1000)


def append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def rewrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(NEW)


def supersede(path: Path) -> None:
    path.with_suffix(".new").write_bytes(NEW)
    path.with_suffix(".new").replace(path)


@pytest.fixture(scope="module", params=ROWS, ids=str)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    row = replace(request.param, options={**request.param.options, "block_size": BLOCK})
    skip_where_missing(row)
    with running(row, tmp_path_factory.mktemp("server"), tmp_path_factory.mktemp("site")) as it:
        yield it


@pytest.fixture
def path(server: Running) -> Path:
    path = server.site / "file.bin"
    path.write_bytes(OLD)
    age(path)
    settle()
    return path


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("change", [truncate, append, rewrite, supersede])
def test_what_arrives_is_of_the_version_that_was_announced(
    server: Running, path: Path, change: Change, point: str
) -> None:
    with server.connect(UNREAD) as wire:
        wire.send("/files/file.bin")
        reply = wire.head()
        assert (reply.status, reply.length) == (200, SIZE)
        assert not reply.headers["etag"].startswith("W/")
        body, position = read_until(server, wire, path, POINTS[point])
        assert POINTS[point] <= position < POINTS[point] + 2 * BLOCK
        told = reasons(server)
        change(path)
        body += read_rest(wire, SIZE - len(body))
    assert OLD.startswith(body)
    if change in (append, supersede):
        assert len(body) == SIZE
        assert reasons(server) == told
    else:
        assert len(body) < SIZE
        # Not by a timeout of the server's, nor of the client's.
        assert eventually(lambda: reasons(server) > told)
    settle()
    assert eventually(lambda: server.open_files(path.name) == 0)
    after = ask(server, path)
    assert after.body == path.read_bytes()
    assert after.headers["etag"] != reply.headers["etag"]


def reasons(server: Running) -> int:
    """Count the responses that were broken off because of a change, by the server's own log."""
    return server.log.read_text(errors="replace").count("FileChangedError: ")


def read_until(server: Running, wire: Wire, path: Path, target: int) -> tuple[bytes, int]:
    """Read until the server has read up to an offset and waits; give what came, and where it is."""
    body = b""
    while (position := position_at_rest(server, path.name)) < target:
        body += wire.read(max(target - position - BLOCK, BLOCK // 8))
    return body, position


def position_at_rest(server: Running, name: str) -> int:
    """Give where a server stands that reads no more for a client that reads nothing."""
    position, since = -1, time.monotonic()
    while position < 1 or time.monotonic() - since < 0.1:
        (now,) = server.positions(name)  # it has not closed the file
        if now != position:
            position, since = now, time.monotonic()
        time.sleep(0.01)
    return position


def read_rest(wire: Wire, size: int) -> bytes:
    """Read up to so many bytes, or up to where the connection breaks; not longer than patience."""
    rest = b""
    with suppress(ConnectionResetError):
        while len(rest) < size and (block := wire.read_some()):
            rest += block
    return rest


def ask(server: Running, path: Path) -> Reply:
    with server.connect() as wire:
        return wire.ask(f"/files/{path.name}")
