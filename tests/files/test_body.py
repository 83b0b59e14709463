"""BlockIterator and MultipartIterator: exact bytes, one block of memory, a closed file."""

from __future__ import annotations

import gc
import io
import logging
import os
import tracemalloc
import warnings
from collections.abc import Callable
from io import FileIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgistatic.files.body import BlockIterator, MultipartIterator
from wsgistatic.files.changes import ChangeDetector
from wsgistatic.files.directory import single_file
from wsgistatic.files.sources import MemoryReader
from wsgistatic.http.ranges import Multipart

KILO = 1024
Open = Callable[[Path], FileIO]


def open_regular(path: Path) -> FileIO:
    """Open a file as the package does: it is read with ``read_at``."""
    return single_file(str(path)).open().file


def open_raw(path: Path) -> FileIO:
    """Open a file as a user of ``BlockIterator`` may do: it is read with ``seek`` and ``read``."""
    return open(path, "rb", buffering=0)


each_way_to_open = pytest.mark.parametrize("open_file", [open_regular, open_raw])


class Trickle(io.BytesIO):
    """A raw file that returns at most three bytes per read."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(min(3, size or 0))


@given(st.binary(max_size=200), st.data(), st.integers(1, 50))
def test_any_range_in_blocks_of_any_size(
    content: bytes, data: st.DataObject, block_size: int
) -> None:
    start = data.draw(st.integers(0, len(content)))
    stop = data.draw(st.integers(start, len(content)))
    for file in (io.BytesIO(content), Trickle(content)):
        blocks = list(BlockIterator(file, start, stop, block_size))
        assert b"".join(blocks) == content[start:stop]
        assert all(0 < len(block) <= block_size for block in blocks)
        assert file.closed
    assert list(BlockIterator(MemoryReader(content), start, stop, block_size)) == blocks


@each_way_to_open
def test_multipart_body_consists_of_frame_and_content(site: Path, open_file: Open) -> None:
    multipart = Multipart([(2, 5), (990, 1000)], 1000, "text/plain", boundary="B")
    with open_file(site / "digits.bin") as file:
        body = b"".join(MultipartIterator(file, multipart, block_size=4))
        assert file.closed
    assert body == (
        b"\r\n--B\r\nContent-Type: text/plain\r\nContent-Range: bytes 2-4/1000\r\n\r\n234"
        b"\r\n--B\r\nContent-Type: text/plain\r\nContent-Range: bytes 990-999/1000\r\n\r\n"
        b"0123456789\r\n--B--\r\n"
    )
    assert len(body) == multipart.content_length


@each_way_to_open
def test_body_has_no_fileno_and_no_length(site: Path, open_file: Open) -> None:
    with open_file(site / "digits.bin") as file:
        body = BlockIterator(file, 0, 10)
        assert not hasattr(body, "fileno")
        assert not hasattr(body, "__len__")


@each_way_to_open
def test_last_block_closes_the_file(site: Path, open_file: Open) -> None:
    file = open_file(site / "digits.bin")
    body = BlockIterator(file, 0, 20, block_size=10)
    assert next(body) == b"0123456789"
    assert not file.closed
    next(body)
    assert file.closed
    with pytest.raises(StopIteration):
        next(body)


@each_way_to_open
def test_close_before_the_end_and_twice(site: Path, open_file: Open) -> None:
    file = open_file(site / "digits.bin")
    body = BlockIterator(file, 0, 30, block_size=10)
    next(body)
    assert not file.closed
    body.close()
    body.close()
    assert file.closed
    with pytest.raises(ValueError, match="closed"):
        next(body)


def test_file_that_ends_early_raises(caplog: pytest.LogCaptureFixture) -> None:
    file = io.BytesIO(b"x" * 15)
    body = BlockIterator(file, 0, 20, block_size=10, label="/srv/site/name.bin")
    assert next(body) == b"x" * 10
    with caplog.at_level(logging.ERROR, "wsgistatic"), pytest.raises(OSError, match="ended") as e:
        next(body)
    assert "/srv" not in str(e.value)  # some servers show the text of an error to the client
    assert "/srv/site/name.bin" in caplog.text
    assert file.closed


def test_empty_range_closes_the_file() -> None:
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
    opened = single_file(str(path)).open()
    detector = ChangeDetector(opened.file, opened.status, suspect=False)
    tracemalloc.start()
    body = BlockIterator(opened.file, size - 100, size, detector=detector)
    assert b"".join(body)[-3:] == b"end"
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64 * KILO


@each_way_to_open
def test_memory_is_bounded_by_one_block(tmp_path: Path, open_file: Open) -> None:
    size = 64 * KILO**2
    path = tmp_path / "big.bin"
    with path.open("wb") as writer:
        writer.truncate(size)
    file = open_file(path)
    tracemalloc.start()
    total = 0
    for block in BlockIterator(file, 0, size):
        total += len(block)
        del block
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total == size
    assert peak < 2.5 * 256 * KILO


@each_way_to_open
def test_body_that_is_not_closed_closes_its_file_when_it_is_dropped(
    site: Path, open_file: Open
) -> None:
    # Some servers drop a body without close(). A reference cycle would keep the file open.
    gc.disable()
    try:
        for ranges in ([(0, 500)], [(0, 100), (500, 600)]):
            file = open_file(site / "digits.bin")
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
            with pytest.raises(OSError, match=r"Bad file descriptor|[Hh]andle"):
                os.fstat(descriptor)
    finally:
        gc.enable()


@each_way_to_open
def test_close_drops_the_first_block(site: Path, open_file: Open) -> None:
    file = open_file(site / "digits.bin")
    body = BlockIterator(file, 0, 500, 10)
    body.close()
    with pytest.raises(ValueError, match="closed"):
        next(body)
