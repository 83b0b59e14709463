"""BlockIterator and MultipartIterator: exact bytes, one block of memory, closed on every path."""

from __future__ import annotations

import gc
import io
import logging
import os
import tracemalloc
import warnings
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgistatic.files.body import BlockIterator, MultipartIterator
from wsgistatic.files.changes import Watch
from wsgistatic.http.ranges import Multipart

KILO = 1024


class Trickle(io.BytesIO):
    """A raw file that gives at most three bytes a read."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(min(3, size or 0))


@given(st.binary(max_size=200), st.data(), st.integers(1, 50))
def test_any_range_by_any_block(content: bytes, data: st.DataObject, block_size: int) -> None:
    start = data.draw(st.integers(0, len(content)))
    stop = data.draw(st.integers(start, len(content)))
    for file in (io.BytesIO(content), Trickle(content)):
        blocks = list(BlockIterator(file, start, stop, block_size))
        assert b"".join(blocks) == content[start:stop]
        assert all(0 < len(block) <= block_size for block in blocks)
        assert file.closed


def test_multipart_is_frame_and_content(site: Path) -> None:
    multipart = Multipart([(2, 5), (990, 1000)], 1000, "text/plain", boundary="B")
    with open(site / "digits.bin", "rb", buffering=0) as file:
        body = b"".join(MultipartIterator(file, multipart, block_size=4))
        assert file.closed
    assert body == (
        b"\r\n--B\r\nContent-Type: text/plain\r\nContent-Range: bytes 2-4/1000\r\n\r\n234"
        b"\r\n--B\r\nContent-Type: text/plain\r\nContent-Range: bytes 990-999/1000\r\n\r\n"
        b"0123456789\r\n--B--\r\n"
    )
    assert len(body) == multipart.content_length


def test_no_fileno_and_no_length(site: Path) -> None:
    with open(site / "digits.bin", "rb", buffering=0) as file:
        body = BlockIterator(file, 0, 10)
        assert not hasattr(body, "fileno")
        assert not hasattr(body, "__len__")


def test_closed_by_its_last_block(site: Path) -> None:
    file = open(site / "digits.bin", "rb", buffering=0)  # noqa: SIM115
    body = BlockIterator(file, 0, 20, block_size=10)
    assert next(body) == b"0123456789"
    assert not file.closed
    next(body)
    assert file.closed
    with pytest.raises(StopIteration):
        next(body)


def test_close_in_the_middle_and_again(site: Path) -> None:
    file = open(site / "digits.bin", "rb", buffering=0)  # noqa: SIM115
    body = BlockIterator(file, 0, 30, block_size=10)
    next(body)
    assert not file.closed
    body.close()
    body.close()
    assert file.closed
    with pytest.raises(ValueError, match="closed"):
        next(body)


def test_a_file_that_ends_early_raises(caplog: pytest.LogCaptureFixture) -> None:
    file = io.BytesIO(b"x" * 15)
    body = BlockIterator(file, 0, 20, block_size=10, label="/srv/site/name.bin")
    assert next(body) == b"x" * 10
    with caplog.at_level(logging.ERROR, "wsgistatic"), pytest.raises(OSError, match="ended") as e:
        next(body)
    assert "/srv" not in str(e.value)  # some servers show the error's text to the client
    assert "/srv/site/name.bin" in caplog.text
    assert file.closed


def test_an_empty_range_closes_too() -> None:
    file = io.BytesIO(b"")
    assert list(BlockIterator(file, 0, 0)) == []
    assert file.closed


def test_last_block_of_a_sparse_4_gib_file(tmp_path: Path) -> None:
    size = 4 * KILO**3 + 1
    path = tmp_path / "sparse.bin"
    with path.open("wb") as writer:
        writer.truncate(size)
        writer.seek(size - 3)
        writer.write(b"end")
    file = open(path, "rb", buffering=0)  # noqa: SIM115
    watch = Watch(file, os.fstat(file.fileno()), doubtful=False)
    tracemalloc.start()
    body = BlockIterator(file, size - 100, size, watch=watch)
    assert b"".join(body)[-3:] == b"end"
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64 * KILO


def test_memory_stays_at_one_block(tmp_path: Path) -> None:
    size = 64 * KILO**2
    path = tmp_path / "big.bin"
    with path.open("wb") as writer:
        writer.truncate(size)
    file = open(path, "rb", buffering=0)  # noqa: SIM115
    tracemalloc.start()
    total = 0
    for block in BlockIterator(file, 0, size):
        total += len(block)
        del block
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total == size
    assert peak < 2.5 * 256 * KILO


def test_a_body_that_is_dropped_closes_its_file_at_once(site: Path) -> None:
    # Some servers drop a body without close(); a reference cycle would keep the file open.
    gc.disable()
    try:
        for ranges in ([(0, 500)], [(0, 100), (500, 600)]):
            file = open(site / "digits.bin", "rb", buffering=0)  # noqa: SIM115
            descriptor = file.fileno()
            if len(ranges) == 1:
                body: BlockIterator | MultipartIterator = BlockIterator(file, 0, 500, 10)
            else:
                body = MultipartIterator(file, Multipart(ranges, 1000, "a/b"), 10)
            next(body)
            next(body)
            del file
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ResourceWarning)
                del body
            with pytest.raises(OSError, match="Bad file descriptor"):
                os.fstat(descriptor)
    finally:
        gc.enable()


def test_close_forgets_the_first_block(site: Path) -> None:
    file = open(site / "digits.bin", "rb", buffering=0)  # noqa: SIM115
    body = BlockIterator(file, 0, 500, 10)
    body.close()
    with pytest.raises(ValueError, match="closed"):
        next(body)
