"""Sidecars: finding stored codings beside a file, and choosing one of them."""

from __future__ import annotations

import errno
import logging
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.conftest import OLD, age, encoded
from wsgistatic.files.directory import Directory, File
from wsgistatic.files.versions import CHANGED_FIELD, SECOND, signature
from wsgistatic.representations.sidecars import Sidecar, Sidecars, choose_sidecar, is_fresh

SIDECARS = Sidecars(("zstd", "br", "gzip"))


@pytest.fixture
def file(site: Path) -> File:
    """A file with the sidecars ``hello.txt.br`` and ``hello.txt.gz``."""
    for coding, suffix in (("br", ".br"), ("gzip", ".gz")):
        path = site / f"hello.txt{suffix}"
        path.write_bytes(encoded(coding, b"hello world\n"))
        age(path)
    return Directory(str(site)).file(("hello.txt",))


def find(file: File) -> list[str]:
    """Return the codings that are found."""
    return [
        one.coding for one in SIDECARS.find(file, file.stat(), SIDECARS.stats(file.path)).sidecars
    ]


def fail_stat_of(monkeypatch: pytest.MonkeyPatch, name: str, number: int) -> None:
    """Let ``os.stat`` of a path with this last name fail."""
    real = os.stat

    def stat(path: Any, **options: Any) -> os.stat_result:
        if os.path.basename(path) == name:
            raise OSError(number, os.strerror(number), path)
        return real(path, **options)

    monkeypatch.setattr(os, "stat", stat)


def test_stats_are_in_the_order_of_the_codings(file: File) -> None:
    br, gzip = (signature(os.stat(file.path + suffix)) for suffix in (".br", ".gz"))
    assert SIDECARS.stats(file.path) == (None, br, gzip)
    assert Sidecars(("gzip", "br")).stats(file.path) == (gzip, br)
    assert Sidecars(()).stats(file.path) == ()


def test_sidecars_are_found(file: File) -> None:
    found = SIDECARS.find(file, file.stat(), SIDECARS.stats(file.path)).sidecars
    assert [one.coding for one in found] == ["br", "gzip"]
    assert [one.file.path for one in found] == [file.path + ".br", file.path + ".gz"]
    assert [one.status for one in found] == [os.stat(one.file.path) for one in found]


