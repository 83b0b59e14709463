"""Put two thousand connections on a server while its files change; see ``--load-seconds``."""

from __future__ import annotations

import asyncio
import os
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from benchmarks.harness.processes import free_port, session
from tests.servers.load import Load, Site, descriptors, percentile
from tests.servers.processes import run_command

pytestmark = pytest.mark.servers

_CONNECTIONS = 2000
_SPARE = 200  # descriptors besides connections: modules, logs, files
_ROUND = 10.0  # seconds of load, after which all clients disconnect and the server is inspected
_SETTLING = 30.0  # seconds in which the server must close all files
# The allowed growth per round of several thousand requests, in memory blocks of Python, which is
# the only memory that we can leak. We measured 20 to 30 blocks, most of them in the first rounds.
_BLOCKS = 200
_GROWTH = 16 * 2**20  # bytes; of the process, after the allocator returned its free memory

_APP = """\
import ctypes
import gc
import sys

from wsgistatic import StaticFiles


def allocated(environ, start_response):
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    body = b"%d" % sys.getallocatedblocks()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


application = StaticFiles(allocated, "files")
"""


def resident_memory(pids: list[int]) -> int:
    """Return the memory of processes in bytes, counting shared memory once."""
    kilobytes = 0
    for pid in pids:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        kilobytes += int(text.split("\nPss:")[1].split()[0])
    return kilobytes * 1024


def allocated(port: int) -> int:
    """Return how many memory blocks the server's Python holds after a garbage collection."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/allocated") as answer:
        return int(answer.read())


def open_files(pids: list[int]) -> int:
    return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in pids)


def wait_until_closed(pids: list[int], expected: int) -> None:
    deadline = time.monotonic() + _SETTLING
    while (count := open_files(pids)) > expected:
        assert time.monotonic() < deadline, f"{count} descriptors, {expected} before"
        time.sleep(0.1)


def test_single_wrong_byte_is_noticed(tmp_path: Path) -> None:
    site = Site(tmp_path)
    old = (tmp_path / "small.bin").read_bytes()
    site.replace("small.bin")
    new = (tmp_path / "small.bin").read_bytes()
    assert site.check("small.bin", 0, old, len(old)) != site.check("small.bin", 0, new, len(new))
    assert site.check("small.bin", 77, new[77:500], len(new)) == new[:32]
    for body in (old[:1000] + new[1000:], new[:-1] + bytes([new[-1] ^ 1]), new[1:]):
        with pytest.raises(AssertionError):
            site.check("small.bin", 0, body, len(new))


def test_many_connections(
    tmp_path: Path,
    request: pytest.FixtureRequest,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for package in ("gunicorn", "gevent"):
        pytest.importorskip(package)
    monkeypatch.setenv("MALLOC_MMAP_THRESHOLD_", "65536")  # so that freed memory is returned
    directory, port = tmp_path / "files", free_port(())
    directory.mkdir()
    (tmp_path / "wsgi.py").write_text(_APP)
    site = Site(directory)
    command = [sys.executable, "-m", "gunicorn", "wsgi:application", "--pid", "pid"]
    command += ["--worker-class", "gevent", "--worker-connections", str(2 * _CONNECTIONS)]
    command += ["--bind", f"127.0.0.1:{port}", "--timeout", "120", "--keep-alive", "120"]
    rounds = max(2, round(request.config.getoption("--load-seconds") / _ROUND))
    load = Load(port, site)
    sizes: list[int] = []
    blocks: list[int] = []
    with descriptors(2 * _CONNECTIONS + _SPARE) as allowed, run_command(command, tmp_path, port):
        connections = min(_CONNECTIONS, (allowed - _SPARE) // 2)
        pids = session(int((tmp_path / "pid").read_text()))
        asyncio.run(load.run(10, 1.0))
        time.sleep(1)
        before = open_files(pids)
        for _ in range(rounds):
            asyncio.run(load.run(connections, _ROUND))
            wait_until_closed(pids, before)
            blocks.append(allocated(port))
            sizes.append(resident_memory(pids))
        assert session(pids[0]) == pids  # no worker was restarted
    with capsys.disabled():
        print(
            f"\n{connections} connections, {rounds} rounds of {_ROUND:.0f} s: "
            f"{len(load.seconds)} fast responses (median {percentile(load.seconds, 50):.3f} s, p99 "
            f"{percentile(load.seconds, 99):.3f} s), {load.slow_bodies} slow responses, "
            f"{load.aborted} aborted responses, {site.replacements} replaced files; "
            f"MiB after each round: {', '.join(f'{size / 2**20:.0f}' for size in sizes)}; "
            f"blocks of Python: {', '.join(map(str, blocks))}"
        )
    assert load.seconds
    assert load.aborted
    assert blocks[-1] - blocks[0] < _BLOCKS * rounds
    assert sizes[-1] - sizes[0] < _GROWTH
