"""The system calls of Linux through ctypes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest

from wsgistatic.files.linux import LINUX, Linux

ctypes = pytest.importorskip("ctypes")
pytestmark = [
    pytest.mark.skipif(LINUX._openat2 is None, reason="needs openat2 of Linux 5.6"),
    pytest.mark.system_calls,
]


def test_file_is_opened_for_reading_and_not_inherited(site: Path, open_descriptors: None) -> None:
    descriptor = LINUX.open(str(site / "hello.txt"), LINUX.to_read)
    assert descriptor is not None
    assert os.read(descriptor, 5) == b"hello"
    assert not os.get_inheritable(descriptor)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.write(descriptor, b"x")
    os.close(descriptor)


def test_folder_is_opened_to_search_it(site: Path, open_descriptors: None) -> None:
    descriptor = LINUX.open(str(site / "sub"), LINUX.to_search)
    assert descriptor is not None
    assert os.stat("page.html", dir_fd=descriptor).st_size == 11
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.listdir(descriptor)
    os.close(descriptor)
    assert LINUX.open(str(site / "hello.txt"), LINUX.to_search) is None


def test_fifo_does_not_block(tmp_path: Path, open_descriptors: None) -> None:
    os.mkfifo(tmp_path / "pipe")
    descriptor = LINUX.open(str(tmp_path / "pipe"), LINUX.to_read)
    assert descriptor is not None
    os.close(descriptor)


def link_name(site: Path) -> Path:
    (site / "link.txt").symlink_to("hello.txt")
    return site / "link.txt"


def link_folder(site: Path) -> Path:
    (site / "folder").symlink_to("sub")
    return site / "folder" / "page.html"


def link_root(site: Path) -> Path:
    site.with_name("current").symlink_to(site)
    return site.with_name("current") / "hello.txt"


@pytest.mark.parametrize(
    "path_of",
    [
        link_name,
        link_folder,
        link_root,
        lambda site: Path(f"/proc/self/root/{site}/hello.txt"),
        lambda site: site / "nope.txt",
        lambda site: site / "hello.txt" / "x",
        lambda site: site / ("x" * 256),
        lambda site: f"{site}/hello.txt\0.html",
    ],
)
def test_links_and_failures_give_no_descriptor(
    site: Path, path_of: Callable[[Path], Any], open_descriptors: None
) -> None:
    assert LINUX.open(str(path_of(site)), LINUX.to_read) is None
    assert LINUX._openat2 is not None


def test_failure_does_not_end_the_use_of_the_call(site: Path, open_descriptors: None) -> None:
    linux = Linux()
    assert linux.open(str(site / "nope.txt"), linux.to_read) is None
    descriptor = linux.open(str(site / "hello.txt"), linux.to_read)
    assert descriptor is not None
    os.close(descriptor)


def test_file_system_is_recognised(tmp_path: Path) -> None:
    assert LINUX.file_system_type("/proc") == 0x9FA0
    assert LINUX.file_system_type(str(tmp_path)) > 0
    assert LINUX.file_system_type(str(tmp_path / "nope")) == 0


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_other_platforms_do_without(site: Path, platform: str) -> None:
    check_unavailable(Linux(platform), site)


def test_android_does_without(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "getandroidapilevel", lambda: 30, raising=False)
    check_unavailable(Linux(), site)


def test_python_without_ctypes_does_without(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ctypes", None)
    check_unavailable(Linux(), site)


def test_static_c_library_does_without(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: None) -> None:
        raise OSError("Dynamic loading not supported")

    monkeypatch.setattr(ctypes, "CDLL", refuse)
    check_unavailable(Linux(), site)


def check_unavailable(linux: Linux, site: Path) -> None:
    assert linux.open(str(site / "hello.txt"), linux.to_read) is None
    assert linux.file_system_type(str(site)) == 0


@pytest.mark.parametrize(
    ("release", "calls"),
    [
        ("5.6.0", 1),
        ("5.10.102.1-microsoft-standard-WSL2", 1),
        ("6.1.0-18-amd64", 1),
        ("10.0-rc1", 1),
        ("5.4.0-216-generic", 0),
        ("4.18.0-553.el8_10.x86_64", 0),
        ("unknown", 0),
    ],
)
def test_call_that_is_refused_is_tried_once(
    site: Path, monkeypatch: pytest.MonkeyPatch, release: str, calls: int
) -> None:
    """A system that is older than the call may kill a process for it."""
    library = Mock()
    library.syscall.return_value = -1
    monkeypatch.setattr(ctypes, "CDLL", lambda name: library)
    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(release=release))
    linux = Linux()
    for _ in range(3):
        assert linux.open(str(site / "hello.txt"), linux.to_read) is None
    assert library.syscall.call_count == calls
