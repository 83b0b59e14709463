"""Nobody reads the output of a command: the server works without its log."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.connection import Connection
from tests.server_process import TIMEOUT, run_server

pytestmark = pytest.mark.signals

REQUESTS = 1000  # whose lines exceed what a pipe and our queue hold
PATH = "/" + "x" * 4000


class Output:
    """The output of a process: a pipe or a terminal that is read only if the test does so.

    Args:
        command: the command line.
        opened: a file descriptor to read from, and another to write to.
        options: further arguments of ``subprocess.Popen``.
    """

    def __init__(self, command: list[str], opened: tuple[int, int], **options: object) -> None:
        self.reader, writer = opened
        self.process = subprocess.Popen(  # type: ignore[call-overload]
            command, stdout=writer, stderr=writer, stdin=subprocess.DEVNULL,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler) and None,  # noqa: PLW1509
            **options,
        )  # fmt: skip
        os.close(writer)
        self.text = ""

    def read_until(self, text: str, *, new: bool = False) -> None:
        while new or text not in self.text:
            new = False
            block = os.read(self.reader, 65536)
            assert block, self.text[-1000:]
            self.text += block.decode()

    def port(self) -> int:
        self.read_until("Press Ctrl-C")
        return int(self.text.rpartition("http://")[2].partition(":")[2].partition("/")[0])


@contextmanager
def running(command: list[str], opened: tuple[int, int], **options: object) -> Iterator[Output]:
    with ExitStack() as stack:
        output = Output(command, opened, **options)
        stack.callback(os.close, output.reader)
        stack.callback(output.process.wait)
        stack.callback(output.process.kill)
        yield output


def command(site: Path, server: str) -> list[str]:
    return [sys.executable, "-m", "wsgistatic", str(site), "--port", "0", "--server", server]


def send_requests(port: int, count: int, path: str = PATH) -> None:
    """Send pipelined requests, and read the responses."""
    with Connection(port) as connection:
        done = 0
        while done < count:
            for _ in range(10):
                connection.send(path)
            for _ in range(10):
                head = connection.read_head()
                connection.file.read(head.length)
            done += 10


def test_paused_pipe(site: Path) -> None:
    with running(command(site, "cheroot"), os.pipe()) as output:
        port = output.port()
        send_requests(port, REQUESTS)
        with Connection(port) as connection:
            assert connection.request("/deep/er/small.txt").status == 200
        # Each line is printed or counted, and there is room again for later ones.
        lines = dropped = 0
        while lines + dropped < REQUESTS + 1:
            output.read_until("\n", new=True)
            lines = output.text.count("\nGET ")
            dropped = sum(map(int, re.findall(r"\n\[(\d+) lines? of output", output.text)))
        assert dropped
        send_requests(port, 10, "/after")
        output.read_until("GET /after 404 48\n" * 10)
        output.process.send_signal(signal.SIGINT)
        assert output.process.wait(TIMEOUT) == 0


def test_nothing_is_lost_if_the_output_is_read(site: Path) -> None:
    with run_server(site, "--server", "cheroot") as server:
        send_requests(server.port, 1000)
        status, output = server.stop()
    assert status == 0
    assert output == f"GET {PATH} 404 48\n" * 1000 + "Stopped.\n"


def test_end_while_the_output_is_paused(site: Path) -> None:
    with running(command(site, "cheroot"), os.pipe()) as output:
        send_requests(output.port(), 100)
        output.process.send_signal(signal.SIGINT)
        assert output.process.wait(TIMEOUT) == 0
