"""Standard output and standard error of a server, which must not wait for their reader.

A terminal may be paused with Ctrl-S, a pipe full because its reader pauses, a disk full, or the
reader gone. The server then goes on without its log.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from io import RawIOBase, TextIOWrapper
from threading import Condition, Thread
from time import sleep
from typing import Any, TextIO

from wsgistatic.files.forks import Locked

_MAX_PENDING = 1024 * 1024  # bytes that wait to be written; more are dropped
_END_TIMEOUT = 1.0  # seconds for which the end of the process waits for its output
_RETRY_TIME = 0.05  # seconds, if another process has made the output non-blocking


@contextmanager
def background_output() -> Iterator[None]:
    """Let threads write standard output and standard error until the block ends.

    No other thread waits for the output. Lines for which there is no room are dropped, and counted
    when there is room again. Errors are ignored. Undecodable file names are printed with escapes.
    Existing log handlers that write to these streams are redirected too.
    """
    streams = [(stream, _in_background(stream)) for stream in (sys.stdout, sys.stderr)]
    with redirect_stdout(streams[0][1]), redirect_stderr(streams[1][1]):
        try:
            for old, new in streams:
                _redirect_handlers(old, new)
            yield
        finally:
            wait_for_output()
            for old, new in streams:
                _redirect_handlers(new, old)
                new.close()


def wait_for_output() -> None:
    """Wait until the background output is written, but not for long."""
    for stream in (sys.stdout, sys.stderr):
        raw = getattr(stream, "buffer", None)
        if isinstance(raw, _BackgroundRaw):
            stream.flush()
            raw.wait()


def _redirect_handlers(old: TextIO | None, new: TextIO | None) -> None:
    for logger in (logging.root, *logging.root.manager.loggerDict.values()):
        for handler in getattr(logger, "handlers", ()):  # a placeholder has none
            if isinstance(handler, logging.StreamHandler) and handler.stream is old:
                handler.setStream(new)


def _in_background(stream: TextIO | None) -> TextIO:
    binary = getattr(stream, "buffer", None)
    raw: Any = _BackgroundRaw(getattr(binary, "raw", binary))
    encoding = None if stream is None else stream.encoding
    # Lines arrive whole, although print() writes their ends separately.
    return TextIOWrapper(raw, encoding, "backslashreplace", line_buffering=True)


class _BackgroundRaw(Locked, RawIOBase):
    def __init__(self, raw: Any) -> None:
        super().__init__()
        self._raw = raw
        self._pending = bytearray()
        self._dropped = 0  # lines; others are dropped too until _pending is taken
        self._is_writing = False
        self._is_forked = False
        self._changed = Condition()
        Thread(target=self._write_pending, daemon=True).start()

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self._raw is not None and bool(self._raw.isatty())

    def fileno(self) -> int:
        number: int = super().fileno() if self._raw is None else self._raw.fileno()
        return number

    def after_fork(self) -> None:
        """Write directly in a child, which has no thread for it and may end at any time."""
        self._pending, self._dropped, self._is_writing = bytearray(), 0, False
        self._is_forked, self._changed = True, Condition()

    def write(self, data: Any) -> int:
        data = bytes(data)
        if self._is_forked:
            self._write(memoryview(data))
            return len(data)
        with self._changed:
            if self._dropped or len(self._pending) + len(data) > _MAX_PENDING:
                self._dropped += data.count(b"\n")
            else:
                self._pending += data
            self._changed.notify_all()
        return len(data)

    def wait(self) -> None:
        # This is not flush(), which log handlers call after each record.
        with self._changed:
            self._changed.wait_for(lambda: not (self._has_work() or self._is_writing), _END_TIMEOUT)

    def close(self) -> None:
        super().close()
        with self._changed:
            self._changed.notify_all()

    def _has_work(self) -> bool:
        return bool(self._pending or self._dropped)

    def _write_pending(self) -> None:
        """Write until the stream is closed and nothing is left."""
        while True:
            with self._changed:
                self._is_writing = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._has_work() or self.closed)
                if not self._has_work():
                    return
                data = self._pending
                if self._dropped:
                    lines = f"{self._dropped} line{'s' if self._dropped > 1 else ''}"
                    data += f"[{lines} of output dropped: no room]\n".encode()
                self._pending, self._dropped = bytearray(), 0
                self._is_writing = True
            self._write(memoryview(data))

    def _write(self, rest: memoryview) -> None:
        with suppress(OSError, ValueError):  # ValueError: the stream has been closed
            while self._raw is not None and rest:
                written = self._raw.write(rest)
                if written is None:
                    sleep(_RETRY_TIME)
                else:
                    rest = rest[written:]