def test_file_without_sidecars_is_not_looked_up_beneath_the_root(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = Directory(str(site)).file(("digits.bin",))
    status = file.stat()
    monkeypatch.setattr(File, "with_suffix", None)
    assert SIDECARS.find(file, status, SIDECARS.stats(file.path)).sidecars == []


def test_sidecar_that_is_older_than_its_file_is_skipped(file: File) -> None:
    os.utime(file.path + ".br", (OLD - 1, OLD - 1))
    assert find(file) == ["gzip"]


@pytest.mark.symlinks
def test_sidecar_that_may_not_be_served_is_skipped(file: File, site: Path) -> None:
    os.unlink(file.path + ".br")
    os.symlink(site.parent / "secret.txt", file.path + ".br")
    os.mkdir(file.path + ".zst")
    assert all(SIDECARS.stats(file.path))
    assert find(file) == ["gzip"]


@pytest.mark.parametrize("number", [errno.ENOENT, errno.EACCES, errno.ELOOP])
def test_name_that_counts_as_absent(
    file: File, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    status = file.stat()
    fail_stat_of(monkeypatch, "hello.txt.br", number)
    found = SIDECARS.find(file, status, SIDECARS.stats(file.path))
    assert found.stats[1] is None
    assert [one.coding for one in found.sidecars] == ["gzip"]


def test_stat_that_fails_is_logged_and_the_sidecar_skipped(
    file: File, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("hello.txt.zst", "hello.txt.br"):
        fail_stat_of(monkeypatch, name, errno.EIO)
    stats = SIDECARS.stats(file.path)
    assert stats[:2] == (errno.EIO, errno.EIO)
    with caplog.at_level(logging.ERROR, "wsgistatic"):
        found = SIDECARS.find(file, file.stat(), SIDECARS.stats(file.path))
    assert [one.coding for one in found.sidecars] == ["gzip"]
    assert found.stats == stats
    assert caplog.messages == [f"{file.path + '.zst'!a}: Input/output error"]


@pytest.mark.parametrize("number", [errno.EMFILE, errno.EIO])
def test_stat_that_fails_during_the_walk_is_logged_and_the_sidecar_skipped(
    file: File, number: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    status, stats = file.stat(), SIDECARS.stats(file.path)
    fail_stat_of(monkeypatch, "hello.txt.br", number)
    found = SIDECARS.find(file, status, SIDECARS.stats(file.path))
    assert [one.coding for one in found.sidecars] == ["gzip"]
    assert caplog.messages == [f"{file.path + '.br'!a}: {os.strerror(number)}"]
    # The choice is cached, and a later stat shows that it was based on the shortage.
    assert found.stats == (None, number, stats[2]) != stats


@pytest.mark.parametrize(
    ("sizes", "accept_encoding", "chosen"),
    [
        ({"br": 5, "gzip": 6}, "gzip, br", "br"),
        ({"br": 7, "gzip": 6}, "gzip, br", "gzip"),  # the smaller one
        ({"br": 6, "gzip": 6}, "gzip, br", "br"),  # the first one
        ({"br": 7, "gzip": 6}, "gzip;q=0.5, br", "br"),
        ({"br": 5, "gzip": 6}, "gzip", "gzip"),
        ({"br": 5}, "gzip", None),
        ({"br": 5}, None, None),
        ({"br": 5}, "", None),
        ({"br": 13}, "br", "br"),  # the file itself is acceptable, but not preferred
        ({"br": 13}, "br, identity", None),  # the file itself is smaller
        ({}, "br", None),
    ],
)
def test_choose_sidecar(
    file: File, sizes: dict[str, int], accept_encoding: str | None, chosen: str | None
) -> None:
    def status_of(size: int) -> Any:
        return SimpleNamespace(st_size=size)

    sidecars = [Sidecar(coding, file, status_of(size)) for coding, size in sizes.items()]
    choice = choose_sidecar(sidecars, 12, accept_encoding)
    assert (choice and choice.coding) == chosen


HALF = SECOND // 2
FLOAT_NS = 1_700_000_000_100_000_143  # as os.utime sets it for the float of 53 ns later


@pytest.mark.parametrize(
    ("made", "made_ctime", "modified", "expected"),
    [
        (10 * SECOND, 10 * SECOND, 10 * SECOND, True),
        (11 * SECOND, 11 * SECOND, 10 * SECOND, True),
        (9 * SECOND, 99 * SECOND, 10 * SECOND, False),
        # The mtime was copied without its fraction.
        (10 * SECOND, 10 * SECOND + HALF, 10 * SECOND + HALF, True),
        (10 * SECOND, 10 * SECOND + HALF - 1, 10 * SECOND + HALF, False),
        (10 * SECOND + 1, 99 * SECOND, 10 * SECOND + HALF, False),
        # The mtime was copied as a float, which is 53 ns less.
        (FLOAT_NS, FLOAT_NS + 53, FLOAT_NS + 53, True),
        (FLOAT_NS, FLOAT_NS + 52, FLOAT_NS + 53, False),
        (FLOAT_NS - 1, 2 * FLOAT_NS, FLOAT_NS + 53, False),
        # Without an mtime the ctime takes its place.
        (0, 11 * SECOND, 10 * SECOND, True),
        (0, 9 * SECOND, 10 * SECOND, False),
        # A build gave both the same time, and they were unpacked in any order.
        (315532801 * SECOND, 315532800 * SECOND, 315532801 * SECOND, True),
    ],
)
def test_is_fresh(made: int, made_ctime: int, modified: int, expected: bool) -> None:
    sidecar: Any = SimpleNamespace(st_mtime_ns=made, **{CHANGED_FIELD: made_ctime})
    original: Any = SimpleNamespace(
        st_mtime=modified / SECOND, st_mtime_ns=modified, **{CHANGED_FIELD: modified}
    )
    assert is_fresh(sidecar, original) is expected
