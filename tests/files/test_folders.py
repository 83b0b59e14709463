"""What is learned about the names in a folder: one stat then shows that it is still true."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.conftest import settle
from wsgistatic.files import folders as module
from wsgistatic.files.folders import Folders
from wsgistatic.files.linux import LINUX
from wsgistatic.files.versions import SECOND

SUFFIXES = (".br", ".gz")
REQUESTS = 8  # until the first look

pytestmark = [
    pytest.mark.skipif(
        LINUX.file_system_type("/tmp") not in module._EXACT_FILE_SYSTEMS,
        reason="needs a file system of Linux whose time stamps are known to be exact",
    ),
    pytest.mark.descriptors,
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "folder"
    path.mkdir()
    for number in range(20):
        (path / f"{number}.txt").write_text("x")
    settle()
    return path


class Counts:
    """Counts the stats, and the names that are read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.stats = self.scans = self.names = 0
        stat, scandir = os.stat, os.scandir

        def counted_stat(*arguments: Any, **options: Any) -> os.stat_result:
            self.stats += 1
            return stat(*arguments, **options)

        class Scan:
            def __init__(scan, path: str) -> None:  # noqa: N805
                self.scans += 1
                scan.entries = scandir(path)
                scan.close = scan.entries.close

            def __iter__(scan) -> Iterator[os.DirEntry[str]]:  # noqa: N805
                for entry in scan.entries:
                    self.names += 1
                    yield entry

        monkeypatch.setattr(os, "stat", counted_stat)
        monkeypatch.setattr(os, "scandir", Scan)


def learn(folders: Folders, folder: Path) -> None:
    assert [folders.is_bare(str(folder)) for _ in range(REQUESTS)] == [False] * 7 + [True]


def test_folder_is_read_once_and_costs_a_stat_then(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts, folders = Counts(monkeypatch), Folders(SUFFIXES)
    learn(folders, folder)
    assert (counts.stats, counts.scans, counts.names) == (1, 1, 20)
    for _ in range(100):
        assert folders.is_bare(str(folder))
    assert (counts.stats, counts.scans, counts.names) == (101, 1, 20)


def add(folder: Path) -> None:
    (folder / "a.txt.gz").write_text("x")


def add_upper_case(folder: Path) -> None:
    (folder / "a.txt.GZ").write_text("x")


def add_dangling_link(folder: Path) -> None:
    (folder / "a.txt.br").symlink_to("nowhere")


def rename(folder: Path) -> None:
    (folder / "1.txt").rename(folder / "1.br")


def add_and_restore_mtime(folder: Path) -> None:
    before = folder.stat()
    add(folder)
    os.utime(folder, ns=(before.st_atime_ns, before.st_mtime_ns))


def exchange(folder: Path) -> None:
    other = folder.with_name("other")
    other.mkdir()
    add(other)
    folder.rename(folder.with_name("away"))
    other.rename(folder)


def become_a_link(folder: Path) -> None:
    other = folder.with_name("other")
    other.mkdir()
    add(other)
    folder.rename(folder.with_name("away"))
    folder.symlink_to(other)


CHANGES = [
    add, add_upper_case, add_dangling_link, rename, add_and_restore_mtime, exchange, become_a_link,
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_change_is_noticed_at_once(folder: Path, change: Callable[[Path], None]) -> None:
    folders = Folders(SUFFIXES)
    learn(folders, folder)
    change(folder)
    for _ in range(100):
        assert not folders.is_bare(str(folder))


@pytest.mark.parametrize("change", [add, add_upper_case, add_dangling_link, rename])
def test_folder_with_such_a_name_is_not_bare(folder: Path, change: Callable[[Path], None]) -> None:
    change(folder)
    settle()
    folders = Folders(SUFFIXES)
    assert not any(folders.is_bare(str(folder)) for _ in range(100))


def test_folder_becomes_bare_again(folder: Path) -> None:
    folders = Folders(SUFFIXES)
    learn(folders, folder)
    add(folder)
    assert not folders.is_bare(str(folder))
    (folder / "a.txt.gz").unlink()
    settle()
    learn(folders, folder)


def test_folder_that_vanishes_is_not_bare(folder: Path) -> None:
    folders = Folders(SUFFIXES)
    learn(folders, folder)
    folder.rename(folder.with_name("away"))
    assert not any(folders.is_bare(str(folder)) for _ in range(100))


def test_recent_change_is_not_trusted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next change in the same tick of the clock would not show."""
    folders, settled = Folders(SUFFIXES), False
    monkeypatch.setattr(module, "are_settled", lambda status: settled)
    assert not any(folders.is_bare(str(folder)) for _ in range(40))
    settled = True
    assert [folders.is_bare(str(folder)) for _ in range(128)] == [False] * 127 + [True]


def test_whole_seconds_are_not_trusted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the clock is set back, they would repeat."""
    real_stat = os.stat

    def stat(*arguments: Any, **options: Any) -> Any:
        status = real_stat(*arguments, **options)
        fields = {name: getattr(status, name) for name in dir(status) if name.startswith("st_")}
        return SimpleNamespace(**fields | {"st_ctime_ns": status.st_ctime_ns // SECOND * SECOND})

    monkeypatch.setattr(os, "stat", stat)
    monkeypatch.setattr(module, "are_settled", lambda status: True)
    folders = Folders(SUFFIXES)
    assert not any(folders.is_bare(str(folder)) for _ in range(100))


def test_unknown_file_system_is_not_trusted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    FUSE = 0x65735546  # noqa: N806
    monkeypatch.setattr(LINUX, "file_system_type", lambda path: FUSE)
    folders = Folders(SUFFIXES)
    assert not any(folders.is_bare(str(folder)) for _ in range(100))


def test_large_folder_costs_little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5000):
        (tmp_path / str(number)).touch()
    settle()
    counts, folders = Counts(monkeypatch), Folders(SUFFIXES)
    for requests in range(1, 10_001):
        assert not folders.is_bare(str(tmp_path))
        assert counts.names <= 12 * requests
    assert counts.scans == 5
    assert counts.names < 10_000  # one for each request; the stats of three names cost more


def test_folder_that_changes_all_the_time_costs_little(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # However slow the machine is, each request comes just after a change.
    monkeypatch.setattr(module, "are_settled", lambda *statuses: False)
    counts, folders = Counts(monkeypatch), Folders(SUFFIXES)
    for number in range(1000):
        (folder / f"new{number}").touch()
        assert not folders.is_bare(str(folder))
    assert counts.stats <= 5
    assert counts.scans == 0


def test_number_of_folders_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MAX_FOLDERS", 10)
    folders = Folders(SUFFIXES)
    for number in range(100):
        folders.is_bare(str(number))
        assert len(folders._folders) <= 10
