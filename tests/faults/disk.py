"""Inject errors into the functions of ``os`` and ``io`` that the package uses to read the disk.

A preloaded library or a FUSE file system would need a compiler or special rights, and could not
fail one particular call.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from wsgistatic.files import versions as version
from wsgistatic.files.linux import LINUX

_CALLS = ("open", "stat", "lstat", "fstat", "access")


class FaultyDisk:
    """Count the system calls that read the disk, and make some of them fail.

    Attributes:
        calls: the number of calls since the last ``reset`` or ``fail_...``.
        max_read_size: the maximum number of bytes that one read returns, or None for no maximum.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls = 0
        self.max_read_size: int | None = None
        self._fails: Callable[[int], bool] = lambda call: False
        self._code = 0
        for name in _CALLS:
            monkeypatch.setattr(os, name, self._counted(getattr(os, name)))
        if LINUX._openat2 is not None:
            monkeypatch.setattr(LINUX, "_openat2", self._counted_openat2(LINUX._openat2))
        monkeypatch.setattr(os, "scandir", self._counted_scan(os.scandir))
        monkeypatch.setattr(version, "read_at", self._pread)
        monkeypatch.setattr(io, "FileIO", self._file_class())

    def reset(self) -> None:
        """Start counting from 0, and make no call fail."""
        self.calls, self._fails = 0, lambda call: False

    def fail_once(self, call: int, code: int) -> None:
        """Make one call fail, counted from 0."""
        self.calls, self._fails, self._code = 0, lambda number: number == call, code

    def fail_from(self, call: int, code: int) -> None:
        """Make all calls fail, beginning with one counted from 0."""
        self.calls, self._fails, self._code = 0, lambda number: number >= call, code

    def before_call(self) -> None:
        """Count a call, and raise OSError if it is to fail."""
        number, self.calls = self.calls, self.calls + 1
        if self._fails(number):
            raise OSError(self._code, os.strerror(self._code))

    def _counted(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def called(*arguments: Any, **keywords: Any) -> Any:
            self.before_call()
            return function(*arguments, **keywords)

        return called

    def _counted_openat2(self, openat2: Callable[..., int]) -> Callable[..., int]:
        def called(*arguments: Any) -> int:
            try:
                self.before_call()
            except OSError:
                return -1
            return openat2(*arguments)

        return called

    def _counted_scan(self, scandir: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def called(path: Any) -> Any:
            self.before_call()
            return _Scan(self, scandir(path))

        return called

    def _pread(self, descriptor: int, size: int, offset: int) -> bytes:
        self.before_call()
        return os.pread(
            descriptor,
            size if self.max_read_size is None else min(size, self.max_read_size),
            offset,
        )

    def _file_class(self) -> type[io.FileIO]:
        disk = self

        class File(io.FileIO):
            def read(self, size: int | None = -1, /) -> Any:
                disk.before_call()
                if disk.max_read_size is not None and size is not None:
                    size = min(size, disk.max_read_size) if size >= 0 else disk.max_read_size
                return super().read(size)

            def readinto(self, buffer: Any, /) -> Any:
                disk.before_call()
                return super().readinto(memoryview(buffer)[: disk.max_read_size])

        return File


class _Scan:
    """An iterator of directory entries that may fail at each entry."""

    def __init__(self, disk: FaultyDisk, scan: Any) -> None:
        self._disk = disk
        self._scan = scan

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        self._disk.before_call()
        return next(self._scan)

    def close(self) -> None:
        self._scan.close()
