"""Files that are renamed, removed and replaced while they are sent; open files of the caller."""

from __future__ import annotations

import ctypes
import errno
import gzip
import os
import sys
import zipfile
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from tempfile import SpooledTemporaryFile
from types import SimpleNamespace
from typing import Any

import pytest

from tests.client import call_raw, make_environ, start
from tests.conftest import age
from tests.source_kinds import zip_of
from wsgistatic import FileApp, StaticFiles
from wsgistatic.files.errors import Outcome, classify
from wsgistatic.files.windows import Windows

SIZE = 1_000_000  # bytes; more than is kept in memory
Change = Callable[[Path], object]


def replace(path: Path) -> None:
    """Replace a file in the way that works on Windows, too."""
    draft = path.with_name("draft")
    draft.write_bytes(b"new" * SIZE)
    path.rename(path.with_name("aside"))
    draft.rename(path)


def rename(path: Path) -> None:
    path.rename(path.with_name("aside"))


@pytest.mark.parametrize("change", [rename, Path.unlink, replace])
@pytest.mark.parametrize("symlinks", ["inside", "follow", "deny"])
@pytest.mark.parametrize("is_known", [False, True], ids=["first", "again"])
def test_file_that_is_sent_can_be_changed_and_goes_out_whole(
    tmp_path: Path, change: Change, symlinks: Any, is_known: bool
) -> None:
    path, content = tmp_path / "big.bin", os.urandom(SIZE)
    path.write_bytes(content)
    age(path)
    app = StaticFiles(None, tmp_path, symlinks=symlinks)
    for _ in range(1 + is_known):
        response = start(app, make_environ("/big.bin"))
        blocks = iter(response.iterable)
        received = [next(blocks)]
        if not _ and is_known:
            response.iterable.close()  # type: ignore[attr-defined]
    change(path)
    received += blocks
    assert response.status == 200
    assert b"".join(received) == content


@pytest.mark.parametrize("change", [rename, Path.unlink, replace])
def test_file_whose_ranges_are_sent_can_be_changed(tmp_path: Path, change: Change) -> None:
    path, content = tmp_path / "big.bin", os.urandom(SIZE)
    path.write_bytes(content)
    age(path)
    app = StaticFiles(None, tmp_path, block_size=1000)
    response = start(app, make_environ("/big.bin", headers={"Range": "bytes=0-9,500000-599999"}))
    blocks = iter(response.iterable)
    received = [next(blocks)]
    change(path)
    received += blocks
    assert response.status == 206
    assert content[500_000:600_000] in b"".join(received)


class FakeRuntime:
    """The modules ``_winapi`` and ``msvcrt``, and the kernel's functions in ``ctypes``.

    A handle is a descriptor plus 1000.
    """

    def __init__(self) -> None:
        self.shared: list[int] = []
        self.closed: list[int] = []
        self.error: OSError | None = None

    def CreateFile(  # noqa: N802
        self, path: str, access: int, share: int, security: int, how: int, *others: int
    ) -> int:
        assert (access, security, how) == (0x80000000, 0, 3)  # GENERIC_READ, OPEN_EXISTING
        self.shared.append(share)
        return os.open(path, os.O_RDONLY) + 1000

    def CloseHandle(self, handle: int) -> None:  # noqa: N802
        self.closed.append(handle)
        os.close(handle - 1000)

    def ReOpenFile(self, handle: int, access: int, share: int, flags: int) -> int | None:  # noqa: N802
        assert (access, flags) == (0x80000000, 0)
        if self.error:
            return ctypes.c_void_p(-1).value
        self.shared.append(share)
        return os.open(f"/proc/self/fd/{handle - 1000}", os.O_RDONLY) + 1000

    def get_osfhandle(self, descriptor: int) -> int:
        return descriptor + 1000

    def open_osfhandle(self, handle: int, flags: int) -> int:
        if self.error:
            raise self.error
        return handle - 1000


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch, open_descriptors: None) -> FakeRuntime:
    fake = FakeRuntime()
    for name in ("_winapi", "msvcrt"):
        monkeypatch.setitem(sys.modules, name, fake)
    # Functions of ctypes have attributes, as opposed to methods.
    kernel = SimpleNamespace(
        ReOpenFile=partial(fake.ReOpenFile), FindFirstFileW=partial(int), FindClose=partial(int)
    )
    monkeypatch.setattr(ctypes, "WinDLL", lambda name, **options: kernel, raising=False)
    monkeypatch.setattr(ctypes, "get_last_error", lambda: 6, raising=False)
    error = partial(PermissionError, errno.EACCES)
    monkeypatch.setattr(ctypes, "WinError", error, raising=False)
    return fake


