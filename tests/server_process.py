"""Run a server as a subprocess and follow its output."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from threading import Condition, Thread
from typing import Any

TIMEOUT = 30.0  # seconds; generous, because the machine may be busy


def _interruptible() -> None:
    # Shells start background jobs with SIGINT ignored, and child processes inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)


_OWN_SESSION: dict[str, Any] = (
    {} if sys.platform == "win32" else {"start_new_session": True, "preexec_fn": _interruptible}
)


class ServerProcess:
    """A server that runs as a subprocess, in a session of its own.

    One thread reads the output from the start until the process closes it. No other code touches
    the pipe, so the server cannot block on a full pipe, and the pipe cannot be closed while it is
    being read.

    Args:
        command: the command line.
        options: further arguments of ``subprocess.Popen``.

    Attributes:
        announcement: the output up to the line with the URL.
        url: the URL in that line.
        port: its port.
    """

    announcement: str
    url: str
    port: int

    def __init__(self, command: list[str], **options: Any) -> None:
        self._process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="backslashreplace",
            **_OWN_SESSION,
            **options,
        )
        self._lines: list[str] = []
        self._closed = False
        self._changed = Condition()
        self._reader = Thread(target=self._read_output)
        self._reader.start()

    def __enter__(self) -> ServerProcess:
        """Wait until the server announces its URL."""
        try:
            self.announcement = self.read_until("http://")
            match = re.search(r"http://\S+:(\d+)/\S*", self.announcement)
            assert match is not None, self.announcement
            self.url, self.port = match[0], int(match[1])
        except BaseException:
            self._kill()
            raise
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._kill()

    @property
    def pid(self) -> int:
        return self._process.pid

    def read_until(self, text: str) -> str:
        """Wait for a line that contains a text; return the unread output up to that line."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._find(text) is not None, TIMEOUT)
            number = self._find(text)
            assert number is not None, f"no line contains {text!r}: {self._lines}"
            output = "".join(self._lines[: number + 1])
            del self._lines[: number + 1]
            return output

    def open_files(self) -> list[str]:
        return open_files(self.pid)

    def peak_memory(self) -> int:
        """Return the largest resident size that the process has had, in bytes."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024

    def send_signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def is_running(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> tuple[int, str]:
        """Interrupt the server; return its exit status and the unread output."""
        self.send_signal(signal.SIGINT)
        return self.wait()

    def wait(self) -> tuple[int, str]:
        """Wait until the server exits; return its exit status and the unread output."""
        status = self._process.wait(TIMEOUT)
        self._join_reader()
        return status, "".join(self._lines)

    def _kill(self) -> None:
        if sys.platform == "win32":
            self._process.kill()
        else:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)  # with child processes, such as a reloader's
        self._process.wait()
        self._join_reader()

    def _join_reader(self) -> None:
        self._reader.join(TIMEOUT)
        assert not self._reader.is_alive(), "a child process keeps the output open"

    def _read_output(self) -> None:
        assert self._process.stdout is not None
        try:
            with self._process.stdout as output:
                for line in output:
                    with self._changed:
                        self._lines.append(line)
                        self._changed.notify_all()
        finally:
            with self._changed:
                self._closed = True
                self._changed.notify_all()

    def _find(self, text: str) -> int | None:
        """Return the index of the first unread line that contains a text."""
        return next((number for number, line in enumerate(self._lines) if text in line), None)


def open_files(pid: int) -> list[str]:
    """Return the targets of a process's file descriptors, such as paths of files."""
    targets = []
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed in the meantime
            targets.append(str(link.readlink()))
    return targets


def run_server(directory: Path, *options: str) -> ServerProcess:
    """Run ``python -m wsgistatic`` on a free port; to be used in a ``with`` statement.

    Args:
        directory: the directory to serve.
        options: further words of the command line.
    """
    command = [sys.executable, "-m", "wsgistatic", str(directory), "--port", "0", *options]
    return ServerProcess(command)
