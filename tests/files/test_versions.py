"""Signatures of file versions, and reads that return nothing of any other version."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from wsgistatic.files import versions
from wsgistatic.files.directory import single_file
from wsgistatic.files.sources import Version
from wsgistatic.files.versions import (
    CHANGED_FIELD,
    SECOND,
    is_settled,
    is_version_settled,
    modified_ns,
    open_version,
    read_version,
    signature,
    time_for,
)

Change = Callable[[Path], None]
NOW = 1_800_000_000 * SECOND + 123_456_789


def remove(path: Path) -> None:
    path.unlink()


def rewrite(path: Path) -> None:
    before = path.stat()
    path.write_bytes(b"9876543210" * 100)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def become_a_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("hello.txt")


def become_a_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def become_a_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def status(mtime_ns: int, ctime_ns: int) -> Any:
    changed = {"st_ctime_ns": ctime_ns, CHANGED_FIELD: ctime_ns}
    return SimpleNamespace(st_mtime_ns=mtime_ns, st_size=5, st_dev=-1, **changed)


_FIELDS = ("st_mtime_ns", "st_size", "st_ino", CHANGED_FIELD, "st_dev")


@pytest.mark.parametrize("field", _FIELDS)
def test_signature_contains_each_field_that_a_change_can_show_in(field: str) -> None:
    version: Any = SimpleNamespace(**dict.fromkeys(_FIELDS, 1))
    other: Any = SimpleNamespace(**{**vars(version), field: 2})
    assert signature(version) != signature(other)


def test_ranges_of_the_expected_version(site: Path, open_descriptors: None) -> None:
    path = site / "digits.bin"
    ranges = [(995, 1000), (0, 3)]
    assert read_version(str(path), signature(path.stat()), ranges) == [b"56789", b"012"]
    file = open_version(str(path), signature(path.stat()))
    assert file is not None
    assert file.read(3) == b"012"
    file.close()


@pytest.mark.parametrize(
    "change",
    [
        remove,
        pytest.param(rewrite, marks=pytest.mark.change_times),
        pytest.param(become_a_link, marks=pytest.mark.symlinks),
        pytest.param(become_a_fifo, marks=pytest.mark.special_files),
        become_a_directory,
    ],
)
def test_changed_file_is_not_the_expected_version(
    site: Path, change: Change, open_descriptors: None
) -> None:
    path = site / "digits.bin"
    expected = signature(path.stat())
    change(path)
    assert read_version(str(path), expected, [(0, 3)]) is None
    assert open_version(str(path), expected) is None


def test_range_beyond_the_end_of_the_file(site: Path, open_descriptors: None) -> None:
    path = site / "digits.bin"
    assert read_version(str(path), signature(path.stat()), [(990, 1001)]) is None


def test_read_version_without_pread(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "read_at", versions._seek_and_read)
    path = site / "digits.bin"
    assert read_version(str(path), signature(path.stat()), [(5, 8), (1, 2)]) == [b"567", b"1"]


def test_without_pread_a_read_that_fails_restores_the_position(site: Path) -> None:
    with open(site / "digits.bin", "rb", buffering=0) as file:
        file.read(100)
        with pytest.raises(OSError, match="Invalid argument"):
            versions._seek_and_read(file.fileno(), 3, -1)
        assert file.tell() == 100


@pytest.mark.parametrize("has_pread", [True, False])
def test_read_at_keeps_the_position(
    site: Path, has_pread: bool, monkeypatch: pytest.MonkeyPatch, open_descriptors: None
) -> None:
    if not has_pread:
        monkeypatch.setattr(versions, "read_at", versions._seek_and_read)
    path = site / "digits.bin"
    file = open_version(str(path), signature(path.stat()))
    assert file is not None
    with file:
        assert file.read(3) == b"012"
        assert file.read_at(996, 10) == b"6789"
        assert file.read_at(1000, 10) == b""
        assert file.read(3) == b"345"


_OPENS_A_TERMINAL = """
import os, sys
from wsgistatic.files.versions import open_version, signature
name = os.ttyname(os.openpty()[1])
open_version(name, signature(os.stat(name))).close()
try:
    os.open("/dev/tty", os.O_RDONLY)
