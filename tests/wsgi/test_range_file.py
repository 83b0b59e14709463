"""A range of a file as a file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from io import FileIO
from pathlib import Path

import pytest

from wsgistatic.files.changes import FileChangedError
from wsgistatic.wsgi.file_wrapper import RangeFile


def test_reads_and_seeks_inside_its_range(site: Path) -> None:
    file = FileIO(site / "digits.bin")
    part = RangeFile(file, 15, 25, os.stat(site / "digits.bin"))
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


@pytest.fixture
def part(site: Path) -> Iterator[RangeFile]:
    file = FileIO(site / "digits.bin")
    with RangeFile(file, 100, 1000, os.stat(site / "digits.bin")) as part:
        assert part.read(5) == b"01234"
        yield part


def truncate(path: Path) -> None:
    os.truncate(path, 500)


def rewrite(path: Path) -> None:
    path.write_bytes(b"x" * 1000)


def put_something_shorter_there(path: Path) -> None:
    path.write_bytes(b"x" * 999)


@pytest.mark.parametrize("change", [truncate, rewrite, put_something_shorter_there])
def test_a_read_of_what_changed_raises(
    site: Path, part: RangeFile, change: Callable[[Path], None]
) -> None:
    change(site / "digits.bin")
    with pytest.raises(FileChangedError):
        part.read(5)


def test_growth_does_not_matter(site: Path, part: RangeFile) -> None:
    with (site / "digits.bin").open("ab") as file:
        file.write(b"more")
    assert part.read(5) == b"56789"
    assert part.readall() == (b"0123456789" * 100)[110:]


def test_an_early_end_raises_even_if_the_file_seems_to_have_grown(site: Path) -> None:
    path = site / "hello.txt"
    opened = os.stat(path)
    os.truncate(path, opened.st_size + 10)
    with RangeFile(FileIO(path), 0, 100, opened) as part:
        assert part.read(50) == b"hello world\n" + bytes(10)
        with pytest.raises(FileChangedError):
            part.read(50)
