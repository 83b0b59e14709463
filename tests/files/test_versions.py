"""Bytes of one version of a file, or none."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from wsgistatic.files import versions as version
from wsgistatic.files.versions import open_version, read_version, signature

Change = Callable[[Path], None]


def remove(path: Path) -> None:
    path.unlink()


def rewrite(path: Path) -> None:
    before = path.stat()
    path.write_bytes(b"9876543210" * 100)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def link_away(path: Path) -> None:
    path.unlink()
    path.symlink_to("hello.txt")


def become_a_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def become_a_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("field", ["st_mtime_ns", "st_size", "st_ino", "st_ctime_ns", "st_dev"])
def test_each_number_of_the_status_tells_versions_apart(field: str) -> None:
    status: Any = SimpleNamespace(st_mtime_ns=1, st_size=1, st_ino=1, st_ctime_ns=1, st_dev=1)
    other: Any = SimpleNamespace(**{**vars(status), field: 2})
    assert signature(status) != signature(other)


def test_ranges_of_the_version(site: Path, open_descriptors: None) -> None:
    path = site / "digits.bin"
    ranges = [(995, 1000), (0, 3)]
    assert read_version(str(path), signature(path.stat()), ranges) == [b"56789", b"012"]
    file = open_version(str(path), signature(path.stat()))
    assert file is not None
    assert file.read(3) == b"012"
    file.close()


@pytest.mark.parametrize("change", [remove, rewrite, link_away, become_a_fifo, become_a_directory])
def test_another_version(site: Path, change: Change, open_descriptors: None) -> None:
    path = site / "digits.bin"
    expected = signature(path.stat())
    change(path)
    assert read_version(str(path), expected, [(0, 3)]) is None
    assert open_version(str(path), expected) is None


def test_fewer_bytes_than_were_foretold(site: Path, open_descriptors: None) -> None:
    path = site / "digits.bin"
    assert read_version(str(path), signature(path.stat()), [(990, 1001)]) is None


def test_without_pread(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(version, "read_at", version._seek_and_read)
    path = site / "digits.bin"
    assert read_version(str(path), signature(path.stat()), [(5, 8), (1, 2)]) == [b"567", b"1"]


def test_without_pread_nobody_else_moves_the_position(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = []
    real = os.lseek

    def seek(*arguments: int) -> int:
        alone.append(version._SEEKING.locked())
        return real(*arguments)

    monkeypatch.setattr(os, "lseek", seek)
    with open(site / "digits.bin", "rb") as file:
        assert version._seek_and_read(file.fileno(), 3, 5) == b"567"
    assert alone == [True]


_OPENS_A_TERMINAL = """
import os, sys
from wsgistatic.files.versions import open_version, signature
name = os.ttyname(os.openpty()[1])
open_version(name, signature(os.stat(name))).close()
try:
    os.open("/dev/tty", os.O_RDONLY)
except OSError:
    sys.exit(0)
sys.exit("the terminal is ours now")
"""


def test_a_terminal_in_place_of_a_file_does_not_become_that_of_the_server() -> None:
    # A session without a terminal, as that of a daemon, takes the first that it opens.
    command = [sys.executable, "-c", _OPENS_A_TERMINAL]
    ended = subprocess.run(command, start_new_session=True, capture_output=True, check=False)
    assert ended.returncode == 0, ended.stderr


def test_an_error_while_a_version_is_opened(
    site: Path, monkeypatch: pytest.MonkeyPatch, open_descriptors: None
) -> None:
    def fail(descriptor: int) -> os.stat_result:
        raise OSError(5, "Input/output error")

    path = site / "digits.bin"
    expected = signature(path.stat())
    with monkeypatch.context() as patched:
        patched.setattr("wsgistatic.files.versions.os.fstat", fail)
        assert read_version(str(path), expected, [(0, 3)]) is None
        assert open_version(str(path), expected) is None
