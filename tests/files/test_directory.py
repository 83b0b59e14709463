"""Directory and File: only regular files that can be read exist."""

from __future__ import annotations

import errno
import os
import socket
import stat
import sys
from collections.abc import Callable
from io import FileIO
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import OLD, age
from wsgistatic.files import directory as directory_module
from wsgistatic.files.directory import Directory, single_file
from wsgistatic.files.symlinks import LinkMetError

if sys.platform != "win32":
    import resource

pytestmark = pytest.mark.usefixtures("way")


def test_open_file_is_unbuffered_and_has_the_status_of_its_descriptor(site: Path) -> None:
    with Directory(str(site)).open(("hello.txt",)) as file:
        assert isinstance(file, FileIO)
        assert file.status == os.fstat(file.fileno())
        assert file.read() == b"hello world\n"
        assert file.status.st_size == 12
        assert not os.get_inheritable(file.fileno())
    assert file.closed


@pytest.mark.system_calls
def test_stat_does_not_open_the_file(site: Path, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    opened = []
    real_open = os.open

    def record(path: Any, flags: int, *args: Any, **options: Any) -> int:
        descriptor = real_open(path, flags, *args, **options)
        opened.append(stat.S_ISDIR(os.fstat(descriptor).st_mode))
        return descriptor

    monkeypatch.setattr(os, "open", record)
    assert Directory(str(site)).stat(("sub", "page.html")).st_size == 11
    assert opened == ([] if way == "openat2" else [True, True])


@pytest.mark.special_files
@pytest.mark.parametrize("symlinks", ["inside", "follow", "deny"])
def test_special_files_are_not_found_and_do_not_block(site: Path, symlinks: Any) -> None:
    os.mkfifo(site / "pipe")
    listener = socket.socket(socket.AF_UNIX)
    os.chdir(site)
    listener.bind("socket")
    try:
        files = Directory(str(site), symlinks)
        for name in ("pipe", "socket"):
            for method in (files.open, files.stat):
                with pytest.raises(FileNotFoundError):
                    method((name,))
    finally:
        listener.close()
        os.chdir("/")


def test_device_behind_a_link_is_not_found(site: Path) -> None:
    (site / "zero").symlink_to("/dev/zero")
    with pytest.raises(FileNotFoundError):
        Directory(str(site), "follow").open(("zero",))


def test_directory_is_reported_as_one(site: Path) -> None:
    for symlinks in ("inside", "follow", "deny"):
        files = Directory(str(site), symlinks)
        for segments in ((), ("sub",)):
            with pytest.raises(IsADirectoryError):
                files.open(segments)
            with pytest.raises(IsADirectoryError):
                files.stat(segments)


def test_unreadable_file(public_directory: Path, ordinary_user: None) -> None:
    path = public_directory / "private.txt"
    os.seteuid(0) if os.getuid() == 0 else None
    path.write_text("x")
    path.chmod(0)
    os.seteuid(65534) if os.getuid() == 0 else None
    files = Directory(str(public_directory))
    for method in (files.open, files.stat):
        with pytest.raises(PermissionError):
            method(("private.txt",))


def test_directory_with_search_permission_only(public_directory: Path, ordinary_user: None) -> None:
    if os.getuid() == 0:
        os.seteuid(0)
    closed = public_directory / "closed"
    closed.mkdir()
    (closed / "a.txt").write_text("a")
    closed.chmod(0o711 if os.getuid() == 0 else 0o111)
    if os.getuid() == 0:
        os.seteuid(65534)
    with Directory(str(public_directory)).open(("closed", "a.txt")) as file:
        assert file.read() == b"a"


@pytest.mark.descriptors
def test_out_of_descriptors(site: Path, open_descriptors: None) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)
    os.close(free)
    for spare in range(2):  # for the root, and for the directory in it
        resource.setrlimit(resource.RLIMIT_NOFILE, (free + spare, hard))
        try:
            with pytest.raises(OSError, match="Too many open files") as caught:
                Directory(str(site)).open(("sub", "page.html"))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert caught.value.errno == errno.EMFILE


def become_a_link(path: Path) -> None:
    path.symlink_to("../secret.txt")


def stay_absent(path: Path) -> None:
    assert not path.exists()


@pytest.mark.system_calls
@pytest.mark.parametrize(
    ("become", "error"),
    [
        pytest.param(become_a_link, LinkMetError, marks=pytest.mark.symlinks),
        pytest.param(
            getattr(os, "mkfifo", None), FileNotFoundError, marks=pytest.mark.special_files
        ),
        (os.mkdir, IsADirectoryError),
        (stay_absent, FileNotFoundError),
    ],
)
def test_file_that_becomes_something_else_just_before_it_is_opened(
    site: Path,
    become: Callable[[Path], None],
    error: type[Exception],
    monkeypatch: pytest.MonkeyPatch,
    open_descriptors: None,
) -> None:
    path = site / "hello.txt"
    real_open = os.open

    def swap_then_open(name: Any, flags: int, **options: Any) -> int:
        path.unlink()
        become(path)
        return real_open(name, flags, **options)

    monkeypatch.setattr(os, "open", swap_then_open)
    with pytest.raises(error):
        directory_module._open_regular(str(path), None)


