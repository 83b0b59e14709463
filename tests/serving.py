"""Start the command line for real, and talk to it over a raw socket."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread


@dataclass
class Served:
    process: subprocess.Popen[str]
    url: str
    port: int

    def descriptors(self) -> list[str]:
        folder = Path(f"/proc/{self.process.pid}/fd")
        targets = []
        for link in folder.iterdir():
            with suppress(FileNotFoundError):  # closed since it was listed
                targets.append(str(link.readlink()))
        return targets

    def read_until(self, text: str) -> str:
        """Read output up to a line that has the text."""
        lines = ""
        assert self.process.stdout is not None
        while text not in lines:
            line = self.process.stdout.readline()
            assert line, lines
            lines += line
        return lines

    def drain(self) -> None:
        """Read and forget all output from now on: a server whose output nobody reads waits."""
        Thread(target=lambda: deque(self.process.stdout or (), maxlen=0), daemon=True).start()

    def stop(self) -> tuple[int, str]:
        self.process.send_signal(signal.SIGINT)
        output, _ = self.process.communicate(timeout=20)
        return self.process.returncode, output


@contextmanager
def served(directory: Path, *options: str) -> Iterator[Served]:
    """Run ``python -m wsgistatic`` on a free port."""
    command = [sys.executable, "-m", "wsgistatic", str(directory), "--port", "0", *options]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # A shell that runs tests in the background ignores SIGINT, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler) and None,  # noqa: PLW1509
    )
    try:
        assert process.stdout is not None
        announced = process.stdout.readline()
        found = re.search(r"http://\S+:(\d+)/\S*", announced)
        assert found is not None, announced + process.stdout.read()
        yield Served(process, found[0], int(found[1]))
    finally:
        process.kill()
        process.communicate()


@dataclass
class Response:
    status: int
    headers: dict[str, str]
    body: bytes


class Connection:
    """One keep-alive connection, byte by byte."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.file = self.socket.makefile("rb")

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        self.file.close()
        self.socket.close()

    def send(self, target: str, method: str = "GET", **headers: str) -> None:
        lines = [f"{method} {target} HTTP/1.1", "Host: localhost"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))

    def head(self) -> Response:
        status = int(self.file.readline().split()[1])
        headers = {}
        while line := self.file.readline().strip():
            name, _, value = line.decode("latin-1").partition(": ")
            headers[name] = value
        return Response(status, headers, b"")

    def ask(self, target: str, method: str = "GET", **headers: str) -> Response:
        self.send(target, method, **headers)
        response = self.head()
        if method != "HEAD" and response.status != 304:
            response.body = self.file.read(int(response.headers["Content-Length"]))
        return response
