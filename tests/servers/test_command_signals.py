"""SIGINT and SIGTERM end the command cleanly, whenever and however often they arrive."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.connection import Connection
from tests.server_process import TIMEOUT, run_server

SERVERS = ("cheroot", "wsgiref")
SIGNALS = (signal.SIGINT, signal.SIGTERM)


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("server_name", SERVERS)
def test_repeated_signals_during_a_slow_download(
    tmp_path: Path, server_name: str, number: signal.Signals
) -> None:
    with (tmp_path / "big.bin").open("wb") as file:
        file.truncate(200 * 1024**2)
    with run_server(tmp_path, "--server", server_name) as server, Connection(server.port) as slow:
        slow.send("/big.bin")
        slow.read_head()
        assert len(slow.file.read(100_000)) == 100_000
        deadline = time.monotonic() + TIMEOUT
        while server.is_running() and time.monotonic() < deadline:
            server.send_signal(number)
            time.sleep(0.05)
        status, output = server.wait()
        assert status == 0
        assert output.endswith("Stopped.\n")
        assert "Traceback" not in output


# A server whose threads run, but which is not bound yet.
_START = """
import sys, time
import cheroot.workers.threadpool as pool
from wsgistatic.__main__ import main

start = pool.ThreadPool.start
def slow_start(self):
    start(self)
    print("half bound", flush=True)
    time.sleep(60)
pool.ThreadPool.start = slow_start
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_while_the_server_starts(site: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-c", _START, str(site), "--port", "0", "--server", "cheroot"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler) and None,  # noqa: PLW1509
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "half bound\n"
        for _ in range(3):
            with suppress(ProcessLookupError):
                process.send_signal(number)
            time.sleep(0.02)
        assert process.communicate(timeout=TIMEOUT)[0] == "Stopped.\n"
        assert process.returncode == 0
