"""When the server's ``wsgi.file_wrapper`` may send an open file (PEP 3333).

Only the wrapper classes of an allow-list are used. It is based on measurements of thirty servers,
most of whose wrappers send past Content-Length or from the wrong offset. Unknown servers get our
own iterator, which is correct everywhere. Wrappers that use sendfile get whole files only, which is
correct on all servers of the list, even if a middleware around us iterates the wrapper.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterable
from typing import Any

from wsgistatic.files.changes import FileChangedError, is_unchanged
from wsgistatic.files.directory import OpenFile
from wsgistatic.http.ranges import ByteRange
from wsgistatic.wsgi.request import Request

FileWrapper = Callable[[Any, int], Iterable[bytes]]

_WAITRESS = "waitress.buffers"
# Bytes that are read at a time. Waitress requests as many as the socket buffers, which are 4 MiB,
# and reads those again that it could not send.
_MAX_READ = 1024 * 1024


def prefers_file(request: Request, option: bool | None) -> bool:
    """Return whether the server sends a large file faster through its wrapper than from memory.

    Waitress copies a body of more than 1 MiB to a temporary file, and smaller ones repeatedly.
    """
    wrapper = request.environ.get("wsgi.file_wrapper")
    return option is not False and getattr(wrapper, "__module__", None) == _WAITRESS


def wrap_file(
    request: Request, option: bool | None, opened: OpenFile, byte_range: ByteRange, block_size: int
) -> Iterable[bytes] | None:
    """Return the server's wrapper around one range of a file; None if it may not be used.

    With the option None, the wrapper is used on waitress only, where it is 2.4 to 4.2 times as fast
    and frees the thread. True uses the whole list: sendfile takes half the processor time, but a
    file truncated while it is sent is noticed later. The file must be positioned at its start.
    """
    wrapper: FileWrapper | None = request.environ.get("wsgi.file_wrapper")
    if option is False or not callable(wrapper):  # socketify has the key with the value None
        return None
    if prefers_file(request, option):
        # Bounded: a middleware around us may iterate the wrapper, which reads to the end.
        return wrapper(RangeFile(opened, *byte_range), block_size)
    if option and byte_range == (0, opened.size) and _sends_files(wrapper, request):
        return wrapper(opened.file, block_size)
    return None


def _sends_files(wrapper: FileWrapper, request: Request) -> bool:
    module = getattr(wrapper, "__module__", None)
    if module == "gunicorn.http.wsgi":
        # gevent's sendfile reads blocks of 8 KB, which makes it a third as fast.
        return not type(request.environ.get("gunicorn.socket")).__module__.startswith("gevent")
    # uWSGI's wrapper is a built-in function without a module. It sends from byte 0, whatever the
    # offset.
    return module == "mod_wsgi" or getattr(wrapper, "__name__", "") == "uwsgi_sendfile"


class RangeFile(io.RawIOBase):
    """One range of an open file, as a read-only file without ``fileno``.

    Reading raises ``FileChangedError`` once the file is truncated, or rewritten without growing;
    waitress then closes the connection. If the file just ended early, waitress would keep a core
    busy until long after the client has gone. The open file is closed together with this one.
    """

    def __init__(self, opened: OpenFile, start: int, stop: int) -> None:
        self._file, self._status = opened.file, opened.status
        self._start, self._size, self._position = start, stop - start, 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position in the range."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Move to a position in the range, and return it."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = max(base + offset, 0)
        return self._position

    def read(self, size: int = -1, /) -> bytes:
        """Return up to ``size`` bytes of the range, or nothing while a change is not certain.

        Waitress then tries again. It calls this in its event loop, which must not wait.
        """
        left = max(self._size - self._position, 0)
        content = self._file.read_at(
            self._start + self._position, left if size < 0 else min(size, left, _MAX_READ)
        )
        if not is_unchanged(self._file, self._status):
            return b""
        if left and size and not content:
            raise FileChangedError("the file ended before its length")
        self._position += len(content)
        return content

    def close(self) -> None:
        """Close the file too."""
        self._file.close()
        super().close()
