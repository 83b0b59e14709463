"""Standard output and standard error, which may be full, broken or closed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from io import RawIOBase, TextIOWrapper
from typing import Any, TextIO, cast


def take_any_name() -> None:
    """Let names of files be printed that no text has."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # closed by who started us
            cast(TextIOWrapper, stream).reconfigure(errors="backslashreplace")


@contextmanager
def output_that_never_fails() -> Iterator[None]:
    """Lose what cannot be written until the block ends: a server goes on without its log.

    The disk may be full, the reader of a pipe gone. Nothing is kept back for another try, since
    that would fail once more when the interpreter ends. Any name of a file can be printed.
    """
    with redirect_stdout(_unfailing(sys.stdout)), redirect_stderr(_unfailing(sys.stderr)):
        yield


def _unfailing(stream: TextIO | None) -> TextIO:
    binary = getattr(stream, "buffer", None)
    raw: Any = _Unfailing(getattr(binary, "raw", binary))
    encoding = None if stream is None else stream.encoding
    return TextIOWrapper(raw, encoding, "backslashreplace", write_through=True)


class _Unfailing(RawIOBase):
    """Takes all bytes, and writes those that it can."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        if self._raw is not None:
            with suppress(OSError):
                self._raw.write(data)
        return len(data)
