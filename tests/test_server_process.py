"""The test helper that runs servers: it loses no output and leaves no thread behind."""

from __future__ import annotations

import threading

import pytest

from tests.conftest import PLAIN_PYTHON
from tests.server_process import ServerProcess

ANNOUNCEMENT = "print('http://127.0.0.1:1/', flush=True)\n"
WRITE_FOREVER = ANNOUNCEMENT + "import itertools\nfor number in itertools.count(): print(number)"
WRITE_MUCH = ANNOUNCEMENT + "for number in range(100_000): print(number)\nraise SystemExit(3)"


def test_a_server_that_is_killed_while_it_writes() -> None:
    """An exception in the thread that reads the output would fail this test."""
    for _ in range(10):
        before = threading.active_count()
        with ServerProcess([*PLAIN_PYTHON, "-c", WRITE_FOREVER]) as server:
            assert server.read_until("1000\n").endswith("\n1000\n")
        assert threading.active_count() == before


def test_all_output_is_kept() -> None:
    with ServerProcess([*PLAIN_PYTHON, "-c", WRITE_MUCH]) as server:
        status, output = server.wait()
    assert status == 3
    assert output == "".join(f"{number}\n" for number in range(100_000))


def test_output_that_never_comes() -> None:
    with (
        ServerProcess([*PLAIN_PYTHON, "-c", WRITE_MUCH]) as server,
        pytest.raises(AssertionError, match="no line contains 'hello'"),
    ):
        server.read_until("hello")
