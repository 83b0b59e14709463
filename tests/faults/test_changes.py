"""Files that change when the first, a middle or the last block is read, on real servers.

These tests choose the exact block, because they intercept the reads in this process. The server
matrix (tests/servers/matrix/test_changes.py) changes files at some point of the response, on every
server.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import pytest
from waitress import wasyncore
from waitress.server import create_server

from tests.conftest import age, settle
from tests.connection import Connection
from tests.platforms import ON_WINDOWS
from tests.server_process import open_files
from tests.servers.processes import serve_in_thread
from tests.waiting import eventually
from wsgistatic import StaticFiles
from wsgistatic.files.versions import RegularFile

# Errors must be retried at the next request, and compression needs the memory cache.
pytestmark = [pytest.mark.live, pytest.mark.memory_cache]

BLOCK = 100_000
COUNT = 40
LOOP = "the loop of waitress"
CONTENT = b"0123456789" * (BLOCK * COUNT // 10)
Change = Callable[[Path], object]


def run_cheroot(app: Any) -> AbstractContextManager[int]:
    return serve_in_thread(app, threads=1)


@contextmanager
def run_waitress(app: Any) -> Iterator[int]:
    channels: dict[int, Any] = {}
    server: Any = create_server(app, host="127.0.0.1", port=0, map=channels)
    thread = threading.Thread(target=server.run, name=LOOP)
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
    monkeypatch: pytest.MonkeyPatch, path: Path, number: int, change: Change
) -> list[Change]:
    """Change the file once, just before the block of that number is read."""
    pending = [change]
    read_at = RegularFile.read_at

    def change_and_read(file: RegularFile, offset: int, size: int) -> bytes:
        if offset >= number * BLOCK and pending:
            pending.pop()(path)
        return read_at(file, offset, size)

    monkeypatch.setattr(RegularFile, "read_at", change_and_read)
    return pending


@pytest.mark.parametrize(
    "change", [truncate, rewrite, append, pytest.param(replace, marks=pytest.mark.unlocked_files)]
)
@pytest.mark.parametrize(
    ("serve", "number"),
    [
        (run_cheroot, 0),
        (run_cheroot, COUNT // 2),
        (run_cheroot, COUNT - 1),
        (run_waitress, 0),  # it reads the whole file at once
    ],
)
def test_response_is_complete_or_visibly_broken(
    tmp_path: Path, serve: Any, number: int, change: Change, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    path = tmp_path / "file.bin"
    path.write_bytes(CONTENT)
    age(path)
    settle()
    app = StaticFiles(None, tmp_path, block_size=BLOCK)
    caplog.set_level(logging.INFO)
    # On a busy machine waitress warns about requests that wait for its threads to start.
    caplog.set_level(logging.ERROR, logger="waitress.queue")
    pending = change_before_read(monkeypatch, path, number, change)
    with serve(app) as port:
        client = HTTPConnection("127.0.0.1", port, timeout=20)
        try:
            client.request("GET", "/file.bin")
            response = client.getresponse()
            body = response.read()
        except (HTTPException, OSError):
            assert change in (truncate, rewrite)
            ours = [record for record in caplog.records if record.name == "wsgistatic"]
            if serve is run_waitress:  # waitress reads the file and logs the error itself
                assert ours == [] != caplog.records
            else:
                assert [ascii(str(path)) in record.getMessage() for record in ours] == [True]
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
        assert ON_WINDOWS or eventually(lambda: not is_open(path))


def test_download_of_a_touched_file_does_not_make_the_loop_of_waitress_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file.bin"
    path.write_bytes(CONTENT)
    age(path)
    settle()
    sleepers: list[str] = []
    sleep = time.sleep

    def record(seconds: float) -> None:
        sleepers.append(threading.current_thread().name)
        sleep(seconds)

    monkeypatch.setattr(time, "sleep", record)
    with (
        run_waitress(StaticFiles(None, tmp_path)) as port,
        Connection(int(port), receive_buffer=8192) as slow,
        Connection(int(port)) as other,
    ):
        slow.send("/file.bin")
        length = slow.read_head().length
        os.utime(path)
        received = len(slow.file.read())
        assert other.request("/nope").status == 404
    assert received < length == len(CONTENT)
    assert LOOP not in sleepers


def is_open(path: Path) -> bool:
    return any(str(path) in target for target in open_files(os.getpid()))
