"""``Scan``: a directory's entries, those that a request would be served, in order."""

from __future__ import annotations

import errno
import gc
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import OLD
from wsgistatic.files import directory
from wsgistatic.files.directory import Directory
from wsgistatic.files.symlinks import LinkMetError
from wsgistatic.wsgi import listing
from wsgistatic.wsgi.listing import Scan
from wsgistatic.wsgi.listing_page import Entry

if sys.platform != "win32":
    import resource


def opened(root: Path, *segments: str, index: str | None = None, symlinks: Any = "inside") -> Scan:
    return Scan(Directory(str(root), symlinks), segments, index, lambda name: name[0] != ".")


def entries(root: Path, *segments: str, **options: Any) -> list[Entry]:
    scan = opened(root, *segments, **options)
    try:
        return list(scan.entries())
    finally:
        scan.close()


def names(root: Path, *segments: str, **options: Any) -> list[str]:
    return [entry.name for entry in entries(root, *segments, **options)]


@pytest.fixture(params=["descriptors", "paths"])
def walk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run with directory descriptors, and as on platforms without them."""
    if request.param == "paths":
        monkeypatch.setattr(directory, "HAS_DESCRIPTOR_WALK", False)
        monkeypatch.setattr(directory, "_HAS_DESCRIPTOR_SCAN", False)
    return str(request.param)


def test_the_entries_of_a_directory(site: Path, walk: str, open_descriptors: None) -> None:
    os.utime(site / "sub", (OLD, OLD))
    os.utime(site / "bare", (OLD, OLD + 1))
    assert entries(site) == [
        Entry("bare", True, 0, OLD + 1),
        Entry("sub", True, 0, OLD),
        Entry("digits.bin", False, 1000, OLD),
        Entry("empty.bin", False, 0, OLD),
        Entry("hello.txt", False, 12, OLD),
    ]
    assert names(site, "sub") == ["index.html", "page.html"]


def test_names_can_be_read_in_portions(site: Path) -> None:
    scan = opened(site)
    assert scan.read(2)
    assert scan.read(3)
    assert not scan.read(2)  # only the hidden file is left
    assert not scan.read(2)
    assert len(list(scan.entries())) == 5
    scan.close()
    scan.close()


def test_sorted_runs_are_merged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "_RUN", 7)
    for number in range(50):
        (tmp_path / f"{number}.txt").touch()
    (tmp_path / "dir").mkdir()
    assert names(tmp_path) == ["dir", *(f"{number}.txt" for number in range(50))]


@pytest.mark.special_files
@pytest.mark.parametrize("symlinks", ["inside", "follow", "deny"])
def test_other_kinds_of_files_cannot_be_scanned(
    site: Path, walk: str, symlinks: Any, open_descriptors: None
) -> None:
    os.mkfifo(site / "pipe")
    (site / "out").symlink_to("..")
    for name, error in (
        ("hello.txt", NotADirectoryError),
        ("pipe", NotADirectoryError),
        ("nowhere", FileNotFoundError),
    ):
        with pytest.raises(error):
            opened(site, name)
    if symlinks == "follow":
        assert "secret.txt" in names(site, "out", symlinks=symlinks)
    else:
        with pytest.raises(FileNotFoundError):
            opened(site, "out", symlinks=symlinks)


@pytest.mark.symlinks
@pytest.mark.parametrize(
    ("symlinks", "shown"),
    [
        ("inside", ["dir-inside", "file-inside", "to-hidden"]),
        ("deny", []),
        ("follow", ["dir-inside", "dir-outside", "file-inside", "file-outside", "to-hidden"]),
    ],
)
def test_links_are_listed_as_the_policy_allows(
    site: Path, walk: str, symlinks: Any, shown: list[str]
) -> None:
    links = site / "links"
    links.mkdir()
    for name, target in (
        ("file-inside", "../hello.txt"),
        ("dir-inside", "../sub"),
        ("to-hidden", "../.hidden"),
        ("file-outside", "../../secret.txt"),
        ("dir-outside", "../.."),
        ("dangling", "nowhere"),
        ("loop", "loop"),
        ("device", "/dev/zero"),
    ):
        (links / name).symlink_to(target)
    found = entries(site, "links", symlinks=symlinks)
    assert sorted(entry.name for entry in found) == shown
    for entry in found:
        assert entry.is_directory is entry.name.startswith("dir")
        assert entry.size == {"file-inside": 12}.get(entry.name, entry.size)


def vanish(path: Path) -> None:
    path.unlink()


def become_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def become_link_out(path: Path) -> None:
    path.unlink()
    path.symlink_to("../secret.txt")


def become_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.symlinks
@pytest.mark.parametrize("change", [vanish, become_directory, become_link_out, become_pipe])
def test_entries_that_change_while_they_are_listed_are_left_out(
    site: Path, walk: str, change: Callable[[Path], None], open_descriptors: None
) -> None:
    scan = opened(site)
    assert not scan.read(100)
    change(site / "hello.txt")
    (site / "sub" / "index.html").unlink()
    (site / "sub" / "page.html").unlink()
    (site / "sub").rmdir()
    assert [entry.name for entry in scan.entries()] == ["bare", "digits.bin", "empty.bin"]
    scan.close()


@pytest.mark.symlinks
def test_a_directory_that_is_replaced_by_a_link_is_still_listed(site: Path) -> None:
    scan = opened(site, "bare")
    (site / "bare").rename(site / "moved")
    (site / "bare").symlink_to("../..")
    assert [entry.name for entry in scan.entries()] == ["file.txt"]
    scan.close()


@pytest.mark.symlinks
def test_a_file_that_becomes_a_link_is_listed_with_the_size_of_its_target(site: Path) -> None:
    scan = opened(site)
    scan.read(100)
    (site / "hello.txt").unlink()
    (site / "hello.txt").symlink_to("digits.bin")
    sizes = {entry.name: entry.size for entry in scan.entries()}
    scan.close()
    assert sizes["hello.txt"] == 1000


@pytest.mark.permissions
def test_unreadable_files_and_directories_are_left_out(
    public_directory: Path, ordinary_user: None
) -> None:
    user = os.geteuid()
    os.seteuid(os.getuid())
    for name, mode, index_mode in (
        ("open", 0o755, None),
        ("closed", 0o700 if os.getuid() == 0 else 0, None),
        ("search-only", 0o711 if os.getuid() == 0 else 0o111, None),
        ("search-only-with-index", 0o711 if os.getuid() == 0 else 0o111, 0o644),
        ("read-only", 0o744 if os.getuid() == 0 else 0o444, None),
        ("index-unreadable", 0o755, 0),
    ):
        (public_directory / name).mkdir()
        if index_mode is not None:
            (public_directory / name / "index.html").touch(mode=index_mode)
        (public_directory / name).chmod(mode)
    (public_directory / "private.txt").touch(mode=0)
    (public_directory / "public.txt").touch(mode=0o644)
    os.seteuid(user)
    shown = names(public_directory, index="index.html")
    assert shown == ["open", "search-only-with-index", "public.txt"]
    assert names(public_directory) == ["index-unreadable", "open", "public.txt"]
    for name in ("closed", "search-only", "read-only"):
        with pytest.raises(PermissionError):
            opened(public_directory, name)
    for name in ("open", "search-only-with-index"):
        assert stat.S_ISDIR(Directory(str(public_directory)).stat_directory((name,)).st_mode)


def test_an_entry_whose_type_cannot_be_found_is_left_out(
    site: Path, monkeypatch: pytest.MonkeyPatch, open_descriptors: None
) -> None:
    class EntryOfUnknownType:
        """An entry that needs a stat, which fails."""

        def __init__(self, name: str) -> None:
            self.name = name

        def is_symlink(self) -> bool:
            raise PermissionError(errno.EACCES, "no")

    real = directory.OpenDirectory.__iter__
    monkeypatch.setattr(
        directory.OpenDirectory,
        "__iter__",
        lambda opened: iter([EntryOfUnknownType("gone.txt"), *real(opened)]),
    )
    assert names(site) == ["bare", "sub", "digits.bin", "empty.bin", "hello.txt"]


def test_a_directory_as_an_index_does_not_hide_its_directory(site: Path) -> None:
    (site / "bare" / "index.html").mkdir()
    assert "bare" in names(site, index="index.html")


@pytest.mark.descriptors
def test_a_shortage_of_descriptors_while_entries_are_read_raises(
    site: Path, open_descriptors: None
) -> None:
    scan = opened(site)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            list(scan.entries())
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        scan.close()


@pytest.mark.descriptors
def test_a_shortage_of_descriptors_while_the_directory_is_opened_raises(
    site: Path, open_descriptors: None
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)
    os.close(free)
    for spare in range(3):  # for the root, the directory, and its scan
        resource.setrlimit(resource.RLIMIT_NOFILE, (free + spare, hard))
        try:
            with pytest.raises(OSError, match="Too many open files") as caught:
                opened(site, "sub")
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert caught.value.errno == errno.EMFILE


def test_a_scan_that_is_never_closed_leaves_no_descriptor(
    site: Path, open_descriptors: None
) -> None:
    scan = opened(site)
    given = scan.entries()
    next(given)
    del scan, given
    gc.collect()


@pytest.mark.symlinks
def test_a_directory_swapped_for_a_link_before_it_is_opened_is_not_scanned(
    site: Path, monkeypatch: pytest.MonkeyPatch, open_descriptors: None
) -> None:
    real_open = os.open

    def swap_then_open(name: Any, flags: int, **options: Any) -> int:
        if name == "bare" and not (site / "bare").is_symlink():
            (site / "bare").rename(site / "moved")
            (site / "bare").symlink_to("../..")
        return real_open(name, flags, **options)

    monkeypatch.setattr(os, "open", swap_then_open)
    with pytest.raises(FileNotFoundError):
        opened(site, "bare")
    with pytest.raises(LinkMetError):
        directory._stat_directory(str(site / "bare"), None)
