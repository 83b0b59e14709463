"""System calls of Linux that Python lacks, through ctypes. Other platforms do without them.

openat2 opens a whole path in one race-free call, and refuses it if any of its names is a symbolic
link. It needs Linux 5.6, and old seccomp profiles of containers refuse it with EPERM or ENOSYS.
"""

from __future__ import annotations

import os
import re
import struct
import sys
from functools import partial
from typing import Any

from wsgistatic.files.versions import FILE_FLAGS

_OPENAT2 = 437  # on all architectures; where numbers have an offset (MIPS), 437 is not a call
_AT_FDCWD = -100
_RESOLVE_NO_MAGICLINKS, _RESOLVE_NO_SYMLINKS = 0x02, 0x04
_OPEN_HOW_SIZE = 24  # bytes of the struct
_STATFS_SIZE = 256  # bytes; more than any struct statfs
_ENCODING, _ERRORS = sys.getfilesystemencoding(), sys.getfilesystemencodeerrors()


class Linux:
    """The system calls; each has a result that means that it is not there.

    Arguments:
        platform: a ``sys.platform``. Only that of Linux has these calls, and Android kills a
            process for any that its own C library does not use.
    """

    def __init__(self, platform: str = sys.platform) -> None:
        self._openat2: Any = None
        self._statfs: Any = None
        self.to_read = self.to_search = None
        if platform != "linux" or hasattr(sys, "getandroidapilevel"):
            return
        try:
            import ctypes  # noqa: PLC0415 - Python can be built without it

            library = ctypes.CDLL(None)
        except (ImportError, OSError):  # OSError: a static C library
            return
        self._statfs, self._buffer = library.statfs, ctypes.create_string_buffer
        if not _has_openat2(os.uname().release):
            return
        long, string = ctypes.c_long, ctypes.c_char_p
        library.syscall.restype = long
        # Converted once, the arguments take 0.4 us less.
        self._openat2 = partial(library.syscall, long(_OPENAT2), long(_AT_FDCWD))
        self._size = long(_OPEN_HOW_SIZE)
        self.to_read = string(_open_how(FILE_FLAGS | getattr(os, "O_LARGEFILE", 0)))
        self.to_search = string(_open_how(os.O_PATH | os.O_DIRECTORY))
        descriptor = self.open("/", self.to_search)
        if descriptor is None:  # for example, a container refuses it
            self._openat2 = None
        else:
            os.close(descriptor)

    def open(self, path: str, how: Any) -> int | None:
        """Open a path without following links, and return its descriptor.

        None means that the call does not exist, or has failed. Only the walk finds the reason. The
        path must not contain "..".

        Arguments:
            how: ``to_read``, or ``to_search`` for a directory.
        """
        # A zero would end the path for C.
        if self._openat2 is None or "\0" in path:
            return None
        descriptor: int = self._openat2(path.encode(_ENCODING, _ERRORS), how, self._size)
        return descriptor if descriptor >= 0 else None

    def file_system_type(self, path: str) -> int:
        """Return the magic number of the file system that a path is on; 0 if it is not known."""
        if self._statfs is None:
            return 0
        result = self._buffer(_STATFS_SIZE)
        if self._statfs(os.fsencode(path), result):
            return 0
        magic: int = struct.unpack_from("=I", result)[0]
        return magic


def _has_openat2(release: str) -> bool:
    """Return whether a version of Linux has the call, by a number such as "6.1.0-18-amd64".

    A service manager that is as old as its Linux may not know the call, and kill for it.
    """
    version = re.match(r"(\d+)\.(\d+)", release)
    return version is not None and (int(version[1]), int(version[2])) >= (5, 6)


def _open_how(flags: int) -> bytes:
    """Return a ``struct open_how``. Python adds O_CLOEXEC to the flags of ``open`` itself."""
    resolve = _RESOLVE_NO_SYMLINKS | _RESOLVE_NO_MAGICLINKS
    return struct.pack("=QQQ", flags | os.O_CLOEXEC, 0, resolve)


LINUX = Linux()
