"""A disk that fails: stands in for the functions of ``os`` by which the package looks and reads.

Not a preloaded library and not a FUSE file system: those want a compiler or rights that not
every machine has, and what they fail cannot be counted call by call.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from wsgistatic.files import versions as version

_CALLS = ("open", "stat", "lstat", "fstat", "access")


class Disk:
    """Counts each look and each read, and lets one or more fail.

    Attributes:
        calls: how many there were since ``arm`` or ``count``.
        most: bytes that one read gives at most, or None.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls = 0
        self.most: int | None = None
        self._fails: Callable[[int], bool] = lambda call: False
        self._code = 0
        for name in _CALLS:
            monkeypatch.setattr(os, name, self._counted(getattr(os, name)))
        monkeypatch.setattr(os, "scandir", self._counted_scan(os.scandir))
        monkeypatch.setattr(version, "read_at", self._pread)
        monkeypatch.setattr(io, "FileIO", self._file_class())

    def count(self) -> None:
        """Count from 0, and let nothing fail."""
        self.calls, self._fails = 0, lambda call: False

    def fail_once(self, call: int, code: int) -> None:
        """Let one call fail, counted from 0."""
        self.calls, self._fails, self._code = 0, lambda number: number == call, code

    def fail_from(self, call: int, code: int) -> None:
        """Let all calls fail from one on."""
        self.calls, self._fails, self._code = 0, lambda number: number >= call, code

    def step(self) -> None:
        """Count a call, and fail if it is its turn."""
        number, self.calls = self.calls, self.calls + 1
        if self._fails(number):
            raise OSError(self._code, os.strerror(self._code))

    def _counted(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def called(*arguments: Any, **keywords: Any) -> Any:
            self.step()
            return function(*arguments, **keywords)

        return called

    def _counted_scan(self, scandir: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def called(where: Any) -> Any:
            self.step()
            return _Scan(self, scandir(where))

        return called

    def _pread(self, descriptor: int, size: int, offset: int) -> bytes:
        self.step()
        return os.pread(descriptor, size if self.most is None else min(size, self.most), offset)

    def _file_class(self) -> type[io.FileIO]:
        disk = self

        class File(io.FileIO):
            def read(self, size: int | None = -1, /) -> Any:
                disk.step()
                if disk.most is not None and size is not None:
                    size = min(size, disk.most) if size >= 0 else disk.most
                return super().read(size)

            def readinto(self, buffer: Any, /) -> Any:
                disk.step()
                return super().readinto(memoryview(buffer)[: disk.most])

        return File


class _Scan:
    """The entries of a directory, of which each may fail."""

    def __init__(self, disk: Disk, scan: Any) -> None:
        self._disk = disk
        self._scan = scan

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        self._disk.step()
        return next(self._scan)

    def close(self) -> None:
        self._scan.close()
