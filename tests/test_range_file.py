"""A range of a file as a file."""

from __future__ import annotations

import os
from io import FileIO
from pathlib import Path

import pytest

from wsgistatic.range_file import RangeFile


def test_reads_and_seeks_inside_its_range(site: Path) -> None:
    file = FileIO(site / "digits.bin")
    part = RangeFile(file, 15, 25)
    assert (part.readable(), part.seekable()) == (True, True)
    assert part.read(3) == b"567"
    assert part.tell() == 3
    assert part.seek(0, os.SEEK_END) == 10
    assert part.read() == b""
    assert part.seek(-4, os.SEEK_CUR) == 6
    assert part.read(100) == b"1234"
    assert part.seek(2) == 2
    assert part.read() == b"78901234"
    assert part.seek(-5) == 0
    assert part.seek(50) == 50
    assert part.read() == b""
    with pytest.raises(OSError, match="fileno"):
        part.fileno()
    part.close()
    assert file.closed
    assert part.closed