fakes = pytest.mark.descriptors


@fakes
def test_files_are_opened_for_everyone(tmp_path: Path, runtime: FakeRuntime) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"content")
    descriptor = Windows().open(str(path), os.O_RDONLY)
    assert os.read(descriptor, 100) == b"content"
    os.close(descriptor)
    assert runtime.shared == [7]  # FILE_SHARE_READ, FILE_SHARE_WRITE, FILE_SHARE_DELETE
    assert runtime.closed == []
    with pytest.raises(FileNotFoundError):
        Windows().open(str(tmp_path / "b.txt"), os.O_RDONLY)


@fakes
def test_handle_is_closed_if_there_is_no_descriptor_for_it(
    tmp_path: Path, runtime: FakeRuntime
) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"content")
    runtime.error = OSError(errno.EMFILE, "Too many open files")
    with pytest.raises(OSError, match="Too many open files"):
        Windows().open(str(path), os.O_RDONLY)
    assert len(runtime.closed) == 1


@fakes
def test_duplicate_has_a_position_of_its_own(tmp_path: Path, runtime: FakeRuntime) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"0123456789")
    windows = Windows()
    with path.open("rb", buffering=0) as file:
        file.read(3)
        own = windows.dup(file.fileno())
        assert os.read(own, 2) == b"01"
        os.close(own)
        assert windows.pread(file.fileno(), 4, 5) == b"5678"
        assert file.tell() == 3
        assert runtime.shared == [7, 7]
        runtime.error = OSError(errno.EMFILE, "Too many open files")
        with pytest.raises(PermissionError):
            windows.dup(file.fileno())


@pytest.mark.parametrize("kind", ["plain", "buffered", "gzip", "temporary", "stored", "deflated"])
def test_open_file_of_the_caller_is_never_moved(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even for a moment, in which another thread could read from the wrong place."""
    path, content = tmp_path / "a.bin", bytes(range(256)) * 1000
    with ExitStack() as stack:
        source: Any
        if kind == "temporary":
            source = stack.enter_context(SpooledTemporaryFile())
            source.write(content)
            source.rollover()
            file = source
        elif kind in ("stored", "deflated"):
            compression = zipfile.ZIP_STORED if kind == "stored" else zipfile.ZIP_DEFLATED
            zip_of(path, {"a.bin": content}, compression)
            archive = stack.enter_context(zipfile.ZipFile(path))
            source, file = zipfile.Path(archive, "a.bin"), archive.fp
        else:
            path.write_bytes(gzip.compress(content) if kind == "gzip" else content)
            file = stack.enter_context(path.open("rb", buffering=0 if kind == "plain" else -1))
            source = gzip.GzipFile(fileobj=file) if kind == "gzip" else file
        app = FileApp(source)
        position, moved = file.tell(), []
        seek = os.lseek

        def record(descriptor: int, *arguments: int) -> int:
            moved.append(descriptor)
            return seek(descriptor, *arguments)

        monkeypatch.setattr(os, "lseek", record)
        for value in ("bytes=1000-1999", "bytes=5-9,200000-", "bytes=100-"):
            response = call_raw(app, make_environ("/", headers={"Range": value}))
            assert response.status == 206
            start = int(value[6:].split("-")[0])
            assert content[start : start + 5] in response.body
        assert file.tell() == position
        assert file.fileno() not in moved


@pytest.mark.parametrize(
    ("winerror", "outcome"),
    [
        (5, Outcome.FORBIDDEN),
        (32, Outcome.TEMPORARY),  # another program has opened it for itself
        (33, Outcome.TEMPORARY),  # has locked the bytes
        (1450, Outcome.TEMPORARY),  # no resources
    ],
)
def test_errors_of_windows(winerror: int, outcome: Outcome) -> None:
    error: Any = OSError(errno.EACCES, "text", None, winerror)
    error = error if os.name == "nt" else SimpleNamespace(errno=errno.EACCES, winerror=winerror)
    assert classify(error) is outcome
