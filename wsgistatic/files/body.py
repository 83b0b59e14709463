"""Response bodies that read a file block by block, exactly as many bytes as were announced.

(Given a ``fileno`` or a file wrapper, many servers send to the end of the file.) A read that ends
early raises an error, so that the client sees a broken response instead of a short one. The file is
closed by the last block, by any error and by ``close()``, which some servers never call.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import Any, cast

from wsgistatic.files.changes import ChangeDetector, FileChangedError, Reader, read_fully
from wsgistatic.files.errors import logger
from wsgistatic.http.ranges import ByteRange, Multipart

_Parts = Sequence[tuple[bytes, ByteRange]]  # each range, and what precedes it
_Options = tuple[int, ChangeDetector | None, str]  # block size, detector, label
_Step = tuple[bytes, int, int]  # what precedes a block; the block's offset and size

DEFAULT_BLOCK_SIZE = 256 * 1024  # bytes; larger blocks gain little on any server measured


class FileBody:
    """The base class of the two public iterators.

    It is not part of a reference cycle, so the file is closed even if a server drops the body
    without closing it.
    """

    def __init__(self, file: Any, parts: _Parts, tail: bytes, options: _Options) -> None:
        self._file: Reader = file if hasattr(file, "read_at") else _SeekingReader(file)
        self._block_size, self._detector, self._label = options
        self._parts, self._steps = parts, _steps(parts, self._block_size, tail)
        self._unread = sum(stop - start for _, (start, stop) in parts)
        # Once the first block is read, a rewrite can be distinguished from growth.
        self._first = self._advance()

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        block, self._first = self._first, None
        try:
            block = self._advance() if block is None else block
        except OSError as error:
            logger.error("%a: %s", self._label, error)
            raise
        if block is None:
            raise StopIteration
        return block

    def close(self) -> None:
        """Close the file and drop the block that was read ahead; may be called repeatedly."""
        self._first = None
        self._file.close()

    def _advance(self) -> bytes | None:
        try:
            for head, offset, size in self._steps:
                return head + self._read(offset, size) if size else head
            return None
        except BaseException:
            self._file.close()
            raise
        finally:
            if not self._unread:
                self._file.close()

    def _read(self, offset: int, size: int) -> bytes:
        block = read_fully(self._file, offset, size)
        if len(block) < size:
            raise FileChangedError("the file ended before its length")
        self._unread -= size
        if self._detector is not None:
            steps = _steps(self._parts, self._block_size)
            before = takewhile(lambda step: step[1] != offset, steps)
            sent = ((start, length) for _, start, length in before)
            self._detector.check(offset, block, sent, is_last=not self._unread)
        return block


class BlockIterator(FileBody):
    """Iterate over one range of a file in blocks.

    The first block is read at once, the others on demand.

    Arguments:
        file: a binary file that can seek, or any object with ``read_at(offset, size)`` and
            ``close()``. Use an unbuffered file; a buffer copies each byte once more. The iterator
            closes the file.
        start, stop: the half-open range in bytes.
        block_size: bytes that are read and returned at a time.
        detector: checks the file for changes while it is sent.
        label: name of the file in log messages.

    Raises:
        OSError: here or from ``next()``: the file ended early, changed, or cannot be read.
    """

    def __init__(
        self,
        file: Any,
        start: int,
        stop: int,
        block_size: int = DEFAULT_BLOCK_SIZE,
        detector: ChangeDetector | None = None,
        label: str = "file",
    ) -> None:
        super().__init__(file, [(b"", (start, stop))], b"", (block_size, detector, label))


class MultipartIterator(FileBody):
    """Iterate over a multipart/byteranges body: part headers, blocks of content, closing line.

    Part headers come in one block with the first bytes of their part, since servers send each block
    by itself.

    Arguments:
        file, block_size, detector, label: as for ``BlockIterator``.
        multipart: the ranges and the text around them.

    Raises:
        OSError: as for ``BlockIterator``.
    """

    def __init__(
        self,
        file: Any,
        multipart: Multipart,
        block_size: int = DEFAULT_BLOCK_SIZE,
        detector: ChangeDetector | None = None,
        label: str = "file",
    ) -> None:
        parts = list(zip(multipart.heads, multipart.ranges, strict=True))
        super().__init__(file, parts, multipart.tail, (block_size, detector, label))


class _SeekingReader:
    """Reads a caller's file object, which knows only ``seek`` and ``read``, at offsets."""

    def __init__(self, file: Any) -> None:
        self._file, self.close = file, file.close

    def read_at(self, offset: int, size: int) -> bytes:
        self._file.seek(offset)
        return cast(bytes, self._file.read(size))


def _steps(parts: _Parts, block_size: int, tail: bytes = b"") -> Iterator[_Step]:
    for head, (start, stop) in parts:
        for offset in range(start, stop, block_size):
            yield head if offset == start else b"", offset, min(block_size, stop - offset)
    if tail:
        yield tail, 0, 0
