"""Threads write the output, so that nobody waits for its reader."""

from __future__ import annotations

import io
import logging
import os
import re
import select
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from tests.waiting import eventually
from wsgistatic.servers import streams
from wsgistatic.servers.streams import background_output, wait_for_output

pytestmark = pytest.mark.pipes


@contextmanager
def piped() -> Iterator[int]:
    """Let standard output be a pipe, written in the background; yield the end to read from.

    This is not a fixture, because pytest replaces standard output after it has set up fixtures.
    """
    reader, writer = os.pipe()
    try:
        with open(writer, "w") as output, redirect_stdout(output), background_output():
            yield reader
    finally:
        os.close(reader)


def read_lines(pipe: int, count: int) -> tuple[list[str], int]:
    """Read until a number of lines was read or reported as dropped; return both."""
    text, lines, dropped = "", [""], 0
    while len(lines) + dropped < count or not text.endswith("\n"):
        text += os.read(pipe, 65536).decode()
        found = re.findall(r"^\[(\d+) lines? of output dropped: no room\]\n", text, re.M)
        dropped = sum(map(int, found))
        lines = [line for line in text.splitlines() if not line.startswith("[")]
    return lines, dropped


def test_lines_are_dropped_and_counted_while_nobody_reads() -> None:
    with piped() as pipe:
        for _ in range(5000):
            sys.stdout.write("x" * 999 + "\n")
        kept, dropped = read_lines(pipe, 5000)
        sys.stdout.write("after\n")
        wait_for_output()
        assert os.read(pipe, 100) == b"after\n"
    assert len(kept) + dropped == 5000
    assert 1000 < len(kept) < 2200  # 1 MiB, as much that is being written, and the pipe


def test_pieces_of_a_line_are_dropped_together() -> None:
    with piped() as pipe:
        for _ in range(3000):
            print("x" * 999)  # which writes the line end separately
        kept, dropped = read_lines(pipe, 3000)
    assert dropped
    assert set(kept) == {"x" * 999}


def test_a_text_that_is_too_long_does_not_stop_others() -> None:
    with piped() as pipe:
        sys.stdout.write("x" * 2_000_000 + "\n")
        wait_for_output()
        assert os.read(pipe, 1000) == b"[1 line of output dropped: no room]\n"
        sys.stdout.write("after\n")
        wait_for_output()
        assert os.read(pipe, 1000) == b"after\n"


def test_the_end_does_not_wait_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "_END_TIMEOUT", 0.01)
    with piped():
        print("x" * 500_000)


def test_a_pipe_that_does_not_block(monkeypatch: pytest.MonkeyPatch) -> None:
    was_full = threading.Event()
    monkeypatch.setattr(streams, "sleep", lambda seconds: was_full.set())
    with piped() as pipe:
        os.set_blocking(sys.stdout.fileno(), False)
        print("x" * 200_000)  # more than a pipe holds
        assert was_full.wait(30)
        text = b""
        while len(text) < 200_001:
            text += os.read(pipe, 65536)
    assert text == b"x" * 200_000 + b"\n"


def test_the_threads_end_with_the_block() -> None:
    before = set(threading.enumerate())
    with piped() as pipe:
        assert len(set(threading.enumerate()) - before) == 2
        sys.stdout.write("one\n")
        assert os.read(pipe, 100) == b"one\n"
    assert eventually(lambda: set(threading.enumerate()) <= before)


def test_a_forked_child_writes_its_output_itself() -> None:
    with piped() as pipe:
        print("parent")
        assert os.read(pipe, 100) == b"parent\n"
        child = os.fork()
        if child == 0:
            print("child")
            wait_for_output()
            os._exit(0)
        os.waitpid(child, 0)
        assert select.select([pipe], [], [], 0)[0]
        assert os.read(pipe, 100) == b"child\n"


def test_after_a_fork_nothing_waits_for_a_thread() -> None:
    with piped() as pipe:
        raw: Any = sys.stdout.buffer
        raw.after_fork()  # in this process, so that its coverage is measured
        print("child")
        assert select.select([pipe], [], [], 0)[0]
        assert os.read(pipe, 100) == b"child\n"


def test_existing_log_handlers_are_redirected(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    logger = logging.getLogger("tests.streams.logger")
    handler = logging.StreamHandler(sys.stderr)
    other = logging.FileHandler(tmp_path / "log")
    logger.addHandler(handler)
    logger.addHandler(other)
    stream = sys.stderr
    try:
        with background_output():
            assert handler.stream is sys.stderr is not stream
            logger.warning("once")
        assert handler.stream is stream
    finally:
        logger.removeHandler(handler)
        logger.removeHandler(other)
        other.close()
    assert capsys.readouterr().err == "once\n"
    assert (tmp_path / "log").read_text() == "once\n"


def test_the_streams_are_still_files() -> None:
    with piped():
        assert os.isatty(sys.stdout.fileno()) is False
        assert not sys.stdout.isatty()


def test_closed_streams() -> None:
    with redirect_stdout(None), background_output():
        print("nowhere")
        assert not sys.stdout.isatty()
        with pytest.raises(io.UnsupportedOperation):
            sys.stdout.fileno()
    wait_for_output()  # also if it is not in the background
