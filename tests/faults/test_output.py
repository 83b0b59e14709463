"""Commands whose standard output is full, broken or closed: the server works without its log."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.connection import Connection
from tests.faults.cases import BYTES, TEXT
from tests.server_process import open_files
from wsgistatic.servers import DEFAULT_THREADS

pytestmark = pytest.mark.usefixtures("process_coverage")

SPARSE = 64 * 1024 * 1024  # bytes; more than the socket buffers hold


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port


def full(number: int) -> None:
    os.dup2(os.open("/dev/full", os.O_WRONLY), number)


def broken(number: int) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    os.dup2(writer, number)


@contextmanager
def running(make: Callable[[int], None], streams: tuple[int, ...], *words: str) -> Iterator[int]:
    """Run ``python -m wsgistatic``; stop it, and check that it exits cleanly.

    Args:
        make: replaces a file descriptor.
        streams: the file descriptors to replace.
        words: the command line.
    """

    def prepare() -> None:
        # Shells start background jobs with SIGINT ignored, and child processes inherit that.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for number in streams:
            make(number)

    process = subprocess.Popen(
        [sys.executable, "-m", "wsgistatic", *words],
        stdout=subprocess.DEVNULL,
        # Buffered output fails once more when the interpreter exits.
        env={name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"},
        preexec_fn=prepare,  # noqa: PLW1509
    )
    try:
        yield process.pid
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()


def connect(port: int) -> Connection:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with suppress(ConnectionRefusedError):
            return Connection(port)
        time.sleep(0.05)
    return Connection(port)


@pytest.mark.fork
@pytest.mark.parametrize("server", ["cheroot", "wsgiref"])
@pytest.mark.parametrize("streams", [(1,), (1, 2)], ids=["stdout", "both"])
@pytest.mark.parametrize("make", [full, broken, os.close])
def test_server_works_without_its_log(
    site: Path, make: Callable[[int], None], streams: tuple[int, ...], server: str
) -> None:
    port = free_port()
    with running(make, streams, str(site), "--port", str(port), "--server", server) as pid:
        for _ in range(3):
            with connect(port) as connection:
                assert connection.request("/deep/er/small.txt").body == TEXT
            with connect(port) as connection:
                assert (
                    connection.request("/deep/er/large.bin", Range="bytes=5-8").body == BYTES[5:9]
                )
            with connect(port) as connection:
                assert connection.request("/nope").status == 404
        assert [name for name in open_files(pid) if name.startswith(str(site))] == []


@pytest.mark.fork
@pytest.mark.parametrize("make", [full, broken, os.close])
def test_worker_threads_survive_log_errors(site: Path, make: Callable[[int], None]) -> None:
    """A response that breaks off is logged by wsgistatic and by the server."""
    port, cut = free_port(), site / "cut.bin"
    with running(make, (1, 2), str(site), "--port", str(port), "--server", "cheroot"):
        for _ in range(DEFAULT_THREADS + 1):
            with cut.open("wb") as file:
                file.truncate(SPARSE)
            with connect(port) as connection:
                connection.send("/cut.bin")
                assert connection.read_head().status == 200
                os.truncate(cut, 10)
                with suppress(ConnectionResetError):
                    assert len(connection.file.read()) < SPARSE
        with connect(port) as connection:
            assert connection.request("/deep/er/small.txt").body == TEXT


@pytest.mark.fork
@pytest.mark.parametrize("command", ["compress", "explain"])
def test_other_commands_work_without_streams(site: Path, command: str) -> None:
    words = [str(site), "/deep/er/small.txt"][: 1 + (command == "explain")]
    process = subprocess.run(
        [sys.executable, "-m", "wsgistatic", command, *words],
        stdout=subprocess.DEVNULL,
        preexec_fn=lambda: os.closerange(1, 3),
        check=False,
    )
    assert process.returncode == 0
    if command == "compress":
        assert (site / "deep/er/small.txt.gz").exists()
