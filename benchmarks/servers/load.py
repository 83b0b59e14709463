"""The load: proof that a server answers rightly, wrk for small files, downloads of large ones."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path

from benchmarks.scenarios import Unable
from benchmarks.servers.kinds import THREADS
from benchmarks.tree import MIB, SIZES, Tree

CONNECTIONS = THREADS
_WARM_UP_SECONDS = 0.15
_BUFFER = memoryview(bytearray(MIB))
# No function for each request or response, so that wrk's own loop is as fast as without it.
_SCRIPT = """
done = function(summary)
    local e = summary.errors
    local format = '{"requests": %d, "us": %d, "broken": %d, "statuses": %d}'
    local broken = e.connect + e.read + e.write + e.timeout
    print(string.format(format, summary.requests, summary.duration, broken, e.status))
end
"""


@dataclass(frozen=True, slots=True)
class Load:
    """What was done in a round."""

    count: int  # requests, or bytes
    seconds: float


def wrk_version() -> str | None:
    """Give wrk's version; None where it is not installed."""
    if shutil.which("wrk") is None:
        return None
    return subprocess.run(["wrk", "-v"], capture_output=True, text=True).stdout.split()[1]  # noqa: PLW1510


def prove(port: int, prefix: str, name: str, tree: Tree) -> None:
    """Ask for a file again and again on one connection, until the server is warm.

    Raises:
        Unable: an answer is not the file.
    """
    try:
        with _connection(port) as connection:
            end = time.monotonic() + _WARM_UP_SECONDS
            asked = 0
            while asked < 2 or time.monotonic() < end:
                _prove_once(_ask(connection, prefix + name), name, tree)
                asked += 1
    except (OSError, HTTPException) as error:
        raise Unable(f"ends the connection: {error!r}") from None


def _prove_once(response: HTTPResponse, name: str, tree: Tree) -> None:
    if response.status != 200:
        raise Unable(f"status {response.status}")
    digest, size = hashlib.sha256(), 0
    while read := response.readinto(_BUFFER):
        digest.update(_BUFFER[:read])
        size += read
    length = response.getheader("Content-Length")
    if length != str(SIZES[name]):
        raise Unable(f"Content-Length {length}, not {SIZES[name]}")
    if size != SIZES[name] or digest.digest() != tree.digests[name]:
        raise Unable("other bytes than the file's")
    if response.will_close:
        raise Unable("no keep-alive")


def wrk(port: int, path: str, seconds: float, folder: Path) -> Load:
    """Ask for a file with wrk for a while.

    Raises:
        Unable: some answers were wrong.
    """
    script = folder / "report.lua"
    if not script.exists():
        script.write_text(_SCRIPT, encoding="utf-8")
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{math.ceil(seconds) + 5}s", "-s", str(script)]
    process = subprocess.Popen(
        [*command, f"http://127.0.0.1:{port}{path}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        time.sleep(seconds)
        process.send_signal(signal.SIGINT)  # it ends and reports; its -d knows whole seconds only
        output, _ = process.communicate(timeout=10)
    finally:
        process.kill()
        process.wait()
    found = output[output.rfind('{"requests"') :]
    if process.returncode or not found:
        raise Unable(f"wrk fails: {output.strip()[-300:]}")
    told = json.loads(found.splitlines()[0])
    if told["broken"] or told["statuses"]:
        raise Unable(f"{told['broken']} broken, {told['statuses']} wrong answers under load")
    if not told["requests"]:
        raise Unable("answers nothing under load")
    return Load(told["requests"], told["us"] / 1e6)


def download(port: int, path: str, size: int, times: int) -> Load:
    """Download a file some times, one after another, on one connection.

    Raises:
        Unable: some answers were cut short.
    """
    try:
        with _connection(port) as connection:
            start = time.perf_counter()
            for _ in range(times):
                response, got = _ask(connection, path), 0
                while read := response.readinto(_BUFFER):
                    got += read
                if got != size:
                    raise Unable(f"{got} bytes of {size}")
            return Load(size * times, time.perf_counter() - start)
    except (OSError, HTTPException) as error:
        raise Unable(f"ends the connection: {error!r}") from None


@contextmanager
def _connection(port: int) -> Iterator[HTTPConnection]:
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        yield connection
    finally:
        connection.close()


def _ask(connection: HTTPConnection, path: str) -> HTTPResponse:
    connection.request("GET", path, headers={"Accept-Encoding": "identity"})
    return connection.getresponse()
