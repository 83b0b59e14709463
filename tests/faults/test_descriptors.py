"""Out of descriptors for real: by the limit of this process, and of one that serves."""

from __future__ import annotations

import logging
import os
import resource
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.connection import Connection
from tests.faults.kinds import KINDS, assert_refused, same
from tests.faults.limits import limited
from tests.server_process import run_server

# What is refused now is asked again now, and what is compressed has to be kept.
pytestmark = [pytest.mark.live, pytest.mark.catalog]

MOST = 4  # descriptors at a time: directory and its parent; the file and these for its sidecar


@contextmanager
def free_descriptors(count: int) -> Iterator[None]:
    """Leave so many descriptors to this process."""
    with ExitStack() as filled:
        highest = max(map(int, os.listdir("/proc/self/fd")))
        while (free := os.dup(0)) <= highest:
            filled.callback(os.close, free)  # gaps below others do not count
        os.close(free)
        with limited(resource.RLIMIT_NOFILE, free + count):
            yield


@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
@pytest.mark.parametrize("name", KINDS)
def test_503_until_there_are_descriptors_again(
    site: Path, name: str, warm: bool, caplog: pytest.LogCaptureFixture, open_descriptors: None
) -> None:
    caplog.set_level(logging.DEBUG, "wsgistatic")
    kind = KINDS[name]
    right = kind.ask(kind.app(site))
    outcomes = []
    for free in range(MOST + 1):
        app = kind.app(site)
        for _ in range(2 * warm):
            kind.ask(app)
        caplog.clear()
        with free_descriptors(free):
            result = kind.ask(app)
        outcomes.append(result.status)
        if result.status == 503:
            assert_refused(result, 503, caplog.records, site)
        else:
            assert same(result, right)
            assert caplog.records == []
        assert same(kind.ask(app), right)
    assert outcomes == sorted(outcomes, reverse=True)
    assert outcomes[MOST] == kind.status
    assert warm or outcomes[0] == 503


def test_a_server_out_of_descriptors_is_fine_again_afterwards(site: Path) -> None:
    with run_server(site, "--server", "cheroot") as server, Connection(server.port) as connection:
        right = connection.request("/deep/er/coded.txt", "HEAD", Accept_Encoding="gzip")
        os.utime(site / "deep/er/coded.txt")  # what is known of it is of no use
        os.utime(site / "deep/er/coded.txt.gz")
        pid = server.pid
        taken = max(map(int, os.listdir(f"/proc/{pid}/fd")))
        limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (taken + 2, limits[1]))
        for method in ("GET", "HEAD"):
            refused = connection.request("/deep/er/coded.txt", method, Accept_Encoding="gzip")
            assert (refused.status, refused.headers["Retry-After"]) == (503, "2")
            assert str(site).encode() not in refused.body
            said = server.read_until("/deep/er/coded.txt 503")
            assert said.count("Too many open files") == 1
            assert f"{str(site / 'deep/er/coded.txt')!r}: " in said
        resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
        for _ in range(2):
            answer = connection.request("/deep/er/coded.txt", "HEAD", Accept_Encoding="gzip")
            assert answer.status == 200
            assert answer.headers["Content-Length"] == right.headers["Content-Length"]
