"""What exists under the name of a sidecar, whoever wrote it."""

from __future__ import annotations

import errno
import os
import stat
from functools import partial
from typing import IO, cast

from wsgistatic.compress.edits import redate
from wsgistatic.compress.marks import HEAD_SIZE, has_mark
from wsgistatic.compress.originals import FileVersion
from wsgistatic.files.directory import Folder
from wsgistatic.files.symlinks import LinkMetError
from wsgistatic.files.versions import RegularFile
from wsgistatic.http.codings import Coding
from wsgistatic.representations.sidecars import is_fresh

_BLOCK = 64 * 1024  # bytes


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
        file = cast(IO[bytes], self._file)  # it is ours, so it could be opened
        redate(self._folder, self._name, file, version.status)
