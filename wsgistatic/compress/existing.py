"""Existing files under the names of sidecars, and the mark that identifies ours.

The mark stands between the header and the data of the stream, where every decoder skips it:

- gzip has the comment ``wsgistatic`` (FCOMMENT, RFC 1952 2.3.1);
- br has a metadata block with that name (RFC 7932 9.2);
- zstd begins with three empty blocks (RFC 8878 3.1.1.2). A skippable frame could hold a name, but
  some clients stop at the end of the first frame.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from functools import partial
from typing import IO, cast

from wsgistatic.compress.edits import redate
from wsgistatic.compress.originals import FileVersion
from wsgistatic.files.directory import Folder
from wsgistatic.files.symlinks import LinkMetError
from wsgistatic.files.versions import RegularFile
from wsgistatic.http.codings import Coding, zstd_frame
from wsgistatic.http.dictionaries import DCZ, DCZ_HEAD, DELTA_HEADER
from wsgistatic.representations.sidecars import is_fresh

_BLOCK = 64 * 1024  # bytes
_NAME = b"wsgistatic"
_MARKS = {
    "gzip": _NAME + b"\0",
    # ISLAST 0, MNIBBLES 3 for metadata, a reserved 0, one byte for the length, the length less one.
    "br": (0b01_0_11_0 | (len(_NAME) - 1) << 6).to_bytes(2, "little") + _NAME,
    "zstd": bytes(3 * 3),
    DCZ: bytes(3 * 3),  # a zstd frame follows its head
}
_GZIP = b"\x1f\x8b\x08"
_FLAGS, _FCOMMENT = 3, b"\x10"
HEAD_SIZE = DELTA_HEADER + max(map(len, _MARKS.values()))  # bytes in which a mark ends


class ExistingSidecar:
    """A file of any kind under the name of a sidecar.

    Attributes:
        status: Its status; ``os.stat_result``.
        is_ours: Whether it has our mark, so that it may be replaced or removed.

    Raises IsADirectoryError if it is a directory, and FileNotFoundError if there is nothing.
    """

    def __init__(self, folder: Folder, name: str, coding: Coding) -> None:
        self._folder, self._name, self._coding = folder, name, coding
        self._file: RegularFile | None = None
        self._error = "it is not a regular file"
        self.status = folder.stat(name)
        if stat.S_ISDIR(self.status.st_mode):
            raise IsADirectoryError(errno.EISDIR, f"{os.strerror(errno.EISDIR)}: {name}")
        head = b""
        try:
            self._file = folder.open(name)
            self.status = self._file.status
            head = self._file.read_at(0, HEAD_SIZE)
        except LinkMetError:
            self._error = "it is a symbolic link"
        except FileNotFoundError:
            pass  # neither a file nor a directory, or it has just been removed
        except OSError as error:
            self._error = error.strerror or str(error)
        self.is_ours = has_mark(coding, head)

    def __enter__(self) -> ExistingSidecar:
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._file is not None:
            self._file.close()

    @property
    def has_other_names(self) -> bool:
        """Whether a change of its status would show elsewhere."""
        return self.status.st_nlink > 1

    def mismatch(self, version: FileVersion) -> str:
        """Return why it is not a coding of a version's bytes; nothing if it is."""
        if self._file is None:
            return self._error
        try:
            blocks = iter(partial(self._file.read, _BLOCK), b"")
            matches = version.has_content(self._coding.decode(blocks))
        except OSError as error:
            return error.strerror or str(error)
        except ValueError as error:
            return f"it is {error}"
        return "" if matches else "it holds other bytes"

    def is_stale(self, version: FileVersion) -> bool:
        """Return whether the server does not send it, because it is older than a version."""
        return not is_fresh(self.status, version.status)

    def redate(self, version: FileVersion) -> None:
        """Give it the modification time of a version."""
        file = cast(IO[bytes], self._file)  # it has our mark, so it could be opened
        redate(self._folder, self._name, file, version.status)


def add_mark(coding: Coding, blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Insert the mark into a stream from ``Coding.encode``."""
    head = b""
    for block in blocks:
        head += block
        if len(head) >= DELTA_HEADER:
            break
    size = _header_size(coding, head)
    header, data = head[:size], head[size:]
    if coding.name == "gzip":
        header = header[:_FLAGS] + _FCOMMENT + header[_FLAGS + 1 :]
    yield header + _MARKS[coding.name] + data
    yield from blocks


def has_mark(coding: Coding, head: bytes) -> bool:
    """Return whether a stream is ours, by its first ``HEAD_SIZE`` bytes."""
    if coding.name == "gzip" and not head.startswith(_GZIP + _FCOMMENT):
        return False
    return head.startswith(_MARKS[coding.name], _header_size(coding, head))


def _header_size(coding: Coding, head: bytes) -> int:
    if coding.name == "gzip":
        return 10  # ours has no optional fields
    if coding.name == "br":
        return 2  # the size of the window, and padding
    start = DCZ_HEAD if coding.name == DCZ else 0
    frame = zstd_frame(head[start:])
    return start + frame.header_size if frame else len(head) + 1
