"""Directory: only regular files that can be read exist."""

from __future__ import annotations

import errno
import os
import resource
import socket
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import age
from wsgistatic.files import directory as directory_module
from wsgistatic.files.directory import Directory, single_file
from wsgistatic.files.symlinks import LinkMetError


def test_open_is_unbuffered_and_knows_its_handle(site: Path) -> None:
    with Directory(str(site)).open(("hello.txt",)) as opened:
        assert opened.status == os.fstat(opened.file.fileno())
        assert opened.file.read() == b"hello world\n"
        assert opened.status.st_size == 12
        assert not os.get_inheritable(opened.file.fileno())
    assert opened.file.closed


def test_stat_opens_no_file(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    real_open = os.open

    def record(path: Any, flags: int, *args: Any, **options: Any) -> int:
        descriptor = real_open(path, flags, *args, **options)
        opened.append(stat.S_ISDIR(os.fstat(descriptor).st_mode))
        return descriptor

    monkeypatch.setattr(os, "open", record)
    assert Directory(str(site)).stat(("sub", "page.html")).st_size == 11
    assert opened == [True, True]


@pytest.mark.parametrize("symlinks", ["inside", "follow", "deny"])
def test_special_files_are_misses_without_blocking(site: Path, symlinks: Any) -> None:
    os.mkfifo(site / "pipe")
    listener = socket.socket(socket.AF_UNIX)
    os.chdir(site)
    listener.bind("socket")
    try:
        files = Directory(str(site), symlinks)
        for name in ("pipe", "socket"):
            for look in (files.open, files.stat):
                with pytest.raises(FileNotFoundError):
                    look((name,))
    finally:
        listener.close()
        os.chdir("/")


def test_device_through_a_link_is_a_miss(site: Path) -> None:
    (site / "zero").symlink_to("/dev/zero")
    with pytest.raises(FileNotFoundError):
        Directory(str(site), "follow").open(("zero",))


def test_a_directory_says_so(site: Path) -> None:
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
    for look in (files.open, files.stat):
        with pytest.raises(PermissionError):
            look(("private.txt",))


def test_directory_with_search_permission_only(public_directory: Path, ordinary_user: None) -> None:
    if os.getuid() == 0:
        os.seteuid(0)
    closed = public_directory / "closed"
    closed.mkdir()
    (closed / "a.txt").write_text("a")
    closed.chmod(0o711 if os.getuid() == 0 else 0o111)
    if os.getuid() == 0:
        os.seteuid(65534)
    with Directory(str(public_directory)).open(("closed", "a.txt")) as opened:
        assert opened.file.read() == b"a"


def test_out_of_descriptors(site: Path, open_descriptors: None) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)
    os.close(free)
    for spare in range(2):  # at the root, and below it
        resource.setrlimit(resource.RLIMIT_NOFILE, (free + spare, hard))
        try:
            with pytest.raises(OSError, match="Too many open files") as caught:
                Directory(str(site)).open(("sub", "page.html"))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert caught.value.errno == errno.EMFILE


def link_away(path: Path) -> None:
    path.symlink_to("../secret.txt")


def stay_away(path: Path) -> None:
    assert not path.exists()


@pytest.mark.parametrize(
    ("become", "error"),
    [
        (link_away, LinkMetError),
        (os.mkfifo, FileNotFoundError),
        (os.mkdir, IsADirectoryError),
        (stay_away, FileNotFoundError),
    ],
)
def test_a_file_that_becomes_something_else_just_before_open(
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


@pytest.mark.parametrize("number", [errno.ELOOP, errno.EMLINK])
def test_a_link_is_known_by_the_errors_of_all_systems(
    site: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def fail(*arguments: Any, **options: Any) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "open", fail)
    with pytest.raises(LinkMetError):
        directory_module._open_regular(str(site / "hello.txt"), None)


def test_the_status_is_of_what_was_opened_whatever_has_the_name_now(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_open = os.open

    def open_then_replace(name: Any, *arguments: Any, **options: Any) -> int:
        descriptor = real_open(name, *arguments, **options)
        (site / "digits.bin").replace(site / "hello.txt")
        return descriptor

    monkeypatch.setattr(os, "open", open_then_replace)
    with directory_module._open_regular(str(site / "hello.txt"), None) as opened:
        assert opened.status.st_size == len(opened.file.read()) == 12


def test_a_directory_that_becomes_a_pipe_is_not_opened(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, real_open = site / "empty", os.open
    path.mkdir()
    errors = []

    def swap_then_open(name: Any, flags: int, **options: Any) -> int:
        path.rmdir()
        os.mkfifo(path)
        writer = real_open(path, os.O_RDWR)  # or to open it for reading would wait for one
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


def test_what_became_a_link_is_no_question_of_permission(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (site / "link.txt").symlink_to("hello.txt")
    monkeypatch.setattr(os, "access", lambda *arguments, **options: False)
    with pytest.raises(LinkMetError):
        directory_module._require_access(str(site / "link.txt"), os.R_OK, None)


def test_single_file_follows_links(site: Path) -> None:
    link = site / "out.txt"
    link.symlink_to("../secret.txt")
    file = single_file(str(link))
    assert file.path == str(link)
    assert file.stat().st_size == 6
    with file.open() as opened:
        assert opened.file.read() == b"canary"


def test_resource_is_looked_up_each_time(site: Path) -> None:
    later = Directory(str(site)).resource(("later.txt",))
    with pytest.raises(FileNotFoundError):
        later.stat()
    (site / "later.txt").write_text("now")
    age(site / "later.txt")
    assert later.stat().st_size == 3
    assert later.path == str(site / "later.txt")


def test_without_descriptor_walk(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directory_module, "HAS_DESCRIPTOR_WALK", False)
    (site / "out.txt").symlink_to("../secret.txt")
    files = Directory(str(site))
    with files.open(("sub", "page.html")) as opened:
        assert opened.file.read() == b"<p>page</p>"
    with pytest.raises(FileNotFoundError):
        files.open(("out.txt",))


def test_a_file_that_vanishes_is_no_question_of_permission(
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
def test_a_file_that_was_away_for_a_moment_is_not_refused(
    site: Path, monkeypatch: pytest.MonkeyPatch, symlinks: Any
) -> None:
    """Two renames of a deploy: gone when access is asked for, back when it is looked at again."""
    access, times = os.access, iter([True])

    def move_and_ask(name: str, mode: int, **named: Any) -> bool:
        away = next(times, False)
        if away:
            (site / "hello.txt").rename(site / "away")
        answer = access(name, mode, **named)
        if away:
            (site / "away").rename(site / "hello.txt")
        return answer

    monkeypatch.setattr(os, "access", move_and_ask)
    assert Directory(str(site), symlinks).stat(("hello.txt",)).st_size == 12
