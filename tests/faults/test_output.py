"""A command whose output is full, broken or closed: the server goes on without its log."""

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
from tests.faults.kinds import BYTES, TEXT
from wsgistatic.servers import DEFAULT_THREADS

SPARSE = 64 * 1024 * 1024  # bytes; more than sockets hold


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
    """Run ``python -m wsgistatic`` with such streams; end it, and see that it ends well."""

    def prepare() -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored by shells with "&"
        for number in streams:
            make(number)

    process = subprocess.Popen(
        [sys.executable, "-m", "wsgistatic", *words],
        stdout=subprocess.DEVNULL,
        # Buffered output fails once more when the interpreter ends.
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


def open_files(pid: int) -> list[str]:
    names = []
    for number in os.listdir(f"/proc/{pid}/fd"):
        with suppress(FileNotFoundError):  # closed since it was listed
            names.append(os.readlink(f"/proc/{pid}/fd/{number}"))
    return names


@pytest.mark.parametrize("server", ["cheroot", "wsgiref"])
@pytest.mark.parametrize("streams", [(1,), (1, 2)], ids=["stdout", "both"])
@pytest.mark.parametrize("make", [full, broken, os.close])
def test_the_command_serves_without_its_log(
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


@pytest.mark.parametrize("make", [full, broken, os.close])
def test_no_thread_of_a_server_ends_by_its_log(site: Path, make: Callable[[int], None]) -> None:
    """Of a response that breaks off both we and the server tell."""
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


@pytest.mark.parametrize("command", ["compress", "explain"])
def test_the_other_commands_do_without_streams(site: Path, command: str) -> None:
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
