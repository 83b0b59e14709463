"""A file that changes at its first, a middle and its last block, on servers of this process.

The matrix (tests/servers/matrix/test_changes.py) changes files somewhere under way, on every
server; here the very block is chosen, by the reads of the file.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import pytest
from cheroot.wsgi import Server
from waitress import wasyncore
from waitress.server import create_server

from tests.conftest import age, settle
from wsgistatic import StaticFiles
from wsgistatic.files.versions import RegularFile

# What is refused now is asked again now, and what is compressed has to be kept.
pytestmark = [pytest.mark.live, pytest.mark.catalog]

BLOCK = 100_000
COUNT = 40
CONTENT = b"0123456789" * (BLOCK * COUNT // 10)
Change = Callable[[Path], object]


@contextmanager
def run_cheroot(app: Any) -> Iterator[int]:
    server = Server(("127.0.0.1", 0), app, numthreads=1)
    server.prepare()
    thread = threading.Thread(target=server.serve)
    thread.start()
    try:
        yield server.bind_addr[1]
    finally:
        server.stop()
        thread.join()


@contextmanager
def run_waitress(app: Any) -> Iterator[int]:
    channels: dict[int, Any] = {}
    server: Any = create_server(app, host="127.0.0.1", port=0, map=channels)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield server.effective_port
    finally:
        server.trigger.pull_trigger(lambda: wasyncore.close_all(channels))
        thread.join()
        server.task_dispatcher.shutdown()


def truncate(path: Path) -> None:
    os.truncate(path, 1000)


def rewrite(path: Path) -> None:
    path.write_bytes(b"n" * len(CONTENT))


def append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def replace(path: Path) -> None:
    path.with_suffix(".new").write_bytes(b"n" * len(CONTENT))
    path.with_suffix(".new").replace(path)


def change_before_read(
    monkeypatch: pytest.MonkeyPatch, number: int, change: Change
) -> list[Change]:
    """Change the file once, just before the block with this number is read."""
    pending = [change]
    read_at = RegularFile.read_at

    def change_and_read(file: RegularFile, offset: int, size: int) -> bytes:
        if offset >= number * BLOCK and pending:
            pending.pop()(Path(os.readlink(f"/proc/self/fd/{file.fileno()}")))
        return read_at(file, offset, size)

    monkeypatch.setattr(RegularFile, "read_at", change_and_read)
    return pending


@pytest.mark.parametrize("change", [truncate, rewrite, append, replace])
@pytest.mark.parametrize(
    ("serve", "number"),
    [
        (run_cheroot, 0),
        (run_cheroot, COUNT // 2),
        (run_cheroot, COUNT - 1),
        (run_waitress, 0),  # its one read takes all that the socket does
    ],
)
def test_it_comes_whole_or_visibly_broken(
    tmp_path: Path, serve: Any, number: int, change: Change, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    path = tmp_path / "file.bin"
    path.write_bytes(CONTENT)
    age(path)
    settle()
    app = StaticFiles(None, tmp_path, block_size=BLOCK)
    caplog.set_level(logging.INFO)
    pending = change_before_read(monkeypatch, number, change)
    with serve(app) as port:
        client = HTTPConnection("127.0.0.1", port, timeout=20)
        try:
            client.request("GET", "/file.bin")
            response = client.getresponse()
            body = response.read()
        except (HTTPException, OSError):
            assert change in (truncate, rewrite)
            ours = [record for record in caplog.records if record.name == "wsgistatic"]
            if serve is run_waitress:  # reads the file itself, and tells of it by itself
                assert ours == [] != caplog.records
            else:
                assert [str(path) in record.getMessage() for record in ours] == [True]
        else:
            assert caplog.messages == []
            versions = {CONTENT} if number else {CONTENT, path.read_bytes()}
            assert response.status == 200
            assert body in versions
        client.close()
        assert pending == []
        settle()
        client.request("GET", "/file.bin")
        assert client.getresponse().read() == path.read_bytes()
        client.close()
        deadline = time.monotonic() + 10
        while is_open(path) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not is_open(path)


def is_open(path: Path) -> bool:
    for number in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):  # another thread has closed it
            if str(path) in os.readlink(f"/proc/self/fd/{number}"):
                return True
    return False