@pytest.mark.system_calls
@pytest.mark.parametrize("number", [errno.ELOOP, errno.EMLINK])
def test_link_is_recognised_by_the_errors_of_all_platforms(
    site: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def fail(*arguments: Any, **options: Any) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "open", fail)
    with pytest.raises(LinkMetError):
        directory_module._open_regular(str(site / "hello.txt"), None)


def test_status_is_that_of_the_open_file_whatever_has_its_name_now(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_open = os.open

    def open_then_replace(name: Any, *arguments: Any, **options: Any) -> int:
        descriptor = real_open(name, *arguments, **options)
        (site / "digits.bin").replace(site / "hello.txt")
        return descriptor

    monkeypatch.setattr(os, "open", open_then_replace)
    with directory_module._open_regular(str(site / "hello.txt"), None) as file:
        assert file.status.st_size == len(file.read()) == 12


@pytest.mark.special_files
def test_directory_that_becomes_a_pipe_is_not_opened(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, real_open = site / "empty", os.open
    path.mkdir()
    errors = []

    def swap_then_open(name: Any, flags: int, **options: Any) -> int:
        path.rmdir()
        os.mkfifo(path)
        writer = real_open(path, os.O_RDWR)  # otherwise opening it for reading would block
        try:
            return real_open(name, flags, **options)
        except OSError as error:
            errors.append(error.errno)
            raise
        finally:
            os.close(writer)

    monkeypatch.setattr(os, "open", swap_then_open)
    with pytest.raises(NotADirectoryError):
        directory_module._open_to_scan(str(path), None)
    assert errors == [errno.ENOTDIR]


@pytest.mark.system_calls
def test_name_that_became_a_link_is_not_a_permission_error(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = site / "hello.txt"

    def swap_then_refuse(*arguments: Any, **options: Any) -> bool:
        path.unlink()
        path.symlink_to("digits.bin")
        return False

    monkeypatch.setattr(os, "access", swap_then_refuse)
    with pytest.raises(LinkMetError):
        directory_module._stat_readable(str(path), None)


@pytest.mark.symlinks
def test_single_file_follows_links(site: Path) -> None:
    link = site / "out.txt"
    link.symlink_to("../secret.txt")
    file = single_file(str(link))
    assert file.path == str(link)
    assert file.stat().st_size == 6
    with file.open() as opened:
        assert opened.file.read() == b"canary"


@pytest.mark.system_calls
def test_file_is_looked_up_at_each_call(site: Path) -> None:
    later = Directory(str(site)).file(("later.txt",))
    for method in (later.stat, later.inspect, later.open):
        with pytest.raises(FileNotFoundError):
            method()
    (site / "later.txt").write_text("now")
    age(site / "later.txt")
    assert later.stat().st_size == 3
    assert later.path == str(site / "later.txt")
    version = later.inspect()
    assert (version.size, version.holder, version.status) == (3, later.path, later.stat())
    with later.open() as opened:
        assert (opened.size, opened.holder, opened.status) == (3, later.path, later.stat())
        assert opened.file.read_at(1, 10) == b"ow"
    assert opened.file.closed


def test_file_with_a_suffix(site: Path) -> None:
    file = Directory(str(site), "deny").file(("sub", "page.html"))
    sidecar = file.with_suffix(".gz")
    assert sidecar.segments == ("sub", "page.html.gz")
    assert sidecar.path == file.path + ".gz"
    assert sidecar.directory is file.directory
    assert single_file(file.path).with_suffix(".gz").path == sidecar.path


@pytest.mark.system_calls
@pytest.mark.parametrize(
    ("symlinks", "segments", "expected"),
    [
        ("follow", ("sub", "page.html"), True),
        ("inside", ("hello.txt",), True),
        ("deny", ("hello.txt",), True),
        ("inside", ("sub", "page.html"), False),  # a link could take the place of "sub"
        ("deny", ("sub", "page.html"), False),
    ],
)
def test_where_a_stat_of_the_path_suffices(
    site: Path, symlinks: Any, segments: tuple[str, ...], expected: bool
) -> None:
    file = Directory(str(site), symlinks).file(segments)
    assert file.stat_suffices is expected
    assert file.stat_beneath_root() == file.stat()


@pytest.mark.change_times
def test_fingerprint_differs_with_mtime_and_size(site: Path) -> None:
    path = site / "hello.txt"
    file = Directory(str(site)).file(("hello.txt",))
    fingerprints = [file.fingerprint(file.inspect())]
    path.write_bytes(b"hello")
    age(path)
    fingerprints.append(file.fingerprint(file.inspect()))
    os.utime(path, ns=(0, OLD * 1_000_000_000 + 1))
    fingerprints.append(file.fingerprint(file.inspect()))
    assert fingerprints == ["17979cfe362a0000-c", "17979cfe362a0000-5", "17979cfe362a0001-5"]


def test_refresh_describes_the_open_file_as_it_is_now(site: Path) -> None:
    with single_file(str(site / "hello.txt")).open() as opened:
        with (site / "hello.txt").open("ab") as writer:
            writer.write(b"more")
        assert opened.size == 12
        opened.refresh()
        assert opened.size == opened.status.st_size == 16
        assert opened.status == os.fstat(opened.file.fileno())


def test_without_descriptor_walk(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directory_module, "HAS_DESCRIPTOR_WALK", False)
    (site / "out.txt").symlink_to("../secret.txt")
    files = Directory(str(site))
    with files.open(("sub", "page.html")) as file:
        assert file.read() == b"<p>page</p>"
    with files.regular_file(("sub", "page.html")).open() as opened:
        assert opened.file.read() == b"<p>page</p>"
    for name in (files.file, files.regular_file):
        with pytest.raises(FileNotFoundError):
            name(("out.txt",)).open()


def test_without_access_in_a_directory(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any, dir_fd: int | None = None, **options: Any) -> bool:
        if dir_fd is None:
            return False
        raise NotImplementedError("dir_fd unavailable on this platform")  # as Emscripten does

    monkeypatch.setattr(os, "access", refuse)
    monkeypatch.setattr(directory_module, "_HAS_ACCESS_IN_DIRECTORY", False)
    files = Directory(str(site))
    assert files.stat(("sub", "page.html")).st_size == 11
    with pytest.raises(FileNotFoundError):
        files.stat(("nothing",))


def test_file_that_vanishes_is_not_a_permission_error(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = site / "hello.txt"

    def remove_then_refuse(name: Any, *arguments: Any, **options: Any) -> bool:
        path.unlink()
        return False

    monkeypatch.setattr(os, "access", remove_then_refuse)
    with pytest.raises(FileNotFoundError):
        Directory(str(site)).stat(("hello.txt",))


@pytest.mark.parametrize("symlinks", ["inside", "follow"])
def test_file_that_is_absent_for_a_moment_is_not_a_permission_error(
    site: Path, monkeypatch: pytest.MonkeyPatch, symlinks: Any
) -> None:
    """Two renames of a deploy: it is absent when access is checked, and back at the next stat."""
    access, calls = os.access, iter([True])

    def move_and_check(name: str, mode: int, **named: Any) -> bool:
        away = next(calls, False)
        if away:
            (site / "hello.txt").rename(site / "away")
        allowed = access(name, mode, **named)
        if away:
            (site / "away").rename(site / "hello.txt")
        return allowed

    monkeypatch.setattr(os, "access", move_and_check)
    assert Directory(str(site), symlinks).stat(("hello.txt",)).st_size == 12


@pytest.mark.symlinks
@pytest.mark.parametrize("symlinks", ["inside", "follow", "deny"])
@pytest.mark.parametrize("has_descriptors", [True, False])
def test_open_directory(
    site: Path,
    symlinks: Any,
    has_descriptors: bool,
    monkeypatch: pytest.MonkeyPatch,
    open_descriptors: None,
) -> None:
    if not has_descriptors:
        monkeypatch.setattr(directory_module, "HAS_DESCRIPTOR_WALK", False)
        monkeypatch.setattr(directory_module, "_HAS_DESCRIPTOR_SCAN", False)
    (site / "sub" / "link.txt").symlink_to("page.html")
    (site / "sub" / "folder").mkdir()
    opened = Directory(str(site), symlinks).open_directory(("sub",))
    names = {entry.name for entry in opened}
    assert names == {"index.html", "page.html", "link.txt", "folder"}
    assert list(opened) == []  # each entry once
    assert opened.stat("page.html").st_size == 11
    for name, error in (
        ("link.txt", LinkMetError),
        ("folder", IsADirectoryError),
        ("nope", FileNotFoundError),
    ):
        with pytest.raises(error):
            opened.stat(name)
    opened.close()
    opened.close()
    monkeypatch.chdir(site / "sub")
    with pytest.raises(OSError, match="Bad file descriptor"):
        opened.stat("page.html")


def test_open_directory_that_is_dropped_is_closed(site: Path, open_descriptors: None) -> None:
    opened = Directory(str(site)).open_directory(("sub",))
    assert len(list(opened)) == 2
    del opened


def test_directory_is_closed_if_it_cannot_be_scanned(
    site: Path, monkeypatch: pytest.MonkeyPatch, open_descriptors: None
) -> None:
    def fail(where: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "scandir", fail)
    with pytest.raises(OSError, match="Input/output error"):
        Directory(str(site)).open_directory(("sub",))


@pytest.mark.parametrize("method", ["open_directory", "stat_directory", "stat_listable"])
@pytest.mark.parametrize(
    ("segments", "error"),
    [(("hello.txt",), NotADirectoryError), (("nope",), FileNotFoundError)],
)
def test_names_that_are_not_directories(
    site: Path, method: str, segments: tuple[str, ...], error: type[OSError]
) -> None:
    with pytest.raises(error):
        getattr(Directory(str(site)), method)(segments)


def test_status_of_a_directory(site: Path) -> None:
    directory = Directory(str(site))
    for segments, path in (((), site), (("sub",), site / "sub")):
        assert directory.stat_directory(segments) == path.stat()
        assert directory.stat_listable(segments) == path.stat()
