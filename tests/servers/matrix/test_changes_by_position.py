"""Files that change when a server has read their first block, half of them, or nearly all.

A client that reads slowly makes the server wait. The position of the server's file descriptor shows
how far it has read. wsgistatic itself does not move it, so the app of these tests does. The socket
buffers take one or two blocks before the client reads anything. tests/faults/test_changes.py
chooses the exact block.
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
from tests.connection import Response
from tests.servers.matrix.app import MOVE_POSITION
from tests.servers.matrix.conftest import skip_unless_installed
from tests.servers.matrix.connection import MatrixConnection
from tests.servers.matrix.running_server import RunningServer, run_server
from tests.servers.matrix.servers import SERVERS
from tests.servers.matrix.site import MIB
from tests.waiting import eventually

pytestmark = pytest.mark.servers

NAMES = ("cheroot", "gunicorn gthread", "waitress")
SPECS = [spec for spec in SERVERS if spec.name in NAMES]
# More than the socket buffers accept at once, so that the server stops at every block.
BLOCK = 4 * MIB  # bytes
SIZE = 5 * BLOCK - 5
OLD, NEW = (random.Random(seed).randbytes(SIZE) for seed in (1, 2))
RECEIVE_BUFFER = 128 * 1024  # bytes
POSITIONS = {"first": BLOCK, "middle": 3 * BLOCK, "last": 4 * BLOCK}  # bytes already read
Change = Callable[[Path], object]


def truncate(path: Path) -> None:
    os.truncate(path, 1000)


def append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def rewrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(NEW)


def replace_file(path: Path) -> None:
    path.with_suffix(".new").write_bytes(NEW)
    path.with_suffix(".new").replace(path)


@pytest.fixture(scope="module", params=SPECS, ids=str)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningServer]:
    spec = replace(
        request.param,
        options={**request.param.options, "block_size": BLOCK},
        environment={**request.param.environment, MOVE_POSITION: "1"},
    )
    skip_unless_installed(spec)
    with run_server(
        spec, tmp_path_factory.mktemp("server"), tmp_path_factory.mktemp("site")
    ) as server:
        yield server


@pytest.fixture
def path(server: RunningServer) -> Path:
    path = server.site / "file.bin"
    path.write_bytes(OLD)
    age(path)
    settle()
    return path


@pytest.mark.parametrize("position_name", POSITIONS)
@pytest.mark.parametrize("change", [truncate, append, rewrite, replace_file])
def test_body_is_the_version_that_the_headers_describe(
    server: RunningServer, path: Path, change: Change, position_name: str
) -> None:
    with server.connect(RECEIVE_BUFFER) as connection:
        connection.send("/files/file.bin")
        response = connection.read_head()
        assert (response.status, response.length) == (200, SIZE)
        assert not response.headers["etag"].startswith("W/")
        body, position = read_until_position(server, connection, path, POSITIONS[position_name])
        assert POSITIONS[position_name] <= position < POSITIONS[position_name] + 2 * BLOCK
        errors_before = count_change_errors(server)
        change(path)
        body += read_rest(connection, SIZE - len(body))
    assert OLD.startswith(body)
    if change in (append, replace_file):
        assert len(body) == SIZE
        assert count_change_errors(server) == errors_before
    else:
        assert len(body) < SIZE
        # The server noticed the change; the response did not just time out.
        assert eventually(lambda: count_change_errors(server) > errors_before)
    settle()
    assert eventually(lambda: server.open_files(path.name) == 0)
    after = fetch(server, path)
    assert after.body == path.read_bytes()
    assert after.headers["etag"] != response.headers["etag"]


def count_change_errors(server: RunningServer) -> int:
    """Count the responses in the server's log that broke off because of a change."""
    return server.log.read_text(errors="replace").count("FileChangedError: ")


def read_until_position(
    server: RunningServer, connection: MatrixConnection, path: Path, target: int
) -> tuple[bytes, int]:
    """Read until the server has read the file up to an offset, and waits.

    Returns:
        the bytes received, and the position of the server in the file.
    """
    body = b""
    while (position := settled_position(server, path.name)) < target:
        body += connection.read(max(target - position - BLOCK, BLOCK // 8))
    return body, position


def settled_position(server: RunningServer, name: str) -> int:
    """Wait until a server stops reading a file; return its position in the file."""
    position, last_change = -1, time.monotonic()
    while position < 1 or time.monotonic() - last_change < 0.1:
        (current,) = server.file_positions(name)  # fails if the file is closed
        if current != position:
            position, last_change = current, time.monotonic()
        time.sleep(0.01)
    return position


def read_rest(connection: MatrixConnection, size: int) -> bytes:
    """Read that many bytes, or fewer if the connection ends before."""
    rest = b""
    with suppress(ConnectionResetError):
        while len(rest) < size and (block := connection.read_some()):
            rest += block
    return rest


def fetch(server: RunningServer, path: Path) -> Response:
    with server.connect() as connection:
        return connection.request(f"/files/{path.name}")