except OSError:
    sys.exit(0)
sys.exit("the process has a controlling terminal now")
"""


@pytest.mark.terminal
def test_terminal_in_place_of_a_file_does_not_become_the_controlling_terminal() -> None:
    # A session without a terminal, like that of a daemon, acquires the first one that it opens.
    command = [sys.executable, "-c", _OPENS_A_TERMINAL]
    ended = subprocess.run(command, start_new_session=True, capture_output=True, check=False)
    assert ended.returncode == 0, ended.stderr


def test_error_while_a_version_is_opened(
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


@pytest.mark.parametrize(
    ("age_ns", "fraction", "settled"),
    [
        (0, True, False),
        (19_000_000, True, False),
        (20_000_000, True, True),
        (-5 * SECOND, True, False),  # in the future: set by another clock
        (SECOND, False, False),  # whole seconds: the file system may keep no fractions
        (2 * SECOND, False, True),
    ],
)
def test_is_settled(age_ns: int, fraction: bool, settled: bool) -> None:
    now = NOW if fraction else NOW // SECOND * SECOND
    assert is_settled(now - age_ns, now) is settled


@pytest.mark.parametrize(
    ("mtime", "ctime", "settled"),
    [
        (NOW - SECOND, NOW - SECOND, True),
        (NOW - SECOND, NOW - 1, False),  # set back
        (NOW - 1, NOW - SECOND, False),
        (NOW + SECOND, NOW - SECOND, True),  # set by hand
        (NOW + SECOND, NOW - 1, False),
    ],
)
def test_version_is_settled_if_both_time_stamps_are(mtime: int, ctime: int, settled: bool) -> None:
    assert is_version_settled(status(mtime, ctime), NOW) is settled


HOUR = 3600 * SECOND


@pytest.mark.parametrize(
    ("ahead_ns", "fraction", "settled"),
    [
        (0, 1, [False, True, True]),
        (-HOUR, 1, [True, True, True]),
        (HOUR, 1, [False, False, True]),
        (0, 0, [False, False, True]),
        (-HOUR, 0, [False, False, True]),
        (HOUR, 0, [False, False, True]),
    ],
)
def test_version_is_settled_by_the_clock_of_its_file_system(
    ahead_ns: int, fraction: int, settled: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """That clock decides where it is ahead of ours, or may be behind it by more than a tick."""
    monkeypatch.setattr(versions, "_clock_offsets", {})
    now = NOW // SECOND * SECOND

    def judge(version: Any, later_ns: int) -> bool:
        monkeypatch.setattr(time, "monotonic_ns", lambda: 5 * SECOND + later_ns)
        now_ns = time_for(version, now + later_ns, has_change_time=True)
        return is_version_settled(version, now_ns)

    changed = now + ahead_ns - fraction
    version = status(changed, changed)
    assert [judge(version, later) for later in (0, SECOND, 3 * SECOND)] == settled
    older = status(changed - 2 * SECOND, changed - 2 * SECOND)
    assert judge(older, 3 * SECOND)


@pytest.mark.parametrize(
    "mtime",
    [
        *(0, 1, SECOND, -7 * SECOND),
        315532801 * SECOND,  # Cloud Native Buildpacks, App Engine
        *(zone * 900 * SECOND + 315532800 * SECOND for zone in (-56, 0, 48)),  # zip, UTC+14 to -12
        499162500 * SECOND,  # npm
    ],
)
def test_ctime_replaces_a_missing_mtime(mtime: int) -> None:
    first, second = status(mtime, NOW - SECOND), status(mtime, NOW)
    assert modified_ns(first) == NOW - SECOND
    assert modified_ns(status(mtime + 3 * SECOND, NOW)) == max(
        mtime + 3 * SECOND, NOW * (mtime < 0)
    )
    file = single_file("/srv/a.txt")
    assert file.fingerprint(Version(5, first)) != file.fingerprint(Version(5, second))
