"""Run out of file descriptors, in this process and in a server process."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.connection import Connection
from tests.faults.cases import CASES, TEXT, assert_error_response, is_equivalent
from tests.faults.resource_limits import resource_limit
from tests.server_process import run_server

if sys.platform != "win32":
    import resource

# Errors must be retried at the next request, and compression needs the memory cache.
pytestmark = [
    pytest.mark.descriptors,
    pytest.mark.live,
    pytest.mark.memory_cache,
    pytest.mark.usefixtures("way"),
]

MAX_OPEN = 4  # descriptors; the file stays open while its sidecar is looked up and compared


@contextmanager
def free_descriptors(count: int) -> Iterator[None]:
    """Limit this process to a number of further descriptors."""
    with ExitStack() as filled:
        highest = max(map(int, os.listdir("/proc/self/fd")))
        while (free := os.dup(0)) <= highest:
            filled.callback(os.close, free)  # fill the gaps below the highest descriptor
        os.close(free)
        with resource_limit(resource.RLIMIT_NOFILE, free + count):
            yield


@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
@pytest.mark.parametrize("name", CASES)
def test_503_until_descriptors_are_free(
    site: Path, name: str, warm: bool, caplog: pytest.LogCaptureFixture, open_descriptors: None
) -> None:
    caplog.set_level(logging.DEBUG, "wsgistatic")
    case = CASES[name]
    expected = case.send(case.app(site))
    outcomes = []
    for free in range(MAX_OPEN + 1):
        app = case.app(site)
        for _ in range(2 * warm):
            case.send(app)
        caplog.clear()
        with free_descriptors(free):
            result = case.send(app)
        outcomes.append(result.status)
        if result.status == 503:
            assert_error_response(result, 503, caplog.records, site)
        elif "Content-Encoding" in expected.headers.keys() - result.headers.keys():
            # The file itself needs fewer. It is sent until the sidecar is looked up again.
            assert (result.status, result.headers["Content-Length"]) == (200, str(len(TEXT)))
            assert len(caplog.records) == 1
            time.sleep(1.05)
        else:
            assert is_equivalent(result, expected)
            assert caplog.records == []
        assert is_equivalent(case.send(app), expected)
    assert outcomes == sorted(outcomes, reverse=True)
    assert outcomes[MAX_OPEN] == case.status
    assert warm or outcomes[0] == 503


def test_server_recovers_when_descriptors_are_free(site: Path) -> None:
    with run_server(site, "--server", "cheroot") as server, Connection(server.port) as connection:
        expected = connection.request("/deep/er/coded.txt", "HEAD", Accept_Encoding="gzip")
        os.utime(site / "deep/er/coded.txt")  # so that the cached entry is stale
        os.utime(site / "deep/er/coded.txt.gz")
        pid = server.pid
        taken = max(map(int, os.listdir(f"/proc/{pid}/fd")))
        limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (taken + 1, limits[1]))
        for method in ("GET", "HEAD"):
            refused = connection.request("/deep/er/coded.txt", method, Accept_Encoding="gzip")
            assert (refused.status, refused.headers["Retry-After"]) == (503, "2")
            assert str(site).encode() not in refused.body
            output = server.read_until("/deep/er/coded.txt 503")
            if "Too many open files" not in output:  # it is written by another thread
                output += server.read_until("Too many open files")
            assert output.count("Too many open files") == 1
            assert f"{str(site / 'deep/er/coded.txt')!r}: " in output
        resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
        for _ in range(2):
            response = connection.request("/deep/er/coded.txt", "HEAD", Accept_Encoding="gzip")
            assert response.status == 200
            assert response.headers["Content-Length"] == expected.headers["Content-Length"]
