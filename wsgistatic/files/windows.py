"""System calls of Windows that Python lacks, or uses otherwise.

``os.open`` of Windows denies all programs to rename, remove or replace a file for as long as it is
open, so that a slow download would block a deployment. ``CreateFile`` can share a file for that, as
POSIX always does. And duplicates of a descriptor share one position, as on POSIX, but there is no
``pread`` that would do without it. ``ReOpenFile`` gives an open file a second position.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from contextlib import suppress
from importlib import import_module
from typing import Any

_GENERIC_READ = 0x80000000
_SHARE_ALL = 0x1 | 0x2 | 0x4  # reading, writing, and deleting, which includes renaming
_OPEN_EXISTING = 3
_ATTRIBUTE_NORMAL = 0x80
_NO_INHERIT: int = getattr(os, "O_NOINHERIT", 0)


class Windows:
    """The functions of ``os`` that open files for reading, and read open files of others."""

    def __init__(self) -> None:
        # Modules that other platforms do not have. ``subprocess`` and ``asyncio`` use the first.
        self._api: Any = import_module("_winapi")
        self._runtime: Any = import_module("msvcrt")
        self._ctypes: Any = import_module("ctypes")
        self._kernel = self._ctypes.WinDLL("kernel32", use_last_error=True)
        handle, number = self._ctypes.c_void_p, self._ctypes.c_uint32
        self._invalid = (None, handle(-1).value)
        self._kernel.ReOpenFile.restype = handle
        self._kernel.ReOpenFile.argtypes = (handle, number, number, number)
        self._kernel.FindFirstFileW.restype = handle
        self._kernel.FindFirstFileW.argtypes = (self._ctypes.c_wchar_p, handle)
        self._kernel.FindClose.argtypes = (handle,)
        self._find_data: Any = import_module("ctypes.wintypes").WIN32_FIND_DATAW

    def open(self, path: str, flags: int, *, dir_fd: None = None) -> int:
        """Open a file for reading, and return its descriptor, which child processes do not get.

        Errors as for ``os.open``.
        """
        handle = self._api.CreateFile(
            path, _GENERIC_READ, _SHARE_ALL, 0, _OPEN_EXISTING, _ATTRIBUTE_NORMAL, 0
        )
        return self._descriptor(handle, flags)

    def dup(self, descriptor: int) -> int:
        """Return another descriptor of an open file, with a position of its own.

        Raises OSError if the file cannot be read.
        """
        handle = self._runtime.get_osfhandle(descriptor)
        handle = self._kernel.ReOpenFile(handle, _GENERIC_READ, _SHARE_ALL, 0)
        if handle in self._invalid:
            raise self._ctypes.WinError(self._ctypes.get_last_error())
        return self._descriptor(handle, getattr(os, "O_BINARY", 0))

    def pread(self, descriptor: int, size: int, offset: int) -> bytes:
        """Return up to ``size`` bytes from an offset, and leave the position where it is.

        Windows can read at an offset, but moves the position. Others may read at the same time.
        """
        own = self.dup(descriptor)
        try:
            os.lseek(own, offset, os.SEEK_SET)
            return os.read(own, size)
        finally:
            os.close(own)

    def listed_name(self, path: str) -> str | None:
        """Return the name of a path as its directory lists it, or None if there is none.

        The last part of the path must not have wildcards (``*?<>"``).
        """
        found = self._find_data()
        search = self._kernel.FindFirstFileW(path, self._ctypes.byref(found))
        if search in self._invalid:
            return None
        self._kernel.FindClose(search)
        name: str = found.cFileName
        return name

    def _descriptor(self, handle: int, flags: int) -> int:
        try:
            descriptor: int = self._runtime.open_osfhandle(handle, flags | _NO_INHERIT)
        except BaseException:  # for example, too many descriptors are open
            self._api.CloseHandle(handle)
            raise
        return descriptor


# What opens files: ``os``, or on Windows a replacement for it.
SYSTEM: Any = Windows() if os.name == "nt" else os


_MOVES = 20
_PAUSE = 0.05  # seconds; a virus scanner has a new file for itself for a moment


def replace_open_file(path: str, target: str, aside: str) -> None:
    """Rename a file to the name of another one that may be open; see ``Folder.replace``."""
    remaining = _MOVES
    while True:
        try:
            os.rename(target, aside)
            break
        except PermissionError:
            remaining -= 1
            if not remaining:
                text = "another program has the file open, and does not let it be replaced"
                raise PermissionError(errno.EACCES, text, target) from None
            time.sleep(_PAUSE)
    try:
        os.rename(path, target)
    except BaseException:
        os.rename(aside, target)
        raise
    with suppress(OSError):  # whoever cleans up next removes it
        os.chmod(aside, stat.S_IWRITE)
        os.unlink(aside)
